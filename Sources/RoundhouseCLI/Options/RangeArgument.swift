internal import ArgumentParser
internal import RoundhouseAPI

/// How far back figures reach, on the command line: one of the spans that the server keeps.
struct RangeArgument: ExpressibleByArgument, Sendable, Hashable {
    private static let ranges: [(name: String, range: Roundhouse_V1_MetricRange)] = [
        ("1h", .oneHour), ("6h", .sixHours), ("24h", .oneDay), ("7d", .sevenDays), ("30d", .thirtyDays),
    ]

    static var allValueStrings: [String] { Self.ranges.map(\.name) }

    var range: Roundhouse_V1_MetricRange

    /// - Parameter argument: however the span is written: "24h" and "1d" are the same.
    init?(argument: String) {
        guard let span = DurationArgument.parse(argument),
            let match = Self.ranges.first(where: { DurationArgument.parse($0.name) == span })
        else { return nil }
        self.range = match.range
    }
}
