/// How long the time buckets are. Each tier is rolled up from the minutes; all begin at whole multiples since 1970 in UTC.
package enum MetricTier: Int, Sendable, Hashable, CaseIterable, Comparable {
    case minute
    case fiveMinutes
    case hour
    case day

    /// In microseconds.
    package var length: Int64 {
        switch self {
        case .minute: 60_000_000
        case .fiveMinutes: 300_000_000
        case .hour: 3_600_000_000
        case .day: 86_400_000_000
        }
    }

    /// The tier of buckets of a length in microseconds.
    package init?(length: Int64) {
        guard let tier = Self.allCases.first(where: { $0.length == length }) else { return nil }
        self = tier
    }

    /// When the bucket begins that a time falls into.
    package func start(of time: Int64) -> Int64 {
        let rest = time % self.length
        let start = time.subtractingReportingOverflow(rest >= 0 ? rest : rest + self.length)
        return start.overflow ? .min : start.partialValue
    }

    package static func < (left: MetricTier, right: MetricTier) -> Bool { left.rawValue < right.rawValue }
}

/// How much is kept in memory.
package struct MetricRetention: Sendable, Hashable {
    /// Buckets that are kept of each subject: 60 minutes, a day in five minutes, five weeks in hours (what anomalies are told
    /// by), and a month in days.
    package var minutes = 60
    package var fiveMinutes = 288
    package var hours = 840
    package var days = 31
    /// Models beyond this number are counted together as ``MetricSubject/other``.
    package var models = 1000
    /// Closed buckets of all subjects, in bytes; the oldest of the finest tiers go first.
    package var bytes = 128 << 20
    /// Closed buckets that wait for the store; beyond it the oldest are lost to it, and counted.
    package var unstored = 100_000

    package init() {}

    package subscript(tier: MetricTier) -> Int {
        switch tier {
        case .minute: self.minutes
        case .fiveMinutes: self.fiveMinutes
        case .hour: self.hours
        case .day: self.days
        }
    }
}
