import Inference
import ModelRegistry
import Testing

@testable import Routing

@Suite("The figures of models")
struct RoutingFiguresTests {
    private func note(_ names: Range<Int>, in figures: RoutingFigures) throws {
        for number in names { figures[try modelID("p/made-up-\(number)")].note(success: false, at: figures.now) }
    }

    @Test("Of names that clients make up a bounded number is remembered: those that were asked for last")
    func inventedNames() throws {
        let figures = RoutingFigures()
        try self.note(0..<100_000, in: figures)
        #expect(figures.count <= 2 * RoutingFigures.mostUnheld)
        for number in 100_000 - RoutingFigures.mostUnheld..<100_000 {
            #expect(figures[try modelID("p/made-up-\(number)")].successRate == 0)
        }
        #expect(figures[try modelID("p/made-up-0")].successRate.isNaN)
    }

    @Test("Who is asked for again and again is not forgotten")
    func used() throws {
        let figures = RoutingFigures()
        let used = try modelID("p/used")
        figures[used].openUntil = 7
        for start in stride(from: 0, to: 20_000, by: 1_000) {
            try self.note(start..<start + 1_000, in: figures)
            #expect(figures[used].openUntil == 7)
        }
    }

    @Test("Models of a snapshot that is laid out, and models that answer now, are not forgotten")
    func held() throws {
        let figures = RoutingFigures()
        let listed = try (0..<5_000).map { ModelDescription(id: try modelID("p/listed-\($0)")) }
        let snapshot = try RegistrySnapshot(
            providers: [ProviderDescription(id: try #require(ProviderID("p")), kind: "custom")], models: listed,
            aliases: [])
        let selector = RouteSelector(figures: figures, availability: { _ in .available }, wallClock: { 0 })
        selector.prepare(snapshot)
        for model in listed { figures[model.id].openUntil = 7 }
        let answering = figures[try modelID("p/answering")]
        answering.began()
        try self.note(0..<30_000, in: figures)
        #expect(listed.allSatisfy { figures[$0.id].openUntil == 7 })
        #expect(figures[answering.model] === answering)
        #expect(figures.count <= 2 * RoutingFigures.mostUnheld + 3 * (listed.count + 1))
    }

    @Test("A request for a made-up name counts at the same figures from its beginning to its end")
    func inFlight() async throws {
        let bench = try RouteBench("a/one")
        let route = try bench.route("a/one")
        let routed = try await route.next()
        try self.note(0..<20_000, in: bench.figures)
        #expect(bench.figures[routed.model].inFlight == 1)
        route.succeeded()
        #expect(bench.figures[routed.model].inFlight == 0 && bench.figures[routed.model].successRate == 1)
    }
}
