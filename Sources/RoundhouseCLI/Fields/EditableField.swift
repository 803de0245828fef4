/// A field that `--set NAME=VALUE` changes.
struct EditableField<Entry>: Sendable {
    /// As on the command line, which is as in filters where a filter knows it.
    let name: String
    /// In the update mask.
    let path: String
    /// What a value looks like, for help and errors.
    let expected: String
    /// Sets the field; an empty text unsets it. Returns false for a text that is no value.
    let set: @Sendable (inout Entry, String) -> Bool
}

/// Changes that a command line asks for, read and checked before anything is sent.
struct FieldEdits<Entry>: Sendable {
    /// For the update mask, in the order of the command line.
    private(set) var paths: [String] = []
    private var changes: [@Sendable (inout Entry) -> Bool] = []

    /// - Parameter texts: `name=value` each.
    /// - Throws: ``FieldEditError`` for a field that is not there, not a value, or named twice.
    init(_ texts: [String], fields: [EditableField<Entry>], probe: Entry) throws(FieldEditError) {
        for text in texts {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2 else {
                throw FieldEditError(message: "--set must be field=value, not '\(text)'")
            }
            guard let field = fields.first(where: { $0.name == parts[0] }) else {
                let names = fields.map(\.name).joined(separator: ", ")
                throw FieldEditError(message: "--set knows no field '\(parts[0])'; there are \(names)")
            }
            guard !self.paths.contains(field.path) else {
                throw FieldEditError(message: "--set names '\(field.name)' twice")
            }
            var scratch = probe
            guard field.set(&scratch, parts[1]) else {
                throw FieldEditError(
                    message: "--set \(field.name): '\(parts[1])' was found, \(field.expected) was expected"
                )
            }
            self.paths.append(field.path)
            self.changes.append { field.set(&$0, parts[1]) }
        }
    }

    func apply(to entry: inout Entry) {
        for change in self.changes {
            _ = change(&entry)
        }
    }
}

/// Why a `--set` cannot be meant.
struct FieldEditError: Error, Sendable, Hashable {
    var message: String
}

// MARK: - Kinds of fields

extension EditableField {
    static func text(_ name: String, _ path: any WritableKeyPath<Entry, String> & Sendable) -> Self {
        Self(name: name, path: name, expected: "a text") { entry, text in
            entry[keyPath: path] = text
            return true
        }
    }

    static func flag(_ name: String, _ path: any WritableKeyPath<Entry, Bool> & Sendable) -> Self {
        Self(name: name, path: name, expected: "true or false") { entry, text in
            guard let value = text.isEmpty ? false : Bool(text) else { return false }
            entry[keyPath: path] = value
            return true
        }
    }

    /// - Parameter mask: the path in the update mask, where it differs from the name.
    static func number<Number: FixedWidthInteger & Sendable>(
        _ name: String,
        mask: String? = nil,
        _ path: any WritableKeyPath<Entry, Number> & Sendable
    ) -> Self {
        Self(name: name, path: mask ?? name, expected: "a whole number") { entry, text in
            guard let value = text.isEmpty ? 0 : Number(text) else { return false }
            entry[keyPath: path] = value
            return true
        }
    }

    /// Words separated by commas.
    static func words(_ name: String, _ path: any WritableKeyPath<Entry, [String]> & Sendable) -> Self {
        Self(name: name, path: name, expected: "words separated by commas") { entry, text in
            let words = text.split(separator: ",", omittingEmptySubsequences: false).map { String($0).trimmed }
            guard text.isEmpty || words.allSatisfy({ !$0.isEmpty }) else { return false }
            entry[keyPath: path] = text.isEmpty ? [] : words
            return true
        }
    }
}
