/// The schemas of protobuf messages in the JSON that the REST routes read and write.
struct ProtoSchemas {
    let pool: DescriptorPool
    /// Messages that requests are made of: what else is in them is an error.
    let requested: Set<String>

    /// - Parameter requests: full names of the messages that methods take.
    init(pool: DescriptorPool, requests: [String]) {
        self.pool = pool
        self.requested = Self.closure(of: requests, in: pool)
    }

    /// The component for every message and enumeration that is reached from `names`, by name.
    func components(reachedFrom names: [String]) -> [APIReference.Component] {
        let messages = Self.closure(of: names, in: self.pool)
        var enums: Set<String> = []
        var components: [APIReference.Component] = []
        for name in messages {
            guard let message = self.pool.message(name) else { continue }
            for case .enumeration(let name) in self.leaves(of: message) { enums.insert(name) }
            if WellKnownSchemas.schema(of: name) == nil, !message.isMapEntry {
                components.append(.init(name: Self.componentName(name), schema: self.schema(of: message)))
            }
        }
        for name in enums {
            guard let enumeration = self.pool.enumeration(name) else { continue }
            components.append(.init(name: Self.componentName(name), schema: Self.schema(of: enumeration)))
        }
        return components.sorted { $0.name < $1.name }
    }

    /// `Model` for `roundhouse.v1.Model`; types of others keep their whole name.
    static func componentName(_ name: String) -> String {
        let package = "roundhouse.v1."
        return name.hasPrefix(package) ? String(name.dropFirst(package.count)) : name
    }

    /// What refers to a message: its component, or the form in which JSON has a well-known type.
    static func reference(to message: String) -> APISchema {
        WellKnownSchemas.schema(of: message) ?? .reference(self.componentName(message))
    }

    private func leaves(of message: ProtoMessage) -> [ProtoField.Kind] {
        message.fields.flatMap { field in
            self.pool.entry(of: field).map { [field.kind, $0.value.kind] } ?? [field.kind]
        }
    }

    /// The messages and all that their fields are made of.
    private static func closure(of names: [String], in pool: DescriptorPool) -> Set<String> {
        var found = Set(names)
        var queue = names
        while let name = queue.popLast() {
            for case let field in pool.message(name)?.fields ?? [] {
                if case .message(let part) = field.kind, WellKnownSchemas.schema(of: part) == nil,
                    found.insert(part).inserted
                {
                    queue.append(part)
                }
            }
        }
        return found
    }
}

// MARK: - Messages

extension ProtoSchemas {
    func schema(of message: ProtoMessage) -> APISchema {
        var object = APISchema.Object(properties: [])
        object.isClosed = self.requested.contains(message.name)
        let required = FieldLimits.required(in: message.shortName)
        object.properties = message.fields.map { field in
            // What goes out has every field that cannot be unset, also with its default.
            APISchema.Property(
                name: field.name, schema: self.schema(of: field, in: message),
                isRequired: object.isClosed ? required.contains(field.name) : !field.hasPresence)
        }
        object.alternatives = message.oneofs.enumerated().map { index, oneof in
            let text = ReferenceText(comment: oneof.comment)
            return APISchema.Alternative(
                text: text, names: message.fields.filter { $0.oneof == index }.map(\.name),
                isRequired: oneof.comment.contains("Exactly one must be set"))
        }
        return APISchema(form: .object(object), text: ReferenceText(comment: message.comment))
    }

    /// - Parameter message: that the field is of.
    func schema(of field: ProtoField, in message: ProtoMessage) -> APISchema {
        var schema: APISchema
        if let entry = self.pool.entry(of: field) {
            schema = .dictionary(of: Self.schema(of: entry.value.kind))
        } else if field.isRepeated {
            schema = .array(of: Self.schema(of: field.kind))
        } else {
            schema = Self.schema(of: field.kind)
        }
        FieldLimits.apply(to: &schema, of: field.name, in: message.shortName)
        schema.text = ReferenceText(comment: field.comment)
        schema.isDeprecated = field.isDeprecated
        return schema
    }

    private static func schema(of kind: ProtoField.Kind) -> APISchema {
        switch kind {
        case .double: self.number("double")
        case .float: self.number("float")
        case .int32, .sint32, .sfixed32: self.integer("int32")
        case .uint32, .fixed32: self.integer("uint32")
        case .int64, .sint64, .sfixed64: self.integer("int64")
        case .uint64, .fixed64: self.integer("uint64")
        case .bool: .boolean()
        case .string: .string()
        case .bytes: APISchema(form: .string(APISchema.StringLimits(format: "byte")))
        case .message(let name): self.reference(to: name)
        case .enumeration(let name): .reference(self.componentName(name))
        }
    }

    private static func number(_ format: String) -> APISchema {
        APISchema(form: .number(APISchema.NumberLimits(format: format)))
    }

    private static func integer(_ format: String) -> APISchema {
        APISchema(form: .integer(APISchema.NumberLimits(format: format)))
    }

    private static func schema(of enumeration: ProtoEnum) -> APISchema {
        let choices = enumeration.values.map { value in
            APISchema.Choice(value: value.name, text: ReferenceText(comment: value.comment))
        }
        return APISchema(form: .choice(choices), text: ReferenceText(comment: enumeration.comment))
    }
}
