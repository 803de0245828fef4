/// A position in the first bytes of a GGUF file. Every read is checked; nothing traps.
struct GGUFCursor {
    enum Stop: Error {
        case needsMore
        case refused(GGUFError)
    }

    /// `gguf_type` of ggml's `gguf.h`.
    enum ValueType: UInt32 {
        case uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

        /// `nil` for those of varying size.
        var size: Int? {
            switch self {
            case .uint8, .int8, .bool: 1
            case .uint16, .int16: 2
            case .uint32, .int32, .float32: 4
            case .uint64, .int64, .float64: 8
            case .string, .array: nil
            }
        }
    }

    let bytes: [UInt8]
    let fileSize: Int64
    private(set) var position = 0

    init(bytes: [UInt8], fileSize: Int64) {
        self.bytes = bytes
        self.fileSize = fileSize
    }

    mutating func take(_ count: Int) throws(Stop) -> ArraySlice<UInt8> {
        guard self.bytes.count - self.position >= count else { throw .needsMore }
        defer { self.position += count }
        return self.bytes[self.position..<self.position + count]
    }

    mutating func integer<Number: FixedWidthInteger>(_: Number.Type) throws(Stop) -> Number {
        try self.take(Number.bitWidth / 8).reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
    }

    /// Refuses a count of things that could not fit into the rest of the file.
    func checkFits(count: UInt64, each size: Int, _ what: String) throws(Stop) {
        let (total, overflow) = count.multipliedReportingOverflow(by: UInt64(size))
        guard !overflow, total <= UInt64(max(0, self.fileSize - Int64(self.position))) else {
            throw .refused(.malformed("\(what), \(count), is more than the file can hold"))
        }
    }

    private mutating func length(_ what: String) throws(Stop) -> Int {
        let length = try self.integer(UInt64.self)
        try self.checkFits(count: length, each: 1, what)
        return Int(length)
    }

    mutating func text() throws(Stop) -> String {
        let count = try self.length("the length of a text")
        return String(decoding: try self.take(count), as: UTF8.self)
    }

    mutating func skipText() throws(Stop) {
        let count = try self.length("the length of a text")
        _ = try self.take(count)
    }

    mutating func valueType() throws(Stop) -> ValueType {
        let raw = try self.integer(UInt32.self)
        guard let type = ValueType(rawValue: raw) else {
            throw .refused(.malformed("\(raw) is not the number of a value type"))
        }
        return type
    }

    /// A whole number or a flag; `nil` for what is neither, which is passed over.
    mutating func number(_ type: ValueType, depth: Int = 0) throws(Stop) -> Int? {
        switch type {
        case .uint8: return Int(try self.integer(UInt8.self))
        case .int8: return Int(try self.integer(Int8.self))
        case .uint16: return Int(try self.integer(UInt16.self))
        case .int16: return Int(try self.integer(Int16.self))
        case .uint32: return Int(try self.integer(UInt32.self))
        case .int32: return Int(try self.integer(Int32.self))
        case .bool: return try self.integer(UInt8.self) == 0 ? 0 : 1
        case .uint64: return Int(exactly: try self.integer(UInt64.self))
        case .int64: return Int(exactly: try self.integer(Int64.self))
        case .float32, .float64, .string, .array:
            try self.skip(type, depth: depth)
            return nil
        }
    }

    /// The type and the length of an array, whose elements come next.
    mutating func arrayHead() throws(Stop) -> (type: ValueType, count: UInt64) {
        let type = try self.valueType()
        let count = try self.integer(UInt64.self)
        // A text takes at least its length, an array its type and count.
        try self.checkFits(count: count, each: type.size ?? 8, "the length of an array")
        return (type, count)
    }

    mutating func skip(_ type: ValueType, depth: Int) throws(Stop) {
        if let size = type.size {
            _ = try self.take(size)
        } else if type == .string {
            try self.skipText()
        } else {
            guard depth < 4 else { throw .refused(.malformed("arrays are nested more than four deep")) }
            let (type, count) = try self.arrayHead()
            try self.skipElements(type, count, depth: depth + 1)
        }
    }

    mutating func skipElements(_ type: ValueType, _ count: UInt64, depth: Int) throws(Stop) {
        if let size = type.size {
            _ = try self.take(Int(count) * size)
        } else {
            for _ in 0..<count { try self.skip(type, depth: depth) }
        }
    }
}
