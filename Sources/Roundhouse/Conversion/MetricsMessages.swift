internal import Inference
internal import RoundhouseAPI
internal import SwiftProtobuf
internal import Telemetry

extension Roundhouse_V1_Metrics {
    /// - Parameter seconds: the time that the figures are of, for what is told for each second.
    init(_ figures: MetricFigures, seconds: Double) {
        self.init()
        let counts = figures.counts
        self.requestCount = counts.requests
        self.attemptCount = counts.attempts
        for outcome in OutcomeClass.allCases {
            if counts[outcome] > 0 { self.outcomeCounts[outcome.name] = counts[outcome] }
            let attempts = counts.attempts(outcome)
            if attempts > 0 { self.attemptOutcomeCounts[outcome.name] = attempts }
        }
        if let rate = figures.successRate { self.successRate = rate }
        if let summary = LatencySummary(figures.total) { self.latency = .init(summary) }
        if let summary = LatencySummary(figures.firstToken) { self.firstTokenLatency = .init(summary) }
        if let summary = LatencySummary(figures.interToken) { self.interTokenLatency = .init(summary) }
        if let summary = LatencySummary(figures.queue) { self.queueTime = .init(summary) }
        if let speed = figures.tokensPerSecond { self.tokensPerSecond = speed }
        self.inputTokens = counts[.inputTokens]
        self.outputTokens = counts[.outputTokens]
        self.cachedInputTokens = counts[.cachedInputTokens]
        self.reasoningTokens = counts[.reasoningTokens]
        self.costNanoUsd = counts[.cost]
        self.cacheHitCount = counts[.cacheHits]
        self.cacheMissCount = counts[.cacheMisses]
        if let rate = figures.cacheHitRate { self.cacheHitRate = rate }
        self.fallbackCount = counts[.fallbacks]
        self.loadCount = counts[.loads]
        self.reloadCount = counts[.reloads]
        self.evictionCount = counts[.evictions]
        self.attemptsPerSecond = seconds > 0 ? Double(counts.attempts) / seconds : 0
    }
}

extension Roundhouse_V1_LatencyMetrics {
    init(_ summary: LatencySummary) {
        self.init()
        self.count = summary.count
        self.average = .init(microseconds: summary.average)
        self.p50 = .init(microseconds: summary.p50)
        self.p90 = .init(microseconds: summary.p90)
        self.p95 = .init(microseconds: summary.p95)
        self.p99 = .init(microseconds: summary.p99)
        self.maximum = .init(microseconds: summary.maximum)
    }
}

extension Google_Protobuf_Duration {
    /// To the nearest nanosecond; what is no number, or less than nothing, is zero.
    init(microseconds: Double) {
        self.init(.nanoseconds(microseconds > 0 ? Int64((min(microseconds, 9e15) * 1000).rounded()) : 0))
    }
}

extension MetricReport {
    /// The points of the chart. The last one is the running one, which is as long as it has been running.
    var points: [Roundhouse_V1_MetricPoint] {
        self.steps.map { step in
            let end = min(step.startMicroseconds + self.range.step, self.endMicroseconds)
            return .with {
                $0.startTime = .init(microseconds: step.startMicroseconds)
                $0.metrics = .init(step.figures, seconds: Double(end - step.startMicroseconds) / 1e6)
            }
        }
    }

    /// All of it together.
    var metrics: Roundhouse_V1_Metrics {
        Roundhouse_V1_Metrics(
            self.total, seconds: Double(self.endMicroseconds - self.startMicroseconds) / 1e6)
    }
}

extension Roundhouse_V1_HealthScore {
    init(_ score: Telemetry.HealthScore) {
        self.init()
        self.value = score.value
        self.errors = score.errors
        self.latency = score.latency
        self.cache = score.cache
        self.anomalies = score.anomalies
        self.judgedAttemptCount = score.judgedAttempts
    }
}

extension FieldReader {
    /// How far back is looked.
    mutating func metricRange(
        _ range: Roundhouse_V1_MetricRange, unspecified: Telemetry.MetricRange = .day
    ) -> Telemetry.MetricRange {
        switch range {
        case .unspecified: return unspecified
        case .oneHour: return .hour
        case .sixHours: return .sixHours
        case .oneDay: return .day
        case .sevenDays: return .week
        case .thirtyDays: return .month
        case .UNRECOGNIZED(let number):
            self.report("range", found: "\(number)", expected: "a MetricRange of this version, 0 to 5")
            return unspecified
        }
    }
}
