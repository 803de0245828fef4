/// How far back is looked, and in which steps a chart is drawn.
package enum MetricRange: String, Sendable, Hashable, CaseIterable {
    case hour = "1h"
    case sixHours = "6h"
    case day = "24h"
    case week = "7d"
    case month = "30d"

    /// Which buckets it is made of.
    package var tier: MetricTier {
        switch self {
        case .hour: .minute
        case .sixHours, .day: .fiveMinutes
        case .week: .hour
        case .month: .day
        }
    }

    /// From one point of the chart to the next, in microseconds.
    package var step: Int64 {
        switch self {
        case .hour: 60_000_000
        case .sixHours: 300_000_000
        case .day: 900_000_000
        case .week: 3_600_000_000
        case .month: 86_400_000_000
        }
    }

    /// Points of the chart: 60, 72, 96, 168 or 30.
    package var steps: Int { Int(self.length / self.step) }

    /// In microseconds.
    package var length: Int64 {
        switch self {
        case .hour: 3_600_000_000
        case .sixHours: 21_600_000_000
        case .day: 86_400_000_000
        case .week: 604_800_000_000
        case .month: 2_592_000_000_000
        }
    }

    /// When it begins at `now`: its last step is the running one, so it reaches back by its length less what the running
    /// step still lacks.
    package func start(at now: Int64) -> Int64 {
        let rest = now % self.step
        let running = now.subtractingReportingOverflow(rest >= 0 ? rest : rest + self.step)
        let start = running.partialValue.subtractingReportingOverflow(self.length - self.step)
        return running.overflow || start.overflow ? .min : start.partialValue
    }
}
