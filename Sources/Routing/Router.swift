public import Inference
public import ModelRegistry

/// Finds an upstream that answers: asks the candidates in order until one produces its first output.
///
/// Everything that fails before that is invisible to the client but for ``RoutedStream/failedAttempts``. What fails
/// after it is the caller's to tell.
public struct Router: Sendable {
    private let registry: Registry
    private let catalog: ProviderCatalog
    private let selection: CandidateSelection
    private let clock = ContinuousClock()

    /// - Parameter catalog: with an adapter for each provider of the registry.
    public init(registry: Registry, catalog: ProviderCatalog) {
        self.registry = registry
        self.catalog = catalog
        self.selection = CandidateSelection { catalog.availability(of: $0) }
    }

    /// - Parameter providers: one for each provider of the registry.
    public init(registry: Registry, providers: [ProviderID: any Provider]) {
        self.init(registry: registry, catalog: ProviderCatalog(providers))
    }

    /// Whether a request for a model sent now has a chance.
    public func availability(of model: ModelID) -> ProviderAvailability {
        self.catalog.availability(of: model)
    }

    /// Asks candidates until one answers.
    ///
    /// Cancelling the task closes the connection of the attempt under way.
    ///
    /// - Parameter progress: is told how the load of a model goes that has to be loaded first.
    /// - Throws: ``RoutingFailure`` when nobody answers.
    public func begin(
        _ request: InferenceRequest,
        delivery: UpstreamRequest.Delivery,
        progress: ProgressSink? = nil
    ) async throws(RoutingFailure) -> RoutedStream {
        let candidates: Candidates
        do {
            candidates = try self.selection.candidates(for: request.target, in: self.registry.snapshot)
        } catch {
            throw RoutingFailure(error)
        }
        var attempts = candidates.unavailable.map { left in
            Attempt(model: left.model, duration: .zero, fault: UpstreamFault(.unreachable, left.reason))
        }
        for candidate in candidates.models {
            let begin = self.clock.now
            do {
                let upstream = UpstreamRequest(
                    inference: request, model: candidate.id.name, delivery: delivery, progress: progress)
                return try await self.attempt(candidate, upstream, begin: begin, after: attempts)
            } catch {
                attempts.append(
                    Attempt(model: candidate.id, duration: begin.duration(to: self.clock.now), fault: error))
                if error.disposition == .fail { break }
            }
        }
        throw .allFailed(attempts)
    }

    /// Counts the input tokens of a request with the first candidate that can tell.
    ///
    /// - Returns: the model, and its count or `nil` when it cannot count.
    /// - Throws: ``RoutingFailure`` when nobody may be asked, or counting failed everywhere.
    public func countTokens(
        _ request: InferenceRequest
    ) async throws(RoutingFailure) -> (model: ModelID, tokens: Int?) {
        let candidates: Candidates
        do {
            candidates = try self.selection.candidates(for: request.target, in: self.registry.snapshot)
        } catch {
            throw RoutingFailure(error)
        }
        var attempts: [Attempt] = []
        for candidate in candidates.models {
            guard let provider = self.catalog[candidate.id.provider] else { continue }
            let begin = self.clock.now
            do {
                let upstream = UpstreamRequest(inference: request, model: candidate.id.name, delivery: .whole)
                return (candidate.id, try await provider.countTokens(upstream))
            } catch {
                attempts.append(
                    Attempt(model: candidate.id, duration: begin.duration(to: self.clock.now), fault: error))
                if error.disposition == .fail { break }
            }
        }
        throw .allFailed(attempts)
    }

    private func attempt(
        _ candidate: ModelDescription,
        _ request: UpstreamRequest,
        begin: ContinuousClock.Instant,
        after attempts: [Attempt]
    ) async throws(UpstreamFault) -> RoutedStream {
        guard let provider = self.catalog[candidate.id.provider] else {
            throw UpstreamFault(.unreachable, "provider '\(candidate.id.provider)' is not running")
        }
        let stream = try await provider.start(request)
        var held: [InferenceEvent] = []
        while let batch = try await stream.next() {
            held.append(contentsOf: batch)
            if batch.contains(where: { $0.commits }) {
                return RoutedStream(
                    model: candidate.id,
                    failedAttempts: attempts,
                    firstEvents: held,
                    stream: stream,
                    beganAt: begin
                )
            }
        }
        throw UpstreamFault(.truncated, "the answer ended before it began")
    }
}

extension InferenceEvent {
    /// Whether the attempt can no longer be exchanged for another unseen: output, or a proper end without any.
    fileprivate var commits: Bool {
        switch self {
        case .usage: false
        case .finished: true
        default: self.isOutput
        }
    }
}
