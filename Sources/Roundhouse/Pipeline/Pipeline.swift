internal import GRPCCore
internal import Inference
internal import Routing

/// A request's life, on one screen: find an upstream that answers, pass on what it says, tell the truth about the end,
/// keep a record.
struct Pipeline: Sendable {
    let router: Router
    let recorder: any RequestRecorder
    let counters: RequestCounters
    private let clock = ContinuousClock()

    init(router: Router, recorder: any RequestRecorder, counters: RequestCounters) {
        self.router = router
        self.recorder = recorder
        self.counters = counters
    }

    /// Carries out a request.
    ///
    /// - Parameters:
    ///   - deadline: the client's, to tell its passing from a client that left; the transport enforces it.
    ///   - deliver: takes outputs in order: `started` first, `completed` last and only when the answer is
    ///     whole. Its await is the backpressure: while it waits, the upstream is not read.
    /// - Throws: ``RequestFailure`` when the answer is not whole, or what `deliver` threw.
    func run(
        _ request: InferenceRequest,
        delivery: UpstreamRequest.Delivery,
        deadline: ContinuousClock.Instant? = nil,
        deliver: ([PipelineOutput]) async throws -> Void
    ) async throws {
        var life = RequestLife(
            request: request,
            delivery: delivery,
            deadline: deadline,
            arrival: self.clock.now,
            time: .now()
        )
        self.counters.began()
        do {
            let routed = try await self.router.begin(request, delivery: delivery)
            defer { routed.stream.cancel() }
            life.started(routed)
            try await self.relay(routed, life: &life, deliver: deliver)
            self.finish(&life, error: nil)
        } catch {
            let cause = life.failed(error, at: self.clock.now)
            self.finish(&life, error: cause)
            throw RequestFailure(cause: cause, requestID: request.id)
        }
    }

    private func relay(
        _ routed: RoutedStream,
        life: inout RequestLife,
        deliver: ([PipelineOutput]) async throws -> Void
    ) async throws {
        var outputs = [PipelineOutput.started(model: routed.model, attempt: routed.failedAttempts.count + 1)]
        var batch: [InferenceEvent]? = routed.firstEvents
        while let events = batch {
            life.take(events, at: self.clock.now, into: &outputs)
            if !outputs.isEmpty { try await deliver(outputs) }
            if life.isComplete { return }
            outputs.removeAll(keepingCapacity: true)
            batch = try await routed.stream.next()
        }
        throw UpstreamFault(.truncated, "the upstream stopped without saying that it had finished")
    }

    private func finish(_ life: inout RequestLife, error: RequestError?) {
        let failure = error.map { RequestFailure(cause: $0, requestID: life.request.id) }
        self.counters.ended(ok: failure == nil)
        self.recorder.record(life.record(failure: failure, at: self.clock.now))
    }
}

/// What the pipeline gives to whoever asked.
enum PipelineOutput: Sendable, Hashable {
    /// - Parameter attempt: from 1.
    case started(model: ModelID, attempt: Int)
    /// Only deltas: ``InferenceEvent/isOutput``.
    case delta(InferenceEvent)
    case completed(Completion)
}

/// How a whole answer ended and what it took.
struct Completion: Sendable, Hashable {
    var finishReason: FinishReason
    var usage: Usage
    /// Everyone who was asked, the one who answered last.
    var attempts: [Attempt]
    var firstTokenLatency: Duration?
    var latency: Duration
}
