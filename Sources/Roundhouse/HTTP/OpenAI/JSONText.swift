internal import Inference
internal import NIOCore

// JSON by hand, for what every token sends: an encoder that looks at types costs as much as all the rest of a token.
extension ByteBuffer {
    /// A string with its quotes (RFC 8259 §7).
    mutating func writeJSON(_ text: String) {
        self.writeInteger(UInt8(ascii: "\""))
        self.writeJSON(inside: text)
        self.writeInteger(UInt8(ascii: "\""))
    }

    /// The characters of a string, without quotes, so that several texts can make one.
    mutating func writeJSON(inside text: String) {
        if Self.isPlain(text) {
            self.writeString(text)
            return
        }
        let bytes = text.utf8
        var begin = bytes.startIndex
        var place = begin
        while place != bytes.endIndex {
            let byte = bytes[place]
            let next = bytes.index(after: place)
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                self.writeBytes(bytes[begin..<place])
                self.writeJSON(escape: byte)
                begin = next
            }
            place = next
        }
        self.writeBytes(bytes[begin...])
    }

    /// Whether nothing in it needs to be escaped, as in most tokens: they are copied as they are.
    private static func isPlain(_ text: String) -> Bool {
        let utf8 = text.utf8
        let bytes = utf8.span
        for place in 0..<bytes.count {
            let byte = bytes[place]
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return false }
        }
        return true
    }

    private mutating func writeJSON(escape byte: UInt8) {
        self.writeInteger(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): self.writeInteger(byte)
        case 0x08: self.writeInteger(UInt8(ascii: "b"))
        case 0x09: self.writeInteger(UInt8(ascii: "t"))
        case 0x0A: self.writeInteger(UInt8(ascii: "n"))
        case 0x0C: self.writeInteger(UInt8(ascii: "f"))
        case 0x0D: self.writeInteger(UInt8(ascii: "r"))
        default:
            self.writeStaticString(byte < 0x10 ? "u000" : "u001")
            self.writeString(String(byte & 0xF, radix: 16))
        }
    }

    /// A string, or `null`.
    mutating func writeJSON(_ text: String?) {
        if let text { self.writeJSON(text) } else { self.writeStaticString("null") }
    }

    mutating func writeJSON(_ number: Int) {
        self.writeString(String(number))
    }

    /// `provider/name` as a string.
    mutating func writeJSON(_ model: ModelID) {
        self.writeInteger(UInt8(ascii: "\""))
        self.writeJSON(inside: model.provider.rawValue)
        self.writeInteger(UInt8(ascii: "/"))
        self.writeJSON(inside: model.name)
        self.writeInteger(UInt8(ascii: "\""))
    }
}

extension Cost {
    /// In USD, to the last digit: `0.000012345`. A number in JSON.
    var usd: String {
        let amount = self.nanoUSD.magnitude
        let (whole, rest) = amount.quotientAndRemainder(dividingBy: 1_000_000_000)
        let sign = self.nanoUSD < 0 ? "-" : ""
        guard rest > 0 else { return "\(sign)\(whole)" }
        let digits = String(rest)
        let fraction = String(repeating: "0", count: 9 - digits.count) + digits
        let end = fraction.lastIndex { $0 != "0" } ?? fraction.startIndex
        return "\(sign)\(whole).\(fraction[...end])"
    }
}
