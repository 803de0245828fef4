import GRDB
import Inference
package import ModelRegistry

/// A filter of request records as SQL: the language of `ListModels` over the fields of ``RequestField``.
///
/// What is not known passes no comparison; `!=` is the opposite of `=` and NOT of what it stands before, so both let it
/// pass.
package struct RequestFilter: Sendable {
    /// The filter in one way of writing it; empty for the one that admits everything.
    package let text: String
    /// A condition on rows of `requests`; `nil`: all.
    let condition: Condition?
    /// What follows for the range of rows to look at.
    let bounds: Bounds

    struct Condition: Sendable {
        var sql: String
        var arguments: [DatabaseValue] = []
    }

    /// What every record that passes fulfils, where it is plain to see: all conditions that are joined by AND.
    struct Bounds: Sendable, Hashable {
        /// Both included.
        var sequence: ClosedRange<Int64> = 1...(.max - 1)
        /// Microseconds since 1970-01-01 UTC, included.
        var since: Int64?
        var until: Int64?
        /// Whether an id or a trace is named, so that an index finds the few records there are.
        var namesID = false
    }

    /// - Throws: ``QueryError`` with the place of the first thing that is wrong.
    package init(_ text: String) throws(QueryError) {
        guard let expression = try FilterParser.parse(text, flags: RequestField.flags) else {
            self.text = ""
            self.condition = nil
            self.bounds = Bounds()
            return
        }
        self.text = expression.description
        self.condition = try RequestFilterCompiler.compile(expression)
        self.bounds = Bounds(expression)
    }
}

extension RequestFilter.Bounds {
    init(_ expression: FilterExpression) {
        self.init()
        self.add(expression)
    }

    private mutating func add(_ expression: FilterExpression) {
        switch expression {
        case .comparison(let comparison): self.add(comparison)
        case .and(let parts): for part in parts { self.add(part) }
        case .or, .not: break
        }
    }

    private mutating func add(_ comparison: FilterComparison) {
        switch comparison.field {
        case "id", "trace_id": if comparison.comparator == .equal, !comparison.value.isOpen { self.namesID = true }
        case "sequence":
            guard let number = FilterLiteral.scaled(comparison.value.text, digits: 0) else { return }
            let range = Self.range(comparison.comparator, number)
            let first = max(self.sequence.lowerBound, range.first ?? .min)
            // An empty range is one that holds no record: there is none before 1.
            let last = min(self.sequence.upperBound, range.last ?? .max)
            self.sequence = first <= last ? first...last : 0...0
        case "start_time":
            guard let time = FilterLiteral.time(comparison.value.text) else { return }
            let range = Self.range(comparison.comparator, time)
            self.since = [self.since, range.first].compactMap { $0 }.max()
            self.until = [self.until, range.last].compactMap { $0 }.min()
        default: break
        }
    }

    /// Which whole numbers pass; `nil`: no end on that side.
    private static func range(_ comparator: FilterComparator, _ number: Int64) -> (first: Int64?, last: Int64?) {
        switch comparator {
        case .equal: (number, number)
        case .less: (nil, number == .min ? .min : number - 1)
        case .lessOrEqual: (nil, number)
        case .greater: (number == .max ? .max : number + 1, nil)
        case .greaterOrEqual: (number, nil)
        case .notEqual, .has: (nil, nil)
        }
    }
}

/// Turns expressions into SQL. Everything that clients wrote goes into arguments.
private enum RequestFilterCompiler {
    typealias Condition = RequestFilter.Condition

    static func compile(_ expression: FilterExpression) throws(QueryError) -> Condition {
        switch expression {
        case .and(let parts): return try self.compile(parts, joinedBy: " AND ")
        case .or(let parts): return try self.compile(parts, joinedBy: " OR ")
        case .not(let part):
            let inner = try self.compile(part)
            return Condition(sql: "NOT (\(inner.sql))", arguments: inner.arguments)
        case .comparison(let comparison): return try self.compile(comparison)
        }
    }

    private static func compile(
        _ parts: [FilterExpression], joinedBy word: String
    ) throws(QueryError) -> Condition {
        var all = Condition(sql: "")
        for part in parts {
            let one = try self.compile(part)
            all.sql += (all.sql.isEmpty ? "" : word) + "(\(one.sql))"
            all.arguments += one.arguments
        }
        return all
    }

    private static func compile(_ comparison: FilterComparison) throws(QueryError) -> Condition {
        guard let field = RequestField.named(comparison.field) else {
            throw QueryError(
                field: "filter",
                position: comparison.fieldPosition.character,
                found: "the field '\(comparison.field)'",
                expected: RequestField.advice(for: comparison.field)
            )
        }
        if comparison.comparator == .has && comparison.value.isAnything { return self.isKnown(field) }
        switch field.kind {
        case .text: return self.text(comparison, field)
        case .choice(let words): return try self.choice(comparison, field, words)
        case .flag: return try self.choice(comparison, field, [("true", 1), ("false", 0)])
        case .list: return try self.list(comparison, field)
        case .whole:
            return try self.ordered(comparison, field, "a whole number") { FilterLiteral.scaled($0, digits: 0) }
        case .money:
            let expected = "US dollars with at most 9 digits after the point"
            return try self.ordered(comparison, field, expected) { FilterLiteral.scaled($0, digits: 9) }
        case .duration:
            let expected = "a time with its unit, such as 250ms, 1.5s, 2m or 1h,"
            return try self.ordered(comparison, field, expected, self.microseconds)
        case .time:
            let expected = "a time of RFC 3339 such as 2026-01-31T12:00:00Z, or a date"
            return try self.ordered(comparison, field, expected, FilterLiteral.time)
        }
    }

    /// Whether the field is known and, for lists and texts, not empty.
    private static func isKnown(_ field: RequestField) -> Condition {
        switch field.kind {
        case .list: Condition(sql: "EXISTS (\(field.sql))")
        case .text: Condition(sql: "ifnull(\(field.sql), '') <> ''")
        case .choice, .whole, .duration, .money, .flag, .time: Condition(sql: "(\(field.sql)) IS NOT NULL")
        }
    }

    // MARK: - By type

    private static func text(_ comparison: FilterComparison, _ field: RequestField) -> Condition {
        let value = comparison.value
        switch comparison.comparator {
        case .has: return self.known(field, "LIKE ? ESCAPE '\\'", "%\(self.likeEscaped(value.text))%")
        case .equal, .notEqual:
            let equal = self.equal(value, field)
            guard comparison.comparator == .notEqual else { return equal }
            return Condition(sql: "NOT (\(equal.sql))", arguments: equal.arguments)
        case .less, .lessOrEqual, .greater, .greaterOrEqual:
            return self.known(field, "\(comparison.comparator.rawValue) ?", value.text.storable)
        }
    }

    private static func equal(_ value: FilterValue, _ field: RequestField) -> Condition {
        guard value.isOpen else {
            // Bare, so that the index on ids is used; that column is never NULL.
            if field.sql == "id" { return Condition(sql: "id = ?", arguments: [value.text.storable.databaseValue]) }
            // So that its index is used, which has those that are known.
            if field.sql == "trace_id" {
                return Condition(
                    sql: "trace_id IS NOT NULL AND trace_id = ?", arguments: [value.text.storable.databaseValue])
            }
            return self.known(field, "= ?", value.text.storable)
        }
        return self.known(field, "GLOB ?", self.glob(value))
    }

    private static func choice(
        _ comparison: FilterComparison, _ field: RequestField,
        _ words: [(word: String, stored: some DatabaseValueConvertible)]
    ) throws(QueryError) -> Condition {
        guard [.equal, .notEqual].contains(comparison.comparator) else {
            throw self.wrongComparator(comparison, expected: "'=' or '!=' after \(comparison.field)")
        }
        let written = comparison.value.text.lowercased()
        guard !comparison.value.isOpen, let found = words.first(where: { $0.word.lowercased() == written }) else {
            let choice = "one of \(words.map(\.word).joined(separator: ", "))"
            let near = Spelling.nearest(to: written, of: words.map { $0.word.lowercased() })
            let nearest = words.first { $0.word.lowercased() == near }?.word
            throw self.wrongValue(comparison, expected: nearest.map { "\(choice); did you mean '\($0)'?" } ?? choice)
        }
        let equal = self.known(field, "= ?", found.stored)
        guard comparison.comparator == .notEqual else { return equal }
        return Condition(sql: "NOT (\(equal.sql))", arguments: equal.arguments)
    }

    private static func list(_ comparison: FilterComparison, _ field: RequestField) throws(QueryError) -> Condition {
        guard comparison.comparator == .has else {
            throw self.wrongComparator(comparison, expected: "':', since \(comparison.field) is a list")
        }
        let value = comparison.value
        return Condition(
            sql: "EXISTS (SELECT 1 FROM (\(field.sql)) WHERE value \(value.isOpen ? "GLOB" : "=") ?)",
            arguments: [(value.isOpen ? self.glob(value) : value.text.storable).databaseValue])
    }

    private static func ordered(
        _ comparison: FilterComparison, _ field: RequestField, _ expected: String, _ parse: (String) -> Int64?
    ) throws(QueryError) -> Condition {
        guard comparison.comparator != .has else {
            throw self.wrongComparator(
                comparison,
                expected: "one of = != < <= > >=; ':' asks it only whether it is known (\(comparison.field):*)")
        }
        guard !comparison.value.isOpen, let value = parse(comparison.value.text) else {
            throw self.wrongValue(comparison, expected: expected)
        }
        guard comparison.comparator == .notEqual else {
            return self.known(field, "\(comparison.comparator.rawValue) ?", value)
        }
        let equal = self.known(field, "= ?", value)
        return Condition(sql: "NOT (\(equal.sql))", arguments: equal.arguments)
    }

    /// False, not unknown, for what is not known: NOT turns it round.
    private static func known(
        _ field: RequestField, _ comparison: String, _ value: some DatabaseValueConvertible
    ) -> Condition {
        Condition(sql: "ifnull((\(field.sql)) \(comparison), 0)", arguments: [value.databaseValue])
    }

    // MARK: - Values

    /// LIKE ignores the case of ASCII letters, which is what ':' means.
    private static func likeEscaped(_ text: String) -> String {
        String(text.storable.flatMap { ["%", "_", "\\"].contains($0) ? ["\\", $0] : [$0] })
    }

    private static func glob(_ value: FilterValue) -> String {
        let text = value.text.storable.map { ["*", "?", "["].contains($0) ? "[\($0)]" : String($0) }.joined()
        return (value.isOpenAtStart ? "*" : "") + text + (value.isOpenAtEnd ? "*" : "")
    }

    private static func microseconds(_ text: String) -> Int64? {
        // The longer unit first: "ms" ends with an "s".
        for (unit, scale) in [("ms", 1000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000)] {
            guard text.hasSuffix(unit) else { continue }
            // In billionths of the unit, so that 1.5h is exact; parts of a microsecond are cut.
            guard let value = FilterLiteral.scaled(String(text.dropLast(unit.count)), digits: 9) else { return nil }
            let (high, low) = value.multipliedFullWidth(by: Int64(scale))
            guard (-500_000_000..<500_000_000).contains(high) else { return nil }
            return Int64(1_000_000_000).dividingFullWidth((high, low)).quotient
        }
        return nil
    }

    // MARK: - What is wrong

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
