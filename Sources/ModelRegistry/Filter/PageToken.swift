/// Where a page ended: the sort keys and the id of its last row, so that the next page is right when rows come and go in
/// between. Opaque to clients.
struct PageToken: Hashable, Sendable {
    /// Of the question that the page answered: a token is for no other.
    var fingerprint: UInt64
    var keys: [SortKey]
    var id: String

    var text: String {
        var bytes: [UInt8] = [Self.version]
        bytes.append(bigEndian: self.fingerprint)
        bytes.append(UInt8(truncatingIfNeeded: self.keys.count))
        for key in self.keys {
            bytes.append(bigEndian: key.rank)
            bytes.append(key.text == nil ? 0 : 1)
            if let text = key.text { bytes.append(counted: text) }
        }
        bytes.append(counted: self.id)
        return Base64URL.encode(bytes)
    }

    /// - Returns: `nil` for what no page gave.
    init?(_ text: String) {
        guard text.utf8.count <= Self.longestText, let bytes = Base64URL.decode(text) else { return nil }
        var reader = ByteReader(bytes)
        guard reader.byte() == Self.version, let fingerprint = reader.number(), let count = reader.byte() else {
            return nil
        }
        var keys: [SortKey] = []
        for _ in 0..<count {
            guard let rank = reader.number(), let flag = reader.byte(), flag <= 1 else { return nil }
            var key = SortKey(rank: rank, text: nil)
            if flag == 1 {
                guard let text = reader.text() else { return nil }
                key.text = text
            }
            keys.append(key)
        }
        guard let id = reader.text(), reader.isAtEnd else { return nil }
        self.init(fingerprint: fingerprint, keys: keys, id: id)
    }

    init(fingerprint: UInt64, keys: [SortKey], id: String) {
        self.fingerprint = fingerprint
        self.keys = keys
        self.id = id
    }

    private static let version: UInt8 = 1
    private static let longestText = 16_384
}

extension [UInt8] {
    fileprivate mutating func append(bigEndian value: UInt64) {
        for shift in stride(from: 56, through: 0, by: -8) {
            self.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
        }
    }

    fileprivate mutating func append(counted text: String) {
        self.append(bigEndian: UInt64(text.utf8.count))
        self.append(contentsOf: text.utf8)
    }
}

/// Takes numbers and texts from the front of bytes.
private struct ByteReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) {
        self.rest = bytes[...]
    }

    var isAtEnd: Bool { self.rest.isEmpty }

    mutating func byte() -> UInt8? { self.rest.popFirst() }

    mutating func number() -> UInt64? {
        guard self.rest.count >= 8 else { return nil }
        defer { self.rest.removeFirst(8) }
        return self.rest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func text() -> String? {
        guard let length = self.number(), length <= UInt64(self.rest.count) else { return nil }
        let count = Int(length)
        defer { self.rest.removeFirst(count) }
        return String(validating: self.rest.prefix(count), as: UTF8.self)
    }
}

/// Base64 with the letters that a URL may hold, without padding.
package enum Base64URL {
    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    package static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 4 / 3 + 3)
        var buffer: UInt32 = 0
        var bits: UInt32 = 0
        for byte in bytes {
            buffer = buffer << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                text.append(self.letters[Int(buffer >> bits & 63)])
            }
        }
        if bits > 0 { text.append(self.letters[Int(buffer << (6 - bits) & 63)]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// - Returns: `nil` for what ``encode(_:)`` does not write.
    package static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer: UInt32 = 0
        var bits: UInt32 = 0
        for letter in text.utf8 {
            guard let value = self.value(of: letter) else { return nil }
            buffer = buffer << 6 | value
            bits += 6
            guard bits >= 8 else { continue }
            bits -= 8
            bytes.append(UInt8(truncatingIfNeeded: buffer >> bits))
        }
        return self.encode(bytes) == text ? bytes : nil
    }

    private static func value(of letter: UInt8) -> UInt32? {
        switch letter {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(letter - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(letter - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(letter - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
