internal import RoundhouseAPI

/// Money, exactly: nano-USD on the wire, USD for people.
enum Prices {
    private static let nanosPerUSD: Int64 = 1_000_000_000

    /// 150000000 as "0.15", 2500000000 as "2.50", 75000 as "0.000075".
    static func usd(_ nanos: Int64) -> String {
        let sign = nanos < 0 ? "-" : ""
        let (whole, rest) = nanos.magnitude.quotientAndRemainder(dividingBy: UInt64(Self.nanosPerUSD))
        var digits = String(rest)
        digits = String(repeating: "0", count: 9 - digits.count) + digits
        while digits.count > 2 && digits.hasSuffix("0") { digits.removeLast() }
        return "\(sign)\(whole).\(digits)"
    }

    /// "$0.000123", or "about $0.000123" when the tokens are an estimate.
    static func text(_ cost: Roundhouse_V1_Cost) -> String {
        (cost.estimated ? "about " : "") + "$\(Self.usd(cost.nanoUsd))"
    }

    /// "0.15" as 150000000. Nil: not a number of USD from 0 to 1,000,000 with at most nine digits after the point.
    static func nanos(_ text: String) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let fraction = parts.count == 2 ? parts[1] : ""
        let isDigits = { (part: Substring) in part.allSatisfy { $0.isASCII && $0.isNumber } }
        guard let first = parts.first, !first.isEmpty, first.count <= 7, isDigits(first), isDigits(fraction),
            fraction.count <= 9, parts.count == 1 || !fraction.isEmpty, let whole = Int64(first), whole <= 1_000_000,
            let rest = Int64(fraction + String(repeating: "0", count: 9 - fraction.count))
        else { return nil }
        return whole * Self.nanosPerUSD + rest
    }

    /// "0.15 in, 0.60 out, 0.075 cached USD for a million tokens".
    static func text(_ prices: Roundhouse_V1_Prices) -> String {
        var parts = [
            "\(Self.usd(prices.inputNanoUsdPerMillionTokens)) in",
            "\(Self.usd(prices.outputNanoUsdPerMillionTokens)) out",
        ]
        if prices.hasCachedInputNanoUsdPerMillionTokens {
            parts.append("\(Self.usd(prices.cachedInputNanoUsdPerMillionTokens)) cached")
        }
        return parts.joined(separator: ", ") + " USD for a million tokens"
    }
}
