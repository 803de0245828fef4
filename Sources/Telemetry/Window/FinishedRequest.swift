package import Inference

/// What telemetry needs of a finished request: figures, no text.
///
/// On the usual path, one attempt that answered, making it allocates nothing.
package struct FinishedRequest: Sendable {
    /// Whether the gateway's own cache was asked.
    package enum CacheStatus: Sendable, Hashable {
        case notAsked
        case miss
        case hit
    }

    /// An attempt that failed, whether or not somebody else answered afterwards.
    package struct FailedAttempt: Sendable, Hashable {
        package var model: ModelID
        package var outcome: OutcomeClass
        /// Whether memory had no room to load it.
        package var isRefused: Bool

        package init(model: ModelID, outcome: OutcomeClass, isRefused: Bool = false) {
            self.model = model
            self.outcome = outcome
            self.isRefused = isRefused
        }
    }

    /// Who answered, or was tried last; `nil` when nobody could be asked.
    package var model: ModelID?
    /// Microseconds since 1970-01-01 UTC.
    package var endedAtMicroseconds: Int64
    package var outcome: OutcomeClass
    /// Whether ``model`` answered: then its own times and tokens count for it.
    package var isAnswered: Bool
    /// From arrival to the end, in microseconds.
    package var latency: Int64
    /// From asking the model that answered to the end, in microseconds.
    package var modelLatency: Int64
    /// From arrival to the first output of a streamed answer, in microseconds.
    package var firstToken: Int64?
    /// The same from asking the model.
    package var modelFirstToken: Int64?
    /// What it waited in our own queues, in microseconds; `nil` when it did not have to.
    package var queue: Int64?
    package var inputTokens: Int64
    package var outputTokens: Int64
    package var cachedInputTokens: Int64
    package var reasoningTokens: Int64
    /// Of every attempt together, in nano-USD; 0 when no price is known.
    package var costNanoUSD: Int64
    package var cache: CacheStatus
    package var failedAttempts: [FailedAttempt]

    /// The figures of a record.
    ///
    /// - Parameters:
    ///   - queue: what it waited in our own queues, loads included.
    ///   - cache: whether the gateway's own cache was asked.
    package init(_ record: RequestRecord, queue: Duration? = nil, cache: CacheStatus = .notAsked) {
        var failed: [FailedAttempt] = []
        var lastFault: UpstreamFault.Kind?
        var answered: Attempt?
        for attempt in record.attempts {
            guard let fault = attempt.fault else {
                answered = attempt
                continue
            }
            lastFault = fault.kind
            // The router's mark of a candidate that could not be asked at all. By microseconds, as records are kept: what
            // is counted of a record must be the same before and after a restart.
            if fault.kind == .unreachable && attempt.duration.microseconds == 0 { continue }
            failed.append(
                FailedAttempt(
                    model: attempt.model, outcome: OutcomeClass(fault.kind),
                    isRefused: fault.kind == .insufficientMemory))
        }
        let latency = record.latency.microseconds
        // The record counts from the request's arrival, the model from when it was asked.
        let before = answered.map { max(0, latency - $0.duration.microseconds) } ?? 0
        let firstToken = record.isStreamed ? record.firstTokenLatency?.microseconds : nil
        self.model = record.model
        self.endedAtMicroseconds = record.startedAtMicroseconds.addingSaturated(latency)
        self.outcome = OutcomeClass(status: record.status, lastFault: lastFault)
        self.isAnswered = answered != nil && record.status == "OK"
        self.latency = latency
        self.modelLatency = latency - before
        self.firstToken = firstToken
        self.modelFirstToken = firstToken.map { max(0, $0 - before) }
        self.queue = queue?.microseconds
        self.inputTokens = Int64(max(0, record.usage?.inputTokens ?? 0))
        self.outputTokens = Int64(max(0, record.usage?.outputTokens ?? 0))
        self.cachedInputTokens = Int64(max(0, record.usage?.cachedInputTokens ?? 0))
        self.reasoningTokens = Int64(max(0, record.usage?.reasoningTokens ?? 0))
        self.costNanoUSD = max(0, record.cost?.nanoUSD ?? 0)
        self.cache = cache
        self.failedAttempts = failed
    }

    /// Figures that come from elsewhere: tests, replays. The model's own times are the request's.
    package init(
        model: ModelID?,
        endedAtMicroseconds: Int64,
        outcome: OutcomeClass,
        latency: Int64,
        firstToken: Int64? = nil,
        queue: Int64? = nil,
        inputTokens: Int64 = 0,
        outputTokens: Int64 = 0,
        cachedInputTokens: Int64 = 0,
        reasoningTokens: Int64 = 0,
        costNanoUSD: Int64 = 0,
        cache: CacheStatus = .notAsked,
        failedAttempts: [FailedAttempt] = []
    ) {
        self.model = model
        self.endedAtMicroseconds = endedAtMicroseconds
        self.outcome = outcome
        self.isAnswered = outcome == .success && cache != .hit
        self.latency = latency
        self.modelLatency = latency
        self.firstToken = firstToken
        self.modelFirstToken = firstToken
        self.queue = queue
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.cachedInputTokens = cachedInputTokens
        self.reasoningTokens = reasoningTokens
        self.costNanoUSD = costNanoUSD
        self.cache = cache
        self.failedAttempts = failedAttempts
    }
}

extension Duration {
    /// Whole microseconds; the most that fit where there are more.
    package var microseconds: Int64 {
        let (seconds, attoseconds) = self.components
        let (product, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflows else { return seconds < 0 ? .min : .max }
        return product.addingSaturated(attoseconds / 1_000_000_000_000)
    }
}
