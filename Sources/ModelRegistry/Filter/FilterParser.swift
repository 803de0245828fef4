/// Reads the subset of AIP-160 that docs/Registry.md describes.
///
///     expression = factor { [AND] factor }
///     factor     = term { OR term }            OR binds tighter than AND, as AIP-160 has it
///     term       = [NOT | "-"] simple
///     simple     = "(" expression ")" | comparison
///     comparison = field comparator value | flag
///
/// A flag alone, such as `free`, is `free = true`.
package struct FilterParser {
    /// In bytes.
    package static let longestText = 4096
    /// Parentheses within parentheses.
    package static let deepestNesting = 32

    private var scanner: FilterScanner
    private let flags: Set<String>
    private var depth = 0

    /// - Parameter flags: the fields that are conditions by themselves.
    /// - Returns: `nil` for a text with nothing in it, which admits everything.
    package static func parse(
        _ text: String,
        flags: Set<String> = RegistryField.flags
    ) throws(QueryError) -> FilterExpression? {
        guard text.utf8.count <= self.longestText else {
            throw QueryError(
                field: "filter",
                found: "\(text.utf8.count) bytes",
                expected: "at most \(self.longestText) bytes"
            )
        }
        var parser = FilterParser(scanner: FilterScanner(text, field: "filter"), flags: flags)
        parser.scanner.skipSpaces()
        guard !parser.scanner.isAtEnd else { return nil }
        let expression = try parser.expression()
        guard parser.scanner.isAtEnd else {
            throw parser.scanner.error(expected: "no ')' without a '(' before it")
        }
        return expression
    }

    private init(scanner: FilterScanner, flags: Set<String>) {
        self.scanner = scanner
        self.flags = flags
    }

    /// Ends at the end of the text or before a `)`.
    private mutating func expression() throws(QueryError) -> FilterExpression {
        var parts = [try self.factor()]
        while !self.scanner.isAtEnd && self.scanner.next != ")" {
            if self.scanner.take(keyword: "AND") { self.scanner.skipSpaces() }
            parts.append(try self.factor())
        }
        return parts.count == 1 ? parts[0] : .and(parts)
    }

    private mutating func factor() throws(QueryError) -> FilterExpression {
        var parts = [try self.term()]
        while self.scanner.take(keyword: "OR") {
            self.scanner.skipSpaces()
            parts.append(try self.term())
        }
        return parts.count == 1 ? parts[0] : .or(parts)
    }

    private mutating func term() throws(QueryError) -> FilterExpression {
        guard self.scanner.take("-") || self.scanner.take(keyword: "NOT") else { return try self.simple() }
        self.scanner.skipSpaces()
        return .not(try self.simple())
    }

    private mutating func simple() throws(QueryError) -> FilterExpression {
        let start = self.scanner.position
        guard self.scanner.take("(") else { return .comparison(try self.comparison()) }
        self.depth += 1
        guard self.depth <= Self.deepestNesting else {
            throw self.scanner.error(
                at: start,
                found: "one more '('",
                expected: "at most \(Self.deepestNesting) of them within each other"
            )
        }
        self.scanner.skipSpaces()
        let expression = try self.expression()
        guard self.scanner.take(")") else {
            throw self.scanner.error(found: "the end", expected: "a ')' for the '(' at character \(start)")
        }
        self.depth -= 1
        self.scanner.skipSpaces()
        return expression
    }

    private mutating func comparison() throws(QueryError) -> FilterComparison {
        let start = self.scanner.position
        let word = self.scanner.word()
        let name = FilterScanner.keywords.contains(word) ? "" : self.scanner.takeName()
        guard !name.isEmpty else {
            throw self.scanner.error(expected: "a comparison such as provider = \"openai\", NOT or '('")
        }
        self.scanner.skipSpaces()
        let comparatorStart = self.scanner.position
        guard let comparator = try self.scanner.takeComparator() else {
            guard self.flags.contains(name) else {
                throw self.scanner.error(expected: Self.comparatorExpected(after: name))
            }
            return FilterComparison(
                field: name,
                comparator: .equal,
                value: FilterValue("true", position: SourcePosition(start)),
                fieldPosition: SourcePosition(start),
                comparatorPosition: SourcePosition(start)
            )
        }
        self.scanner.skipSpaces()
        let value = try self.scanner.takeValue()
        self.scanner.skipSpaces()
        return FilterComparison(
            field: name,
            comparator: comparator,
            value: value,
            fieldPosition: SourcePosition(start),
            comparatorPosition: SourcePosition(comparatorStart)
        )
    }

    private static func comparatorExpected(after name: String) -> String {
        let keyword = name.uppercased()
        if FilterScanner.keywords.contains(keyword) { return "\(keyword) in capitals instead of '\(name)'" }
        return "one of = != < <= > >= : after '\(name)'"
    }
}
