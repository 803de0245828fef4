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
    ///   - wantsProgress: also delivers how the load of a model goes that has to be loaded first.
    ///   - deadline: the client's, to tell its passing from a client that left; the transport enforces it.
    ///   - deliver: takes outputs in order: `started` first but for progress, `completed` last and only when the answer is
    ///     whole. Its await is the backpressure: while it waits, the upstream is not read.
    /// - Throws: ``RequestFailure`` when the answer is not whole, or what `deliver` threw.
    func run(
        _ request: InferenceRequest,
        delivery: UpstreamRequest.Delivery,
        wantsProgress: Bool = false,
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
            let routed =
                wantsProgress
                ? try await self.beginTelling(request, delivery: delivery, deliver: deliver)
                : try await self.router.begin(request, delivery: delivery)
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

    /// Finds an upstream as ``Router/begin(_:delivery:progress:)`` does, and delivers the newest progress meanwhile.
    private func beginTelling(
        _ request: InferenceRequest,
        delivery: UpstreamRequest.Delivery,
        deliver: ([PipelineOutput]) async throws -> Void
    ) async throws -> RoutedStream {
        let (progress, continuation) = AsyncStream.makeStream(
            of: LoadProgress.self, bufferingPolicy: .bufferingNewest(1))
        return try await withThrowingTaskGroup(of: RoutedStream.self) { group in
            group.addTask {
                defer { continuation.finish() }
                return try await self.router.begin(
                    request, delivery: delivery, progress: ProgressSink { continuation.yield($0) })
            }
            do {
                for await update in progress { try await deliver([.progress(update)]) }
            } catch {
                group.cancelAll()
                // It may have begun to answer while the client was found to be gone.
                try? await group.next()?.stream.cancel()
                throw error
            }
            guard let routed = try await group.next() else { throw CancellationError() }
            return routed
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
    /// Before ``started(model:attempt:)``, and only when it was asked for.
    case progress(LoadProgress)
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
