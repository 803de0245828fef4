/// A decimal number as its digits: sign, digits without leading zeros, and where the point is.
///
/// Prices are read with it. Money is never a `Double`: 0.1 has no binary form, and prices are compared and summed.
package struct DecimalNumber: Sendable {
    /// `-0` is not.
    package var isNegative: Bool { self.hasMinus && !self.digits.isEmpty }
    private var hasMinus = false
    /// Values 0 to 9, none of them for zero.
    private var digits: [UInt8] = []
    /// The number is the digits as an integer, times ten to this.
    private var exponent = 0

    /// - Parameter text: `[+-]digits[.digits][e[+-]digits]`, at most 64 characters; `nil` for any other.
    package init?(_ text: String) {
        var rest = text.utf8[...]
        guard (1...64).contains(rest.count) else { return nil }
        if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
            self.hasMinus = sign == UInt8(ascii: "-")
            rest.removeFirst()
        }
        let whole = Self.takeDigits(&rest)
        var fraction: [UInt8] = []
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            fraction = Self.takeDigits(&rest)
            guard !fraction.isEmpty else { return nil }
        }
        guard !whole.isEmpty else { return nil }
        if let mark = rest.first, mark | 0x20 == UInt8(ascii: "e") {
            rest.removeFirst()
            guard rest.count <= 4, let exponent = Int(String(rest) ?? "") else { return nil }
            self.exponent = exponent
            rest = rest[rest.endIndex...]
        }
        guard rest.isEmpty else { return nil }
        self.exponent -= fraction.count
        self.digits = Array((whole + fraction).drop { $0 == 0 })
    }

    private static func takeDigits(_ rest: inout Substring.UTF8View) -> [UInt8] {
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        rest = rest[digits.endIndex...]
        return digits.map { $0 - 0x30 }
    }

    /// Of an amount of USD for one token: nano-USD for a million of them, as ``ModelPrices`` has it. What is finer than
    /// that is rounded up.
    ///
    /// - Returns: `nil` for more than 9,223 USD for one token, which `Int64` does not hold. The sign is not looked at.
    package var nanoUSDPerMillionTokens: Int64? { self.scaled(by: 9 + 6) }

    /// The number without its sign, times ten to `places`, rounded up: what is not free must not become free.
    ///
    /// - Parameter toNearest: rounds half and more up, and less down, but what is not nothing to 1 at least.
    /// - Returns: `nil` when that is more than `Int64` holds.
    package func scaled(by places: Int, toNearest: Bool = false) -> Int64? {
        let shift = self.exponent + places
        var value: Int64 = 0
        let kept = shift >= 0 ? self.digits.count : max(0, self.digits.count + shift)
        for digit in self.digits.prefix(kept) {
            guard let next = Self.append(digit, to: value) else { return nil }
            value = next
        }
        let rest = self.digits.dropFirst(kept)
        // With more digits cut off than there are, the first of them was a zero.
        let isHalf = self.digits.count + shift >= 0 && (rest.first ?? 0) >= 5
        if toNearest ? isHalf || (value == 0 && !rest.isEmpty) : rest.contains(where: { $0 != 0 }) {
            let (next, overflow) = value.addingReportingOverflow(1)
            guard !overflow else { return nil }
            value = next
        }
        guard value != 0, shift > 0 else { return value }
        for _ in 0..<shift {
            guard let next = Self.append(0, to: value) else { return nil }
            value = next
        }
        return value
    }

    private static func append(_ digit: UInt8, to value: Int64) -> Int64? {
        let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
        guard !overflow else { return nil }
        let (sum, overflows) = tens.addingReportingOverflow(Int64(digit))
        return overflows ? nil : sum
    }
}
