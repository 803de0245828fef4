/// Walks the fields of one protobuf message in its wire format, without decoding what is not asked for.
///
/// Reflection needs a handful of names and the untouched bytes of each file; decoding the descriptors into messages
/// would cost twenty times as much and lose the bytes.
struct WireReader {
    enum Value: Equatable {
        case varint(UInt64)
        /// Where a string, a bytes field or a nested message lies.
        case range(Range<Int>)
        /// A four- or eight-byte number.
        case fixed32(UInt32)
        case fixed64(UInt64)
    }

    struct Malformed: Error, CustomStringConvertible {
        /// Byte offset into the message that was read.
        let offset: Int
        let expected: String

        var description: String { "malformed protobuf at byte \(offset): expected \(expected)" }
    }

    let bytes: [UInt8]
    private var position: Int
    private let end: Int

    /// Reads the message that lies at `range`, or all of `bytes`.
    init(_ bytes: [UInt8], at range: Range<Int>? = nil) {
        self.bytes = bytes
        self.position = range?.lowerBound ?? 0
        self.end = range?.upperBound ?? bytes.count
    }

    /// The next field, or nil at the message's end.
    mutating func next() throws(Malformed) -> (number: Int, value: Value)? {
        guard position < end else { return nil }
        let tag = try varint()
        let number = Int(truncatingIfNeeded: tag >> 3)
        switch tag & 7 {
        case 0: return (number, .varint(try varint()))
        case 1: return (number, .fixed64(try fixed(8)))
        case 2: return (number, .range(try lengthDelimited()))
        case 5: return (number, .fixed32(UInt32(truncatingIfNeeded: try fixed(4))))
        default: throw Malformed(offset: position, expected: "a wire type of 0, 1, 2 or 5, not \(tag & 7)")
        }
    }

    /// The text at a range that `next()` gave.
    func string(at range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    private mutating func varint() throws(Malformed) -> UInt64 {
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while position < end, shift < 64 {
            let byte = bytes[position]
            position += 1
            result |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return result }
            shift += 7
        }
        throw Malformed(offset: position, expected: "a varint of at most ten bytes")
    }

    private mutating func lengthDelimited() throws(Malformed) -> Range<Int> {
        let length = try varint()
        guard length <= UInt64(end - position) else {
            throw Malformed(offset: position, expected: "at most \(end - position) more bytes, not \(length)")
        }
        let start = position
        position += Int(length)
        return start..<position
    }

    /// The next number of a run of packed varints, which has no fields; nil at its end.
    mutating func nextPacked() throws(Malformed) -> UInt64? {
        position < end ? try varint() : nil
    }

    /// The next number of a run of packed ones of `size` bytes each; nil at its end.
    mutating func nextPacked(size: Int) throws(Malformed) -> UInt64? {
        position < end ? try fixed(size) : nil
    }

    /// A little-endian number of `size` bytes.
    private mutating func fixed(_ size: Int) throws(Malformed) -> UInt64 {
        guard size <= end - position else {
            throw Malformed(offset: position, expected: "\(size) more bytes")
        }
        defer { position += size }
        return bytes[position..<position + size].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
