import Inference
import ModelRegistry
import Routing
import Testing

@Suite("Models that are held back")
struct HeldBackTests {
    private static let targets: [InferenceRequest.Target] = [.automatic, .alias("x")]

    @Test("While a breaker is open its model is not asked, and the reason says until when", arguments: targets)
    func openModel(target: InferenceRequest.Target) throws {
        let bench = SelectionBench(try SelectionBench.snapshot("a b", targets: "a b"))
        try bench.figures("a").openUntil = bench.figures.now + 9_500_000_000
        let decision = try bench.decide(SelectionRequest(target: target))
        #expect(SelectionBench.names(decision) == "b")
        #expect(
            decision.unavailable.map(\.reason) == [
                "its circuit breaker is open after failures; it is tried again in 10 s"
            ])
        bench.advance(.seconds(10))
        #expect(try bench.names(target) == "a b")
    }

    @Test(
        "A provider's breaker holds all its models back, and nobody left is told with the reasons", arguments: targets)
    func openProvider(target: InferenceRequest.Target) throws {
        let bench = SelectionBench(try SelectionBench.snapshot("a b q/c", targets: "a b q/c"))
        let provider = bench.figures[try SelectionBench.id("a").provider]
        provider.openUntil = bench.figures.now + 3_000_000_000
        #expect(try bench.names(target) == "c")
        try bench.set(.unavailable(reason: "no"), of: "q/c")
        let error = #expect(throws: SelectionError.self) { try bench.decide(SelectionRequest(target: target)) }
        guard case .nobodyReady(let unavailable) = error else {
            Issue.record("unexpected \(String(describing: error))")
            return
        }
        #expect(unavailable.map(\.model.name).sorted() == ["a", "b", "c"])
        #expect(unavailable.contains { $0.reason.contains("breaker of its provider is open") })
    }

    @Test("A model that is named is not asked while its breaker is open")
    func openNamed() throws {
        let bench = SelectionBench(try SelectionBench.snapshot("a"))
        try bench.figures("a").openUntil = bench.figures.now + 1
        let request = SelectionRequest(target: .model(try SelectionBench.id("a")))
        let error = #expect(throws: SelectionError.self) { try bench.decide(request) }
        #expect(error?.notReady == ["a"])
        bench.advance(.nanoseconds(2))
        #expect(try bench.names(request) == "a")
    }

    @Test("Who failed lately is asked last, even after those that must be loaded", arguments: targets)
    func excluded(target: InferenceRequest.Target) throws {
        let bench = SelectionBench(try SelectionBench.snapshot("a b c", targets: "a b c"))
        try bench.figures("a").excludedUntil = bench.figures.now + 60_000_000_000
        try bench.set(.unloaded, of: "c")
        #expect(try bench.names(target) == "b c a")
        try bench.set(.unavailable(reason: "no"), of: "b", "c")
        #expect(try bench.names(target) == "a")
        #expect(try bench.names(.model(SelectionBench.id("a"))) == "a")
        bench.advance(.seconds(61))
        try bench.set(.available, of: "b", "c")
        #expect(try bench.names(target) == "a b c")
    }

    @Test("A drawn first never falls on one who failed lately while others are left")
    func drawn() throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b", targets: "a=99 b=1", mode: .weighted), seed: 1)
        try bench.figures("a").excludedUntil = bench.figures.now + 1_000_000_000
        for _ in 0..<50 { #expect(try bench.names(.alias("x")) == "b a") }
    }

    @Test("Free models come first where the policy prefers them, but not before who is ready, and never in aliases")
    func prefersFree() throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b c local/d", targets: "a b c") { model in
                switch model.id.name {
                case "b", "c": model.prices = .free
                case "a": model.prices = ModelPrices(input: 1, output: 1)
                default: break
                }
                model.priority = model.id.name == "a" ? 1 : 50
            },
            policy: SelectionPolicy(prefersFree: true)
        )
        #expect(try bench.names(.automatic) == "d b c a")
        try bench.set(.unloaded, of: "b")
        #expect(try bench.names(.automatic) == "d c a b")
        #expect(try bench.names(.alias("x")) == "a b c")
    }
}
