/// A text that was found to be JSON (RFC 8259), and what its values are.
///
/// It is read once from the beginning to the end, into one array that says where each value begins and ends; nothing is
/// converted before somebody asks for it, and numbers and schemas of any size can be passed on to the letter. What no other
/// reader agrees on is refused: bytes that are no UTF-8, half of a surrogate pair, values behind the end.
final class JSONText: Sendable {
    let bytes: [UInt8]
    fileprivate let nodes: [JSONNode]

    /// Arrays and objects inside one another, where nobody says otherwise.
    static let usualDepth = 64

    /// - Throws: ``JSONProblem`` with the place of the first byte that cannot be.
    init(_ bytes: [UInt8], depth: Int = JSONText.usualDepth) throws(JSONProblem) {
        self.bytes = bytes
        self.nodes = try JSONScanner.nodes(of: bytes.span, depth: depth)
    }

    convenience init(_ text: String, depth: Int = JSONText.usualDepth) throws(JSONProblem) {
        try self.init(Array(text.utf8), depth: depth)
    }

    /// The value that all of it is.
    var root: JSONValue { JSONValue(text: self, index: 0) }
}

/// Why a text is no JSON.
struct JSONProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// In bytes, from 0.
    var offset: Int
    /// From 1.
    var line: Int
    /// From 1, in characters.
    var column: Int
    /// What is wrong there: `a value is expected, found '}'`.
    var reason: String

    init(_ reason: String, at offset: Int, in text: Span<UInt8>) {
        self.offset = offset
        self.reason = reason
        self.line = 1
        self.column = 1
        for place in 0..<min(offset, text.count) {
            if text[place] == UInt8(ascii: "\n") {
                self.line += 1
                self.column = 1
            } else if text[place] & 0xC0 != 0x80 {
                self.column += 1
            }
        }
    }

    var description: String { "at byte \(self.offset) (line \(self.line), column \(self.column)): \(self.reason)" }
}

/// Where a value stands. In the order of their beginnings; an object's members are a key's node and a value's each.
struct JSONNode: Sendable {
    var kind: Kind
    /// Of a string: whether it has to be decoded.
    var hasEscapes = false
    /// In bytes; of a string with its quotation marks.
    var start: Int
    var end: Int
    /// Index of the first node that is no part of it.
    var next: Int

    enum Kind: Sendable, Hashable {
        case object, array, string, number, `true`, `false`, null
    }
}

/// One value of a ``JSONText``.
struct JSONValue: Sendable {
    let text: JSONText
    fileprivate let index: Int

    private var node: JSONNode { self.text.nodes[self.index] }
    var kind: JSONNode.Kind { self.node.kind }
    var isNull: Bool { self.kind == .null }

    /// As it was written.
    var raw: String {
        let node = self.node
        return String(decoding: self.text.bytes[node.start..<node.end], as: UTF8.self)
    }

    /// How many bytes ``raw`` has.
    var rawCount: Int { self.node.end - self.node.start }

    /// `nil` when it is no string.
    var string: String? {
        let node = self.node
        guard node.kind == .string else { return nil }
        let inside = (node.start + 1)..<(node.end - 1)
        let bytes = self.text.bytes
        guard node.hasEscapes else { return String(decoding: bytes[inside], as: UTF8.self) }
        return String(decoding: JSONScanner.unescaped(bytes.span.extracting(inside)), as: UTF8.self)
    }

    /// Whether it is the string `text`, which must need no escaping.
    func isString(_ text: StaticString) -> Bool {
        let node = self.node
        guard node.kind == .string else { return false }
        if node.hasEscapes { return self.string == "\(text)" }
        guard node.end - node.start == text.utf8CodeUnitCount + 2 else { return false }
        let bytes = self.text.bytes
        return bytes.span.extracting((node.start + 1)..<(node.end - 1)).isSame(as: text)
    }

    /// `nil` when it is neither `true` nor `false`.
    var boolean: Bool? {
        switch self.kind {
        case .true: true
        case .false: false
        default: nil
        }
    }

    /// `nil` when it is no number. One that is too large for the type is infinite.
    var number: Double? {
        guard self.kind == .number else { return nil }
        if let integer = self.plainInteger { return Double(integer) }
        return Double(self.raw)
    }

    /// `nil` when it is no whole number that fits, in whatever way it is written: `3`, `3.0`, `3e0`.
    var integer: Int64? {
        guard self.kind == .number else { return nil }
        if let integer = self.plainInteger { return integer }
        // Beyond 2^53 a Double is near what was written, and no longer the same.
        return Double(self.raw).flatMap { $0.magnitude <= 0x1p53 ? Int64(exactly: $0) : nil }
    }

    /// A number without a fraction and an exponent.
    private var plainInteger: Int64? {
        let node = self.node
        let bytes = self.text.bytes
        let isNegative = bytes[node.start] == UInt8(ascii: "-")
        var value: Int64 = 0
        for place in (isNegative ? node.start + 1 : node.start)..<node.end {
            let digit = Int64(bytes[place]) - 0x30
            guard (0...9).contains(digit) else { return nil }
            let (product, overflows) = value.multipliedReportingOverflow(by: 10)
            let (next, overflowsToo) = product.subtractingReportingOverflow(digit)
            guard !overflows, !overflowsToo else { return nil }
            value = next
        }
        // Counted downwards, since there is one more below zero.
        guard !isNegative else { return value }
        return value == .min ? nil : -value
    }

    /// Its elements; none when it is no array.
    var elements: JSONElements {
        JSONElements(text: self.text, index: self.index + 1, end: self.kind == .array ? self.node.next : 0)
    }

    /// Its members in their order, doubles among them; none when it is no object.
    var members: JSONMembers {
        JSONMembers(text: self.text, index: self.index + 1, end: self.kind == .object ? self.node.next : 0)
    }

    /// The first member with a key; `nil` when there is none or it is no object. Looks at one after the other.
    subscript(_ key: StaticString) -> JSONValue? {
        for member in self.members where member.key.isString(key) { return member.value }
        return nil
    }

    /// A key that stands twice in an object.
    var doubleKey: JSONValue? {
        var keys: [JSONNode] = []
        var seen: Set<String> = []
        for member in self.members {
            let node = member.key.node
            // Long ones are dictionaries of somebody's; short ones need no memory but the array's.
            if keys.count >= 32 || node.hasEscapes || !seen.isEmpty {
                if seen.isEmpty { seen = Set(self.members.prefix(keys.count).compactMap(\.key.string)) }
                guard seen.insert(member.key.string ?? "").inserted else { return member.key }
            } else if keys.contains(where: { self.text.hasSameBytes($0, node) }) {
                return member.key
            }
            keys.append(node)
        }
        return nil
    }

    /// From the root: `messages[2].content[0].image_url.url`; empty for the root itself.
    var path: String {
        var path = ""
        var at = JSONValue(text: self.text, index: 0)
        while at.index != self.index {
            var next: JSONValue?
            if at.kind == .array {
                for (position, element) in at.elements.enumerated() where element.holds(self.index) {
                    path += "[\(position)]"
                    next = element
                    break
                }
            } else {
                for member in at.members where member.key.index == self.index || member.value.holds(self.index) {
                    path += (path.isEmpty ? "" : ".") + (member.key.string ?? "").prefix(64)
                    next = member.key.index == self.index ? nil : member.value
                    break
                }
            }
            guard let next else { break }
            at = next
        }
        return path
    }

    private func holds(_ index: Int) -> Bool { index >= self.index && index < self.node.next }

    /// Of the first byte.
    var offset: Int { self.node.start }
}

extension JSONText {
    fileprivate func hasSameBytes(_ left: JSONNode, _ right: JSONNode) -> Bool {
        guard left.end - left.start == right.end - right.start else { return false }
        for place in 0..<(left.end - left.start) where self.bytes[left.start + place] != self.bytes[right.start + place]
        {
            return false
        }
        return true
    }
}

/// The elements of an array.
struct JSONElements: Sequence, IteratorProtocol, Sendable {
    fileprivate let text: JSONText
    fileprivate var index: Int
    fileprivate let end: Int

    mutating func next() -> JSONValue? {
        guard self.index < self.end else { return nil }
        defer { self.index = self.text.nodes[self.index].next }
        return JSONValue(text: self.text, index: self.index)
    }
}

/// The members of an object.
struct JSONMembers: Sequence, IteratorProtocol, Sendable {
    fileprivate let text: JSONText
    fileprivate var index: Int
    fileprivate let end: Int

    mutating func next() -> (key: JSONValue, value: JSONValue)? {
        guard self.index < self.end else { return nil }
        let value = JSONValue(text: self.text, index: self.index + 1)
        defer { self.index = self.text.nodes[self.index + 1].next }
        return (JSONValue(text: self.text, index: self.index), value)
    }
}
