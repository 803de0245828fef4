/// Reads the values of filters.
package enum FilterLiteral {
    /// A decimal number without exponent, times 10 to the power of `digits`; `nil` when it is none, or has more digits
    /// after its point than that, or is too large.
    package static func scaled(_ text: String, digits: Int) -> Int64? {
        guard let (isNegative, whole, fraction) = self.parts(text), fraction.count <= digits else { return nil }
        var value: Int64 = 0
        let padding = repeatElement(UInt8(ascii: "0"), count: digits - fraction.count)
        for digit in [Array(whole), Array(fraction), Array(padding)].joined() {
            let (shifted, overflows) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowsToo) = shifted.addingReportingOverflow(Int64(digit - UInt8(ascii: "0")))
            guard !overflows && !overflowsToo else { return nil }
            value = sum
        }
        return isNegative ? -value : value
    }

    package static func decimal(_ text: String) -> Double? {
        guard text.utf8.count <= 64, self.parts(text) != nil else { return nil }
        return Double(text)
    }

    private static func parts(
        _ text: String
    ) -> (isNegative: Bool, whole: Substring.UTF8View, fraction: Substring.UTF8View)? {
        let isNegative = text.utf8.first == UInt8(ascii: "-")
        let number = text.dropFirst(isNegative ? 1 : 0)
        let pieces = number.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = pieces.first, pieces.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(\.isDigit) }) else {
            return nil
        }
        return (isNegative, whole.utf8, pieces.count == 2 ? pieces[1].utf8 : Substring().utf8)
    }

    /// A date and time of RFC 3339, or a date alone for its first moment in UTC; microseconds since 1970-01-01 UTC.
    /// Digits beyond microseconds are cut.
    package static func time(_ text: String) -> Int64? {
        var reader = DigitReader(text)
        guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), reader.take("-"),
            let day = reader.number(2), (1...12).contains(month),
            (1...self.days(in: month, of: year)).contains(day)
        else { return nil }
        let date = self.daysSince1970(year: year, month: month, day: day) * 86_400
        if reader.isAtEnd { return date * 1_000_000 }
        guard reader.take("T") || reader.take("t") || reader.take(" "), let hour = reader.number(2), reader.take(":"),
            let minute = reader.number(2), reader.take(":"), let second = reader.number(2), hour < 24, minute < 60,
            second < 60
        else { return nil }
        var microseconds: Int64 = 0
        if reader.take(".") {
            guard let fraction = reader.fraction(digits: 6) else { return nil }
            microseconds = fraction
        }
        guard let offset = self.offset(&reader), reader.isAtEnd else { return nil }
        return (date + hour * 3600 + minute * 60 + second - offset) * 1_000_000 + microseconds
    }

    /// Seconds east of UTC.
    private static func offset(_ reader: inout DigitReader) -> Int64? {
        if reader.take("Z") || reader.take("z") { return 0 }
        let isEast = reader.take("+")
        guard isEast || reader.take("-"), let hours = reader.number(2), reader.take(":"),
            let minutes = reader.number(2), hours < 24, minutes < 60
        else { return nil }
        return (isEast ? 1 : -1) * (hours * 3600 + minutes * 60)
    }

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days of the proleptic Gregorian calendar, counted in eras of 400 years that begin in March.
    private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}

/// Takes digits and signs from the front of a text.
private struct DigitReader {
    private var rest: Substring.UTF8View

    init(_ text: String) {
        self.rest = Substring(text).utf8
    }

    var isAtEnd: Bool { self.rest.isEmpty }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard self.rest.first == UInt8(ascii: character) else { return false }
        self.rest.removeFirst()
        return true
    }

    /// Exactly so many digits.
    mutating func number(_ count: Int) -> Int64? {
        let digits = self.rest.prefix(count)
        guard digits.count == count, digits.allSatisfy(\.isDigit) else { return nil }
        self.rest.removeFirst(count)
        return digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    /// One digit or more, as so many of them.
    mutating func fraction(digits count: Int) -> Int64? {
        let digits = self.rest.prefix(while: \.isDigit)
        guard !digits.isEmpty else { return nil }
        self.rest.removeFirst(digits.count)
        let kept = digits.prefix(count).reduce(Int64(0)) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
        return (digits.count..<max(count, digits.count)).reduce(kept) { value, _ in value * 10 }
    }
}
