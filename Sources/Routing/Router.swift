public import Inference
public import ModelRegistry

/// Finds upstreams that answer.
public struct Router: Sendable {
    private let core: RouterCore

    /// - Parameters:
    ///   - catalog: with an adapter for each provider of the registry.
    ///   - figures: what was seen of the models lately; the router writes it, the selection reads it.
    ///   - selection: who is chosen; can be exchanged later, see ``selector``.
    ///   - strategies: beside the built-in ones.
    ///   - policy: what is done when somebody fails.
    ///   - events: is told of breakers that open and close.
    ///   - wallClock: microseconds since 1970-01-01 UTC, for rules that look at the time.
    ///   - random: 0..<1, for the jitter of waits.
    public init(
        registry: Registry,
        catalog: ProviderCatalog,
        figures: RoutingFigures = RoutingFigures(),
        selection: SelectionPolicy = SelectionPolicy(),
        strategies: [any SelectionStrategy] = [],
        policy: FallbackPolicy = FallbackPolicy(),
        events: (any EventRecorder)? = nil,
        time: RoutingTime = .continuous,
        wallClock: @escaping @Sendable () -> Int64 = { 0 },
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
    ) {
        let breakers = Breakers(figures: figures, settings: policy.breaker, recorder: events)
        self.core = RouterCore(
            catalog: catalog,
            figures: figures,
            policy: policy,
            breakers: breakers,
            time: time,
            random: random,
            registry: registry,
            selector: RouteSelector(
                figures: figures,
                availability: { catalog.availability(of: $0) },
                policy: selection,
                strategies: strategies,
                breakerState: { breakers.state(of: $0).rawValue },
                wallClock: wallClock
            ))
    }

    /// - Parameter providers: one for each provider of the registry.
    public init(registry: Registry, providers: [ProviderID: any Provider]) {
        self.init(registry: registry, catalog: ProviderCatalog(providers))
    }

    /// Chooses who is asked.
    public var selector: RouteSelector { self.core.selector }
    /// What was seen of the models lately.
    public var figures: RoutingFigures { self.core.figures }
    public var breakers: Breakers { self.core.breakers }
    public var policy: FallbackPolicy { self.core.policy }

    /// Whether a request for a model sent now has a chance.
    public func availability(of model: ModelID) -> ProviderAvailability {
        self.core.catalog.availability(of: model)
    }

    /// Requests for a model that wait for a free place at its provider.
    public func waitingCount(of model: ModelID) -> Int { self.core.catalog.waitingCount(of: model) }

    /// Chooses who may answer a request. Nobody is asked yet.
    ///
    /// - Parameters:
    ///   - deadline: the client's; its time is shared out over the attempts.
    ///   - tracer: follows the attempts; `nil`: nobody traces.
    ///   - estimate: what an attempt took that was cancelled because another was quicker.
    /// - Throws: ``RoutingFailure`` when nobody may be asked.
    public func route(
        _ request: InferenceRequest,
        delivery: UpstreamRequest.Delivery,
        deadline: ContinuousClock.Instant? = nil,
        tracer: (any AttemptTracer)? = nil,
        estimate: Route.Estimate? = nil
    ) throws(RoutingFailure) -> Route {
        let now = self.core.time.now()
        let (decision, prefix) = try self.choose(request, at: now)
        return Route(
            request, decision, prefix: prefix, begin: now, delivery: delivery, deadline: deadline, estimate: estimate,
            tracer: tracer, core: self.core)
    }

    /// Counts the input tokens of a request with the first candidate that can tell.
    ///
    /// - Returns: the model, and its count or `nil` when it cannot count.
    /// - Throws: ``RoutingFailure`` when nobody may be asked, or counting failed everywhere.
    public func countTokens(
        _ request: InferenceRequest
    ) async throws(RoutingFailure) -> (model: ModelID, tokens: Int?) {
        var attempts: [Attempt] = []
        for candidate in try self.choose(request, at: self.core.time.now()).0.candidates.prefix(
            max(1, self.policy.maxAttempts))
        {
            let model = candidate.id
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

    /// What would be decided for a request now, and why everybody else is not asked.
    ///
    /// - Throws: ``RoutingFailure`` when what was asked for, or a strategy, does not exist.
    public func explain(_ request: InferenceRequest) throws(RoutingFailure) -> RouteExplanation {
        do throws(SelectionError) {
            return try self.selector.explain(self.selector.request(for: request), in: self.core.registry.snapshot)
        } catch {
            throw RoutingFailure(error)
        }
    }

    private func choose(
        _ request: InferenceRequest, at now: ContinuousClock.Instant
    ) throws(RoutingFailure) -> (RouteDecision, PromptPrefix?) {
        do throws(SelectionError) {
            return try self.core.choose(request, at: now)
        } catch {
            throw RoutingFailure(error)
        }
    }
}
