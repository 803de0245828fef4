extension ScalarCodec where Value == Double {
    static func decimal(_ range: ClosedRange<Double>) -> Self {
        let bounds = "from \(DecimalText.render(range.lowerBound)) to \(DecimalText.render(range.upperBound))"
        return Self(expectation: "a number \(bounds)") { text, _ in
            guard DecimalText.parts(text) != nil, let value = Double(text), range.contains(value) else {
                return .failure(ScalarMismatch())
            }
            return .success(value)
        } render: {
            DecimalText.render($0)
        }
    }
}

extension ScalarCodec where Value == Int64 {
    /// A price in USD, as nano-USD. Never by way of a `Double`: what somebody writes down is what is charged.
    static let price = Self(
        expectation: "USD per million tokens such as 0.15, from 0 to 1000000 with at most 9 decimals"
    ) { text, _ in
        guard let nano = DecimalText.nano(text), nano <= 1_000_000 * 1_000_000_000 else {
            return .failure(ScalarMismatch())
        }
        return .success(nano)
    } render: {
        DecimalText.render(nano: $0)
    }
}

extension ScalarCodec where Value == String {
    /// A label of a model.
    static let tag = Self(expectation: "labels of 1 to 63 bytes without white space") { text, _ in
        let isFit =
            (1...63).contains(text.utf8.count)
            && !text.unicodeScalars.contains { $0.properties.isWhitespace || $0.value < 0x20 || $0.value == 0x7F }
        return isFit ? .success(text) : .failure(ScalarMismatch())
    } render: {
        $0
    }
}

/// `0.15`, `12`: digits, and perhaps a point and more digits. No sign, no exponent.
enum DecimalText {
    /// What stands in front of the point, and behind it.
    static func parts(_ text: String) -> (whole: Substring, fraction: Substring)? {
        let whole = text.prefix { $0 != "." }
        let fraction = text.dropFirst(whole.count + 1)
        guard Digits.isNumber(whole), whole.count == text.count || Digits.isNumber(fraction) else { return nil }
        return (whole, fraction)
    }

    /// Billionths; `nil` when `text` is no decimal, or has more than nine digits behind the point.
    static func nano(_ text: String) -> Int64? {
        guard let (whole, fraction) = Self.parts(text), fraction.count <= 9, let units = Int64(whole),
            let billionths = Int64(fraction + String(repeating: "0", count: 9 - fraction.count))
        else { return nil }
        let (scaled, overflows) = units.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowsToo) = scaled.addingReportingOverflow(billionths)
        return overflows || overflowsToo ? nil : sum
    }

    static func render(nano: Int64) -> String {
        let (units, billionths) = nano.quotientAndRemainder(dividingBy: 1_000_000_000)
        guard billionths != 0 else { return "\(units)" }
        var digits = String(billionths)
        digits = String(repeating: "0", count: 9 - digits.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(units).\(digits)"
    }

    /// Without a fraction of zero.
    static func render(_ number: Double) -> String {
        let text = "\(number)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
