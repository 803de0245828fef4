public import Inference

/// When the active model of an alias is exchanged for the next, and when it comes back. Pure.
///
/// The model that a person made active is the preferred one. While it does badly the next target takes its place; after a
/// rest it is tried again, and each time that it fails anew the rest doubles, so that the alias does not flap. A person
/// who switches the alias meanwhile wins: what they made active is the preferred one from then on.
public struct AliasWatch: Sendable {
    /// The thresholds.
    public struct Limits: Sendable, Hashable {
        /// The part of requests that must go well, 0...1.
        public var minSuccessRate: Double
        /// The median time to the first token that it may take; `nil`: any.
        public var maxLatency: Duration?
        public var window: Duration
        /// Fewer requests than these in the window decide nothing.
        public var minRequests: Int
        /// How long a model rests that did badly.
        public var recoverAfter: Duration

        public init(
            minSuccessRate: Double, maxLatency: Duration?, window: Duration, minRequests: Int, recoverAfter: Duration
        ) {
            self.minSuccessRate = minSuccessRate
            self.maxLatency = maxLatency
            self.window = window
            self.minRequests = minRequests
            self.recoverAfter = recoverAfter
        }
    }

    /// How one request fared at one model.
    public struct Sample: Sendable {
        public var model: ModelID
        public var isSuccess: Bool
        /// To the first token; `nil` when there was none.
        public var latency: Duration?
        public var time: ContinuousClock.Instant

        public init(model: ModelID, isSuccess: Bool, latency: Duration?, time: ContinuousClock.Instant) {
            self.model = model
            self.isSuccess = isSuccess
            self.latency = latency
            self.time = time
        }
    }

    /// What is to be done.
    public struct Switch: Sendable, Hashable {
        public var model: ModelID
        /// For the event and the alias's history.
        public var reason: String
    }

    /// A rest doubles this often at most.
    private static let mostDoublings = 6
    /// Older samples beyond this number are forgotten, however busy the alias is.
    private static let mostSamples = 10_000

    private let limits: Limits
    private var samples: [Sample] = []
    /// What a person made active.
    private var preferred: ModelID?
    /// What was active when we looked last, or what we made active.
    private var known: ModelID?
    /// Models that did badly: until when they rest, and how often in a row they did.
    private var rests: [ModelID: (until: ContinuousClock.Instant, failures: Int)] = [:]

    public init(_ limits: Limits) {
        self.limits = limits
    }

    /// What an attempt says of its model: `true` it did well, `false` it did not, `nil` it was not the model's doing.
    public static func outcome(of fault: UpstreamFault?) -> Bool? {
        switch fault?.kind {
        case nil: true
        case .rateLimited, .overloaded, .serverError, .unreachable, .timedOut, .truncated, .malformed,
            .authenticationFailed, .modelNotFound, .insufficientMemory, .queueFull:
            false
        case .contextLengthExceeded, .contentFiltered, .invalidRequest, .unsupported, .diverged, .cancelled: nil
        }
    }

    /// Notes how a request fared.
    public mutating func note(_ sample: Sample) {
        self.samples.append(sample)
        if self.samples.count > Self.mostSamples { self.samples.removeFirst(self.samples.count - Self.mostSamples) }
    }

    /// What is to be done now.
    ///
    /// - Parameters:
    ///   - targets: of the alias, the active one first.
    ///   - isUsable: whether requests may reach a model at all.
    public mutating func decide(
        targets: [ModelID], at now: ContinuousClock.Instant, isUsable: (ModelID) -> Bool
    ) -> Switch? {
        guard let active = targets.first, targets.count > 1 else { return nil }
        if active != self.known {
            // A person's doing, or the first look.
            self.preferred = active
            self.rests = [:]
            self.become(active)
        }
        self.samples.removeAll { $0.time + self.limits.window < now || $0.model != active }
        if let complaint = self.complaint {
            let failures = (self.rests[active]?.failures ?? 0) + 1
            let factor = 1 << min(failures - 1, Self.mostDoublings)
            self.rests[active] = (now + self.limits.recoverAfter * factor, failures)
            guard let next = self.next(after: active, of: targets, at: now, isUsable) else { return nil }
            self.become(next)
            return Switch(model: next, reason: "\(active) \(complaint)")
        }
        return self.comeback(from: active, targets, at: now, isUsable)
    }

    /// The switch could not be made: the model that was active still is.
    public mutating func failed(to switch: Switch, active: ModelID, at now: ContinuousClock.Instant) {
        let failures = (self.rests[`switch`.model]?.failures ?? 0) + 1
        self.rests[`switch`.model] = (
            now + self.limits.recoverAfter * (1 << min(failures - 1, Self.mostDoublings)), failures
        )
        self.known = active
    }

    private mutating func become(_ model: ModelID) {
        self.known = model
        self.samples = []
    }

    /// What is wrong with the active model; `nil` when nothing is, or too little is known.
    private var complaint: String? {
        let count = self.samples.count
        guard count >= max(1, self.limits.minRequests) else { return nil }
        let good = self.samples.count { $0.isSuccess }
        let rate = Double(good) / Double(count)
        if rate < self.limits.minSuccessRate {
            return
                "answered \(good) of its last \(count) requests, below the \(self.limits.minSuccessRate) that it must"
        }
        let latencies = self.samples.compactMap(\.latency).sorted()
        if let most = self.limits.maxLatency, !latencies.isEmpty, latencies[latencies.count / 2] > most {
            return
                "takes \(latencies[latencies.count / 2]) to the first token at the median, above the \(most) that it may"
        }
        return nil
    }

    /// The first of the others that does not rest; when all rest, nobody: the active one is no worse than they.
    private func next(
        after active: ModelID, of targets: [ModelID], at now: ContinuousClock.Instant, _ isUsable: (ModelID) -> Bool
    ) -> ModelID? {
        targets.first { model in
            model != active && isUsable(model) && (self.rests[model].map { $0.until <= now } ?? true)
        }
    }

    /// The preferred model is tried again when it has rested.
    private mutating func comeback(
        from active: ModelID, _ targets: [ModelID], at now: ContinuousClock.Instant, _ isUsable: (ModelID) -> Bool
    ) -> Switch? {
        guard let preferred = self.preferred, preferred != active, targets.contains(preferred), isUsable(preferred),
            let rest = self.rests[preferred], rest.until <= now
        else {
            // Its record is clean again after it did well for as long as it rested.
            if let rest = self.rests[active], rest.until + self.limits.recoverAfter * 2 < now, self.complaint == nil {
                self.rests[active] = nil
            }
            return nil
        }
        self.become(preferred)
        return Switch(model: preferred, reason: "\(preferred) has rested and is tried again")
    }
}
