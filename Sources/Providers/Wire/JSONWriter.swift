/// Writes JSON text as bytes. Fields are written in the order of the calls; what is not set is not written.
///
/// It writes what its caller says and does not check that the calls make one JSON value.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8] = []
    /// A value was written at this level, so the next one needs a comma before it.
    private var needsComma = false

    package init(reserving capacity: Int = 512) {
        self.bytes.reserveCapacity(capacity)
    }

    package mutating func object(_ key: StaticString? = nil, _ body: (inout JSONWriter) -> Void) {
        self.nest(key, open: UInt8(ascii: "{"), close: UInt8(ascii: "}"), body)
    }

    package mutating func array(_ key: StaticString? = nil, _ body: (inout JSONWriter) -> Void) {
        self.nest(key, open: UInt8(ascii: "["), close: UInt8(ascii: "]"), body)
    }

    /// - Parameter key: must need no escaping.
    package mutating func string(_ key: StaticString? = nil, _ value: String) {
        self.prepare(key)
        self.quoted(value)
    }

    package mutating func integer(_ key: StaticString? = nil, _ value: Int64) {
        self.prepare(key)
        self.bytes.append(contentsOf: String(value).utf8)
    }

    /// - Parameter value: must be finite; JSON has no other numbers.
    package mutating func number(_ key: StaticString? = nil, _ value: Double) {
        self.prepare(key)
        // Swift's shortest round-trip text, such as 0.7, 1e-05 or 2.0, is valid JSON for every finite value.
        self.bytes.append(contentsOf: value.description.utf8)
    }

    package mutating func boolean(_ key: StaticString? = nil, _ value: Bool) {
        self.prepare(key)
        self.bytes.append(contentsOf: value ? "true".utf8 : "false".utf8)
    }

    package mutating func null(_ key: StaticString? = nil) {
        self.prepare(key)
        self.bytes.append(contentsOf: "null".utf8)
    }

    /// - Parameter json: must be one JSON value; nobody looks at it.
    package mutating func raw(_ key: StaticString? = nil, _ json: String) {
        self.prepare(key)
        self.bytes.append(contentsOf: json.utf8)
    }

    /// A member whose key is known only now.
    ///
    /// - Parameter json: must be one JSON value; nobody looks at it.
    package mutating func raw(named key: String, _ json: String) {
        self.prepare(nil)
        self.quoted(key)
        self.bytes.append(UInt8(ascii: ":"))
        self.bytes.append(contentsOf: json.utf8)
    }

    /// A text: `prefix`, then `data` in Base64 (RFC 4648 §4).
    ///
    /// Written in place: a picture has megabytes, and a text of it beside the bytes would double them.
    package mutating func base64(_ key: StaticString? = nil, prefix: String = "", _ data: [UInt8]) {
        self.prepare(key)
        self.quoted(prefix)
        // The closing quotation mark comes after the data.
        self.bytes.removeLast()
        let start = self.bytes.count
        self.bytes.append(contentsOf: repeatElement(UInt8(ascii: "="), count: (data.count + 2) / 3 * 4))
        Base64.encode(data.span, into: &self.bytes, at: start)
        self.bytes.append(UInt8(ascii: "\""))
    }

    private mutating func nest(
        _ key: StaticString?, open: UInt8, close: UInt8, _ body: (inout JSONWriter) -> Void
    ) {
        self.prepare(key)
        self.bytes.append(open)
        self.needsComma = false
        body(&self)
        self.bytes.append(close)
        self.needsComma = true
    }

    private mutating func prepare(_ key: StaticString?) {
        if self.needsComma { self.bytes.append(UInt8(ascii: ",")) }
        self.needsComma = true
        guard let key else { return }
        self.bytes.append(UInt8(ascii: "\""))
        key.withUTF8Buffer { unsafe self.bytes.append(contentsOf: $0) }
        self.bytes.append(UInt8(ascii: "\""))
        self.bytes.append(UInt8(ascii: ":"))
    }

    /// Copies runs that need no escaping whole: prompts are long and seldom need any.
    private mutating func quoted(_ value: String) {
        self.bytes.append(UInt8(ascii: "\""))
        let text = value.utf8.span
        var runStart = 0
        for place in text.indices {
            let byte = text[place]
            guard byte < 0x20 || byte == 0x22 || byte == 0x5C else { continue }
            self.bytes.append(text.extracting(runStart..<place))
            self.escape(byte)
            runStart = place + 1
        }
        self.bytes.append(text.extracting(runStart..<text.count))
        self.bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        self.bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x22, 0x5C: self.bytes.append(byte)
        case 0x0A: self.bytes.append(UInt8(ascii: "n"))
        case 0x0D: self.bytes.append(UInt8(ascii: "r"))
        case 0x09: self.bytes.append(UInt8(ascii: "t"))
        default:
            self.bytes.append(contentsOf: "u00".utf8)
            self.bytes.append(UInt8(ascii: "0") + (byte >> 4))
            let low = byte & 0x0F
            self.bytes.append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
        }
    }
}

private enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Overwrites the bytes of `output` from `start` on, of which there must be enough; those that pad are left alone.
    static func encode(_ data: Span<UInt8>, into output: inout [UInt8], at start: Int) {
        let letters = self.alphabet.span
        var written = output.mutableSpan
        var place = start
        var read = 0
        while read < data.count {
            let rest = data.count - read
            let second = rest > 1 ? data[read + 1] : 0
            let third = rest > 2 ? data[read + 2] : 0
            written[place] = letters[Int(data[read] >> 2)]
            written[place + 1] = letters[Int((data[read] & 0x03) << 4 | second >> 4)]
            if rest > 1 { written[place + 2] = letters[Int((second & 0x0F) << 2 | third >> 6)] }
            if rest > 2 { written[place + 3] = letters[Int(third & 0x3F)] }
            place += 4
            read += 3
        }
    }
}
