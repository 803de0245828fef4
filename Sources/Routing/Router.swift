public import Inference
public import ModelRegistry

/// Finds upstreams that answer.
public struct Router: Sendable {
    private let core: RouterCore

    /// - Parameters:
    ///   - catalog: with an adapter for each provider of the registry.
    ///   - figures: what was seen of the models lately; the router writes it, a selection reads it.
    ///   - events: is told of breakers that open and close.
    ///   - random: 0..<1, for the jitter of waits.
    public init(
        registry: Registry,
        catalog: ProviderCatalog,
        figures: RoutingFigures = RoutingFigures(),
        policy: FallbackPolicy = FallbackPolicy(),
        events: (any EventRecorder)? = nil,
        time: RoutingTime = .continuous,
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
    ) {
        let selection = CandidateSelection { catalog.availability(of: $0) }
        self.core = RouterCore(
            catalog: catalog,
            figures: figures,
            policy: policy,
            events: events,
            time: time,
            random: random,
            choose: { request throws(SelectionError) in
                let chosen = try selection.candidates(for: request.target, in: registry.snapshot)
                return RouteChoice(
                    candidates: chosen.models.map { RouteCandidate(model: $0, figures: figures[$0.id]) },
                    unavailable: chosen.unavailable)
            },
            chainMember: { id, _ in
                let snapshot = registry.snapshot
                guard let model = snapshot.model(id), snapshot.disabledReason(of: model) == nil else { return nil }
                if case .unavailable = catalog.availability(of: id) { return nil }
                return RouteCandidate(model: model, figures: figures[id])
            })
    }

    /// - Parameter providers: one for each provider of the registry.
    public init(registry: Registry, providers: [ProviderID: any Provider]) {
        self.init(registry: registry, catalog: ProviderCatalog(providers))
    }

    /// What was seen of the models lately.
    public var figures: RoutingFigures { self.core.figures }
    public var breakers: Breakers { self.core.breakers }
    public var policy: FallbackPolicy { self.core.policy }

    /// Whether a request for a model sent now has a chance.
    public func availability(of model: ModelID) -> ProviderAvailability {
        self.core.catalog.availability(of: model)
    }

    /// Chooses who may answer a request. Nobody is asked yet.
    ///
    /// - Parameters:
    ///   - deadline: the client's; its time is shared out over the attempts.
    ///   - estimate: what an attempt took that was cancelled because another was quicker.
    /// - Throws: ``RoutingFailure`` when nobody may be asked.
    public func route(
        _ request: InferenceRequest,
        delivery: UpstreamRequest.Delivery,
        deadline: ContinuousClock.Instant? = nil,
        estimate: Route.Estimate? = nil
    ) throws(RoutingFailure) -> Route {
        Route(
            request, choice: try self.choose(request), delivery: delivery, deadline: deadline, estimate: estimate,
            core: self.core)
    }

    /// Counts the input tokens of a request with the first candidate that can tell.
    ///
    /// - Returns: the model, and its count or `nil` when it cannot count.
    /// - Throws: ``RoutingFailure`` when nobody may be asked, or counting failed everywhere.
    public func countTokens(
        _ request: InferenceRequest
    ) async throws(RoutingFailure) -> (model: ModelID, tokens: Int?) {
        var attempts: [Attempt] = []
        for candidate in try self.choose(request).candidates.prefix(max(1, self.policy.maxAttempts)) {
            let model = candidate.model.id
            guard let provider = self.core.catalog[model.provider] else { continue }
            let begin = self.core.time.now()
            do throws(UpstreamFault) {
                let upstream = UpstreamRequest(inference: request, model: model.name, delivery: .whole)
                return (model, try await provider.countTokens(upstream))
            } catch {
                let duration = begin.duration(to: self.core.time.now())
                attempts.append(Attempt(model: model, duration: duration, fault: error))
                if error.disposition == .fail { break }
            }
        }
        throw .allFailed(attempts)
    }

    private func choose(_ request: InferenceRequest) throws(RoutingFailure) -> RouteChoice {
        do throws(SelectionError) {
            return try self.core.choose(request)
        } catch {
            throw RoutingFailure(error)
        }
    }
}
