import Inference
import ModelRegistry
import Routing
import Testing

@Suite("Requirements")
struct RequirementTests {
    /// One requirement that the model `p/bad` does not fulfil and `p/good` does, and the sentence that says so.
    struct Case: Sendable, CustomTestStringConvertible {
        var requirement: ModelRequirements
        var sentence: String
        var bad: @Sendable (inout ModelDescription) -> Void = { _ in }

        var testDescription: String { self.sentence }
    }

    static let cases: [Case] = [
        Case(requirement: ModelRequirements(task: .image), sentence: "is for 'text', and 'image' is required"),
        Case(requirement: ModelRequirements(capabilities: [.vision]), sentence: "lacks capability 'vision'"),
        Case(
            requirement: ModelRequirements(minContextLength: 8192),
            sentence: "context length 4096 is below the 8192 that are required"
        ) { $0.contextLength = 4096 },
        Case(
            requirement: ModelRequirements(minContextLength: 8192),
            sentence: "context length not known, and at least 8192 is required"
        ) { $0.contextLength = nil },
        Case(
            requirement: ModelRequirements(maxPricePerMillionTokens: 100),
            sentence: "price of 101 nano-USD a million tokens is above the 100 that are allowed"
        ) { $0.prices = ModelPrices(input: 7, output: 101) },
        Case(
            requirement: ModelRequirements(maxPricePerMillionTokens: 100),
            sentence: "price not known, and at most 100 nano-USD a million tokens is required"
        ) { $0.prices = nil },
        Case(
            requirement: ModelRequirements(maxCostNanoUSD: 15_000),
            sentence: "expected cost of 15001 nano-USD is above the 15000 that are allowed"
        ) {
            // 1,000 tokens in, 500 tokens out: 10,000.5 and 5,000 nano-USD.
            $0.prices = ModelPrices(input: 10_000_500, output: 10_000_000)
        },
        Case(
            requirement: ModelRequirements(maxCostNanoUSD: 15_000),
            sentence:
                "cost not known, since its prices or its longest answer are not, and at most 15000 nano-USD is required"
        ) { $0.prices = nil },
        Case(
            requirement: ModelRequirements(minQualityScore: 0.5),
            sentence: "quality score 0.4 is below the 0.5 that is required"
        ) { $0.qualityScore = 0.4 },
        Case(
            requirement: ModelRequirements(minSafetyScore: 0.5),
            sentence: "safety score not known, and at least 0.5 is required"
        ) { $0.safetyScore = nil },
        Case(
            requirement: ModelRequirements(maxLatency: .milliseconds(300)),
            sentence: "first token expected after 400 ms, above the 300 ms that are allowed"
        ) {
            var profile = ModelProfile()
            profile.firstTokenP50 = .milliseconds(400)
            $0.profile = profile
        },
        Case(requirement: ModelRequirements(freeOnly: true), sentence: "is not free") {
            $0.prices = ModelPrices(input: 0, output: 0, cachedInput: 1)
        },
        Case(
            requirement: ModelRequirements(freeOnly: true), sentence: "price not known, and free models are required"
        ) { $0.prices = nil },
        Case(requirement: ModelRequirements(tags: ["eu", "gpu"]), sentence: "lacks tag 'gpu'") { $0.tags = ["eu"] },
    ]

    @Test("What a model does not fulfil keeps it from being asked, with a sentence that says why", arguments: cases)
    func unfulfilled(_ one: Case) throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("bad good", targets: "bad good") { model in
                model.contextLength = 100_000
                model.qualityScore = 0.9
                model.safetyScore = 0.9
                model.prices = .free
                model.tags = ["eu", "gpu"]
                if model.id.name == "good" {
                    model.capabilities.insert(.vision)
                    if let task = one.requirement.task { model.category = task }
                } else {
                    one.bad(&model)
                }
            })
        for target in [InferenceRequest.Target.automatic, .alias("x")] {
            let request = SelectionRequest(
                target: target, requirements: one.requirement, estimatedInputTokens: 1000, maxOutputTokens: 500)
            #expect(try bench.names(request) == "good")
            let explanation = try bench.selector.explain(request, in: bench.snapshot)
            #expect(explanation.rejected.map(\.model.name) == ["bad"])
            #expect(explanation.rejected.map(\.reasons) == [[one.sentence]])
        }
        let named = SelectionRequest(
            target: .model(try SelectionBench.id("bad")), requirements: one.requirement, estimatedInputTokens: 1000,
            maxOutputTokens: 500)
        let error = #expect(throws: SelectionError.self) { try bench.decide(named) }
        #expect(error?.unmet == ["bad": [one.sentence]])
    }

    @Test("Where nobody fulfils the requirements that is the error, and those that lack least come first")
    func nobody() throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b", targets: "a b") {
                if $0.id.name == "b" { $0.capabilities.insert(.vision) }
            })
        for target in [InferenceRequest.Target.automatic, .alias("x")] {
            let request = SelectionRequest(target: target, impliedCapabilities: [.vision, .tools])
            let error = #expect(throws: SelectionError.self) { try bench.decide(request) }
            guard case .requirementsNotMet(let unmet) = error else {
                Issue.record("unexpected \(String(describing: error))")
                continue
            }
            #expect(unmet.map(\.model.name) == ["b", "a"])
            #expect(unmet[0].rejections == [.capability(.tools)])
            #expect(unmet[0].rejections[0].requirement == "capabilities")
        }
    }

    @Test("Who would do but cannot answer now is waited for: that is not the requirements' doing")
    func waitedFor() throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b", targets: "a b") {
                if $0.id.name == "b" { $0.capabilities.insert(.vision) }
            })
        try bench.set(.unavailable(reason: "no"), of: "b")
        let request = SelectionRequest(target: .automatic, impliedCapabilities: [.vision])
        let error = #expect(throws: SelectionError.self) { try bench.decide(request) }
        #expect(error?.notReady == ["b"])
    }

    @Test("A prompt that is longer than a context goes where there is room, and if nowhere is, it is tried")
    func estimates() throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b c", targets: "a b") { model in
                model.contextLength = ["a": 1000, "b": 4000][model.id.name]
            })
        func request(_ tokens: Int, _ target: InferenceRequest.Target = .automatic) -> SelectionRequest {
            SelectionRequest(target: target, estimatedInputTokens: tokens)
        }
        #expect(try bench.names(request(1000)) == "a b c")
        #expect(try bench.names(request(1001)) == "b c")
        #expect(try bench.names(request(5000)) == "c")
        #expect(try bench.names(request(5000, .alias("x"))) == "a b")
        #expect(try bench.names(request(5000, .model(SelectionBench.id("a")))) == "a")
        let explanation = try bench.selector.explain(request(1001), in: bench.snapshot)
        #expect(explanation.rejected.map(\.model.name) == ["a"])
        #expect(
            explanation.rejected[0].reasons == [
                "context length 1000 is below the about 1001 tokens of the prompt, and others have room for it"
            ])
    }

    @Test("A minimum context holds for the prompt and the answer together when these are longer")
    func contextOfAll() throws {
        let bench = SelectionBench(try SelectionBench.snapshot("a") { $0.contextLength = 2000 })
        var request = SelectionRequest(
            target: .automatic, requirements: ModelRequirements(minContextLength: 100), estimatedInputTokens: 1500,
            maxOutputTokens: 500)
        #expect(try bench.names(request) == "a")
        request.maxOutputTokens = 501
        let error = #expect(throws: SelectionError.self) { try bench.decide(request) }
        #expect(error?.unmet == ["a": ["context length 2000 is below the 2001 that are required"]])
    }

    @Test("A local engine's context is what it is started with")
    func localContext() throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("local/a local/b") { model in
                model.contextLength = 131_072
                if model.id.name == "b" { model.engineSettings.contextLength = 32_768 }
            })
        let request = SelectionRequest(
            target: .automatic, requirements: ModelRequirements(minContextLength: 16_384))
        #expect(try bench.names(request) == "b")
    }

    @Test("Of a model that is only passed on nothing is known, so no capability keeps it from being asked")
    func passedOn() throws {
        let any = ProviderDescription(id: try #require(ProviderID("any")), kind: "openai", acceptsAnyModel: true)
        let bench = SelectionBench(
            try SelectionBench.snapshot("a", targets: "a any/what", providers: [any]))
        for target in [InferenceRequest.Target.alias("x"), .model(try SelectionBench.id("any/what"))] {
            #expect(
                try bench.names(SelectionRequest(target: target, impliedCapabilities: [.vision, .tools])) == "what")
        }
        let costs = SelectionRequest(
            target: .model(try SelectionBench.id("any/what")), requirements: ModelRequirements(freeOnly: true))
        let error = #expect(throws: SelectionError.self) { try bench.decide(costs) }
        #expect(error?.unmet == ["what": ["price not known, and free models are required"]])
    }

    @Test(
        "Local is what runs here",
        arguments: [
            ("http://127.0.0.1:8080/v1", true), ("http://localhost/v1", true), ("https://a.localhost:1", true),
            ("http://[::1]:8080", true), ("http://user@127.8.0.9", true), ("http://10.0.0.1:8080", false),
            ("https://127.evil.example/v1", false), ("https://localhost.example", false),
            ("https://example.com/127.0.0.1", false), ("127.0.0.1", false), ("https://[fe80::1]", false),
        ]
    )
    func local(url: String, isLocal: Bool) throws {
        let q = ProviderDescription(id: try #require(ProviderID("q")), kind: "vllm", baseURL: url)
        let bench = SelectionBench(
            try SelectionBench.snapshot("a q/b local/c", providers: [q]) {
                $0.priority = $0.id.name == "c" ? 2 : 1
            })
        let request = SelectionRequest(target: .automatic, requirements: ModelRequirements(localOnly: true))
        #expect(try bench.names(request) == (isLocal ? "b c" : "c"))
    }

    @Test("Providers are allowed and denied by name, and a denial holds")
    func providers() throws {
        let bench = SelectionBench(try SelectionBench.snapshot("a q/b r/c", targets: "a q/b r/c"))
        let (p, q) = (try #require(ProviderID("p")), try #require(ProviderID("q")))
        let none = try #require(ProviderID("none"))
        func names(_ allowed: [ProviderID], _ denied: [ProviderID]) throws -> String {
            try bench.names(
                SelectionRequest(
                    target: .automatic,
                    requirements: ModelRequirements(allowedProviders: allowed, deniedProviders: denied)))
        }
        #expect(try names([p, q], []) == "a b")
        #expect(try names([], [q]) == "a c")
        #expect(try names([p, q, none], [q, none]) == "a")
        let error = #expect(throws: SelectionError.self) { try names([q], [q]) }
        #expect(
            error?.unmet?["b"] == ["provider 'q' is denied"]
                && error?.unmet?["a"] == ["provider 'p' is not among those that are allowed"])
    }

    @Test("An embedding model does not chat and a chat model does not embed, whoever names them")
    func tasks() throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("e t v", targets: "e t v") { model in
                switch model.id.name {
                case "e": model.category = .embedding
                case "v": model.category = .voice
                default: break
                }
            })
        #expect(try bench.names(.alias("x")) == "t v")
        #expect(try bench.names(.automatic) == "t")
        #expect(try bench.names(.model(SelectionBench.id("v"))) == "v")
        for target in [InferenceRequest.Target.automatic, .alias("x")] {
            #expect(try bench.names(SelectionRequest(embedding: ["hi"], target: target)) == "e")
        }
        let error = #expect(throws: SelectionError.self) { try bench.names(.model(SelectionBench.id("e"))) }
        #expect(error?.unmet == ["e": ["is for 'embedding', and 'text' is required"]])
    }

    @Test("What was measured lately counts for the latency, and is forgotten after a while")
    func measuredLatency() throws {
        let bench = SelectionBench(try SelectionBench.snapshot("a b"))
        let request = SelectionRequest(
            target: .automatic, requirements: ModelRequirements(maxLatency: .milliseconds(500)))
        try bench.figures("a").note(firstToken: .seconds(2), at: bench.figures.now)
        #expect(try bench.names(request) == "b")
        bench.advance(.seconds(181))
        #expect(try bench.names(request) == "a b")
    }
}
