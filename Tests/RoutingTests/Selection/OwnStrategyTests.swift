import Inference
import ModelRegistry
// Not `@testable`: a program that embeds the gateway has no more than this.
import Routing
import TestSupport
import Testing

/// Who has the longest name is asked first; where a request is urgent, whoever has the shortest.
private struct LongestName: SelectionStrategy {
    let name = "longest_name"
    let readiness = ReadinessUse.ignored

    func score(_ pool: inout CandidatePool) {
        let sign = pool.request.priority == .high ? 1.0 : -1.0
        for index in pool.indices { pool.scores[index] = sign * Double(pool.model(at: index).id.name.count) }
    }
}

/// One after another, as the figures say who has the least to do, and none that always fails.
private struct Calmest: SelectionStrategy {
    let name = "calmest"

    func score(_ pool: inout CandidatePool) {
        for index in pool.indices {
            let figures = pool.figures(at: index)
            pool.scores[index] =
                pool.expectedSuccess(at: index) < 0.5 ? CandidatePool.unknown : Double(figures.inFlight)
        }
    }

    func first(of pool: CandidatePool, attempt: Int) -> Int? {
        pool.request.tags.contains("any") ? pool.draw(below: pool.count) : nil
    }
}

@Suite("A strategy of an embedding program's own")
struct OwnStrategyTests {
    private func router(_ selection: SelectionPolicy = SelectionPolicy()) throws -> Router {
        let id = try #require(ProviderID("p"))
        let models = try ["a", "ccc", "bb"].enumerated().map { place, name in
            ModelDescription(id: try #require(ModelID(provider: id, name: name)), priority: place)
        }
        let snapshot = try RegistrySnapshot(
            providers: [ProviderDescription(id: id, kind: "custom")], models: models,
            aliases: [Alias(name: "all", targets: models.map(\.id))])
        let provider = ScriptedProvider(id) { _ in .answer([[.textDelta("hi"), .finished(.stop)]]) }
        return Router(
            registry: Registry(snapshot), catalog: ProviderCatalog([id: provider]), selection: selection,
            strategies: [LongestName(), Calmest()])
    }

    private func answering(
        _ router: Router, _ target: String = "auto", strategy: String? = nil, priority: RequestPriority = .normal,
        tags: [String] = []
    ) async throws -> String {
        let request = InferenceRequest(
            id: "r", target: try #require(InferenceRequest.Target(target)), messages: [Message(.user, "hi")],
            routing: RoutingOptions(strategy: strategy, priority: priority, tags: tags))
        return try await router.begin(request, delivery: .streamed).model.name
    }

    @Test("A request may name it, whether the choice is the router's or an alias's", arguments: ["auto", "all"])
    func byRequest(target: String) async throws {
        let router = try self.router()
        #expect(try await self.answering(router, target) == "a")
        #expect(try await self.answering(router, target, strategy: "longest_name") == "ccc")
        #expect(try await self.answering(router, target, strategy: "longest_name", priority: .high) == "a")
        #expect(router.selector.strategyNames.contains("longest_name"))
    }

    @Test("A rule may name it, for the requests that it is about")
    func byRule() async throws {
        let rule = RoutingRule(name: "long", conditions: .init(tags: ["long"]), strategy: "longest_name")
        let router = try self.router(SelectionPolicy(rules: [rule]))
        #expect(try await self.answering(router, tags: ["long"]) == "ccc")
        #expect(try await self.answering(router) == "a")
    }

    @Test("It may be the one for all requests that name none")
    func byDefault() async throws {
        let router = try self.router(SelectionPolicy(defaultStrategy: "longest_name"))
        #expect(try await self.answering(router) == "ccc")
        #expect(try await self.answering(router, strategy: "priority") == "a")
    }

    @Test("It sees what was seen of the models, and may draw")
    func figures() async throws {
        let router = try self.router(SelectionPolicy(defaultStrategy: "calmest"))
        let busy = router.figures[try #require(ModelID("p/a"))]
        let failing = router.figures[try #require(ModelID("p/ccc"))]
        busy.began()
        for _ in 0..<20 { failing.note(success: false, at: router.figures.now) }
        #expect(try await self.answering(router) == "bb")
        let drawn = try await self.answering(router, tags: ["any"])
        #expect(["a", "bb", "ccc"].contains(drawn))
    }
}
