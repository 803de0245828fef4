/// One field of a request that is not as it should be.
struct FieldViolation: Error, Sendable, Hashable {
    /// Its path from the request: `messages[0].role`.
    var field: String
    /// What is wrong and what was expected.
    var description: String

    init(_ field: String, _ description: String) {
        self.field = field
        self.description = description
    }

    /// - Parameter found: quoted in the description, shortened to 100 characters.
    init(_ field: String, found: String, expected: String) {
        let shown = found.count > 100 ? "\(found.prefix(100))…" : found
        self.init(field, "is '\(shown)'; expected \(expected)")
    }
}
