internal import Inference
internal import Routing

/// A request for vectors, as a client means it.
struct EmbeddingOrder: Sendable {
    /// Its model is the router's to fill in.
    var request: EmbeddingRequest
    var target: InferenceRequest.Target
    var routing: RoutingOptions
    /// Whether the vectors are to have length 1.
    var normalizes: Bool
    var metadata: [String: String]
}

/// Vectors, and what they took.
struct EmbeddingOutcome: Sendable {
    var model: ModelID
    var vectors: [[Float]]
    var usage: Usage
    var cost: Cost?
    var attempts: [Attempt]
    var latency: Duration
}

extension Pipeline {
    /// Carries out a request for vectors.
    ///
    /// - Parameter begin: when it was read.
    /// - Throws: ``RequestFailure``.
    func embed(
        _ order: EmbeddingOrder, deadline: ContinuousClock.Instant?, client: String? = nil,
        arrival begin: ContinuousClock.Instant = .now
    ) async throws(RequestFailure) -> EmbeddingOutcome {
        let (order, trace) = self.tracing.begin(order, at: begin)
        self.prompts?.note(order.request)
        let time = WallTime.now()
        let life = RequestLife(
            request: InferenceRequest(
                id: order.request.id, target: order.target, messages: [], routing: order.routing,
                metadata: order.metadata, trace: order.request.trace),
            delivery: .whole, deadline: deadline, arrival: begin, time: time, client: client)
        self.counters.began()
        do {
            let routed = try await self.router.embed(
                order.request, target: order.target, routing: order.routing, deadline: deadline,
                tracer: trace,
                beganRouting: { now in
                    self.phases.add(begin.duration(to: now), to: .admit)
                    trace?.beganRouting(at: now)
                })
            let now = ContinuousClock.now
            self.note(routed)
            let bytes = order.request.inputs.reduce(0) { $0 + $1.utf8.count }
            let usage =
                routed.answer.usage
                ?? Usage(inputTokens: TokenEstimate.tokens(ofBytes: bytes), outputTokens: 0, isEstimated: true)
            let vectors = routed.answer.vectors
            let outcome = EmbeddingOutcome(
                model: routed.model,
                vectors: order.normalizes ? vectors.map(\.normalized) : vectors,
                usage: usage,
                cost: routed.attempts.totalCost,
                attempts: routed.attempts,
                latency: begin.duration(to: now)
            )
            self.counters.ended(ok: true)
            let record = life.record(of: outcome)
            trace?.end(record, at: now)
            self.recorder.record(record)
            return outcome
        } catch {
            let now = ContinuousClock.now
            let failure = RequestFailure(cause: life.error(for: error, at: now), requestID: order.request.id)
            var attempts: [Attempt] = []
            if case .allFailed(let failed) = error { attempts = failed }
            self.counters.ended(ok: false)
            let record = life.record(failure: failure, attempts: attempts, at: now)
            trace?.end(record, at: now)
            self.recorder.record(record)
            throw failure
        }
    }

    /// Counts how the first upstream that was asked came to answer, as for texts.
    private func note(_ routed: Router.RoutedEmbedding) {
        guard routed.attempts.count == 1 else { return }
        self.phases.add(routed.beganAt.duration(to: routed.askedAt), to: .route)
        guard let timing = routed.answer.timing else { return }
        self.phases.add(timing.connect, to: .connect)
        if let firstByte = timing.firstByte { self.phases.add(firstByte, to: .firstByte) }
    }
}

extension [Float] {
    /// The same direction with length 1. A vector of length 0 has no direction and stays.
    fileprivate var normalized: [Float] {
        let length = self.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        return length > 0 ? self.map { Float(Double($0) / length) } : self
    }
}
