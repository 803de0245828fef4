extension [UInt8] {
    /// Adds a string of JSON with its quotation marks (RFC 8259 §7).
    ///
    /// - Parameter text: UTF-8.
    mutating func append(json text: some Collection<UInt8>) {
        let digits: StaticString = "0123456789abcdef"
        func digit(_ value: UInt8) -> UInt8 { unsafe digits.utf8Start[Int(value)] }
        self.append(UInt8(ascii: "\""))
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): self += [UInt8(ascii: "\\"), byte]
            case 0x0A: self += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
            case 0x0D: self += [UInt8(ascii: "\\"), UInt8(ascii: "r")]
            case 0x09: self += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
            case 0..<0x20: self += Array("\\u00".utf8) + [digit(byte >> 4), digit(byte & 0xF)]
            default: self.append(byte)
            }
        }
        self.append(UInt8(ascii: "\""))
    }
}
