/// Why stored bytes could not be read.
package enum StoredFormError: Error, Sendable, Hashable, CustomStringConvertible {
    /// They end in the middle of a value.
    case ended
    /// A number that does not fit in 64 bits.
    case numberTooLarge
    /// Written by a version of this program that we do not know.
    case unknownVersion(UInt8)
    /// They contradict themselves; the sentence names how.
    case contradiction(String)
    /// So many bytes follow where nothing should.
    case trailing(Int)

    package var description: String {
        switch self {
        case .ended: "the stored figures end too early"
        case .numberTooLarge: "the stored figures have a number of more than 64 bits"
        case .unknownVersion(let version): "the stored figures have the form \(version), which this version cannot read"
        case .contradiction(let how): "the stored figures contradict themselves: \(how)"
        case .trailing(let count): "\(count) bytes follow the stored figures"
        }
    }
}

/// Writes numbers of any size in as few bytes as they need (LEB128: seven bits a byte, the lowest first).
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    mutating func write(byte: UInt8) { self.bytes.append(byte) }

    mutating func write(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            self.bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func write(_ value: Int) { self.write(UInt64(clamping: value)) }
}

/// Reads what a ``ByteWriter`` wrote. Whatever the bytes are, it throws and never traps.
struct ByteReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// - Throws: `trailing` when something is left.
    func end() throws(StoredFormError) {
        guard self.position == self.bytes.count else { throw .trailing(self.bytes.count - self.position) }
    }

    mutating func byte() throws(StoredFormError) -> UInt8 {
        guard self.position < self.bytes.count else { throw .ended }
        defer { self.position += 1 }
        return self.bytes[self.position]
    }

    mutating func number() throws(StoredFormError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try self.byte()
            let bits = UInt64(byte & 0x7F)
            guard shift < 63 || (shift == 63 && bits <= 1) else { throw .numberTooLarge }
            value |= bits << shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }

    /// A number that must not be above `most`; `what` names it in the error.
    mutating func number(upTo most: Int, _ what: StaticString) throws(StoredFormError) -> Int {
        guard let value = Int(exactly: try self.number()), value <= most else {
            throw .contradiction("\(what) is above \(most)")
        }
        return value
    }
}
