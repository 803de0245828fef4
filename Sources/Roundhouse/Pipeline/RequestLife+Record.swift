internal import Inference
internal import Routing

// What is told and kept of a request that has ended.
extension RequestLife {
    /// What the client is told of a failure.
    func error(for error: any Error, at now: ContinuousClock.Instant) -> RequestError {
        switch error {
        case let failure as RoutingFailure:
            let cause = RequestError(failure)
            return cause == .cancelled ? self.cancellation(at: now) : cause
        case let interruption as Interruption: return .interrupted(interruption.attempt, sent: self.sent)
        // The client left: its transport or its cancellation says so, in errors of many types.
        default: return self.cancellation(at: now)
        }
    }

    private func cancellation(at now: ContinuousClock.Instant) -> RequestError {
        guard let deadline = self.deadline else { return .cancelled }
        // The transport's timers count in milliseconds and may be one early.
        return now >= deadline - .milliseconds(2) ? .deadlineExceeded : .cancelled
    }

    /// The record of the request, which has just ended.
    func record(failure: RequestFailure?, attempts: [Attempt], at now: ContinuousClock.Instant) -> RequestRecord {
        let waits = self.loads.ended(attempts, at: now)
        return RequestRecord(
            id: self.request.id,
            requestedModel: self.request.target.description,
            model: self.answering?.model ?? attempts.last?.model,
            startedAtMicroseconds: self.time.microsecondsSince1970,
            latency: self.arrival.duration(to: now),
            firstTokenLatency: self.firstOutputAt.map { self.arrival.duration(to: $0) },
            queueTime: waits.queueTime,
            loadTime: waits.loadTime,
            // What was produced is counted, also when the client did not wait for the end.
            usage: self.completion?.usage ?? self.totalUsage,
            cost: attempts.totalCost,
            finishReason: self.completion?.finishReason,
            attempts: attempts,
            status: failure?.code.name ?? "OK",
            errorMessage: failure?.message,
            isStreamed: self.delivery == .streamed,
            client: self.client,
            tags: self.request.routing.tags,
            metadata: self.request.metadata,
            traceID: self.request.trace?.traceID
        )
    }

    /// The record of a request for vectors that went well.
    func record(of outcome: EmbeddingOutcome) -> RequestRecord {
        RequestRecord(
            id: self.request.id,
            requestedModel: self.request.target.description,
            model: outcome.model,
            startedAtMicroseconds: self.time.microsecondsSince1970,
            latency: outcome.latency,
            usage: outcome.usage,
            cost: outcome.cost,
            finishReason: .stop,
            attempts: outcome.attempts,
            status: "OK",
            isStreamed: false,
            client: self.client,
            tags: self.request.routing.tags,
            metadata: self.request.metadata,
            traceID: self.request.trace?.traceID
        )
    }
}

/// An upstream failed after it had begun to answer, and nobody took over.
struct Interruption: Error {
    let attempt: Attempt
}

extension [Attempt] {
    /// What all of them cost together; `nil` when no price is known.
    var totalCost: Cost? {
        self.reduce(nil) { sum, attempt in
            guard let cost = attempt.cost else { return sum }
            return sum.map { $0 + cost } ?? cost
        }
    }
}
