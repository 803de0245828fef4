/// Halving by time, without a mathematics library.
enum Decay {
    /// 0.5 to the power of `elapsed / halfLife`; 1 for times that run backwards.
    static func factor(elapsedMicroseconds: Int64, halfLife: Duration) -> Double {
        let (seconds, attoseconds) = halfLife.components
        let halfLives = Double(elapsedMicroseconds) / (Double(seconds) * 1e6 + Double(attoseconds) * 1e-12)
        guard halfLives > 0 else { return 1 }
        guard halfLives < 1000 else { return 0 }
        let whole = halfLives.rounded(.down)
        return Double(
            sign: .plus, exponent: -Int(whole), significand: self.exponential(-(halfLives - whole) * self.ln2))
    }

    private static let ln2 = 0.693_147_180_559_945_3

    /// e to the power of `value`, which is small: the sum of its series.
    private static func exponential(_ value: Double) -> Double {
        var sum = 1.0
        var term = 1.0
        for index in 1...18 {
            term *= value / Double(index)
            sum += term
        }
        return sum
    }
}

/// Hours of the week in UTC, from 0 for Monday 00:00-00:59 to 167.
package enum HourOfWeek {
    package static let count = 168

    /// - Parameter time: Microseconds since 1970-01-01 UTC, a Thursday.
    package static func index(atMicroseconds time: Int64) -> Int {
        let hours = self.hour(atMicroseconds: time)
        let thursday: Int64 = 3 * 24
        let index = (hours % Int64(self.count) + thursday) % Int64(self.count)
        return Int(index < 0 ? index + Int64(self.count) : index)
    }

    /// Whole hours since 1970-01-01 UTC.
    static func hour(atMicroseconds time: Int64) -> Int64 {
        let length: Int64 = 3_600_000_000
        let quotient = time / length
        return time % length < 0 ? quotient - 1 : quotient
    }
}
