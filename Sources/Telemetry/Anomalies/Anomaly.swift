/// Something out of the ordinary, while it lasted.
package struct Anomaly: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The median latency is twice what is usual.
        case latencySpike = "latency-spike"
        /// Five points more of the attempts fail than usually do.
        case errorIncrease = "error-increase"
        /// Three times as many requests as usual.
        case trafficSurge = "traffic-surge"
    }

    /// What says so.
    package struct Evidence: Sendable, Hashable {
        /// The worst of it: microseconds, a part of attempts (0...1), or requests for each second.
        package var observed: Double
        /// What is usual at that time, in the same unit.
        package var baseline: Double
        /// How far from it what is usual commonly lies, as a standard deviation.
        package var spread: Double
        package var basis: RobustBaseline.Basis
        /// How many hours the baseline was told from.
        package var baselineHours: Int
        /// Over the time in which it was out of the ordinary.
        package var requests: Int64
        package var failures: Int64
    }

    package var subject: MetricSubject
    package var kind: Kind
    /// Microseconds since 1970-01-01 UTC.
    package var startMicroseconds: Int64
    /// When all was well again; `nil` while it lasts.
    package var endMicroseconds: Int64?
    package var evidence: Evidence

    package init(
        subject: MetricSubject, kind: Kind, startMicroseconds: Int64, endMicroseconds: Int64?, evidence: Evidence
    ) {
        self.subject = subject
        self.kind = kind
        self.startMicroseconds = startMicroseconds
        self.endMicroseconds = endMicroseconds
        self.evidence = evidence
    }

    /// Whether some of it was between two times.
    package func touches(from start: Int64, to end: Int64) -> Bool {
        self.startMicroseconds < end && (self.endMicroseconds ?? .max) > start
    }
}

/// What anomalies are told by: a bucket's figures, without its histograms.
package struct SeriesPoint: Sendable, Hashable {
    /// Microseconds since 1970-01-01 UTC.
    package var start: Int64
    /// In microseconds.
    package var length: Int64
    /// Times that the model was asked.
    package var requests: Int64
    /// Those that say something, and those of them that failed.
    package var judged: Int64
    package var failures: Int64
    /// Answers that were timed, and their median in microseconds.
    package var answers: Int64
    package var medianLatency: Double

    package init(
        start: Int64, length: Int64, requests: Int64, judged: Int64, failures: Int64, answers: Int64,
        medianLatency: Double
    ) {
        self.start = start
        self.length = length
        self.requests = requests
        self.judged = judged
        self.failures = failures
        self.answers = answers
        self.medianLatency = medianLatency
    }

    package init(start: Int64, tier: MetricTier, _ figures: MetricFigures) {
        self.init(
            start: start, length: tier.length, requests: figures.counts.attempts,
            judged: figures.counts.judgedAttempts, failures: figures.counts.failedAttempts,
            answers: Int64(clamping: figures.total.count), medianLatency: figures.total.percentile(0.5) ?? 0)
    }

    var end: Int64 { self.start.addingSaturated(self.length) }
    var rate: Double { self.length > 0 ? Double(self.requests) / (Double(self.length) / 1e6) : 0 }
    var errorRate: Double { self.judged > 0 ? Double(self.failures) / Double(self.judged) : 0 }
}
