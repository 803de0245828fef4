/// What is wrong with a filter, an order or a page token, and where.
package struct QueryError: Error, Sendable, Hashable, CustomStringConvertible {
    /// `filter`, `order_by`, `page_token` or `page_size`.
    package var field: String
    /// The character at which it is wrong, from 1; `nil` where there is no text to point into.
    package var position: Int?
    /// What stands there, in words.
    package var found: String
    package var expected: String

    package init(field: String, position: Int? = nil, found: String, expected: String) {
        self.field = field
        self.position = position
        self.found = found
        self.expected = expected
    }

    /// ``found``, with the position where there is one.
    package var foundWithPosition: String {
        self.position.map { "\(self.found) at character \($0)" } ?? self.found
    }

    package var description: String { "\(self.field): found \(self.foundWithPosition); expected \(self.expected)" }

    package var problem: FieldProblem {
        FieldProblem(self.field, found: self.foundWithPosition, expected: self.expected)
    }
}

/// A place in a text, from 1. Two are always equal, so that two expressions are equal wherever they were written.
package struct SourcePosition: Sendable, Hashable {
    package var character: Int

    package init(_ character: Int = 0) {
        self.character = character
    }

    package static func == (left: SourcePosition, right: SourcePosition) -> Bool { true }
    package func hash(into hasher: inout Hasher) {}
}
