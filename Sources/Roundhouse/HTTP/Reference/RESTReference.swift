/// The part of the reference that the protos make: an operation for every route of their annotations.
struct RESTReference {
    private let pool: DescriptorPool
    private let bindings: [RESTBinding]
    private let schemas: ProtoSchemas
    /// In the order of the groups. Routes that differ only in how many parts of a path a name takes are one, since OpenAPI
    /// cannot tell them apart.
    private(set) var operations: [APIReference.Operation] = []

    init(pool: DescriptorPool, bindings: RESTBindings) {
        self.pool = pool
        self.bindings = bindings.all.enumerated().sorted { first, second in
            (Self.rank(first.element.service), first.offset) < (Self.rank(second.element.service), second.offset)
        }.map(\.element)
        self.schemas = ProtoSchemas(pool: pool, requests: bindings.all.map(\.inputType))
        self.operations = self.makeOperations()
    }

    /// What most readers look for comes first.
    private static func rank(_ service: String) -> Int {
        let order = ["Generation", "Registry", "Lifecycle", "Telemetry", "Health", "Admin"]
        return order.firstIndex { service.hasSuffix(".\($0)Service") } ?? order.count
    }

    /// Services that have routes.
    var groups: [APIReference.Group] {
        var names: [String] = []
        for binding in self.bindings where !names.contains(binding.service) { names.append(binding.service) }
        return names.compactMap { name in self.pool.services.first { $0.name == name } }.map { service in
            APIReference.Group(name: String(service.shortName), text: ReferenceText(comment: service.comment))
        }
    }

    /// What requests and answers are made of.
    var components: [APIReference.Component] {
        let names = self.bindings.flatMap { [$0.inputType, $0.outputType] }
        let components = self.schemas.components(reachedFrom: names)
        // What nobody refers to is there in another form, as the parameters of a GET.
        var wanted = Set(self.operations.flatMap(\.references))
        var queue = Array(wanted)
        let byName = Dictionary(components.map { ($0.name, $0.schema) }) { first, _ in first }
        while let name = queue.popLast() {
            for name in byName[name]?.references ?? [] where wanted.insert(name).inserted { queue.append(name) }
        }
        return components.filter { wanted.contains($0.name) }
    }

    private func makeOperations() -> [APIReference.Operation] {
        var operations: [APIReference.Operation] = []
        var routes: Set<String> = []
        var counts: [String: Int] = [:]
        let names = self.parameterNames
        for binding in self.bindings {
            let path = OpenAPIPath(binding.template, names: names)
            guard routes.insert("\(binding.method) \(path.text)").inserted else { continue }
            let primary = binding.isPrimary ? nil : operations.last { $0.rpc == binding.callName && !$0.isAnother }
            counts[binding.callName, default: 0] += 1
            if let operation = self.operation(
                of: binding, at: path, count: counts[binding.callName] ?? 1, primary: primary)
            {
                operations.append(operation)
            }
        }
        return operations
    }

    /// OpenAPI wants one name for a part of a path, whoever asks: `{model}` and `{model.id}` are the same.
    private var parameterNames: [String: String] {
        var names: [String: String] = [:]
        for binding in self.bindings {
            for (place, variable) in OpenAPIPath.places(of: binding.template) {
                let known = names[place]
                if known == nil || variable.name.utf8.count < known?.utf8.count ?? 0 { names[place] = variable.name }
            }
        }
        return names
    }
}

// MARK: - One route

extension RESTReference {
    private func operation(
        of binding: RESTBinding, at path: OpenAPIPath, count: Int, primary: APIReference.Operation?
    ) -> APIReference.Operation? {
        guard let input = self.pool.message(binding.inputType),
            let method = APIReference.Operation.Method(rawValue: binding.method.lowercased())
        else { return nil }
        let comment = ReferenceText(comment: binding.rpc.comment)
        let id = "\(binding.service.split(separator: ".").last ?? "")_\(binding.rpc.name)"
        var operation = APIReference.Operation(
            id: count == 1 ? id : "\(id)_\(count)", method: method, path: path.text,
            group: String(binding.service.split(separator: ".").last ?? ""), summary: comment.summary, text: comment)
        operation.rpc = binding.callName
        operation.isAnotherRouteOf = primary.map { "\($0.method.rawValue.uppercased()) \($0.path)" }
        if let route = operation.isAnotherRouteOf { operation.text.append("The same as `\(route)`.") }
        operation.parameters = self.pathParameters(of: binding, at: path, input)
        operation.parameters += self.queryParameters(of: binding, input)
        operation.body = self.body(of: binding, input)
        operation.body?.example = ReferenceExamples.body(of: id, without: binding.pathFields)
        operation.answers = [self.answer(of: binding)]
        operation.failures = Self.failures(of: binding)
        return operation
    }

    private func pathParameters(
        of binding: RESTBinding, at path: OpenAPIPath, _ input: ProtoMessage
    ) -> [APIReference.Parameter] {
        path.parameters.compactMap { name, variable in
            guard let (field, message) = self.pool.leaf(at: variable.field, of: input) else { return nil }
            var schema = self.schemas.schema(of: field, in: message)
            if case .string(var limits) = schema.form {
                limits.shortest = 1
                schema.form = .string(limits)
            }
            if binding.template.segments[variable.segments].contains(.rest) || field.name == "model" {
                schema.text.append("Its slashes stand as they are, or as %2F.")
            }
            let example = ReferenceExamples.parameter(name) ?? schema.example
            schema.example = nil
            return APIReference.Parameter(
                place: .path, name: name, schema: schema, isRequired: true, example: example)
        }
    }

    /// What neither the path nor the body says.
    private func queryParameters(of binding: RESTBinding, _ input: ProtoMessage) -> [APIReference.Parameter] {
        guard binding.body != .all else { return [] }
        return self.queryParameters(of: input, at: [], binding, depth: 0)
    }

    private func queryParameters(
        of message: ProtoMessage, at path: [String], _ binding: RESTBinding, depth: Int
    ) -> [APIReference.Parameter] {
        message.fields.flatMap { field -> [APIReference.Parameter] in
            let path = path + [field.name]
            if case .field(field.name) = binding.body, path.count == 1 { return [] }
            if binding.template.variables.contains(where: { $0.field == path }) { return [] }
            if let nested = self.pool.message(of: field), WellKnownSchemas.schema(of: nested.name) == nil {
                // Lists and maps of messages have no form in a query.
                guard !field.isRepeated, depth < 4 else { return [] }
                return self.queryParameters(of: nested, at: path, binding, depth: depth + 1)
            }
            var schema = self.schemas.schema(of: field, in: message)
            let example = schema.example
            schema.example = nil
            let isRequired = FieldLimits.required(in: message.shortName).contains(field.name)
            return [
                APIReference.Parameter(
                    place: .query, name: path.joined(separator: "."), schema: schema, isRequired: isRequired,
                    example: example)
            ]
        }
    }

    private func body(of binding: RESTBinding, _ input: ProtoMessage) -> APIReference.Body? {
        switch binding.body {
        case .none: return nil
        case .field(let name):
            guard let field = input.field(named: name) else { return nil }
            var schema = self.schemas.schema(of: field, in: input)
            if input.field(named: "update_mask") != nil {
                schema.text.append("Without `update_mask`, what is in the body is changed, and nothing else.")
            }
            return APIReference.Body(schema: schema, isRequired: true)
        case .all:
            let isRequired = !FieldLimits.required(in: input.shortName).isEmpty
            let taken = binding.pathFields
            guard !taken.isEmpty, case .object(var object) = self.schemas.schema(of: input).form else {
                return APIReference.Body(schema: ProtoSchemas.reference(to: input.name), isRequired: isRequired)
            }
            // The rest of a message that is a part of the path has no name of its own.
            object.properties.removeAll { taken.contains($0.name) }
            let text: ReferenceText = object.properties.isEmpty ? "Nothing: an empty object, or no body." : ""
            return APIReference.Body(schema: APISchema(form: .object(object), text: text), isRequired: isRequired)
        }
    }

    // MARK: - Answers

    private func answer(of binding: RESTBinding) -> APIReference.Answer {
        let output = self.pool.message(binding.outputType)
        let message = ProtoSchemas.reference(to: binding.outputType)
        var whole = message
        if let name = binding.responseBody, let output, let field = output.field(named: name) {
            whole = self.schemas.schema(of: field, in: output)
        }
        let comment = ReferenceText(comment: output?.comment ?? "")
        let text: ReferenceText = "\(comment.summary.isEmpty ? "The answer" : comment.summary)."
        guard binding.isServerStreaming else {
            return .init(status: "200", text: text, contents: [.init(mediaType: "application/json", schema: whole)])
        }
        var told = text
        told.append(
            "`Accept` chooses: with `text/event-stream` every message is an event, with `application/x-ndjson` a line; "
                + "else the last message alone is the answer, once it is there.")
        return .init(
            status: "200", text: told,
            contents: [
                .init(mediaType: "application/json", schema: whole),
                .init(
                    mediaType: "text/event-stream",
                    schema: .anything("Events; the `data` of each is a message in JSON.")),
                .init(mediaType: "application/x-ndjson", schema: .string("A message in JSON on each line.")),
            ])
    }

    private static func failures(of binding: RESTBinding) -> [APIReference.FailureReference] {
        var failures = [APIReference.FailureReference(status: "400", name: "InvalidRequest")]
        if !binding.template.variables.isEmpty || binding.rpc.comment.contains("NOT_FOUND") {
            failures.append(.init(status: "404", name: "NotFound"))
        }
        if ["ABORTED", "ALREADY_EXISTS"].contains(where: binding.rpc.comment.contains) {
            failures.append(.init(status: "409", name: "Conflict"))
        }
        return failures + [.init(status: "default", name: "Error")]
    }
}

extension RESTBinding {
    /// `roundhouse.v1.RegistryService/ListModels`
    fileprivate var callName: String { "\(self.service)/\(self.rpc.name)" }

    /// Fields of the request that the path says.
    fileprivate var pathFields: Set<String> { Set(self.template.variables.compactMap(\.field.first)) }
}

extension APIReference.Operation {
    fileprivate var isAnother: Bool { self.isAnotherRouteOf != nil }

    /// Names of the components that it refers to.
    fileprivate var references: [String] {
        self.parameters.flatMap(\.schema.references) + (self.body?.schema.references ?? [])
            + self.answers.flatMap { $0.contents.flatMap(\.schema.references) }
    }
}

extension DescriptorPool {
    /// A field and the message that it is of.
    fileprivate func leaf(at path: [String], of message: ProtoMessage) -> (ProtoField, ProtoMessage)? {
        guard let name = path.first, let field = message.field(named: name) else { return nil }
        if path.count == 1 { return (field, message) }
        return self.message(of: field).flatMap { self.leaf(at: Array(path.dropFirst()), of: $0) }
    }
}
