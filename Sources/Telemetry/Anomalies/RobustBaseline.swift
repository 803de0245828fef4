/// What is usual, and how far from it the usual lies: a median and the median distance from it, which a few outliers among
/// the samples do not move.
package struct RobustBaseline: Sendable, Hashable {
    /// Which hours it was told from, the best that there was.
    package enum Basis: String, Sendable, Hashable, CaseIterable {
        /// The same hour of the week and its neighbours, in two or more of the last five weeks.
        case hourOfWeek = "hour-of-week"
        /// The same hour of the day and its neighbours, on three or more of the last seven days.
        case hourOfDay = "hour-of-day"
        /// The day before.
        case recentPast = "recent-past"
    }

    package var median: Double
    /// 1.4826 times the median distance: the standard deviation, were the samples normal.
    package var spread: Double
    package var samples: Int
    package var basis: Basis

    /// - Returns: `nil` without samples.
    init?(_ samples: [Double], _ basis: Basis) {
        guard let median = Self.median(samples) else { return nil }
        let distances = samples.map { abs($0 - median) }
        self.median = median
        self.spread = 1.4826 * (Self.median(distances) ?? 0)
        if self.spread == 0 {
            // More than half are alike: the mean distance then tells what the others are.
            self.spread = 1.2533 * distances.reduce(0, +) / Double(distances.count)
        }
        self.samples = samples.count
        self.basis = basis
    }

    /// - Returns: `nil` without samples.
    package static func median(_ samples: [Double]) -> Double? {
        guard !samples.isEmpty else { return nil }
        let sorted = samples.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}

/// Finds what was usual at an hour, from the hours before it.
struct BaselineFinder {
    private static let week: Int64 = 168
    private let hours: [Int64: SeriesPoint]
    /// The first hour of which anything is known.
    private let first: Int64

    /// - Parameter history: hours. Those in which nothing was asked may be missing.
    init(_ history: [SeriesPoint]) {
        var hours: [Int64: SeriesPoint] = [:]
        for point in history { hours[Self.hour(of: point.start)] = point }
        self.hours = hours
        self.first = hours.keys.min() ?? .max
    }

    /// Whole hours since 1970-01-01 UTC.
    static func hour(of time: Int64) -> Int64 { MetricTier.hour.start(of: time) / MetricTier.hour.length }

    /// What was usual in an hour, by the best basis that has enough hours.
    ///
    /// - Parameter sample: what an hour says; `nil` when it says nothing. It is `nil` for an hour without requests.
    /// - Returns: `nil` when too little is known.
    func baseline(at hour: Int64, _ kind: Anomaly.Kind, _ sample: (SeriesPoint?) -> Double?) -> RobustBaseline? {
        let weekly = self.samples(around: hour, every: Self.week, times: 5, sample)
        if weekly.periods >= 2, weekly.values.count >= 4 { return RobustBaseline(weekly.values, .hourOfWeek) }
        let daily = self.samples(around: hour, every: 24, times: 7, sample)
        if daily.periods >= 3, daily.values.count >= 6 { return RobustBaseline(daily.values, .hourOfDay) }
        // A morning is no surge: traffic needs a whole day to be compared with.
        if kind == .trafficSurge && hour - 24 < self.first { return nil }
        let recent = (1...24).compactMap { distance in
            hour - Int64(distance) < self.first ? nil : sample(self.hours[hour - Int64(distance)])
        }
        return recent.count >= 3 ? RobustBaseline(recent, .recentPast) : nil
    }

    private func samples(
        around hour: Int64, every period: Int64, times: Int64, _ sample: (SeriesPoint?) -> Double?
    ) -> (values: [Double], periods: Int) {
        var values: [Double] = []
        var periods = 0
        for time in 1...times {
            let before = values.count
            for near in -1...1 {
                let other = hour - time * period + Int64(near)
                if other >= self.first, let value = sample(self.hours[other]) { values.append(value) }
            }
            if values.count > before { periods += 1 }
        }
        return (values, periods)
    }
}
