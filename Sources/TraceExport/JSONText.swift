/// Writes JSON as bytes. It writes what its caller says, and does not check that the calls make one value.
struct JSONText {
    private(set) var bytes: [UInt8] = []
    private var needsComma = false

    mutating func object(_ key: String? = nil, _ body: (inout JSONText) -> Void) {
        self.nest(key, "{", "}", body)
    }

    mutating func array(_ key: String? = nil, _ body: (inout JSONText) -> Void) {
        self.nest(key, "[", "]", body)
    }

    mutating func string(_ key: String? = nil, _ value: String) {
        self.prepare(key)
        self.quote(value)
    }

    /// - Parameter json: one value, of a number or a word.
    mutating func raw(_ key: String? = nil, _ json: String) {
        self.prepare(key)
        self.bytes += json.utf8
    }

    private mutating func nest(
        _ key: String?, _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ body: (inout JSONText) -> Void
    ) {
        self.prepare(key)
        self.bytes.append(UInt8(ascii: open))
        self.needsComma = false
        body(&self)
        self.bytes.append(UInt8(ascii: close))
        self.needsComma = true
    }

    private mutating func prepare(_ key: String?) {
        if self.needsComma { self.bytes.append(UInt8(ascii: ",")) }
        self.needsComma = true
        guard let key else { return }
        self.quote(key)
        self.bytes.append(UInt8(ascii: ":"))
    }

    private mutating func quote(_ value: String) {
        self.bytes.append(UInt8(ascii: "\""))
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                self.bytes.append(UInt8(ascii: "\\"))
                self.bytes.append(byte)
            case ..<0x20:
                self.bytes += (byte < 0x10 ? "\\u000" : "\\u00").utf8
                self.bytes += String(byte, radix: 16).utf8
            default: self.bytes.append(byte)
            }
        }
        self.bytes.append(UInt8(ascii: "\""))
    }
}
