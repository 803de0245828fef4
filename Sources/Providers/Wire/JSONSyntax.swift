/// Whether a text is JSON (RFC 8259), for texts that are put into a request as they are.
///
/// Nothing is converted, so that numbers of any length pass, as they must: what a model wrote goes back to it to the
/// letter.
enum JSONSyntax {
    /// Arrays and objects inside one another; more is taken for no JSON.
    static let maximumDepth = 512

    /// Whether `json` is one object, with white space around it or without.
    static func isObject(_ json: String) -> Bool {
        self.isValue(json, beginningWith: UInt8(ascii: "{"))
    }

    /// Whether `json` is one array, with white space around it or without.
    static func isArray(_ json: String) -> Bool {
        self.isValue(json, beginningWith: UInt8(ascii: "["))
    }

    /// Whether `json` is one value of whatever kind, with white space around it or without.
    static func isValue(_ json: String) -> Bool {
        let text = json.utf8.span
        return self.isValue(text, self.skipSpace(text, 0))
    }

    private static func isValue(_ json: String, beginningWith bracket: UInt8) -> Bool {
        let text = json.utf8.span
        let start = self.skipSpace(text, 0)
        guard start < text.count, text[start] == bracket else { return false }
        return self.isValue(text, start)
    }

    /// Whether one value begins at `start` and nothing but white space follows it.
    private static func isValue(_ text: Span<UInt8>, _ start: Int) -> Bool {
        // What is open, outermost first: true for an object.
        var open: [Bool] = []
        var place = start
        while true {
            guard let next = self.value(text, place, opening: &open) else { return false }
            place = next.place
            if next.isComplete {
                guard let after = self.close(text, place, &open) else { return false }
                if open.isEmpty { return after == text.count }
                place = after
            }
        }
    }

    /// Reads a value that has no parts, or the beginning of one that has: up to the first part's value.
    private static func value(
        _ text: Span<UInt8>, _ start: Int, opening open: inout [Bool]
    ) -> (place: Int, isComplete: Bool)? {
        guard start < text.count else { return nil }
        switch text[start] {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            let isObject = text[start] == UInt8(ascii: "{")
            let inside = self.skipSpace(text, start + 1)
            guard inside < text.count else { return nil }
            if text[inside] == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) { return (inside + 1, true) }
            guard open.count < self.maximumDepth else { return nil }
            open.append(isObject)
            guard isObject else { return (inside, false) }
            return self.key(text, inside).map { ($0, false) }
        case UInt8(ascii: "\""): return self.string(text, start).map { ($0, true) }
        case UInt8(ascii: "t"): return self.word("true", text, start).map { ($0, true) }
        case UInt8(ascii: "f"): return self.word("false", text, start).map { ($0, true) }
        case UInt8(ascii: "n"): return self.word("null", text, start).map { ($0, true) }
        default: return self.number(text, start).map { ($0, true) }
        }
    }

    /// After a value: closes what ends here, and finds the next value.
    ///
    /// - Returns: where it begins, or the place behind the last white space when nothing is open any more.
    private static func close(_ text: Span<UInt8>, _ start: Int, _ open: inout [Bool]) -> Int? {
        var place = self.skipSpace(text, start)
        while let isObject = open.last {
            guard place < text.count else { return nil }
            switch text[place] {
            case UInt8(ascii: ","):
                let next = self.skipSpace(text, place + 1)
                return isObject ? self.key(text, next) : next
            case (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")):
                open.removeLast()
                place = self.skipSpace(text, place + 1)
            default: return nil
            }
        }
        return place
    }

    /// A member's key and its colon.
    ///
    /// - Returns: where the member's value begins.
    private static func key(_ text: Span<UInt8>, _ start: Int) -> Int? {
        guard start < text.count, text[start] == UInt8(ascii: "\""), let end = self.string(text, start) else {
            return nil
        }
        let colon = self.skipSpace(text, end)
        guard colon < text.count, text[colon] == UInt8(ascii: ":") else { return nil }
        return self.skipSpace(text, colon + 1)
    }

    private static func string(_ text: Span<UInt8>, _ start: Int) -> Int? {
        var place = start + 1
        while place < text.count {
            switch text[place] {
            case UInt8(ascii: "\""): return place + 1
            case 0..<0x20: return nil
            case UInt8(ascii: "\\"):
                guard let end = self.escape(text, place) else { return nil }
                place = end
            default: place += 1
            }
        }
        return nil
    }

    private static func escape(_ text: Span<UInt8>, _ start: Int) -> Int? {
        guard start + 1 < text.count else { return nil }
        switch text[start + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return start + 2
        case UInt8(ascii: "u"):
            guard start + 6 <= text.count else { return nil }
            for place in (start + 2)..<(start + 6) {
                switch text[place] {
                case 0x30...0x39, 0x41...0x46, 0x61...0x66: continue
                default: return nil
                }
            }
            return start + 6
        default: return nil
        }
    }

    private static func number(_ text: Span<UInt8>, _ start: Int) -> Int? {
        var place = start
        if place < text.count, text[place] == UInt8(ascii: "-") { place += 1 }
        guard place < text.count else { return nil }
        if text[place] == UInt8(ascii: "0") {
            place += 1
        } else {
            guard let end = self.digits(text, place) else { return nil }
            place = end
        }
        if place < text.count, text[place] == UInt8(ascii: ".") {
            guard let end = self.digits(text, place + 1) else { return nil }
            place = end
        }
        if place < text.count, text[place] | 0x20 == UInt8(ascii: "e") {
            place += 1
            if place < text.count, text[place] == UInt8(ascii: "+") || text[place] == UInt8(ascii: "-") { place += 1 }
            guard let end = self.digits(text, place) else { return nil }
            place = end
        }
        return place
    }

    /// One digit at least.
    private static func digits(_ text: Span<UInt8>, _ start: Int) -> Int? {
        var place = start
        while place < text.count, (0x30...0x39).contains(text[place]) { place += 1 }
        return place > start ? place : nil
    }

    private static func word(_ word: StaticString, _ text: Span<UInt8>, _ start: Int) -> Int? {
        text.extracting(start..<text.count).starts(with: word) ? start + word.utf8CodeUnitCount : nil
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
}
