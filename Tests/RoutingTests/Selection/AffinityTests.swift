import Inference
import ModelRegistry
import Routing
import Testing

@Suite("Prompt prefix affinity")
struct AffinityTests {
    /// Two engines of one model, and a cloud that keeps nothing for us.
    private static func bench(_ affinity: AffinityPolicy = AffinityPolicy(), targets: String = "e1/m e2/m") throws
        -> SelectionBench
    {
        let engines = try ["e1", "e2"].map {
            ProviderDescription(id: try #require(ProviderID($0)), kind: "llama_cpp")
        }
        return SelectionBench(
            try SelectionBench.snapshot("e1/m e2/m p/m", targets: targets, providers: engines),
            policy: SelectionPolicy(affinity: affinity))
    }

    private static func request(_ turns: [String], _ strategy: String? = "least_busy") -> InferenceRequest {
        var request = InferenceRequest(
            id: "r",
            target: .alias("x"),
            messages: turns.enumerated().map { Message($0 == 0 ? .system : $0 % 2 == 1 ? .user : .assistant, $1) }
        )
        request.routing.strategy = strategy
        return request
    }

    private func first(_ bench: SelectionBench, _ request: InferenceRequest) throws -> Candidate {
        let decision = try bench.decide(bench.selector.request(for: request))
        return try #require(decision.candidates.first)
    }

    private func note(_ bench: SelectionBench, _ request: InferenceRequest, answeredBy model: String) throws {
        bench.selector.note(
            answered: try SelectionBench.id(model), prefix: bench.selector.request(for: request).prefix)
    }

    @Test("A conversation goes on where its beginning was read, and so do other questions after the same system prompt")
    func goesOn() throws {
        let bench = try Self.bench()
        #expect(try self.first(bench, Self.request(["s", "u1"])).hasAffinity == false)
        try self.note(bench, Self.request(["s", "u1"]), answeredBy: "e2/m")
        for turns in [["s", "u1"], ["s", "u1", "a1", "u2"], ["s", "v1"], ["s", "u1", "a1", "u2", "a2", "u3"]] {
            let first = try self.first(bench, Self.request(turns))
            #expect(first.id.description == "e2/m" && first.hasAffinity, "\(turns)")
        }
        #expect(try self.first(bench, Self.request(["t", "u1"])).id.description == "e1/m")
        // The longest beginning counts.
        try self.note(bench, Self.request(["s", "w1"]), answeredBy: "e1/m")
        #expect(try self.first(bench, Self.request(["s", "u1", "a1", "u2"])).id.description == "e2/m")
        #expect(try self.first(bench, Self.request(["s", "other"])).id.description == "e1/m")
    }

    @Test("Other tools, another role or another picture are another beginning")
    func distinguishes() throws {
        let bench = try Self.bench()
        let plain = Self.request(["s", "u1"])
        try self.note(bench, plain, answeredBy: "e2/m")
        var tools = plain
        tools.tools = [Tool(name: "look")]
        var role = plain
        role.messages[0].role = .user
        for other in [tools, role] {
            #expect(PromptPrefix(of: other) != PromptPrefix(of: plain))
        }
        var one = plain
        one.messages = [Message(role: .user, parts: [.image(Image(.url("https://a/1"))), .text("what?")])]
        var two = one
        two.messages = [Message(role: .user, parts: [.image(Image(.url("https://a/2"))), .text("what?")])]
        #expect(PromptPrefix(of: one) != PromptPrefix(of: two))
        #expect(PromptPrefix(of: one) == PromptPrefix(of: one))
    }

    @Test("Who is busier than the others by more than the guard is left alone", arguments: [0, 2, 5])
    func loadGuard(extra: Int) throws {
        let bench = try Self.bench(AffinityPolicy(maxExtraInFlight: extra))
        let request = Self.request(["s", "u1"])
        try self.note(bench, request, answeredBy: "e2/m")
        try bench.figures("e1/m").began()
        for _ in 0..<(1 + extra) { try bench.figures("e2/m").began() }
        #expect(try self.first(bench, request).id.description == "e2/m")
        try bench.figures("e2/m").began()
        #expect(try self.first(bench, request).id.description == "e1/m")
    }

    @Test(
        "Strategies that share load follow it; an order, a priority or a price goes before it",
        arguments: ["weighted", "round_robin", "least_latency", "least_busy"], ["priority", "cost_optimized", nil])
    func strategies(sharing: String, strict: String?) throws {
        let bench = try Self.bench()
        for _ in 0..<4 {
            let request = Self.request(["s", "u1"], sharing)
            try self.note(bench, request, answeredBy: "e2/m")
            #expect(try self.first(bench, request).id.description == "e2/m")
        }
        let differing = SelectionBench(
            try SelectionBench.snapshot("local/a local/b", targets: "local/a local/b") { model in
                model.priority = model.id.name == "a" ? 1 : 2
                model.prices = ModelPrices(input: model.id.name == "a" ? 1 : 2, output: 1)
            })
        let request = Self.request(["s", "u1"], strict)
        try self.note(differing, request, answeredBy: "local/b")
        #expect(try self.first(differing, request).id.name == "a")
    }

    @Test("Among equals of a strict strategy it decides")
    func amongEquals() throws {
        let bench = try Self.bench()
        for strategy in ["priority", "cost_optimized", "availability_based", "performance_based"] {
            let request = Self.request([strategy, "u1"], strategy)
            #expect(try self.first(bench, request).id.description == "e1/m")
            try self.note(bench, request, answeredBy: "e2/m")
            #expect(try self.first(bench, request).id.description == "e2/m")
            for _ in 0..<3 { try bench.figures("e2/m").began() }
            #expect(try self.first(bench, request).id.description == "e1/m")
            for _ in 0..<3 { try bench.figures("e2/m").ended() }
        }
    }

    @Test("Not for who has to be loaded, failed lately, keeps nothing, or where it is switched off")
    func notWorthIt() throws {
        let request = Self.request(["s", "u1"])
        let bench = try Self.bench()
        try self.note(bench, request, answeredBy: "e2/m")
        try bench.set(.unloaded, of: "e2/m")
        #expect(try self.first(bench, request).id.description == "e1/m")
        try bench.set(.available, of: "e2/m")
        try bench.figures("e2/m").excludedUntil = bench.figures.now + 1_000_000_000
        #expect(try self.first(bench, request).id.description == "e1/m")

        let cloud = try Self.bench(targets: "e1/m p/m")
        try self.note(cloud, request, answeredBy: "p/m")
        #expect(try self.first(cloud, request).id.description == "e1/m")

        let off = try Self.bench(AffinityPolicy(isEnabled: false))
        #expect(off.selector.request(for: request).prefix == nil)
        off.selector.note(answered: try SelectionBench.id("e2/m"), prefix: PromptPrefix(of: request))
        #expect(try self.first(off, request).id.description == "e1/m")
    }

    @Test("In an alias with weights, weight 0 is not asked for it, nor who would have to be loaded", arguments: [0, 1])
    func weights(weight: Int) throws {
        let engines = [ProviderDescription(id: try #require(ProviderID("e1")), kind: "llama_cpp")]
        let bench = SelectionBench(
            try SelectionBench.snapshot(
                "e1/a e1/b", targets: "e1/a=1 e1/b=\(weight)", mode: .weighted, providers: engines))
        let request = Self.request(["s", "u1"], nil)
        try self.note(bench, request, answeredBy: "e1/b")
        #expect(try self.first(bench, request).id.name == (weight == 0 ? "a" : "b"))
        try bench.set(.unloaded, of: "e1/b")
        #expect(try self.first(bench, request).id.name == "a")
    }

    @Test("The memory is bounded, and keeps what is used")
    func bounded() throws {
        let bench = try Self.bench(AffinityPolicy(capacity: 40))
        let kept = Self.request(["kept", "u"])
        try self.note(bench, kept, answeredBy: "e2/m")
        let lost = Self.request(["lost", "u"])
        try self.note(bench, lost, answeredBy: "e2/m")
        for number in 0..<200 {
            try self.note(bench, Self.request(["s\(number)", "u"]), answeredBy: "e2/m")
            #expect(try self.first(bench, kept).hasAffinity)
        }
        #expect(try self.first(bench, lost).hasAffinity == false)
    }

    @Test("A long prompt is looked at in its beginning only, whatever its parts")
    func longPrompts() throws {
        let long = String(repeating: "x", count: 40_000)
        let one = try #require(PromptPrefix(of: Self.request([long, "u1"])))
        let two = try #require(PromptPrefix(of: Self.request([long, "u2"])))
        #expect(one == two)
        #expect(PromptPrefix(of: Self.request(["\(long)y", "u1"])) != one)
        let many = (0..<100).map { "turn \($0)" }
        #expect(PromptPrefix(of: Self.request(many)) != PromptPrefix(of: Self.request(many.dropLast())))
        #expect(PromptPrefix(of: InferenceRequest(id: "r", messages: [])) == nil)
    }
}
