/// Writes messages as JSON, straight from the wire format.
///
/// The mapping is protobuf's, with three choices of ours: names are the proto's (`total_loaded`), fields without presence
/// are there also with their default (`"loaded": false`, empty lists), and numbers of 64 bits are numbers, not strings.
struct ProtoJSON {
    private let pool: DescriptorPool
    private(set) var text: [UInt8] = []

    private init(_ pool: DescriptorPool) {
        self.pool = pool
    }

    /// One line of JSON.
    ///
    /// - Throws: for bytes that are no message of this type.
    static func text(
        of message: [UInt8], _ type: ProtoMessage, _ pool: DescriptorPool
    ) throws(WireReader.Malformed) -> [UInt8] {
        var writer = ProtoJSON(pool)
        writer.text.reserveCapacity(message.count * 2 + 64)
        try writer.message(WireReader(message), type)
        return writer.text
    }

    /// The same for one field of a message, such as the `response_body` of a route.
    static func text(
        of field: ProtoField, in message: [UInt8], _ type: ProtoMessage, _ pool: DescriptorPool
    ) throws(WireReader.Malformed) -> [UInt8] {
        var writer = ProtoJSON(pool)
        var values: [WireReader.Value] = []
        var reader = WireReader(message)
        while let part = try reader.next() {
            if part.number == field.number { values.append(part.value) }
        }
        if values.isEmpty, field.hasPresence {
            writer.raw("{}")
        } else {
            try writer.field(values, field, reader)
        }
        return writer.text
    }

    /// A string of JSON, with its quotation marks.
    static func text(of string: String) -> [UInt8] {
        var text: [UInt8] = []
        text.append(json: string.utf8)
        return text
    }

    // MARK: - Messages

    private mutating func message(_ reader: WireReader, _ type: ProtoMessage) throws(WireReader.Malformed) {
        if let known = WellKnownType(rawValue: type.name) {
            self.string(try known.text(of: reader))
        } else if type.name == "google.protobuf.Any" {
            try self.any(reader)
        } else {
            self.raw("{")
            try self.fields(reader, type, isFirst: true)
            self.raw("}")
        }
    }

    private mutating func fields(
        _ message: WireReader, _ type: ProtoMessage, isFirst: Bool
    ) throws(WireReader.Malformed) {
        // Where the fields' values lie: one for most, and in any order.
        var values: [[WireReader.Value]] = Array(repeating: [], count: type.fields.count)
        var reader = message
        while let part = try reader.next() {
            if let index = type.indexByNumber[part.number] { values[index].append(part.value) }
        }
        var isFirst = isFirst
        for (field, values) in zip(type.fields, values) where !(values.isEmpty && field.hasPresence) {
            if !isFirst { self.raw(",") }
            isFirst = false
            self.string(field.name)
            self.raw(":")
            try self.field(values, field, message)
        }
    }

    private mutating func field(
        _ values: [WireReader.Value], _ field: ProtoField, _ message: WireReader
    ) throws(WireReader.Malformed) {
        if let entry = self.pool.entry(of: field) {
            try self.map(values, entry.key, entry.value, message)
        } else if field.isRepeated {
            self.raw("[")
            var isFirst = true
            for value in values {
                if field.isPackable, case .range(let range) = value {
                    var run = WireReader(message.bytes, at: range)
                    while let value = try run.nextPacked(as: field.kind) {
                        if !isFirst { self.raw(",") }
                        isFirst = false
                        try self.single(value, field, message)
                    }
                } else {
                    if !isFirst { self.raw(",") }
                    isFirst = false
                    try self.single(value, field, message)
                }
            }
            self.raw("]")
        } else if values.count > 1, let type = self.pool.message(of: field) {
            // A message in parts is their sum.
            var whole: [UInt8] = []
            for case .range(let range) in values { whole += message.bytes[range] }
            try self.message(WireReader(whole), type)
        } else {
            try self.single(values.last ?? field.kind.zero, field, message)
        }
    }

    private mutating func map(
        _ entries: [WireReader.Value], _ key: ProtoField, _ element: ProtoField, _ message: WireReader
    ) throws(WireReader.Malformed) {
        // In the order of their names, so that the same message is the same text; the last of two with the same key counts.
        var elements: [String: WireReader.Value] = [:]
        for case .range(let range) in entries {
            var entry = WireReader(message.bytes, at: range)
            var (name, value) = (key.kind.zero, element.kind.zero)
            while let part = try entry.next() {
                if part.number == 1 { name = part.value }
                if part.number == 2 { value = part.value }
            }
            elements[try self.name(name, key, message)] = value
        }
        self.raw("{")
        for (index, (name, value)) in elements.sorted(by: { $0.key < $1.key }).enumerated() {
            if index > 0 { self.raw(",") }
            self.string(name)
            self.raw(":")
            try self.single(value, element, message)
        }
        self.raw("}")
    }

    /// A map's key, which is a string in JSON.
    private func name(
        _ value: WireReader.Value, _ key: ProtoField, _ message: WireReader
    ) throws(WireReader.Malformed) -> String {
        if case .string = key.kind {
            if case .range(let range) = value { return message.string(at: range) }
            return ""
        }
        var writer = ProtoJSON(self.pool)
        try writer.single(value, key, message)
        return String(decoding: writer.text, as: UTF8.self)
    }

    private mutating func any(_ message: WireReader) throws(WireReader.Malformed) {
        var (url, contents): (String, Range<Int>) = ("", 0..<0)
        var reader = message
        while let part = try reader.next() {
            if part.number == 1, case .range(let range) = part.value { url = reader.string(at: range) }
            if part.number == 2, case .range(let range) = part.value { contents = range }
        }
        self.raw("{\"@type\":")
        self.string(url)
        let value = WireReader(message.bytes, at: contents)
        let name = url.split(separator: "/").last.map { String($0) } ?? ""
        if let type = self.pool.message(name) {
            if let known = WellKnownType(rawValue: name) {
                self.raw(",\"value\":")
                self.string(try known.text(of: value))
            } else {
                try self.fields(value, type, isFirst: false)
            }
        } else {
            self.raw(",\"value\":\"")
            self.text += Base64Text.encode(message.bytes[contents])
            self.raw("\"")
        }
        self.raw("}")
    }

    // MARK: - Single values

    private mutating func single(
        _ value: WireReader.Value, _ field: ProtoField, _ message: WireReader
    ) throws(WireReader.Malformed) {
        switch (field.kind, value) {
        case (.message(let name), .range(let range)):
            if let type = self.pool.message(name) { try self.message(WireReader(message.bytes, at: range), type) }
        case (.string, .range(let range)): self.string(utf8: message.bytes[range])
        case (.bytes, .range(let range)):
            self.raw("\"")
            self.text += Base64Text.encode(message.bytes[range])
            self.raw("\"")
        case (.enumeration(let name), .varint(let bits)):
            let number = Int32(truncatingIfNeeded: bits)
            if let name = self.pool.enumeration(name)?.name(of: number) {
                self.string(name)
            } else {
                self.raw("\(number)")
            }
        case (.bool, .varint(let bits)): self.raw(bits == 0 ? "false" : "true")
        case (.int32, .varint(let bits)): self.raw("\(Int32(truncatingIfNeeded: bits))")
        case (.int64, .varint(let bits)): self.raw("\(Int64(bitPattern: bits))")
        case (.uint32, .varint(let bits)): self.raw("\(UInt32(truncatingIfNeeded: bits))")
        case (.uint64, .varint(let bits)): self.raw("\(bits)")
        case (.sint32, .varint(let bits)), (.sint64, .varint(let bits)):
            self.raw("\(Int64(bitPattern: bits >> 1) ^ -Int64(bitPattern: bits & 1))")
        case (.fixed32, .fixed32(let bits)): self.raw("\(bits)")
        case (.sfixed32, .fixed32(let bits)): self.raw("\(Int32(bitPattern: bits))")
        case (.fixed64, .fixed64(let bits)): self.raw("\(bits)")
        case (.sfixed64, .fixed64(let bits)): self.raw("\(Int64(bitPattern: bits))")
        case (.float, .fixed32(let bits)): self.number(Float(bitPattern: bits))
        case (.double, .fixed64(let bits)): self.number(Double(bitPattern: bits))
        default:
            throw WireReader.Malformed(offset: 0, expected: "another wire type for \(field.name)")
        }
    }

    private mutating func number<Number: BinaryFloatingPoint & CustomStringConvertible>(_ number: Number) {
        if number.isNaN {
            self.raw("\"NaN\"")
        } else if number.isInfinite {
            self.raw(number < 0 ? "\"-Infinity\"" : "\"Infinity\"")
        } else if number == number.rounded(), abs(number) < 1e15 {
            // 3 rather than 3.0; -0 stays one.
            self.raw(number == 0 && number.sign == .minus ? "-0.0" : "\(Int64(number))")
        } else {
            self.raw(number.description)
        }
    }

    private mutating func raw(_ text: String) {
        self.text += text.utf8
    }

    private mutating func string(_ text: String) {
        self.string(utf8: text.utf8)
    }

    private mutating func string(utf8 text: some Collection<UInt8>) {
        self.text.append(json: text)
    }
}

extension ProtoField.Kind {
    /// What an unset field of it has.
    fileprivate var zero: WireReader.Value {
        switch self {
        case .double, .fixed64, .sfixed64: .fixed64(0)
        case .float, .fixed32, .sfixed32: .fixed32(0)
        case .string, .bytes, .message: .range(0..<0)
        default: .varint(0)
        }
    }
}

extension WireReader {
    /// The next number of a packed list; `nil` at its end.
    fileprivate mutating func nextPacked(as kind: ProtoField.Kind) throws(Malformed) -> Value? {
        switch kind {
        case .double, .fixed64, .sfixed64: try self.nextPacked(size: 8).map { .fixed64($0) }
        case .float, .fixed32, .sfixed32:
            try self.nextPacked(size: 4).map { .fixed32(UInt32(truncatingIfNeeded: $0)) }
        default: try self.nextPacked().map { .varint($0) }
        }
    }
}
