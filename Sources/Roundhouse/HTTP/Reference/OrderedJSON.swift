/// A JSON value whose members keep their order, so that the same reference is the same text at every start.
indirect enum OrderedJSON: Sendable, Hashable {
    struct Member: Sendable, Hashable {
        var key: String
        var value: OrderedJSON
    }

    case null
    case boolean(Bool)
    case integer(Int64)
    /// Finite; JSON has no other numbers.
    case number(Double)
    case string(String)
    case array([OrderedJSON])
    case object([Member])

    /// The value of a member; `nil` when there is none, or this is no object.
    subscript(key: String) -> OrderedJSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }
}

// So that examples stand in the source as they are sent.
extension OrderedJSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: Int64) { self = .integer(value) }
    init(floatLiteral value: Double) { self = .number(value) }
    init(booleanLiteral value: Bool) { self = .boolean(value) }
    init(nilLiteral: ()) { self = .null }
    init(arrayLiteral elements: OrderedJSON...) { self = .array(elements) }
    init(dictionaryLiteral elements: (String, OrderedJSON)...) {
        self = .object(elements.map { Member(key: $0, value: $1) })
    }
}

/// Collects the members of an object; what is not there is left out.
struct OrderedMembers {
    private(set) var members: [OrderedJSON.Member] = []

    var tree: OrderedJSON { .object(self.members) }

    mutating func add(_ key: String, _ value: OrderedJSON?) {
        if let value { self.members.append(OrderedJSON.Member(key: key, value: value)) }
    }

    /// A text that says something.
    mutating func add(_ key: String, text: String) {
        if !text.isEmpty { self.add(key, .string(text)) }
    }

    /// A list that has something.
    mutating func add(_ key: String, list: [OrderedJSON]) {
        if !list.isEmpty { self.add(key, .array(list)) }
    }
}

extension OrderedJSON {
    /// - Parameter indented: each member on a line of its own; else all in one line.
    func text(indented: Bool) -> String {
        var bytes: [UInt8] = []
        self.write(to: &bytes, level: indented ? 0 : nil)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// - Parameter level: how far it is indented; `nil`: all in one line.
    private func write(to bytes: inout [UInt8], level: Int?) {
        switch self {
        case .null: bytes += "null".utf8
        case .boolean(let value): bytes += (value ? "true" : "false").utf8
        case .integer(let value): bytes += String(value).utf8
        case .number(let value): bytes += Self.text(of: value).utf8
        case .string(let value): bytes.append(json: value.utf8)
        case .array(let values):
            Self.write(values, between: "[", and: "]", to: &bytes, level: level) { value, bytes, level in
                value.write(to: &bytes, level: level)
            }
        case .object(let members):
            Self.write(members, between: "{", and: "}", to: &bytes, level: level) { member, bytes, level in
                bytes.append(json: member.key.utf8)
                bytes += (level == nil ? ":" : ": ").utf8
                member.value.write(to: &bytes, level: level)
            }
        }
    }

    /// As people write it where that is not long: `0.000002` rather than `2e-06`.
    private static func text(of number: Double) -> String {
        guard number.isFinite else { return "null" }
        if number == number.rounded(), abs(number) < 1e15 { return String(Int64(number)) }
        // Swift's shortest text that reads back as the same is JSON for every finite value.
        let text = number.magnitude.description
        let sign = number < 0 ? "-" : ""
        let parts = text.split(separator: "e-")
        guard parts.count == 2, let exponent = Int(parts[1]), exponent < 12 else { return sign + text }
        return sign + "0." + String(repeating: "0", count: exponent - 1) + parts[0].filter { $0 != "." }.trimmingZeros
    }

    private static func write<Element>(
        _ elements: [Element], between open: String, and close: String, to bytes: inout [UInt8], level: Int?,
        each: (Element, inout [UInt8], Int?) -> Void
    ) {
        bytes += open.utf8
        let inner = level.map { $0 + 1 }
        for (index, element) in elements.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            Self.breakLine(inner, in: &bytes)
            each(element, &bytes, inner)
        }
        if !elements.isEmpty { Self.breakLine(level, in: &bytes) }
        bytes += close.utf8
    }

    private static func breakLine(_ level: Int?, in bytes: inout [UInt8]) {
        guard let level else { return }
        bytes.append(UInt8(ascii: "\n"))
        bytes += repeatElement(UInt8(ascii: " "), count: level * 2)
    }
}

extension String {
    /// Without the zeros at its end.
    fileprivate var trimmingZeros: String { String(self.reversed().drop { $0 == "0" }.reversed()) }
}
