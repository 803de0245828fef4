internal import GRPCCore
internal import Inference
internal import ModelRegistry
internal import Routing

/// A request's life, on one screen: find an upstream that answers, pass on what it says, have another take over when it
/// fails, tell the truth about the end, keep a record.
struct Pipeline: Sendable {
    let router: Router
    let recorder: any RequestRecorder
    let counters: RequestCounters
    /// `nil`: no calls are shared.
    let shared: SharedCalls?
    let phases: PhaseFigures
    let tracing: RequestTracing
    /// `nil`: no text is logged.
    var prompts: PromptLog?
    let time: RoutingTime

    init(
        router: Router, recorder: any RequestRecorder, counters: RequestCounters, shared: SharedCalls? = nil,
        phases: PhaseFigures = PhaseFigures(), tracing: RequestTracing = .off,
        prompts: PromptLog? = nil, time: RoutingTime = .continuous
    ) {
        self.router = router
        self.recorder = recorder
        self.counters = counters
        self.shared = shared
        self.phases = phases
        self.tracing = tracing
        self.prompts = prompts
        self.time = time
    }

    /// Takes outputs in order: `started` first but for progress, `completed` last and only when the answer is whole. Its
    /// await is the backpressure: while it waits, the upstream is not read.
    typealias Delivery = ([PipelineOutput]) async throws -> Void

    /// Carries out a request.
    ///
    /// - Parameters:
    ///   - wantsProgress: also delivers how the load of a model goes that has to be loaded first.
    ///   - deadline: the client's, to share it out over attempts and to tell its passing from a client that left; the
    ///     transport enforces it.
    ///   - client: who it has proved to be, for the record.
    ///   - arrival: when it was read.
    /// - Throws: ``RequestFailure`` when the answer is not whole, or what `deliver` threw.
    func run(
        _ request: InferenceRequest,
        delivery: UpstreamRequest.Delivery,
        wantsProgress: Bool = false,
        deadline: ContinuousClock.Instant? = nil,
        client: String? = nil,
        arrival: ContinuousClock.Instant = .now,
        deliver: Delivery
    ) async throws {
        let (request, trace) = self.tracing.begin(request, delivery, at: arrival)
        var life = RequestLife(
            request: request,
            delivery: delivery,
            deadline: deadline,
            arrival: arrival,
            time: .now(),
            client: client
        )
        self.counters.began()
        var attempts: [Attempt] = []
        do {
            let route = try self.router.route(
                request, delivery: delivery, deadline: deadline, tracer: trace
            ) { model in
                // Of one that was not waited for: it read the prompt, and its answer nobody saw.
                let usage = Usage(
                    inputTokens: TokenEstimate.input(of: request), outputTokens: 0, isEstimated: true)
                return (usage, Cost(of: usage, at: model.prices))
            }
            defer { attempts = route.attempts }
            self.phases.add(arrival.duration(to: route.beganAt), to: .admit)
            trace?.beganRouting(at: route.beganAt)
            do {
                try await self.answer(by: route, &life, wantsProgress: wantsProgress, deliver: deliver)
            } catch {
                let bill = life.attemptBill
                route.abandoned(usage: bill?.usage, cost: bill?.cost)
                throw error
            }
        } catch {
            let cause = life.error(for: error, at: self.time.now())
            let failure = RequestFailure(cause: cause, requestID: request.id)
            self.finish(life, failure: failure, attempts: attempts, trace)
            throw failure
        }
        self.finish(life, failure: nil, attempts: attempts, trace)
    }

    /// Relays attempt after attempt until one of them finishes.
    private func answer(
        by route: Route,
        _ life: inout RequestLife,
        wantsProgress: Bool,
        deliver: Delivery
    ) async throws {
        var upstream =
            wantsProgress
            ? try await self.beginTelling(route, life.loads, deliver: deliver)
            : try await route.next(progress: life.loads.sink())
        defer { upstream.stream.cancel() }
        self.note(upstream, by: route)
        var outputs: [PipelineOutput] = []
        self.begin(upstream, as: .fresh, by: route, &life, &outputs)
        while true {
            do throws(RelayFailure) {
                try await self.relay(upstream, &life, &outputs, deliver: deliver)
                break
            } catch {
                // Whoever takes what is delivered is gone, or the client is: nobody needs another attempt.
                guard case .upstream(let fault) = error, fault.kind != .cancelled, !Task.isCancelled else {
                    throw error.cause
                }
                upstream.stream.cancel()
                upstream = try await self.recover(from: fault, by: route, &life, &outputs)
            }
        }
        let bill = life.attemptBill
        route.succeeded(usage: bill?.usage, cost: bill?.cost)
        outputs.append(.completed(life.complete(route.attempts, at: self.time.now())))
        try await deliver(outputs)
    }

    /// Finds who takes over after a failure in mid-answer, and adds what the client is told of it.
    private func recover(
        from fault: UpstreamFault,
        by route: Route,
        _ life: inout RequestLife,
        _ outputs: inout [PipelineOutput]
    ) async throws -> RoutedStream {
        let bill = life.attemptBill
        route.failed(fault, usage: bill?.usage, cost: bill?.cost)
        let attempts = route.attempts
        guard let attempt = attempts.last else { throw fault }
        life.interrupted(by: attempt, number: attempts.count)
        outputs.removeAll(keepingCapacity: true)
        do {
            switch life.recovery {
            case .fail: throw Interruption(attempt: life.cut?.attempt ?? attempt)
            case .again:
                let upstream = try await route.next(progress: life.loads.sink())
                self.begin(upstream, as: .fresh, by: route, &life, &outputs)
                return upstream
            case .restart:
                let upstream = try await route.next(progress: life.loads.sink())
                outputs = [.superseded(attempt: attempts.count, fault: fault)]
                self.begin(upstream, as: .fresh, by: route, &life, &outputs)
                return upstream
            case .align(let voids):
                let upstream = try await route.next(progress: life.loads.sink())
                self.begin(upstream, as: .aligns(voids: voids), by: route, &life, &outputs)
                return upstream
            case .continue(let text):
                let upstream = try await route.next(prefill: text, progress: life.loads.sink())
                self.begin(upstream, as: .continues, by: route, &life, &outputs)
                return upstream
            }
        } catch let failure as RoutingFailure where !failure.isCancellation {
            // Nobody else could; what the client is told is what cut its answer, if it has any of it.
            guard let cut = life.cut else { throw failure }
            throw Interruption(attempt: cut.attempt)
        }
    }

    private func begin(
        _ upstream: RoutedStream,
        as role: AnsweringAttempt.Role,
        by route: Route,
        _ life: inout RequestLife,
        _ outputs: inout [PipelineOutput]
    ) {
        let candidate = upstream.candidate
        life.started(upstream.model, prices: candidate.model.prices, output: candidate.figures.output, as: role)
        let started = PipelineOutput.Started(
            model: upstream.model,
            attempt: route.attempts.count + 1,
            continues: role == .continues,
            explanation: life.request.routing.wantsExplanation ? try? self.router.explain(life.request) : nil)
        life.announce(started, in: &outputs)
    }

    /// Passes on what an upstream says, until it says that it has finished.
    ///
    /// - Parameter outputs: what is to be delivered first; at the end, what was not delivered yet.
    private func relay(
        _ upstream: RoutedStream,
        _ life: inout RequestLife,
        _ outputs: inout [PipelineOutput],
        deliver: Delivery
    ) async throws(RelayFailure) {
        var batch: [InferenceEvent]? = upstream.firstEvents
        while let events = batch {
            life.take(events, at: self.time.now(), into: &outputs)
            if life.isFinished { return }
            if life.isGivenUp { throw .upstream(.diverged) }
            if !outputs.isEmpty && !life.isHoldingBack {
                try await self.deliver(&outputs, deliver)
            }
            if let end = life.holdBackEndsAt {
                batch = try await self.next(upstream.stream, holdingBackUntil: end, &life, &outputs, deliver)
                continue
            }
            do throws(UpstreamFault) {
                batch = try await upstream.stream.next()
            } catch {
                throw .upstream(error)
            }
        }
        throw .upstream(UpstreamFault(.truncated, "the upstream stopped without saying that it had finished"))
    }

    private func deliver(_ outputs: inout [PipelineOutput], _ deliver: Delivery) async throws(RelayFailure) {
        do {
            try await deliver(outputs)
        } catch {
            throw .delivery(error)
        }
        outputs.removeAll(keepingCapacity: true)
    }

    /// Finds an upstream as ``Route/next(prefill:progress:)`` does, and delivers the newest progress meanwhile.
    private func beginTelling(
        _ route: Route, _ loads: LoadWatch, deliver: Delivery
    ) async throws -> RoutedStream {
        let (progress, continuation) = AsyncStream.makeStream(
            of: LoadProgress.self, bufferingPolicy: .bufferingNewest(1))
        return try await withThrowingTaskGroup(of: RoutedStream.self) { group in
            group.addTask {
                defer { continuation.finish() }
                return try await route.next(progress: loads.sink { continuation.yield($0) })
            }
            do {
                for await update in progress { try await deliver([.progress(update)]) }
            } catch {
                group.cancelAll()
                // It may have begun to answer while the client was found to be gone.
                try? await group.next()?.stream.cancel()
                throw error
            }
            guard let upstream = try await group.next() else { throw CancellationError() }
            return upstream
        }
    }

    /// Counts how the first upstream that was asked came to answer. What others took besides is in the attempts.
    private func note(_ upstream: RoutedStream, by route: Route) {
        guard upstream.failedAttempts.isEmpty, !upstream.isHedge else { return }
        self.phases.add(route.beganAt.duration(to: upstream.beganAt), to: .route)
        guard let timing = upstream.stream.timing else { return }
        self.phases.add(timing.connect, to: .connect)
        if let firstByte = timing.firstByte { self.phases.add(firstByte, to: .firstByte) }
    }

    private func finish(
        _ life: RequestLife, failure: RequestFailure?, attempts: [Attempt], _ trace: RequestTrace?
    ) {
        self.counters.ended(ok: failure == nil)
        let now = self.time.now()
        let record = life.record(failure: failure, attempts: attempts, at: now)
        trace?.end(record, at: now)
        self.recorder.record(record)
    }
}

/// Which side of a relay failed.
enum RelayFailure: Error {
    case upstream(UpstreamFault)
    case delivery(any Error)

    var cause: any Error {
        switch self {
        case .upstream(let fault): fault
        case .delivery(let error): error
        }
    }
}

extension UpstreamFault {
    /// Of a fresh attempt that was given up because the client has the beginning of another answer.
    fileprivate static let diverged = UpstreamFault(
        .diverged, "its answer does not begin with what was sent of another that broke off; it was given up")
}

extension RoutingFailure {
    /// Whether the client left, rather than that nobody could answer.
    fileprivate var isCancellation: Bool {
        guard case .allFailed(let attempts) = self else { return false }
        return attempts.last?.fault?.kind == .cancelled
    }
}
