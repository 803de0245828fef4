/// Cuts a filter into its pieces. What a piece is depends on where it stands (`:` may be part of a value, and never of a
/// field), so the parser asks for the kind that it needs.
struct FilterScanner {
    static let keywords: Set<String> = ["AND", "OR", "NOT"]

    private let text: [Unicode.Scalar]
    private(set) var offset = 0
    let field: String

    /// - Parameter field: the request's field that holds the text, for errors.
    init(_ text: String, field: String) {
        self.text = Array(text.unicodeScalars)
        self.field = field
    }

    /// Of the next character, from 1.
    var position: Int { self.offset + 1 }
    var isAtEnd: Bool { self.offset == self.text.count }
    var next: Unicode.Scalar? { self.isAtEnd ? nil : self.text[self.offset] }

    mutating func skipSpaces() {
        while let next = self.next, next.properties.isWhitespace { self.offset += 1 }
    }

    /// Takes the next character when it is this one.
    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard self.next == scalar else { return false }
        self.offset += 1
        return true
    }

    /// Takes a keyword when it stands here as a word of its own.
    mutating func take(keyword: String) -> Bool {
        guard self.word() == keyword else { return false }
        self.offset += keyword.unicodeScalars.count
        return true
    }

    /// The word that stands here, without taking it: letters, digits, `_`, `-` and `.`.
    func word() -> String {
        var word = ""
        for scalar in self.text[self.offset...] {
            guard Self.isInName(scalar) || (scalar == "-" && !word.isEmpty) else { break }
            word.unicodeScalars.append(scalar)
        }
        return word
    }

    /// The name of a field; empty when none stands here.
    mutating func takeName() -> String {
        var name = ""
        while let next = self.next, Self.isInName(next) {
            name.unicodeScalars.append(next)
            self.offset += 1
        }
        return name
    }

    mutating func takeComparator() throws(QueryError) -> FilterComparator? {
        switch self.next {
        case ":":
            self.offset += 1
            return .has
        case "=":
            self.offset += 1
            guard self.next != "=" else {
                throw self.error(at: self.position - 1, found: "'=='", expected: "'=', which compares already")
            }
            return .equal
        case "<":
            self.offset += 1
            return self.take("=") ? .lessOrEqual : .less
        case ">":
            self.offset += 1
            return self.take("=") ? .greaterOrEqual : .greater
        case "!":
            let start = self.position
            self.offset += 1
            guard self.take("=") else { throw self.error(at: start, found: "'!'", expected: "'!=' or NOT") }
            return .notEqual
        default: return nil
        }
    }

    /// A value, quoted or bare.
    mutating func takeValue() throws(QueryError) -> FilterValue {
        switch self.next {
        case "\"", "'": try self.takeQuoted()
        default: try self.takeBare()
        }
    }

    private mutating func takeBare() throws(QueryError) -> FilterValue {
        let start = self.position
        var scalars: [Piece] = []
        while let next = self.next, !Self.endsBareValue(next) {
            scalars.append(next == "*" ? .wildcard(at: self.position) : .scalar(next))
            self.offset += 1
        }
        let value = try self.value(of: scalars, at: start)
        guard !scalars.isEmpty, !Self.keywords.contains(value.text) || value.isOpen else {
            let found = scalars.isEmpty ? self.foundHere : "the word \(value.text)"
            throw self.error(at: start, found: found, expected: "a value; in quotes if it is to be this word")
        }
        return value
    }

    private mutating func takeQuoted() throws(QueryError) -> FilterValue {
        let start = self.position
        let quote = self.next
        self.offset += 1
        var pieces: [Piece] = []
        while let next = self.next {
            let position = self.position
            self.offset += 1
            switch next {
            case quote: return try self.value(of: pieces, at: start)
            case "\\": pieces.append(.scalar(try self.takeEscaped(at: position)))
            case "*": pieces.append(.wildcard(at: position))
            default: pieces.append(.scalar(next))
            }
        }
        throw self.error(at: start, found: "a quote that is never closed", expected: "the same quote again after it")
    }

    private mutating func takeEscaped(at position: Int) throws(QueryError) -> Unicode.Scalar {
        let escaped = self.next
        self.offset = min(self.offset + 1, self.text.count)
        switch escaped {
        case "\\", "\"", "'", "*": return escaped ?? "\\"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        default:
            let found = escaped.map { "'\\\($0)'" } ?? "'\\' at the end"
            throw self.error(at: position, found: found, expected: #"one of \\ \" \' \* \n \r \t"#)
        }
    }

    private enum Piece {
        case scalar(Unicode.Scalar)
        case wildcard(at: Int)
    }

    private func value(of pieces: [Piece], at start: Int) throws(QueryError) -> FilterValue {
        var value = FilterValue("", position: SourcePosition(start))
        for (index, piece) in pieces.enumerated() {
            switch piece {
            case .scalar(let scalar): value.text.unicodeScalars.append(scalar)
            case .wildcard where index == 0: value.isOpenAtStart = true
            case .wildcard where index == pieces.count - 1: value.isOpenAtEnd = true
            case .wildcard(let position):
                throw self.error(
                    at: position,
                    found: "'*' inside a value",
                    expected: #"it at the beginning or the end only; "\*" in quotes is the character"#
                )
            }
        }
        // Nothing stands between its two ends.
        if pieces.count == 1 && value.isOpenAtStart { value.isOpenAtEnd = true }
        return value
    }

    /// What stands here, for errors.
    var foundHere: String {
        guard let next = self.next else { return "the end" }
        let word = self.word()
        if !word.isEmpty { return "'\(word)'" }
        return next.value < 0x20 || next.value == 0x7F ? "a control character" : "'\(next)'"
    }

    func error(at position: Int? = nil, found: String? = nil, expected: String) -> QueryError {
        QueryError(
            field: self.field,
            position: position ?? self.position,
            found: found ?? self.foundHere,
            expected: expected
        )
    }

    private static func isInName(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII && (UInt8(truncatingIfNeeded: scalar.value).isLetterOrDigit || scalar == "_" || scalar == ".")
    }

    private static func endsBareValue(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "(", ")", "\"", "'", ",", "<", ">", "=", "!", "\\": true
        default: scalar.properties.isWhitespace
        }
    }
}
