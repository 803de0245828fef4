/// How well a model does, from 0 to 100, and what took the points away.
///
///     score = 100 - errors - latency - cache - anomalies
///
/// with every part rounded to a tenth. A part of which too little is known takes nothing: no evidence, no blame.
package struct HealthScore: Sendable, Hashable {
    /// What the formula counts with. The defaults are those of docs/Telemetry.md.
    package struct Scale: Sendable, Hashable {
        /// The most that each part takes.
        package var mostErrors = 40.0
        package var mostLatency = 30.0
        package var mostCache = 10.0
        package var mostAnomalies = 20.0
        /// The part of attempts that failed at which all points for errors are gone.
        package var worstErrorRate = 0.2
        /// The 95th percentile, as a multiple of what is usual, up to which nothing is taken, and from which on all is.
        package var usualLatency = 1.2
        package var worstLatency = 3.0
        /// The part of look-ups that a cache should find; at none all points for it are gone.
        package var usualHitRate = 0.3
        /// What an anomaly takes while it lasts; one that is over takes half.
        package var latencySpike = 10.0
        package var errorIncrease = 15.0
        package var traffic = 5.0
        /// Fewer attempts, answers or look-ups than these decide nothing.
        package var minimumAttempts: Int64 = 10
        package var minimumLookups: Int64 = 50

        package init() {}
    }

    /// 0...100.
    package var value: Double
    /// Points lost by errors, 0...40: `40 min(1, e / 0.2)` with e the part of judged attempts that failed. Nothing when fewer
    /// than 10 attempts were judged.
    package var errors: Double
    /// Points lost by slowness, 0...30: `30 (r - 1.2) / (3 - 1.2)` within its bounds, with r the 95th percentile of the
    /// model's latency over what is usual for it. Nothing when fewer than 10 answers were timed, or nothing is usual yet.
    package var latency: Double
    /// Points lost by cache misses, 0...10: `10 (1 - h / 0.3)` within its bounds, with h the part of look-ups that found
    /// something. Nothing when the cache was asked fewer than 50 times.
    package var cache: Double
    /// Points lost by anomalies, 0...20: the sum of 10 for each latency spike, 15 for each error increase and 5 for each
    /// surge of traffic, half of it for those that are over.
    package var anomalies: Double
    /// Attempts that it is told by. With 0 nothing is known, and the value is 100.
    package var judgedAttempts: Int64

    /// - Parameters:
    ///   - figures: of the range that is asked about.
    ///   - usualLatency: the 95th percentile that is usual for the model, in microseconds: see ``usualLatency(of:)``. `nil`
    ///     when that is not known.
    ///   - anomalies: of the model, those that touch the range.
    package init(
        _ figures: MetricFigures, usualLatency: Double?, anomalies: [Anomaly], scale: Scale = Scale()
    ) {
        let judged = figures.counts.judgedAttempts
        self.judgedAttempts = judged
        let errorRate = judged >= max(1, scale.minimumAttempts) ? 1 - (figures.successRate ?? 1) : 0
        self.errors = Self.points(scale.mostErrors, errorRate / scale.worstErrorRate)

        var slowness = 0.0
        if let usualLatency, usualLatency > 0, figures.total.count >= UInt64(clamping: scale.minimumAttempts),
            let observed = figures.total.percentile(0.95)
        {
            slowness = (observed / usualLatency - scale.usualLatency) / (scale.worstLatency - scale.usualLatency)
        }
        self.latency = Self.points(scale.mostLatency, slowness)

        let lookups = figures.counts[.cacheHits].addingSaturated(figures.counts[.cacheMisses])
        let misses = lookups >= max(1, scale.minimumLookups) ? 1 - (figures.cacheHitRate ?? 1) / scale.usualHitRate : 0
        self.cache = Self.points(scale.mostCache, misses)

        let weight = anomalies.reduce(0.0) { sum, anomaly in
            let whole =
                switch anomaly.kind {
                case .latencySpike: scale.latencySpike
                case .errorIncrease: scale.errorIncrease
                case .trafficSurge: scale.traffic
                }
            return sum + (anomaly.endMicroseconds == nil ? whole : whole / 2)
        }
        self.anomalies = Self.points(scale.mostAnomalies, weight / scale.mostAnomalies)
        let lost = self.errors + self.latency + self.cache + self.anomalies
        self.value = (min(max(100 - lost, 0), 100) * 10).rounded() / 10
    }

    /// What is usual for a model: the median of the 95th percentiles of its earlier hours, in microseconds.
    ///
    /// - Parameter hours: the hours before the range that is asked about. Those with fewer than 20 answers are not counted.
    /// - Returns: `nil` with fewer than 6 such hours.
    package static func usualLatency(of hours: [MetricFigures]) -> Double? {
        Self.usualLatency(of: hours.lazy.map { ($0.total.count, $0.total.percentile(0.95) ?? 0) })
    }

    /// The same of how many answers each hour had, and their 95th percentile.
    static func usualLatency(of hours: some Sequence<(answers: UInt64, p95: Double)>) -> Double? {
        let known = hours.compactMap { $0.answers >= 20 ? $0.p95 : nil }
        return known.count >= 6 ? RobustBaseline.median(known) : nil
    }

    private static func points(_ most: Double, _ part: Double) -> Double {
        guard part.isFinite else { return 0 }
        return (most * min(max(part, 0), 1) * 10).rounded() / 10
    }
}
