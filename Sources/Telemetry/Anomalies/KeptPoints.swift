/// The points of closed buckets of one length, in a few bytes each: 28 instead of 64.
struct KeptPoints: Sendable {
    private struct Kept: Sendable {
        /// In lengths since 1970.
        var place: Int32
        var requests: UInt32
        var judged: UInt32
        var failures: UInt32
        var answers: UInt32
        /// In microseconds.
        var median: Float
        var p95: Float
    }

    let tier: MetricTier
    private var kept: [Kept] = []

    init(_ tier: MetricTier) {
        self.tier = tier
    }

    /// Where the last one begins; `nil` without any.
    var last: Int64? { self.kept.last.map(self.start) }

    /// Adds a bucket later than all others.
    mutating func append(start: Int64, _ figures: MetricFigures) {
        let counts = figures.counts
        self.kept.append(
            Kept(
                place: Int32(clamping: start / self.tier.length), requests: UInt32(clamping: counts.attempts),
                judged: UInt32(clamping: counts.judgedAttempts), failures: UInt32(clamping: counts.failedAttempts),
                answers: UInt32(clamping: figures.total.count), median: Float(figures.total.percentile(0.5) ?? 0),
                p95: Float(figures.total.percentile(0.95) ?? 0)))
    }

    mutating func drop(before time: Int64) {
        let first = self.kept.firstIndex { self.start($0) >= time } ?? self.kept.count
        if first > 0 { self.kept.removeFirst(first) }
    }

    /// In order of time.
    var points: [SeriesPoint] {
        self.kept.map { kept in
            SeriesPoint(
                start: self.start(kept), length: self.tier.length, requests: Int64(kept.requests),
                judged: Int64(kept.judged), failures: Int64(kept.failures), answers: Int64(kept.answers),
                medianLatency: Double(kept.median))
        }
    }

    /// The answers and 95th percentiles of those that ended at `time` or before.
    func latencies(until time: Int64) -> [(answers: UInt64, p95: Double)] {
        self.kept.lazy.filter { self.start($0).addingSaturated(self.tier.length) <= time }
            .map { (UInt64($0.answers), Double($0.p95)) }
    }

    private func start(_ kept: Kept) -> Int64 { Int64(kept.place) * self.tier.length }
}
