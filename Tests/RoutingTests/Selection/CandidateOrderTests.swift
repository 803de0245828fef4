import Inference
import ModelRegistry
import Routing
import Synchronization
import Testing

@Suite("Who is asked, in which order")
struct CandidateOrderTests {
    @Test(
        "The draw falls by weight, the others follow by weight, and weight 0 comes last",
        arguments: [(0, "b c d a"), (2, "b c d a"), (3, "c b d a"), (7, "c b d a"), (8, "d c b a"), (9, "d c b a")]
    )
    func weighted(drawn: Int, expected: String) throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b c d", targets: "a=0 b=3 c=5 d=2", mode: .weighted))
        bench.set(draws: [drawn])
        let decision = try bench.decide(SelectionRequest(target: .alias("x")))
        #expect(SelectionBench.names(decision) == expected)
        #expect(bench.drawn == [0..<10])
        #expect(decision.strategy == "weighted" && decision.requested == "x" && decision.rule == nil)
    }

    @Test("Among models of one priority the one that a profile found quickest is asked first")
    func quickestFirst() throws {
        let latencies = ["b": Duration.milliseconds(30), "c": .milliseconds(10), "d": .milliseconds(5)]
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b c d") { model in
                if model.id.name == "d" { model.priority = 200 }
                guard let latency = latencies[model.id.name] else { return }
                var profile = ModelProfile()
                profile.latencyP50 = latency
                model.profile = profile
            })
        #expect(try bench.names(.automatic) == "c b a d")
    }

    @Test("Each target gets its share, and that of one that cannot answer falls to all others")
    func shares() throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b c", targets: "a=60 b=30 c=10", mode: .weighted))
        func firsts(_ draws: Range<Int>) throws -> [String: Int] {
            try draws.reduce(into: [:]) { counts, number in
                bench.set(draws: [number, number % 40])
                let first = try bench.decide(SelectionRequest(target: .alias("x"))).candidates.first
                counts[first?.id.name ?? "", default: 0] += 1
            }
        }
        #expect(try firsts(0..<100) == ["a": 60, "b": 30, "c": 10])
        try bench.set(.unavailable(reason: "no"), of: "a")
        // Those who draw `a` draw again between the others.
        #expect(try firsts(0..<40) == ["b": 30, "c": 10])
        #expect(bench.drawn.suffix(1) == [0..<40])
        let decision = try bench.decide(SelectionRequest(target: .alias("x")))
        #expect(decision.unavailable.map(\.reason) == ["no"])
    }

    @Test("Where all weights are 0 the order given holds, and a draw that lies harms nobody", arguments: [-3, 99])
    func noWeights(lie: Int) throws {
        let zero = SelectionBench(try SelectionBench.snapshot("a b", targets: "b=0 a=0", mode: .weighted))
        zero.set(draws: [7])
        #expect(try zero.names(.alias("x")) == "b a")
        let lying = SelectionBench(try SelectionBench.snapshot("a b", targets: "b=1 a=1", mode: .weighted))
        lying.set(draws: [lie])
        #expect(try lying.names(.alias("x")) == (lie < 0 ? "b a" : "a b"))
    }

    @Test("An ordered alias keeps its order, whatever the weights and whoever has to be loaded")
    func ordered() throws {
        let bench = SelectionBench(try SelectionBench.snapshot("a b c", targets: "b=1 a=9 c=5"))
        try bench.set(.unloaded, of: "b")
        let decision = try bench.decide(SelectionRequest(target: .alias("x")))
        #expect(SelectionBench.names(decision) == "b a c")
        #expect(decision.strategy == "ordered")
        // Unless the request says how.
        #expect(try bench.names(.alias("x"), "priority") == "a c b")
    }

    @Test("A disabled model is not asked, and the reason says how to change that")
    func disabled() throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b", targets: "a b") { $0.isEnabled = $0.id.name != "a" })
        let decision = try bench.decide(SelectionRequest(target: .alias("x")))
        #expect(SelectionBench.names(decision) == "b")
        #expect(decision.unavailable.map(\.model.name) == ["a"])
        #expect(decision.unavailable[0].reason.contains("EnableModel"))
        let error = #expect(throws: SelectionError.self) {
            try bench.decide(SelectionRequest(target: .model(try SelectionBench.id("a"))))
        }
        #expect(error == .nobodyReady(decision.unavailable))
        // For a request that names nobody it is no news.
        #expect(try bench.decide(SelectionRequest(target: .automatic)).unavailable.isEmpty)
    }

    @Test("Models of a disabled provider are not asked; where nobody is left, that is told")
    func disabledProvider() throws {
        let provider = ProviderDescription(id: try #require(ProviderID("p")), kind: "openai", isEnabled: false)
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b", targets: "a b", providers: [provider]))
        for target in [InferenceRequest.Target.alias("x"), .automatic] {
            let error = #expect(throws: SelectionError.self) {
                try bench.decide(SelectionRequest(target: target))
            }
            guard case .nobodyReady(let unavailable) = error else {
                Issue.record("unexpected \(String(describing: error))")
                continue
            }
            #expect(unavailable.map(\.model.name) == ["a", "b"])
            #expect(unavailable.allSatisfy { $0.reason.contains("provider 'p' is disabled") })
        }
    }

    @Test(
        "A request that names nobody gets text models that are there, running ones first, registered before discovered")
    func automatic() throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b c d e f") { model in
                switch model.id.name {
                case "a": model.category = .embedding
                case "b": model.provenance.source = .discovered
                case "c":
                    model.provenance.source = .discovered
                    model.isMissing = true
                case "d": model.priority = 1
                case "e": model.isMissing = true
                default: break
                }
            })
        try bench.set(.unloaded, of: "d")
        #expect(try bench.names(.automatic) == "e f b d")
        #expect(try bench.names(SelectionRequest(embedding: ["hi"], target: .automatic)) == "a")
    }

    @Test("Of hundreds of models, a request that names nobody is tried on the first 32, and no others are looked at")
    func bounded() throws {
        let names = (0..<300).map { "m\(1000 + $0)" }
        let bench = SelectionBench(try SelectionBench.snapshot(names.reversed().joined(separator: " ")))
        let decision = try bench.decide(SelectionRequest(target: .automatic))
        #expect(decision.candidates.map(\.id.name) == Array(names.prefix(32)))
        #expect(bench.asked.count == 32)
    }

    @Test("Nobody is passed over for one who must be loaded, however many of those there are")
    func lastOneReady() throws {
        let names = (0..<300).map { "m\(1000 + $0)" }
        let bench = SelectionBench(try SelectionBench.snapshot(names.joined(separator: " ")))
        for name in names.dropLast() { try bench.set(.unloaded, of: name) }
        let decision = try bench.decide(SelectionRequest(target: .automatic))
        #expect(decision.candidates.map(\.id.name) == ["m1299"] + names.prefix(31))
    }

    @Test("What cannot answer is told, and where nothing can, everything that was tried")
    func unavailable() throws {
        let bench = SelectionBench(try SelectionBench.snapshot("a b c"))
        try bench.set(.unavailable(reason: "no"), of: "a", "c")
        let decision = try bench.decide(SelectionRequest(target: .automatic))
        #expect(SelectionBench.names(decision) == "b")
        #expect(decision.unavailable.map(\.model.name) == ["a", "c"])
        try bench.set(.unavailable(reason: "no"), of: "b")
        let error = #expect(throws: SelectionError.self) {
            try bench.decide(SelectionRequest(target: .automatic))
        }
        #expect(error?.notReady == ["a", "b", "c"])
        let empty = SelectionBench(.empty)
        #expect(throws: SelectionError.nobodyReady([])) {
            try empty.decide(SelectionRequest(target: .automatic))
        }
    }

    @Test("An unknown id or alias is not found, and an unknown strategy is told with those there are")
    func notFound() throws {
        let bench = SelectionBench(try SelectionBench.snapshot("a", targets: "a"))
        for target in [InferenceRequest.Target.alias("y"), .model(try SelectionBench.id("b"))] {
            #expect(throws: SelectionError.modelNotFound(requested: target.description)) {
                try bench.decide(SelectionRequest(target: target))
            }
        }
        for target in [InferenceRequest.Target.alias("x"), .automatic, .model(try SelectionBench.id("a"))] {
            #expect(throws: SelectionError.unknownStrategy("best", known: bench.selector.strategyNames)) {
                try bench.decide(SelectionRequest(target: target, strategy: "best"))
            }
        }
        #expect(
            bench.selector.strategyNames == [
                "availability_based", "cost_optimized", "least_busy", "least_latency", "performance_based", "priority",
                "round_robin", "weighted",
            ])
    }

    @Test("Models that a provider only passes on are asked by name and through aliases")
    func passedOn() throws {
        let any = ProviderDescription(id: try #require(ProviderID("any")), kind: "openai", acceptsAnyModel: true)
        let bench = SelectionBench(
            try SelectionBench.snapshot("a", targets: "any/what a", providers: [any]))
        #expect(try bench.names(.alias("x")) == "what a")
        let named = try bench.decide(SelectionRequest(target: .model(try SelectionBench.id("any/ever"))))
        #expect(named.candidates.map(\.id.description) == ["any/ever"])
        #expect(named.strategy == "named")
        #expect(try bench.names(.automatic) == "a")
    }

    @Test("A new snapshot and a new policy hold from the next decision on")
    func changes() throws {
        let bench = SelectionBench(try SelectionBench.snapshot("a b") { $0.priority = $0.id.name == "a" ? 1 : 2 })
        #expect(try bench.names(.automatic) == "a b")
        let changed = try SelectionBench.snapshot("a b") { $0.priority = $0.id.name == "a" ? 2 : 1 }
        let request = SelectionRequest(target: .automatic)
        #expect(SelectionBench.names(try bench.selector.decide(request, in: changed)) == "b a")
        #expect(try bench.names(.automatic) == "a b")
        bench.selector.setPolicy(SelectionPolicy(isAllowed: { model, _ in model.id.name == "b" }))
        #expect(try bench.names(.automatic) == "b")
        bench.selector.setPolicy(SelectionPolicy(defaultStrategy: "cost_optimized"))
        #expect(try bench.decide(request).strategy == "cost_optimized")
    }

    @Test("A policy judges models by the providers of the snapshot, also those that came after it; each model once")
    func allowedProviders() throws {
        let asked = Mutex(0)
        let policy = SelectionPolicy(isAllowed: { model, provider in
            asked.withLock { $0 += 1 }
            return provider.kind != "openrouter" || model.prices?.isFree == true
        })
        let bench = SelectionBench(try SelectionBench.snapshot("a"), policy: policy)
        #expect(try bench.names(.automatic) == "a")
        let provider = try #require(ProviderID("later"))
        let changed = try RegistrySnapshot(
            providers: [ProviderDescription(id: provider, kind: "openrouter", acceptsAnyModel: true)],
            models: [
                ModelDescription(id: try SelectionBench.id("later/dear"), prices: ModelPrices(input: 1, output: 1)),
                ModelDescription(id: try SelectionBench.id("later/free"), prices: ModelPrices(input: 0, output: 0)),
            ],
            aliases: [])
        bench.selector.prepare(changed)
        // So that no request pays for it.
        #expect(asked.withLock { $0 } == 1 + 2)
        let decision = try bench.selector.decide(SelectionRequest(target: .automatic), in: changed)
        #expect(SelectionBench.names(decision) == "free")
        #expect(asked.withLock { $0 } == 1 + 2)
        #expect(throws: SelectionError.self) {
            try bench.selector.decide(
                SelectionRequest(target: .model(try SelectionBench.id("later/unlisted"))), in: changed)
        }
    }

    @Test("Decisions are made of one policy and one snapshot, whatever changes meanwhile")
    func concurrent() async throws {
        let snapshots = [try SelectionBench.snapshot("a b"), try SelectionBench.snapshot("b c")]
        let bench = SelectionBench(
            snapshots[0], policy: SelectionPolicy(isAllowed: { model, _ in model.id.name == "b" }))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for number in 0..<200 {
                        if task == 0 {
                            let isOdd = number % 2 == 1
                            bench.selector.setPolicy(
                                SelectionPolicy(isAllowed: { model, _ in (model.id.name == "b") != isOdd }))
                        }
                        let snapshot = snapshots[(task + number) % 2]
                        let request = SelectionRequest(target: .automatic)
                        let names = SelectionBench.names(try bench.selector.decide(request, in: snapshot))
                        #expect(["b", (task + number) % 2 == 0 ? "a" : "c"].contains(names))
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
