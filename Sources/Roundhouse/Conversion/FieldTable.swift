internal import ModelRegistry
internal import SwiftProtobuf

/// One field of a message that an update can change.
struct SettableField<Message: Sendable, Entry: Sendable>: Sendable {
    /// As in a field mask: `engine_settings.threads`.
    let path: String
    /// Whether a message has a value in it, for updates without a mask. Never of a field inside another one, which the
    /// outer one brings along.
    let hasValue: @Sendable (Message) -> Bool
    /// Checks the value and puts it into an entry.
    let set: @Sendable (Message, inout Entry, inout FieldReader) -> Void

    init(
        _ path: String,
        hasValue: @escaping @Sendable (Message) -> Bool = { _ in false },
        set: @escaping @Sendable (Message, inout Entry, inout FieldReader) -> Void
    ) {
        self.path = path
        self.hasValue = hasValue
        self.set = set
    }
}

/// The fields of a message that an update can change: the one list of them.
struct FieldTable<Message: Sendable, Entry: Sendable>: Sendable {
    /// In front of a field in errors: `model.`.
    let prefix: String
    let fields: [SettableField<Message, Entry>]

    /// What an update sets (AIP-134): the fields of its mask, `*` for all of them; without a mask those that have a value.
    ///
    /// - Throws: ``ServiceError`` that names every path of the mask that cannot be set, and those that can be.
    func changes(
        by message: Message,
        mask: Google_Protobuf_FieldMask
    ) throws(ServiceError) -> FieldChanges<Message, Entry> {
        let chosen: [SettableField<Message, Entry>]
        if mask.paths.isEmpty {
            chosen = self.fields.filter { $0.hasValue(message) }
        } else if mask.paths == ["*"] {
            chosen = self.fields.filter { !$0.path.contains(".") }
        } else {
            let unknown = mask.paths.filter { path in !self.fields.contains { $0.path == path } }
            guard unknown.isEmpty else {
                let known = self.fields.map(\.path).joined(separator: ", ")
                throw .invalid([
                    FieldViolation(
                        "update_mask",
                        "has \(unknown.map { "'\($0)'" }.joined(separator: ", ")), which cannot be set; "
                            + "expected any of \(known), or * for all"
                    )
                ])
            }
            chosen = self.fields.filter { mask.paths.contains($0.path) }
        }
        return FieldChanges(message: message, prefix: self.prefix, fields: chosen)
    }
}

/// The changes that one update makes.
struct FieldChanges<Message: Sendable, Entry: Sendable>: Sendable {
    let message: Message
    let prefix: String
    let fields: [SettableField<Message, Entry>]

    func contains(_ path: String) -> Bool { self.fields.contains { $0.path == path } }

    /// - Throws: ``RegistryEditError/invalid(_:)`` with every field at fault.
    func apply(to entry: inout Entry) throws(RegistryEditError) {
        var reader = FieldReader(self.prefix)
        for field in self.fields { field.set(self.message, &entry, &reader) }
        guard reader.problems.isEmpty else { throw .invalid(reader.problemsInWords) }
    }
}
