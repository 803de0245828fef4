/// Makes messages of JSON by protobuf's mapping, and tells everything that is wrong with it by the field.
///
/// Fields are known by their proto's name and by JSON's; what is not known is an error, since a misspelt option that is
/// passed over is worse than none.
struct ProtoReader {
    let pool: DescriptorPool
    private(set) var violations: [FieldViolation] = []

    init(_ pool: DescriptorPool) {
        self.pool = pool
    }

    mutating func report(_ field: String, _ description: String) {
        self.violations.append(FieldViolation(field, description))
    }

    /// - Parameter path: of the message from the request, for what is wrong; empty for the request itself.
    mutating func message(_ value: JSONValue, _ type: ProtoMessage, at path: String) -> ProtoDraft {
        var draft = ProtoDraft()
        guard value.kind == .object else {
            self.report(path.isEmpty ? "body" : path, "is \(value.shown); expected an object")
            return draft
        }
        var seen: Set<Int> = []
        var memberOfOneof: [Int: String] = [:]
        for (key, value) in value.members {
            let name = key.string ?? ""
            guard let field = type.field(named: name) else {
                self.report(Self.join(path, name), "is not a field of \(type.shortName) (at byte \(key.offset))")
                continue
            }
            let path = Self.join(path, field.name)
            guard seen.insert(field.number).inserted else {
                self.report(path, "is given twice (at byte \(key.offset))")
                continue
            }
            // Null is how JSON leaves a field out.
            if value.isNull { continue }
            if let oneof = field.oneof, let other = memberOfOneof.updateValue(field.name, forKey: oneof) {
                self.report(path, "is given beside '\(other)'; one of the two at most")
                continue
            }
            draft[field.number] = self.field(value, field, at: path)
        }
        return draft
    }

    /// A value for a field of whatever kind; `nil` when it is reported.
    mutating func field(_ value: JSONValue, _ field: ProtoField, at path: String) -> ProtoDraft.Value? {
        if let entry = self.pool.entry(of: field) { return self.map(value, entry.key, entry.value, at: path) }
        guard field.isRepeated else { return self.single(value, field, at: path) }
        guard value.kind == .array else {
            self.report(path, "is \(value.shown); expected a list")
            return nil
        }
        var values: [ProtoDraft.Value] = []
        for (index, element) in value.elements.enumerated() {
            if let value = self.single(element, field, at: "\(path)[\(index)]") { values.append(value) }
        }
        return .list(values)
    }

    private mutating func single(_ value: JSONValue, _ field: ProtoField, at path: String) -> ProtoDraft.Value? {
        if let type = self.pool.message(of: field), WellKnownType(rawValue: type.name) == nil {
            return .message(self.message(value, type, at: path))
        }
        guard let literal = ProtoLiteral(value) else {
            let expected = (try? self.expectation(of: field)) ?? "a single value"
            self.report(path, "is \(value.shown); expected \(expected)")
            return nil
        }
        do {
            return try self.pool.value(of: literal, for: field)
        } catch {
            self.report(path, "is \(literal.shown) at byte \(value.offset); expected \(error.text)")
            return nil
        }
    }

    private mutating func map(
        _ value: JSONValue, _ key: ProtoField, _ element: ProtoField, at path: String
    ) -> ProtoDraft.Value? {
        guard value.kind == .object else {
            self.report(path, "is \(value.shown); expected an object")
            return nil
        }
        var entries: [ProtoDraft.Value] = []
        var seen: Set<String> = []
        for member in value.members {
            let name = member.key.string ?? ""
            let path = "\(path)[\"\(name.prefix(64))\"]"
            guard seen.insert(name).inserted else {
                self.report(path, "is given twice (at byte \(member.key.offset))")
                continue
            }
            var entry = ProtoDraft()
            do {
                // Keys are strings in JSON, whatever they are in the proto.
                entry[1] = try self.pool.value(of: ProtoLiteral(text: name, for: key), for: key)
            } catch {
                self.report(path, "has the key '\(name.prefix(64))'; expected \(error.text)")
                continue
            }
            guard let value = self.single(member.value, element, at: path) else { continue }
            entry[2] = value
            entries.append(.message(entry))
        }
        return .list(entries)
    }

    /// What a single value of a field is, in words.
    private func expectation(of field: ProtoField) throws(ProtoExpectation) -> String {
        do {
            _ = try self.pool.value(of: .bool(true), for: field)
            return "true or false"
        } catch {
            return error.text
        }
    }

    static func join(_ path: String, _ name: some StringProtocol) -> String {
        path.isEmpty ? String(name.prefix(64)) : "\(path).\(name.prefix(64))"
    }
}

extension JSONValue {
    /// What it is and where, for messages.
    fileprivate var shown: String {
        let what =
            switch self.kind {
            case .object: "an object"
            case .array: "a list"
            case .null: "null"
            default: ProtoLiteral(self)?.shown ?? ""
            }
        return "\(what) at byte \(self.offset)"
    }
}
