import Inference

/// A price in USD for one token, written as a decimal number in text: `"0.00000015"`.
package struct TokenPrice: Sendable, Hashable, Decodable {
    /// Nano-USD for a million tokens; `nil` for a price that varies, which OpenRouter writes as `-1`.
    package let nanoUSDPerMillion: Int64?

    /// - Returns: `nil` when `text` is no decimal number, or one of more than 9,223 USD for a token.
    package init?(_ text: String) {
        guard let number = DecimalNumber(text) else { return nil }
        if number.isNegative {
            self.nanoUSDPerMillion = nil
            return
        }
        guard let price = number.nanoUSDPerMillionTokens else { return nil }
        self.nanoUSDPerMillion = price
    }

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let price = TokenPrice(text) else {
            throw DecodingError.unexpected(
                text, expected: "a decimal number of USD for one token", at: decoder.codingPath)
        }
        self = price
    }
}
