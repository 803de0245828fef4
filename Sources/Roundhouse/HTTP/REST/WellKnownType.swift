/// Messages of `google.protobuf` that JSON has a text for.
enum WellKnownType: String, Sendable, CaseIterable {
    case timestamp = "google.protobuf.Timestamp"
    case duration = "google.protobuf.Duration"
    case fieldMask = "google.protobuf.FieldMask"

    /// What it looks like, for messages.
    var form: String {
        switch self {
        case .timestamp: "a time such as '2026-01-31T12:00:00Z'"
        case .duration: "a duration in seconds such as '1.5s'"
        case .fieldMask: "names of fields with commas between them"
        }
    }

    // MARK: - From JSON

    /// - Throws: ``ProtoExpectation`` for another text.
    func draft(of text: String) throws(ProtoExpectation) -> ProtoDraft {
        var draft = ProtoDraft()
        switch self {
        case .timestamp, .duration:
            guard let (seconds, nanoseconds) = self == .timestamp ? TimestampText.parse(text) : Self.duration(text)
            else {
                throw ProtoExpectation(self.form)
            }
            draft[1] = .varint(UInt64(bitPattern: seconds))
            draft[2] = .varint(UInt64(bitPattern: Int64(nanoseconds)))
        case .fieldMask:
            let paths = text.split(separator: ",").map { Self.protoPath($0) }
            draft[1] = .list(paths.map { .bytes(Array($0.utf8)) })
        }
        return draft
    }

    /// `1.5s`, `-0.000000001s`.
    private static func duration(_ text: String) -> (Int64, Int32)? {
        guard text.utf8.last == UInt8(ascii: "s") else { return nil }
        let isNegative = text.utf8.first == UInt8(ascii: "-")
        let number = text.dropLast().dropFirst(isNegative ? 1 : 0)
        let parts = number.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, !whole.isEmpty, whole.utf8.allSatisfy(\.isDecimalDigit),
            let seconds = Int64(whole), seconds <= 315_576_000_000
        else { return nil }
        var nanoseconds: Int32 = 0
        if parts.count == 2 {
            guard let fraction = TimestampText.nanoseconds(parts[1]) else { return nil }
            nanoseconds = fraction
        }
        return isNegative ? (-seconds, -nanoseconds) : (seconds, nanoseconds)
    }

    /// `displayName` and `display_name` are the same field; masks have the latter.
    private static func protoPath(_ path: some StringProtocol) -> String {
        var name = ""
        for character in path where character != " " {
            if character.isUppercase, character.isASCII {
                name += "_" + character.lowercased()
            } else {
                name.append(character)
            }
        }
        return name
    }

    // MARK: - To JSON

    /// The text, without its quotation marks.
    func text(of message: WireReader) throws(WireReader.Malformed) -> String {
        var reader = message
        var (seconds, nanoseconds): (Int64, Int32) = (0, 0)
        var paths: [String] = []
        while let field = try reader.next() {
            switch (field.number, field.value) {
            case (1, .varint(let value)): seconds = Int64(bitPattern: value)
            case (2, .varint(let value)): nanoseconds = Int32(truncatingIfNeeded: value)
            case (1, .range(let range)): paths.append(reader.string(at: range))
            default: break
            }
        }
        switch self {
        case .timestamp: return TimestampText.render(seconds: seconds, nanoseconds: nanoseconds)
        case .duration:
            let isNegative = seconds < 0 || nanoseconds < 0
            return (isNegative ? "-" : "") + "\(seconds.magnitude)"
                + TimestampText.fraction(nanoseconds.magnitude) + "s"
        case .fieldMask: return paths.joined(separator: ",")
        }
    }
}

/// RFC 3339 as protobuf's JSON has it: `2026-01-31T12:00:00.123Z`.
enum TimestampText {
    /// - Returns: seconds since 1970-01-01 UTC, and nanoseconds; `nil` for another text, or years but 1 to 9999.
    static func parse(_ text: String) -> (seconds: Int64, nanoseconds: Int32)? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            bytes[10] == UInt8(ascii: "T") || bytes[10] == UInt8(ascii: "t"),
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            let year = Self.number(bytes[0..<4]), let month = Self.number(bytes[5..<7]),
            let day = Self.number(bytes[8..<10]), let hour = Self.number(bytes[11..<13]),
            let minute = Self.number(bytes[14..<16]), let second = Self.number(bytes[17..<19]),
            year >= 1, (1...12).contains(month), day >= 1, day <= Self.days(in: month, of: year),
            hour < 24, minute < 60, second < 60
        else { return nil }
        var rest = bytes[19...]
        var nanoseconds: Int32 = 0
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix { $0.isDecimalDigit }
            guard let fraction = Self.nanoseconds(String(decoding: digits, as: UTF8.self)) else { return nil }
            nanoseconds = fraction
            rest = rest.dropFirst(1 + digits.count)
        }
        guard let offset = Self.offset(rest) else { return nil }
        let days = Self.daysSince1970(year, month, day)
        return (Int64(days * 86_400 + hour * 3600 + minute * 60 + second - offset), nanoseconds)
    }

    /// `Z`, or hours and minutes. In seconds.
    private static func offset(_ text: ArraySlice<UInt8>) -> Int? {
        if text.count == 1, text.first.map({ $0 | 0x20 }) == UInt8(ascii: "z") { return 0 }
        let start = text.startIndex
        guard text.count == 6, text[start + 3] == UInt8(ascii: ":"),
            let hours = Self.number(text[start + 1..<start + 3]), hours < 24,
            let minutes = Self.number(text[start + 4..<start + 6]), minutes < 60
        else { return nil }
        switch text[start] {
        case UInt8(ascii: "+"): return hours * 3600 + minutes * 60
        case UInt8(ascii: "-"): return -(hours * 3600 + minutes * 60)
        default: return nil
        }
    }

    static func render(seconds: Int64, nanoseconds: Int32) -> String {
        var days = Int(seconds / 86_400)
        var second = Int(seconds % 86_400)
        if second < 0 {
            second += 86_400
            days -= 1
        }
        let (year, month, day) = Self.civil(days)
        let date = "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))"
        let time =
            "\(Self.padded(second / 3600, 2)):\(Self.padded(second / 60 % 60, 2)):\(Self.padded(second % 60, 2))"
        return "\(date)T\(time)\(Self.fraction(nanoseconds.magnitude))Z"
    }

    /// With three, six or nine digits; none for a whole second.
    static func fraction(_ nanoseconds: UInt32) -> String {
        switch nanoseconds {
        case 0: ""
        case _ where nanoseconds % 1_000_000 == 0: "." + Self.padded(Int(nanoseconds / 1_000_000), 3)
        case _ where nanoseconds % 1000 == 0: "." + Self.padded(Int(nanoseconds / 1000), 6)
        default: "." + Self.padded(Int(nanoseconds), 9)
        }
    }

    /// Of the digits behind the point: one to nine.
    static func nanoseconds(_ digits: some StringProtocol) -> Int32? {
        guard (1...9).contains(digits.utf8.count), digits.utf8.allSatisfy(\.isDecimalDigit) else { return nil }
        return Int32(String(digits) + String(repeating: "0", count: 9 - digits.utf8.count))
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard digits.allSatisfy(\.isDecimalDigit) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let text = "\(number)"
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }

    private static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    // Both count in eras of 400 years that begin with March, so that a leap day is the last of its year:
    // howardhinnant.github.io/date_algorithms.html.

    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = (year / 400, year % 400)
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        )
    }
}

extension UInt8 {
    fileprivate var isDecimalDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }
}
