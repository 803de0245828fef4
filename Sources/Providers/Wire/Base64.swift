/// Base64 (RFC 4648 §4), padded, straight into a request: pictures are large, and a text between would be another copy.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func append(_ value: Span<UInt8>, to bytes: inout [UInt8]) {
        let alphabet = self.alphabet
        var place = 0
        while place + 2 < value.count {
            let word = UInt32(value[place]) << 16 | UInt32(value[place + 1]) << 8 | UInt32(value[place + 2])
            bytes.append(alphabet[Int(word >> 18)])
            bytes.append(alphabet[Int(word >> 12 & 63)])
            bytes.append(alphabet[Int(word >> 6 & 63)])
            bytes.append(alphabet[Int(word & 63)])
            place += 3
        }
        guard place < value.count else { return }
        let isLast = place + 1 == value.count
        let word = UInt32(value[place]) << 16 | (isLast ? 0 : UInt32(value[place + 1]) << 8)
        bytes.append(alphabet[Int(word >> 18)])
        bytes.append(alphabet[Int(word >> 12 & 63)])
        bytes.append(isLast ? UInt8(ascii: "=") : alphabet[Int(word >> 6 & 63)])
        bytes.append(UInt8(ascii: "="))
    }
}
