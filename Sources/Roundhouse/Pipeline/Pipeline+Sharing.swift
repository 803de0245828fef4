internal import GRPCCore
internal import Inference

// Requests that share the upstream call of an identical one in flight.
extension Pipeline {
    /// Carries out a request, or takes part in an identical one that is under way.
    ///
    /// - Throws: As ``run(_:delivery:wantsProgress:deadline:client:deliver:)``.
    func runShared(
        _ request: InferenceRequest,
        delivery: UpstreamRequest.Delivery,
        wantsProgress: Bool = false,
        deadline: ContinuousClock.Instant? = nil,
        client: String? = nil,
        arrival: ContinuousClock.Instant = .now,
        deliver: Delivery
    ) async throws {
        if let prompts = self.prompts {
            let text = prompts.begin(request)
            defer { text.end() }
            var silent = self
            silent.prompts = nil
            return try await silent.runShared(
                request, delivery: delivery, wantsProgress: wantsProgress, deadline: deadline, client: client,
                arrival: arrival
            ) { outputs in
                text.take(outputs)
                try await deliver(outputs)
            }
        }
        guard let shared = self.shared, !wantsProgress, shared.mayShare(request),
            let (call, reader, isShared) = shared.join(
                request, delivery,
                body: { append in
                    // The deadline is each reader's own.
                    try await self.run(request, delivery: delivery, client: client, arrival: arrival) {
                        await append($0)
                    }
                })
        else {
            return try await self.run(
                request, delivery: delivery, wantsProgress: wantsProgress, deadline: deadline, client: client,
                arrival: arrival, deliver: deliver)
        }
        defer { call.leave(reader) }
        let follower = isShared ? Follower(request, delivery, deadline, client, self.tracing) : nil
        if isShared { self.counters.began() }
        do {
            var completion: Completion?
            while let outputs = try await call.next(reader) {
                let shown = isShared ? outputs.map(\.shared) : outputs
                for case .completed(let whole) in shown { completion = whole }
                try await deliver(shown)
            }
            if let follower { self.finish(follower, completion, failure: nil) }
        } catch {
            let failure = follower.map { $0.failure(for: error, at: ContinuousClock.now) }
            if let follower { self.finish(follower, nil, failure: failure) }
            throw failure ?? error
        }
    }

    private func finish(_ follower: Follower, _ completion: Completion?, failure: RequestFailure?) {
        self.counters.ended(ok: failure == nil)
        let now = ContinuousClock.now
        let record = follower.record(completion, failure: failure, at: now)
        follower.trace?.end(record, at: now)
        self.recorder.record(record)
    }
}

/// A request whose answer comes from another's call.
private struct Follower {
    let request: InferenceRequest
    let delivery: UpstreamRequest.Delivery
    let deadline: ContinuousClock.Instant?
    let client: String?
    let arrival = ContinuousClock.now
    let time = WallTime.now()
    let trace: RequestTrace?

    init(
        _ request: InferenceRequest, _ delivery: UpstreamRequest.Delivery, _ deadline: ContinuousClock.Instant?,
        _ client: String?, _ tracing: RequestTracing
    ) {
        (self.request, self.trace) = tracing.begin(request, delivery, at: self.arrival)
        self.delivery = delivery
        self.deadline = deadline
        self.client = client
    }

    func failure(for error: any Error, at now: ContinuousClock.Instant) -> RequestFailure {
        if let failure = error as? RequestFailure {
            return RequestFailure(cause: failure.cause, requestID: self.request.id)
        }
        let isLate = self.deadline.map { now >= $0 - .milliseconds(2) } ?? false
        return RequestFailure(cause: isLate ? .deadlineExceeded : .cancelled, requestID: self.request.id)
    }

    func record(
        _ completion: Completion?, failure: RequestFailure?, at now: ContinuousClock.Instant
    ) -> RequestRecord {
        RequestRecord(
            id: self.request.id,
            requestedModel: self.request.target.description,
            model: completion?.model,
            startedAtMicroseconds: self.time.microsecondsSince1970,
            latency: self.arrival.duration(to: now),
            usage: completion?.usage,
            cost: completion?.cost,
            finishReason: completion?.finishReason,
            status: failure?.code.name ?? "OK",
            errorMessage: failure?.message,
            isStreamed: self.delivery == .streamed,
            cacheStatus: .shared,
            client: self.client,
            tags: self.request.routing.tags,
            metadata: self.request.metadata,
            traceID: self.request.trace?.traceID
        )
    }
}

extension PipelineOutput {
    /// As a request sees it that did not begin the call: it pays nothing.
    fileprivate var shared: PipelineOutput {
        guard case .completed(var completion) = self else { return self }
        completion.isShared = true
        completion.cost = completion.cost.map { Cost(nanoUSD: 0, isEstimated: $0.isEstimated) }
        return .completed(completion)
    }
}
