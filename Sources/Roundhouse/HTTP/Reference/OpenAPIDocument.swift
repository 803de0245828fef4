/// The reference as an OpenAPI document.
///
/// Source: <https://spec.openapis.org/oas/v3.1.1.html>.
struct OpenAPIDocument {
    let reference: APIReference

    var tree: OrderedJSON {
        var document = OrderedMembers()
        document.add("openapi", "3.1.1")
        document.add("info", self.info)
        document.add("servers", [["url": "/", "description": "This server."]])
        document.add(
            "tags",
            list: self.reference.groups.map { ["name": .string($0.name), "description": .string($0.text.markdown)] })
        document.add("paths", self.paths)
        document.add("components", self.components)
        return document.tree
    }

    private var info: OrderedJSON {
        [
            "title": .string(self.reference.title),
            "description": .string(self.reference.text.markdown),
            "license": ["name": "Apache License 2.0", "identifier": "Apache-2.0"],
            "version": .string(self.reference.version),
        ]
    }

    /// In the order in which they appear first.
    private var paths: OrderedJSON {
        var order: [String] = []
        var items: [String: OrderedMembers] = [:]
        for operation in self.reference.operations {
            if items[operation.path] == nil { order.append(operation.path) }
            items[operation.path, default: OrderedMembers()].add(operation.method.rawValue, self.tree(of: operation))
        }
        var paths = OrderedMembers()
        for path in order { paths.add(path, items[path]?.tree) }
        return paths.tree
    }

    private var components: OrderedJSON {
        var (schemas, responses) = (OrderedMembers(), OrderedMembers())
        for component in self.reference.components { schemas.add(component.name, Self.tree(of: component.schema)) }
        for failure in self.reference.failures {
            let content = APIReference.Content(
                mediaType: "application/json", schema: failure.schema, example: failure.example)
            responses.add(failure.name, Self.tree(of: .init(status: "", text: failure.text, contents: [content])))
        }
        return ["schemas": schemas.tree, "responses": responses.tree]
    }
}

// MARK: - Operations

extension OpenAPIDocument {
    private func tree(of operation: APIReference.Operation) -> OrderedJSON {
        var tree = OrderedMembers()
        tree.add("tags", [.string(operation.group)])
        tree.add("summary", text: operation.summary)
        tree.add("description", text: operation.text.markdown)
        tree.add("operationId", .string(operation.id))
        tree.add("parameters", list: operation.parameters.map(Self.tree))
        tree.add("requestBody", operation.body.map(Self.tree))
        var answers = OrderedMembers()
        for answer in operation.answers { answers.add(answer.status, Self.tree(of: answer)) }
        for failure in operation.failures {
            answers.add(failure.status, ["$ref": .string("#/components/responses/\(failure.name)")])
        }
        tree.add("responses", answers.tree)
        tree.add("x-grpc-method", operation.rpc.map(OrderedJSON.string))
        return tree.tree
    }

    private static func tree(of parameter: APIReference.Parameter) -> OrderedJSON {
        var tree = OrderedMembers()
        tree.add("name", .string(parameter.name))
        tree.add("in", .string(parameter.place.rawValue))
        tree.add("description", text: parameter.schema.text.markdown)
        if parameter.isRequired { tree.add("required", true) }
        // Of an array in the query, each element has the name before it: ?models=a&models=b.
        var schema = parameter.schema
        schema.text = ""
        tree.add("schema", self.tree(of: schema))
        tree.add("example", parameter.example)
        return tree.tree
    }

    private static func tree(of body: APIReference.Body) -> OrderedJSON {
        var content = OrderedMembers()
        content.add("schema", self.tree(of: body.schema))
        content.add("example", body.example)
        return ["required": .boolean(body.isRequired), "content": ["application/json": content.tree]]
    }

    private static func tree(of answer: APIReference.Answer) -> OrderedJSON {
        var tree = OrderedMembers()
        tree.add("description", .string(answer.text.markdown))
        if !answer.headers.isEmpty {
            var headers = OrderedMembers()
            for header in answer.headers {
                var schema = header.schema
                schema.text = ""
                headers.add(
                    header.name,
                    ["description": .string(header.schema.text.markdown), "schema": self.tree(of: schema)])
            }
            tree.add("headers", headers.tree)
        }
        var contents = OrderedMembers()
        for content in answer.contents {
            var media = OrderedMembers()
            media.add("schema", self.tree(of: content.schema))
            media.add("example", content.example)
            contents.add(content.mediaType, media.tree)
        }
        if !answer.contents.isEmpty { tree.add("content", contents.tree) }
        return tree.tree
    }
}

// MARK: - Schemas

extension OpenAPIDocument {
    static func tree(of schema: APISchema) -> OrderedJSON {
        var tree = OrderedMembers()
        if schema.isNullable, case .reference = schema.form {
            var plain = schema
            (plain.isNullable, plain.text, plain.example) = (false, "", nil)
            tree.add("anyOf", [self.tree(of: plain), ["type": "null"]])
        } else {
            self.add(schema.form, isNullable: schema.isNullable, to: &tree)
        }
        tree.add("description", text: self.description(of: schema))
        if schema.isDeprecated { tree.add("deprecated", true) }
        if let example = schema.example { tree.add("examples", [example]) }
        return tree.tree
    }

    /// Values of an enumeration have no place of their own for what they mean.
    private static func description(of schema: APISchema) -> String {
        guard case .choice(let choices) = schema.form else { return schema.text.markdown }
        let lines = choices.filter { !$0.text.isEmpty }.map { "- `\($0.value)`: \($0.text.markdown)" }
        return [schema.text.markdown, lines.joined(separator: "\n")].filter { !$0.isEmpty }.joined(separator: "\n\n")
    }

    private static func add(_ form: APISchema.Form, isNullable: Bool, to tree: inout OrderedMembers) {
        func type(_ name: OrderedJSON) { tree.add("type", isNullable ? [name, "null"] : name) }
        switch form {
        case .anything: break
        case .null: tree.add("type", "null")
        case .reference(let name): tree.add("$ref", .string("#/components/schemas/\(name)"))
        case .boolean: type("boolean")
        case .string(let limits):
            type("string")
            tree.add("format", limits.format.map(OrderedJSON.string))
            tree.add("pattern", limits.pattern.map(OrderedJSON.string))
            tree.add("minLength", limits.shortest.map { .integer(Int64($0)) })
            tree.add("maxLength", limits.longest.map { .integer(Int64($0)) })
        case .choice(let choices):
            type("string")
            tree.add("enum", .array(choices.map { .string($0.value) } + (isNullable ? [.null] : [])))
        case .integer(let limits):
            type("integer")
            self.add(limits, to: &tree)
        case .number(let limits):
            type("number")
            self.add(limits, to: &tree)
        case .array(let element, let limits):
            type("array")
            tree.add("items", self.tree(of: element))
            tree.add("minItems", limits.least.map { .integer(Int64($0)) })
            tree.add("maxItems", limits.most.map { .integer(Int64($0)) })
        case .dictionary(let value):
            type("object")
            tree.add("additionalProperties", self.tree(of: value))
        case .object(let object):
            type("object")
            self.add(object, to: &tree)
        case .either(let schemas):
            tree.add("anyOf", .array(schemas.map(self.tree) + (isNullable ? [["type": "null"]] : [])))
        }
    }

    private static func add(_ limits: APISchema.NumberLimits, to tree: inout OrderedMembers) {
        tree.add("format", limits.format.map(OrderedJSON.string))
        if limits.above == nil { tree.add("minimum", limits.least ?? self.range(of: limits.format)?.least) }
        tree.add("exclusiveMinimum", limits.above)
        tree.add("maximum", limits.most ?? self.range(of: limits.format)?.most)
    }

    /// What a format holds. Nothing says so to those who do not know it.
    private static func range(of format: String?) -> (least: OrderedJSON, most: OrderedJSON)? {
        switch format {
        case "int32": (.integer(Int64(Int32.min)), .integer(Int64(Int32.max)))
        case "uint32": (0, .integer(Int64(UInt32.max)))
        case "int64": (.integer(Int64.min), .integer(Int64.max))
        default: nil
        }
    }

    private static func add(_ object: APISchema.Object, to tree: inout OrderedMembers) {
        var properties = OrderedMembers()
        for property in object.properties { properties.add(property.name, self.tree(of: property.schema)) }
        if !object.properties.isEmpty { tree.add("properties", properties.tree) }
        tree.add("required", list: object.properties.filter(\.isRequired).map { .string($0.name) })
        if object.isClosed { tree.add("additionalProperties", false) }
        let rules = object.alternatives.map(self.tree)
        if rules.count == 1, case .object(let members) = rules[0] {
            for member in members { tree.add(member.key, member.value) }
        } else {
            tree.add("allOf", list: rules)
        }
    }

    /// `oneOf` with a branch for each property, and one for none of them.
    private static func tree(of alternative: APISchema.Alternative) -> OrderedJSON {
        let present = alternative.names.map { name -> OrderedJSON in
            ["title": .string(name), "required": [.string(name)]]
        }
        let needed = alternative.names.map { name -> OrderedJSON in ["required": [.string(name)]] }
        let absent: OrderedJSON = ["title": "none of them", "not": ["anyOf": .array(needed)]]
        return ["oneOf": .array(present + (alternative.isRequired ? [] : [absent]))]
    }
}
