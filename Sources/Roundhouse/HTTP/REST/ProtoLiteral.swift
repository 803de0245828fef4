/// A single value as JSON, a path or a query has it, on its way into a field.
enum ProtoLiteral: Sendable, Hashable {
    case string(String)
    /// As it was written.
    case number(String)
    case bool(Bool)

    /// What of a path or a query: quotes are not told there, so the field decides.
    init(text: String, for field: ProtoField) {
        switch field.kind {
        case .bool where text == "true" || text == "false": self = .bool(text == "true")
        case .enumeration where Int32(text) != nil: self = .number(text)
        default: self = .string(text)
        }
    }

    /// `nil` for lists, objects and null.
    init?(_ value: JSONValue) {
        switch value.kind {
        case .string: self = .string(value.string ?? "")
        case .number: self = .number(value.raw)
        case .true: self = .bool(true)
        case .false: self = .bool(false)
        case .object, .array, .null: return nil
        }
    }

    /// What it is, for messages.
    var shown: String {
        switch self {
        case .string(let text): "'\(text.count > 60 ? "\(text.prefix(60))…" : text)'"
        case .number(let text): "\(text.prefix(60))"
        case .bool(let flag): "\(flag)"
        }
    }
}

/// What a value should have been, in words.
struct ProtoExpectation: Error, Hashable {
    var text: String

    init(_ text: String) { self.text = text }
}

extension DescriptorPool {
    /// A single value in the wire format.
    ///
    /// - Throws: ``ProtoExpectation`` when the field cannot have it.
    func value(
        of literal: ProtoLiteral, for field: ProtoField
    ) throws(ProtoExpectation) -> ProtoDraft.Value {
        switch field.kind {
        case .double: return .fixed64(try literal.double().bitPattern)
        case .float: return .fixed32(try literal.float().bitPattern)
        case .int32: return .varint(UInt64(bitPattern: Int64(try literal.integer(Int32.self))))
        case .int64: return .varint(UInt64(bitPattern: try literal.integer(Int64.self)))
        case .uint32: return .varint(UInt64(try literal.integer(UInt32.self)))
        case .uint64: return .varint(try literal.integer(UInt64.self))
        case .sint32:
            let value = Int64(try literal.integer(Int32.self))
            return .varint(UInt64(bitPattern: value << 1 ^ value >> 63))
        case .sint64:
            let value = try literal.integer(Int64.self)
            return .varint(UInt64(bitPattern: value << 1 ^ value >> 63))
        case .fixed32: return .fixed32(try literal.integer(UInt32.self))
        case .sfixed32: return .fixed32(UInt32(bitPattern: try literal.integer(Int32.self)))
        case .fixed64: return .fixed64(try literal.integer(UInt64.self))
        case .sfixed64: return .fixed64(UInt64(bitPattern: try literal.integer(Int64.self)))
        case .bool:
            guard case .bool(let flag) = literal else { throw ProtoExpectation("true or false") }
            return .varint(flag ? 1 : 0)
        case .string:
            guard case .string(let text) = literal else { throw ProtoExpectation("a string") }
            return .bytes(Array(text.utf8))
        case .bytes:
            guard case .string(let text) = literal, let bytes = Base64Text.decode(text) else {
                throw ProtoExpectation("bytes in base64")
            }
            return .bytes(bytes)
        case .enumeration(let name): return .varint(UInt64(bitPattern: Int64(try self.number(of: literal, name))))
        case .message(let name):
            guard let type = WellKnownType(rawValue: name) else { throw ProtoExpectation("an object") }
            guard case .string(let text) = literal else { throw ProtoExpectation(type.form) }
            return .message(try type.draft(of: text))
        }
    }

    private func number(of literal: ProtoLiteral, _ name: String) throws(ProtoExpectation) -> Int32 {
        let type = self.enumeration(name)
        switch literal {
        case .string(let text):
            if let number = type?.number(of: text) { return number }
            let names = type?.values.map(\.name) ?? []
            throw ProtoExpectation("one of \(names.joined(separator: ", "))")
        case .number: return try literal.integer(Int32.self)
        case .bool: throw ProtoExpectation("the name of a value")
        }
    }
}

extension ProtoLiteral {
    /// Also from a string, which JSON has for numbers of 64 bits.
    fileprivate func integer<Integer: FixedWidthInteger>(_: Integer.Type) throws(ProtoExpectation) -> Integer {
        if let text = self.numberText, !text.hasPrefix("+") {
            if let number = Integer(text) { return number }
            // 3.0 and 3e2 are whole numbers too.
            if text.utf8.allSatisfy({ $0 != UInt8(ascii: "x") && $0 != UInt8(ascii: "p") }),
                let number = Double(text), abs(number) < 0x1p53, let whole = Integer(exactly: number)
            {
                return whole
            }
        }
        throw ProtoExpectation("a whole number from \(Integer.min) to \(Integer.max)")
    }

    fileprivate func double() throws(ProtoExpectation) -> Double {
        if case .string(let text) = self {
            switch text {
            case "NaN": return .nan
            case "Infinity": return .infinity
            case "-Infinity": return -.infinity
            default: break
            }
        }
        guard let text = self.numberText, text.first.map({ $0 == "-" || $0.isNumber }) == true,
            let number = Double(text), number.isFinite
        else { throw ProtoExpectation("a number") }
        return number
    }

    fileprivate func float() throws(ProtoExpectation) -> Float {
        let double = try self.double()
        let float = Float(double)
        guard float.isFinite == double.isFinite else { throw ProtoExpectation("a number of 32 bits") }
        return float
    }

    private var numberText: String? {
        switch self {
        case .number(let text), .string(let text): text
        case .bool: nil
        }
    }
}

/// Base64 as JSON has it: by either alphabet, with or without padding.
enum Base64Text {
    static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var (bits, count): (UInt32, Int) = (0, 0)
        var digits = text.utf8[...]
        while digits.last == UInt8(ascii: "=") { digits.removeLast() }
        guard text.utf8.count - digits.count < 3, digits.count % 4 != 1 else { return nil }
        for digit in digits {
            guard let value = self.value(digit) else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return bytes
    }

    static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        var (bits, count): (UInt32, Int) = (0, 0)
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                text.append(digits[Int(bits >> UInt32(count) & 0x3F)])
            }
        }
        if count > 0 { text.append(digits[Int(bits << UInt32(6 - count) & 0x3F)]) }
        while text.count % 4 != 0 { text.append(UInt8(ascii: "=")) }
        return text
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): digit - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
        case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
