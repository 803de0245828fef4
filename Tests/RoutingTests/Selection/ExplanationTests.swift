import Inference
import ModelRegistry
import Routing
import Testing

@Suite("Explaining a route")
struct ExplanationTests {
    @Test("Who is asked comes with what is known of it, and who is not with every reason")
    func explains() throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b c d e") { model in
                model.prices = ModelPrices(input: 2_000_000, output: 10_000_000)
                switch model.id.name {
                case "b": model.capabilities = [.chat]
                case "c": model.isEnabled = false
                case "e": model.priority = 1
                default: model.capabilities.insert(.tools)
                }
            })
        let a = try bench.figures("a")
        a.began()
        a.note(firstToken: .milliseconds(120), at: bench.figures.now)
        for number in 0..<4 { a.note(success: number > 0, at: bench.figures.now) }
        try bench.figures("d").excludedUntil = bench.figures.now + 5_000_000_000
        try bench.figures("e").openUntil = bench.figures.now + 5_000_000_000
        let request = SelectionRequest(
            target: .automatic, impliedCapabilities: [.tools], estimatedInputTokens: 100, maxOutputTokens: 20)
        let explanation = try bench.selector.explain(request, in: bench.snapshot)
        #expect(explanation.decision.requested == "auto" && explanation.decision.strategy == "priority")
        #expect(explanation.decision.estimatedInputTokens == 100)
        #expect(explanation.ranked.map(\.model.name) == ["a", "d"])
        #expect(explanation.ranked.map(\.rank) == [1, 2])
        let first = explanation.ranked[0]
        #expect(first.inFlight == 1 && first.expectedLatency == .milliseconds(120) && first.estimatedCost == 400)
        #expect(first.breaker == "closed" && first.reasons.isEmpty && first.availability == .available)
        #expect(try #require(first.successRate) < 0.2)
        #expect(
            explanation.ranked[1].reasons == ["it failed lately, and is asked after all others for another 5 s"])
        #expect(explanation.ranked[1].expectedLatency == nil && explanation.ranked[1].successRate == nil)
        #expect(explanation.rejected.map(\.model.name) == ["b", "e", "c"])
        #expect(explanation.rejected[0].reasons == ["lacks capability 'tools'"])
        #expect(
            explanation.rejected[1].reasons == [
                "lacks capability 'tools'", "its circuit breaker is open after failures; it is tried again in 5 s",
            ])
        #expect(explanation.rejected[1].breaker == "open")
        #expect(explanation.rejected[2].reasons.count == 2)
        #expect(explanation.omitted == 0)
    }

    @Test("What the explanation says is what is decided, for every strategy")
    func agrees() throws {
        let bench = SelectionBench(try SelectionBench.snapshot("a b c d", targets: "b a d", mode: .weighted))
        for (number, name) in ["a", "b", "c", "d"].enumerated() {
            try bench.figures(name).note(firstToken: .milliseconds(10 * number + 5), at: bench.figures.now)
        }
        for target in [InferenceRequest.Target.automatic, .alias("x")] {
            for strategy in bench.selector.strategyNames + [nil] {
                let request = SelectionRequest(target: target, strategy: strategy)
                let explained = try bench.selector.explain(request, in: bench.snapshot)
                let decided = try bench.decide(request)
                #expect(explained.decision.candidates.map(\.id) == decided.candidates.map(\.id))
                #expect(explained.ranked.map(\.model) == decided.candidates.map(\.id))
                #expect(explained.decision.strategy == decided.strategy)
            }
        }
    }

    @Test("A hundred are told of those that are not asked, and how many more there are")
    func bounded() throws {
        let names = (0..<200).map { "m\(1000 + $0)" }.joined(separator: " ")
        let bench = SelectionBench(
            try SelectionBench.snapshot(names) { if $0.id.name < "m1060" { $0.capabilities.insert(.vision) } })
        let request = SelectionRequest(target: .automatic, impliedCapabilities: [.vision])
        let explanation = try bench.selector.explain(request, in: bench.snapshot)
        #expect(explanation.ranked.count == 32 && explanation.rejected.count == 100 && explanation.omitted == 68)
        #expect(explanation.rejected[0].reasons == ["others come before it, and 32 are asked at most"])
        #expect(explanation.rejected[99].reasons == ["lacks capability 'vision'"])
    }

    @Test("A named model is explained alone, when it cannot be asked too")
    func named() throws {
        let bench = SelectionBench(try SelectionBench.snapshot("a b"))
        let id = try SelectionBench.id("a")
        let good = try bench.selector.explain(SelectionRequest(target: .model(id)), in: bench.snapshot)
        #expect(good.decision.strategy == "named" && good.ranked.map(\.model) == [id] && good.rejected.isEmpty)
        let request = SelectionRequest(target: .model(id), impliedCapabilities: [.vision, .tools])
        let bad = try bench.selector.explain(request, in: bench.snapshot)
        #expect(bad.ranked.isEmpty && bad.decision.candidates.isEmpty)
        #expect(bad.rejected.map(\.reasons) == [["lacks capability 'tools'", "lacks capability 'vision'"]])
        try bench.set(.unavailable(reason: "no engine"), of: "a")
        let gone = try bench.selector.explain(SelectionRequest(target: .model(id)), in: bench.snapshot)
        #expect(gone.rejected.map(\.reasons) == [["no engine"]])
        #expect(gone.rejected.map(\.availability) == [.unavailable(reason: "no engine")])
        #expect(throws: SelectionError.modelNotFound(requested: "p/z")) {
            try bench.selector.explain(SelectionRequest(target: .model(SelectionBench.id("z"))), in: bench.snapshot)
        }
    }
}
