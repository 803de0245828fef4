/// Reads JSON's grammar.
struct JSONScanner {
    private var nodes: [JSONNode] = []
    /// Nodes of what is open, outermost first.
    private var open: [Int] = []

    /// - Throws: ``JSONProblem`` with the first byte that cannot be.
    static func nodes(of text: Span<UInt8>, depth: Int) throws(JSONProblem) -> [JSONNode] {
        try self.checkUTF8(text)
        var scanner = JSONScanner()
        scanner.nodes.reserveCapacity(min(text.count / 12 + 8, 4096))
        var place = try scanner.value(text, self.skipSpace(text, 0), depth)
        while !scanner.open.isEmpty { place = try scanner.step(text, place, depth) }
        place = self.skipSpace(text, place)
        if place < text.count {
            throw JSONProblem("the text goes on behind its end, with \(self.shown(text, place))", at: place, in: text)
        }
        return scanner.nodes
    }

    private static func checkUTF8(_ text: Span<UInt8>) throws(JSONProblem) {
        do {
            _ = try UTF8Span(validating: text)
        } catch {
            throw JSONProblem("the text is no UTF-8", at: error.byteOffsets.lowerBound, in: text)
        }
    }

    /// Reads a value that has no parts, or the beginning of one that has.
    ///
    /// - Returns: the place behind it.
    private mutating func value(_ text: Span<UInt8>, _ start: Int, _ depth: Int) throws(JSONProblem) -> Int {
        guard start < text.count else { throw JSONProblem("a value is expected, found the end", at: start, in: text) }
        switch text[start] {
        case UInt8(ascii: "\""): return try self.string(text, start)
        case UInt8(ascii: "{"): return try self.begin(.object, text, start, depth)
        case UInt8(ascii: "["): return try self.begin(.array, text, start, depth)
        case UInt8(ascii: "t"): return try self.word("true", .true, text, start)
        case UInt8(ascii: "f"): return try self.word("false", .false, text, start)
        case UInt8(ascii: "n"): return try self.word("null", .null, text, start)
        case UInt8(ascii: "-"), 0x30...0x39: return try self.number(text, start)
        default: throw JSONProblem("a value is expected, found \(Self.shown(text, start))", at: start, in: text)
        }
    }

    private mutating func begin(
        _ kind: JSONNode.Kind, _ text: Span<UInt8>, _ start: Int, _ depth: Int
    ) throws(JSONProblem) -> Int {
        guard self.open.count < depth else {
            throw JSONProblem("more than \(depth) arrays and objects stand inside one another", at: start, in: text)
        }
        self.open.append(self.nodes.count)
        self.nodes.append(JSONNode(kind: kind, start: start, end: start, next: 0))
        return start + 1
    }

    /// Goes on inside of what is open: with the next part of it, or with its end.
    private mutating func step(_ text: Span<UInt8>, _ start: Int, _ depth: Int) throws(JSONProblem) -> Int {
        let container = self.open[self.open.count - 1]
        let isObject = self.nodes[container].kind == .object
        var place = Self.skipSpace(text, start)
        let isFirst = self.nodes.count == container + 1
        guard place < text.count else {
            throw JSONProblem(
                "the \(isObject ? "object" : "array") that begins at byte \(self.nodes[container].start) has no end",
                at: place, in: text)
        }
        if text[place] == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
            self.nodes[container].end = place + 1
            self.nodes[container].next = self.nodes.count
            self.open.removeLast()
            return place + 1
        }
        if !isFirst {
            guard text[place] == UInt8(ascii: ",") else {
                let end = isObject ? "'}'" : "']'"
                throw JSONProblem("',' or \(end) is expected, found \(Self.shown(text, place))", at: place, in: text)
            }
            place = Self.skipSpace(text, place + 1)
        }
        return try self.value(text, isObject ? self.key(text, place) : place, depth)
    }

    /// A member's key and its colon.
    private mutating func key(_ text: Span<UInt8>, _ start: Int) throws(JSONProblem) -> Int {
        guard start < text.count, text[start] == UInt8(ascii: "\"") else {
            throw JSONProblem(
                "a key in quotation marks is expected, found \(Self.shown(text, start))", at: start, in: text)
        }
        let colon = Self.skipSpace(text, try self.string(text, start))
        guard colon < text.count, text[colon] == UInt8(ascii: ":") else {
            throw JSONProblem("':' is expected after a key, found \(Self.shown(text, colon))", at: colon, in: text)
        }
        return Self.skipSpace(text, colon + 1)
    }

    private mutating func leaf(
        _ kind: JSONNode.Kind, _ start: Int, _ end: Int, hasEscapes: Bool = false
    ) -> Int {
        self.nodes.append(
            JSONNode(kind: kind, hasEscapes: hasEscapes, start: start, end: end, next: self.nodes.count + 1))
        return end
    }

    // MARK: - Strings

    private mutating func string(_ text: Span<UInt8>, _ start: Int) throws(JSONProblem) -> Int {
        var place = start + 1
        var hasEscapes = false
        while true {
            place = Self.skipPlain(text, place)
            guard place < text.count else {
                throw JSONProblem("the string that begins at byte \(start) has no end", at: place, in: text)
            }
            switch text[place] {
            case UInt8(ascii: "\""):
                return self.leaf(.string, start, place + 1, hasEscapes: hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                place = try Self.escape(text, place)
            default:
                throw JSONProblem(
                    "\(Self.shown(text, place)) must be escaped in a string", at: place, in: text)
            }
        }
    }

    /// The place of the next byte that means something in a string, or of the end. Eight bytes at a time: pictures come as
    /// strings of megabytes.
    private static func skipPlain(_ text: Span<UInt8>, _ start: Int) -> Int {
        let bytes = unsafe text.bytes
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        var place = start
        while place + 8 <= text.count {
            let word = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: place, as: UInt64.self)
            let quotes = word ^ (ones &* 0x22)
            let slashes = word ^ (ones &* 0x5C)
            // A byte's top bit is set where it is below 0x20, or zero after the exclusive or.
            let found =
                ((word &- ones &* 0x20) & ~word) | ((quotes &- ones) & ~quotes) | ((slashes &- ones) & ~slashes)
            if found & tops != 0 { break }
            place += 8
        }
        while place < text.count {
            let byte = text[place]
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
            place += 1
        }
        return place
    }

    /// - Returns: the place behind it, and behind its other half.
    private static func escape(_ text: Span<UInt8>, _ start: Int) throws(JSONProblem) -> Int {
        guard start + 1 < text.count else { throw JSONProblem("an escape has no end", at: text.count, in: text) }
        switch text[start + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return start + 2
        case UInt8(ascii: "u"):
            let unit = try self.unit(text, start)
            guard unit & 0xF800 == 0xD800 else { return start + 6 }
            let isPair =
                unit < 0xDC00 && start + 7 < text.count && text[start + 6] == UInt8(ascii: "\\")
                && text[start + 7] == UInt8(ascii: "u")
            if isPair, try self.unit(text, start + 6) & 0xFC00 == 0xDC00 { return start + 12 }
            throw JSONProblem("half of a surrogate pair is no character", at: start, in: text)
        default:
            throw JSONProblem("'\\' and \(self.shown(text, start + 1)) are no escape", at: start, in: text)
        }
    }

    /// The four digits of `\u`.
    private static func unit(_ text: Span<UInt8>, _ start: Int) throws(JSONProblem) -> UInt16 {
        var unit: UInt16 = 0
        for place in (start + 2)..<(start + 6) {
            guard place < text.count, let digit = self.hexadecimal(text[place]) else {
                throw JSONProblem(
                    "four hexadecimal digits are expected after '\\u', found \(self.shown(text, place))",
                    at: min(place, text.count), in: text)
            }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }

    /// What stands between the quotation marks of a string that was found to be one.
    static func unescaped(_ text: Span<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var place = 0
        while place < text.count {
            let end = self.skipPlain(text, place)
            for index in place..<end { bytes.append(text[index]) }
            place = end
            guard place + 1 < text.count else { break }
            switch text[place + 1] {
            case UInt8(ascii: "b"): bytes.append(0x08)
            case UInt8(ascii: "f"): bytes.append(0x0C)
            case UInt8(ascii: "n"): bytes.append(0x0A)
            case UInt8(ascii: "r"): bytes.append(0x0D)
            case UInt8(ascii: "t"): bytes.append(0x09)
            case UInt8(ascii: "u"):
                let first = UInt32((try? self.unit(text, place)) ?? 0)
                var scalar = first
                if first & 0xF800 == 0xD800 {
                    scalar = 0x10000 + (first & 0x3FF) << 10 + UInt32((try? self.unit(text, place + 6)) ?? 0) & 0x3FF
                    place += 6
                }
                let character = Unicode.Scalar(scalar) ?? "\u{FFFD}"
                bytes.append(contentsOf: UTF8.encode(character) ?? UTF8.encodedReplacementCharacter)
                place += 4
            case let byte: bytes.append(byte)
            }
            place += 2
        }
        return bytes
    }

    // MARK: - Numbers and words

    private mutating func number(_ text: Span<UInt8>, _ start: Int) throws(JSONProblem) -> Int {
        var place = text[start] == UInt8(ascii: "-") ? start + 1 : start
        if place < text.count, text[place] == UInt8(ascii: "0") {
            place += 1
            if place < text.count, (0x30...0x39).contains(text[place]) {
                throw JSONProblem("a number begins with a 0 too many", at: start, in: text)
            }
        } else {
            place = try Self.digits(text, place)
        }
        if place < text.count, text[place] == UInt8(ascii: ".") { place = try Self.digits(text, place + 1) }
        if place < text.count, text[place] | 0x20 == UInt8(ascii: "e") {
            place += 1
            if place < text.count, text[place] == UInt8(ascii: "+") || text[place] == UInt8(ascii: "-") { place += 1 }
            place = try Self.digits(text, place)
        }
        return self.leaf(.number, start, place)
    }

    /// One digit at least.
    private static func digits(_ text: Span<UInt8>, _ start: Int) throws(JSONProblem) -> Int {
        var place = start
        while place < text.count, (0x30...0x39).contains(text[place]) { place += 1 }
        guard place > start else {
            throw JSONProblem("a digit is expected, found \(self.shown(text, place))", at: place, in: text)
        }
        return place
    }

    private mutating func word(
        _ word: StaticString, _ kind: JSONNode.Kind, _ text: Span<UInt8>, _ start: Int
    ) throws(JSONProblem) -> Int {
        let end = start + word.utf8CodeUnitCount
        guard end <= text.count, text.extracting(start..<end).isSame(as: word) else {
            throw JSONProblem("a value is expected, found a word that is not '\(word)'", at: start, in: text)
        }
        return self.leaf(kind, start, end)
    }

    private static func skipSpace(_ text: Span<UInt8>, _ start: Int) -> Int {
        var place = start
        while place < text.count {
            switch text[place] {
            case 0x20, 0x09, 0x0A, 0x0D: place += 1
            default: return place
            }
        }
        return place
    }

    /// The character at a place, for people.
    private static func shown(_ text: Span<UInt8>, _ place: Int) -> String {
        guard place < text.count else { return "the end" }
        let byte = text[place]
        if byte < 0x20 || byte == 0x7F { return "control character \(byte)" }
        var bytes: [UInt8] = []
        for index in place..<min(place + 4, text.count) { bytes.append(text[index]) }
        return "'\(String(decoding: bytes, as: UTF8.self).prefix(1))'"
    }
}

extension Span<UInt8> {
    /// Whether it is the bytes of `text`.
    func isSame(as text: StaticString) -> Bool {
        guard self.count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { buffer in
            for place in 0..<self.count where unsafe buffer[place] != self[place] { return false }
            return true
        }
    }
}
