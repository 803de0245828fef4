import Inference
import ModelRegistry
import TestSupport
import Testing

@testable import Routing

/// Providers that answer by script, an alias `all` over their models, and a router whose time is the test's.
struct RouteBench: Sendable {
    let time: SteppedTime
    let figures: RoutingFigures
    let events = EventKeeper()
    let catalog: ProviderCatalog
    let router: Router
    private let providers: [String: ScriptedProvider]

    typealias Script = @Sendable (UpstreamRequest) -> ScriptedProvider.Script

    /// - Parameter line: the models, as for ``candidates(_:in:)``.
    init(
        _ line: String, category: ModelCategory = .text, jumps: Bool = true, policy: FallbackPolicy = FallbackPolicy(),
        scripts: [String: Script] = [:]
    ) throws {
        let time = SteppedTime(jumps: jumps)
        self.time = time
        self.figures = RoutingFigures(clock: { time.now })
        let models = try candidates(line).map { candidate in
            var model = candidate.model
            model.category = category
            return model
        }
        let ids = Set(models.map(\.id.provider)).sorted()
        var providers: [String: ScriptedProvider] = [:]
        for id in ids {
            let script = scripts[id.rawValue] ?? { _ in Self.answer(id.rawValue) }
            providers[id.rawValue] = ScriptedProvider(id, script: script)
        }
        self.providers = providers
        self.catalog = ProviderCatalog(
            Dictionary(uniqueKeysWithValues: providers.values.map { ($0.id, $0 as any Provider) }))
        let snapshot = try RegistrySnapshot(
            providers: ids.map { ProviderDescription(id: $0, kind: "custom") },
            models: models,
            aliases: models.isEmpty ? [] : [Alias(name: "all", targets: models.map(\.id))])
        self.router = Router(
            registry: Registry(snapshot), catalog: self.catalog, figures: self.figures, policy: policy,
            events: self.events, time: time.routing, random: { 0.5 })
    }

    static func answer(_ words: String) -> ScriptedProvider.Script {
        .answer([[.textDelta(words)], [.finished(.stop)]])
    }

    static func refuse(_ kind: UpstreamFault.Kind) -> ScriptedProvider.Script { .refuse(UpstreamFault(kind, "no")) }

    subscript(provider: String) -> ScriptedProvider {
        get throws { try #require(self.providers[provider]) }
    }

    func route(
        _ target: String = "all", delivery: UpstreamRequest.Delivery = .streamed, deadline: Duration? = nil,
        estimate: Route.Estimate? = nil
    ) throws -> Route {
        let request = InferenceRequest(
            id: "r", target: try #require(InferenceRequest.Target(target)), messages: [Message(.user, "hi")])
        return try self.router.route(
            request, delivery: delivery, deadline: deadline.map { self.time.now + $0 }, estimate: estimate)
    }

    /// What was asked of all, by provider.
    var asked: String {
        self.providers.sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value.requests.count)" }.joined(separator: " ")
    }

    /// Whether nobody is said to be answering.
    var isIdle: Bool {
        self.providers.values.allSatisfy { provider in
            self.figures[provider.id].inFlight == 0
                && provider.requests.allSatisfy { request in
                    ModelID(provider: provider.id, name: request.model).map { self.figures[$0].inFlight == 0 } ?? false
                }
        }
    }
}

/// An attempt in short: `a/m ok`, `a/m server_error`, and `+` for a hedge.
func story(_ attempts: [Attempt]) -> String {
    attempts.map { "\($0.model)\($0.isHedge ? "+" : "") \($0.fault?.reason ?? "ok")" }.joined(separator: ", ")
}

/// The attempts of a search that found nobody.
func attempts(of error: RoutingFailure?) -> [Attempt] {
    if case .allFailed(let attempts) = error { attempts } else { [] }
}
