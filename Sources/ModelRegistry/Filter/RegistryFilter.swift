import Inference

/// A filter that was checked against the table of fields, ready to be asked about rows.
package struct RegistryFilter: Sendable {
    /// The filter in one way of writing it; empty for the one that admits everything.
    package let text: String
    /// Whether it looks at ``FilterRow/facts``.
    package let needsFacts: Bool
    let predicate: Predicate?

    typealias Predicate = @Sendable (FilterRow) -> Bool

    /// - Throws: ``QueryError`` with the place of the first thing that is wrong.
    package init(_ text: String) throws(QueryError) {
        guard let expression = try FilterParser.parse(text) else {
            self.text = ""
            self.needsFacts = false
            self.predicate = nil
            return
        }
        var compiler = FilterCompiler()
        self.predicate = try compiler.compile(expression)
        self.needsFacts = compiler.needsFacts
        self.text = expression.description
    }

    package func admits(_ row: FilterRow) -> Bool { self.predicate?(row) ?? true }
}

/// Turns expressions into closures.
///
/// What is not known passes no comparison; `!=` is the opposite of `=` and NOT of what it stands before, so both let it
/// pass.
private struct FilterCompiler {
    typealias Predicate = RegistryFilter.Predicate

    var needsFacts = false

    mutating func compile(_ expression: FilterExpression) throws(QueryError) -> Predicate {
        switch expression {
        case .and(let parts):
            let predicates = try self.compile(all: parts)
            return { row in predicates.allSatisfy { $0(row) } }
        case .or(let parts):
            let predicates = try self.compile(all: parts)
            return { row in predicates.contains { $0(row) } }
        case .not(let part):
            let predicate = try self.compile(part)
            return { row in !predicate(row) }
        case .comparison(let comparison):
            return try self.compile(comparison)
        }
    }

    private mutating func compile(all parts: [FilterExpression]) throws(QueryError) -> [Predicate] {
        var predicates: [Predicate] = []
        for part in parts { predicates.append(try self.compile(part)) }
        return predicates
    }

    private mutating func compile(_ comparison: FilterComparison) throws(QueryError) -> Predicate {
        guard let field = RegistryField.named(comparison.field) else {
            throw QueryError(
                field: "filter",
                position: comparison.fieldPosition.character,
                found: "the field '\(comparison.field)'",
                expected: RegistryField.advice(for: comparison.field)
            )
        }
        if field.needsFacts { self.needsFacts = true }
        if comparison.comparator == .has && comparison.value.isAnything { return field.isKnown }
        switch field.reader {
        case .text(let read): return try Self.text(comparison, read)
        case .choice(let words, let read): return try Self.choice(comparison, words, read)
        case .capabilities(let read):
            try Self.expectHas(comparison)
            let word = try Self.word(comparison, of: Capability.allCases.map(\.rawValue))
            guard let capability = Capability(rawValue: word) else { return { _ in false } }
            return { row in read(row).contains(capability) }
        case .list(let anyElement): return try Self.list(comparison, anyElement)
        case .whole(let read):
            return try Self.ordered(comparison, read, "a whole number") { FilterLiteral.scaled($0, digits: 0) }
        case .decimal(let read):
            return try Self.ordered(comparison, read, "a number", FilterLiteral.decimal)
        case .money(let read):
            let expected = "US dollars for a million tokens, with at most 9 digits after the point"
            return try Self.ordered(comparison, read, expected) { FilterLiteral.scaled($0, digits: 9) }
        case .flag(let read): return try Self.flag(comparison, read)
        case .time(let read):
            let expected = "a time of RFC 3339 such as 2026-01-31T12:00:00Z, or a date"
            return try Self.ordered(comparison, read, expected, FilterLiteral.time)
        }
    }

    // MARK: - By type

    private static func text(
        _ comparison: FilterComparison,
        _ read: @escaping @Sendable (FilterRow) -> String?
    ) throws(QueryError) -> Predicate {
        let value = comparison.value
        switch comparison.comparator {
        case .has:
            let pattern = TextPattern(value.text, isOpenAtStart: true, isOpenAtEnd: true, ignoresCase: true)
            return { row in read(row).map(pattern.matches) ?? false }
        case .equal, .notEqual:
            let pattern = TextPattern(
                value.text, isOpenAtStart: value.isOpenAtStart, isOpenAtEnd: value.isOpenAtEnd, ignoresCase: false)
            let expected = comparison.comparator == .equal
            return { row in (read(row).map(pattern.matches) ?? false) == expected }
        case .less, .lessOrEqual, .greater, .greaterOrEqual:
            return try self.ordered(comparison, read, "a text") { $0 }
        }
    }

    private static func choice(
        _ comparison: FilterComparison,
        _ words: [String],
        _ read: @escaping @Sendable (FilterRow) -> String
    ) throws(QueryError) -> Predicate {
        let expectsEqual = try self.expectsEqual(comparison)
        let word = try self.word(comparison, of: words)
        return { row in (read(row) == word) == expectsEqual }
    }

    private static func flag(
        _ comparison: FilterComparison,
        _ read: @escaping @Sendable (FilterRow) -> Bool?
    ) throws(QueryError) -> Predicate {
        let expectsEqual = try self.expectsEqual(comparison)
        let word = try self.word(comparison, of: ["true", "false"])
        let value = word == "true"
        return { row in (read(row) == value) == expectsEqual }
    }

    private static func list(
        _ comparison: FilterComparison,
        _ anyElement: @escaping @Sendable (FilterRow, (String) -> Bool) -> Bool
    ) throws(QueryError) -> Predicate {
        try self.expectHas(comparison)
        let value = comparison.value
        let pattern = TextPattern(
            value.text, isOpenAtStart: value.isOpenAtStart, isOpenAtEnd: value.isOpenAtEnd, ignoresCase: false)
        return { row in anyElement(row, pattern.matches) }
    }

    private static func ordered<Value: Comparable & Sendable>(
        _ comparison: FilterComparison,
        _ read: @escaping @Sendable (FilterRow) -> Value?,
        _ expected: String,
        _ parse: (String) -> Value?
    ) throws(QueryError) -> Predicate {
        guard comparison.comparator != .has else {
            throw self.wrongComparator(
                comparison,
                expected: "one of = != < <= > >=; ':' asks it only whether it is known (\(comparison.field):*)")
        }
        guard !comparison.value.isOpen, let value = parse(comparison.value.text) else {
            throw self.wrongValue(comparison, expected: expected)
        }
        switch comparison.comparator {
        case .equal, .has: return { row in read(row) == value }
        case .notEqual: return { row in read(row) != value }
        case .less: return { row in read(row).map { $0 < value } ?? false }
        case .lessOrEqual: return { row in read(row).map { $0 <= value } ?? false }
        case .greater: return { row in read(row).map { $0 > value } ?? false }
        case .greaterOrEqual: return { row in read(row).map { $0 >= value } ?? false }
        }
    }

    // MARK: - What is wrong

    private static func expectHas(_ comparison: FilterComparison) throws(QueryError) {
        guard comparison.comparator == .has else {
            throw self.wrongComparator(comparison, expected: "':', since \(comparison.field) is a list")
        }
    }

    private static func expectsEqual(_ comparison: FilterComparison) throws(QueryError) -> Bool {
        switch comparison.comparator {
        case .equal: return true
        case .notEqual: return false
        case .has, .less, .lessOrEqual, .greater, .greaterOrEqual:
            throw self.wrongComparator(comparison, expected: "'=' or '!=' after \(comparison.field)")
        }
    }

    /// Enumerated words are written in any case.
    private static func word(_ comparison: FilterComparison, of words: [String]) throws(QueryError) -> String {
        let written = comparison.value.text.lowercased()
        if !comparison.value.isOpen, words.contains(written) { return written }
        let choice = "one of \(words.joined(separator: ", "))"
        let nearest = Spelling.nearest(to: written, of: words)
        throw self.wrongValue(comparison, expected: nearest.map { "\(choice); did you mean '\($0)'?" } ?? choice)
    }

    private static func wrongComparator(_ comparison: FilterComparison, expected: String) -> QueryError {
        QueryError(
            field: "filter",
            position: comparison.comparatorPosition.character,
            found: "'\(comparison.comparator.rawValue)'",
            expected: expected
        )
    }

    private static func wrongValue(_ comparison: FilterComparison, expected: String) -> QueryError {
        QueryError(
            field: "filter",
            position: comparison.value.position.character,
            found: "the value \(comparison.value)",
            expected: "\(expected) for \(comparison.field)"
        )
    }
}

extension RegistryField {
    /// Whether the field is known and, for lists and texts, not empty.
    fileprivate var isKnown: RegistryFilter.Predicate {
        switch self.reader {
        case .text(let read): { row in read(row).map { !$0.isEmpty } ?? false }
        case .choice: { _ in true }
        case .capabilities(let read): { row in !read(row).isEmpty }
        case .list(let anyElement): { row in anyElement(row) { _ in true } }
        case .whole(let read), .money(let read), .time(let read): { row in read(row) != nil }
        case .decimal(let read): { row in read(row) != nil }
        case .flag(let read): { row in read(row) != nil }
        }
    }
}

/// A text with open ends.
struct TextPattern: Sendable {
    private let needle: [UInt8]
    private let isOpenAtStart: Bool
    private let isOpenAtEnd: Bool
    private let ignoresCase: Bool

    /// - Parameter ignoresCase: of ASCII letters.
    init(_ text: String, isOpenAtStart: Bool, isOpenAtEnd: Bool, ignoresCase: Bool) {
        self.needle = text.utf8.map { ignoresCase ? $0.lowercased : $0 }
        self.isOpenAtStart = isOpenAtStart
        self.isOpenAtEnd = isOpenAtEnd
        self.ignoresCase = ignoresCase
    }

    @Sendable
    func matches(_ text: String) -> Bool {
        let text = text.utf8.span
        let needle = self.needle.span
        let room = text.count - needle.count
        guard room >= 0 else { return false }
        switch (self.isOpenAtStart, self.isOpenAtEnd) {
        case (false, false): return room == 0 && self.stands(needle, at: 0, of: text)
        case (false, true): return self.stands(needle, at: 0, of: text)
        case (true, false): return self.stands(needle, at: room, of: text)
        case (true, true):
            guard !needle.isEmpty else { return true }
            let first = needle[0]
            for start in 0...room where self.folded(text[start]) == first {
                if self.stands(needle, at: start, of: text) { return true }
            }
            return false
        }
    }

    private func folded(_ byte: UInt8) -> UInt8 { self.ignoresCase ? byte.lowercased : byte }

    private func stands(_ needle: Span<UInt8>, at start: Int, of text: Span<UInt8>) -> Bool {
        for index in needle.indices where self.folded(text[start + index]) != needle[index] { return false }
        return true
    }
}
