/// Collects what is wrong with the fields of one entry, so that all of it is told at once.
struct FieldChecks {
    private(set) var problems: [FieldProblem] = []
    /// In front of every field: `model`.
    private let entry: String

    init(_ entry: String) {
        self.entry = entry
    }

    mutating func fail(_ field: String, found: String, expected: String) {
        self.problems.append(FieldProblem("\(self.entry).\(field)", found: found, expected: expected))
    }

    mutating func expect<Value: Comparable>(_ value: Value?, in range: ClosedRange<Value>, _ field: String) {
        guard let value, !range.contains(value) else { return }
        self.fail(field, found: "\(value)", expected: "\(range.lowerBound) to \(range.upperBound)")
    }

    /// A text for people or for filters: so many bytes, nothing that a terminal would obey.
    mutating func expect(text: String, bytes range: ClosedRange<Int>, _ field: String) {
        guard range.contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            self.fail(
                field,
                found: Self.quoted(text),
                expected: "\(range.lowerBound) to \(range.upperBound) bytes without control characters"
            )
            return
        }
    }

    mutating func expect(absolutePath path: String, _ field: String) {
        guard path.utf8.first == UInt8(ascii: "/"), path.utf8.count <= 4096, !path.utf8.contains(0) else {
            self.fail(field, found: Self.quoted(path), expected: "an absolute path")
            return
        }
    }

    func finish() throws(RegistryEditError) {
        if !self.problems.isEmpty { throw .invalid(self.problems) }
    }

    /// A value as errors show it: shortened, and without what a terminal would obey.
    static func quoted(_ text: String) -> String {
        guard !text.isEmpty else { return "nothing" }
        var shown = ""
        for scalar in text.unicodeScalars.prefix(80) {
            shown.unicodeScalars.append(scalar.value < 0x20 || scalar.value == 0x7F ? "?" : scalar)
        }
        return text.unicodeScalars.count > 80 ? "'\(shown)…'" : "'\(shown)'"
    }
}

/// Names of one to so many letters, digits, `-`, `_` and `.`, beginning with a letter or a digit.
enum PlainName {
    static func isValid(_ text: String, longest: Int, capitals: Bool = false) -> Bool {
        let isLetterOrDigit = { (byte: UInt8) in byte.isLetterOrDigit && (capitals || byte.lowercased == byte) }
        guard let first = text.utf8.first, text.utf8.count <= longest, isLetterOrDigit(first) else { return false }
        return text.utf8.allSatisfy { byte in
            isLetterOrDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
        }
    }
}
