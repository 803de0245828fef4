/// Hours of some days of the week, by a clock that is so far from UTC. Summer time is not known here.
public struct TimeWindow: Sendable, Hashable {
    /// On which the window begins. Empty: every day.
    public var days: Set<Weekday>
    /// Minutes since midnight, 0...1439.
    public var from: Int
    /// Minutes since midnight, 1...1440; not part of the window. Smaller than ``from``: it ends on the next day.
    public var to: Int
    /// The clock's distance from UTC in minutes, -840...840; east is positive.
    public var offsetMinutes: Int

    public init(days: Set<Weekday> = [], from: Int = 0, to: Int = 1440, offsetMinutes: Int = 0) {
        self.days = days
        self.from = from
        self.to = to
        self.offsetMinutes = offsetMinutes
    }

    /// Reads `HH:MM`, `00:00` to `24:00`.
    ///
    /// - Returns: minutes since midnight, or `nil` when it is no such text.
    public static func minutes(_ text: String) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2,
            parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let hours = Int(parts[0]), let minutes = Int(parts[1]),
            minutes < 60, hours < 24 || (hours == 24 && minutes == 0)
        else { return nil }
        return hours * 60 + minutes
    }

    /// - Parameter microseconds: since 1970-01-01 UTC.
    public func contains(microseconds: Int64) -> Bool {
        let minutes = Self.quotient(microseconds, 60_000_000) + Int64(self.offsetMinutes)
        let day = Self.quotient(minutes, 1440)
        let minute = Int(minutes - day * 1440)
        if self.from < self.to { return self.isDay(day) && (self.from..<self.to).contains(minute) }
        // After midnight it is still the window of the day before.
        return minute >= self.from ? self.isDay(day) : minute < self.to && self.isDay(day - 1)
    }

    /// - Parameter day: days since 1970-01-01, a Thursday.
    private func isDay(_ day: Int64) -> Bool {
        guard !self.days.isEmpty else { return true }
        let number = (day + 3) - Self.quotient(day + 3, 7) * 7
        return self.days.contains { $0.number == number }
    }

    /// Rounded down, also below 0.
    private static func quotient(_ value: Int64, _ divisor: Int64) -> Int64 {
        value / divisor - (value % divisor < 0 ? 1 : 0)
    }
}

/// A day of the week, by the name that configurations use.
public enum Weekday: String, Sendable, Hashable, CaseIterable {
    case monday, tuesday, wednesday, thursday, friday, saturday, sunday

    fileprivate var number: Int64 {
        switch self {
        case .monday: 0
        case .tuesday: 1
        case .wednesday: 2
        case .thursday: 3
        case .friday: 4
        case .saturday: 5
        case .sunday: 6
        }
    }
}
