internal import ArgumentParser

/// A span of time on the command line: "250ms", "30s", "5m", "1h30m", "2d". A bare number is seconds.
struct DurationArgument: ExpressibleByArgument, Sendable, Hashable {
    /// As a word for help and errors.
    static let form = "a duration such as 30s, 5m or 1h30m"

    private static let units: [String: Duration] = [
        "ms": .milliseconds(1), "s": .seconds(1), "m": .seconds(60), "min": .seconds(60), "h": .seconds(3600),
        "d": .seconds(86_400),
    ]
    /// Longer than anything that is meant.
    private static let longest = Duration.seconds(86_400 * 36_500)

    var duration: Duration

    init?(argument: String) {
        guard let duration = Self.parse(argument) else { return nil }
        self.duration = duration
    }

    static func parse(_ text: String) -> Duration? {
        var rest = Substring(text)
        var sum = Duration.zero
        var largest = Duration.seconds(Int64.max / 2)
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { ($0.isASCII && $0.isNumber) || $0 == "." }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(name.count)
            let isBare = name.isEmpty && rest.isEmpty && sum == .zero
            guard let number = Double(digits), number.isFinite,
                let unit = Self.units[isBare ? "s" : String(name)],
                // "1m30s", never "30s1m" or "1s1s": a slip must not pass for something else.
                unit < largest, number <= Self.longest.inSeconds
            else { return nil }
            largest = unit
            sum += unit * number
            guard sum <= Self.longest else { return nil }
        }
        return sum
    }
}
