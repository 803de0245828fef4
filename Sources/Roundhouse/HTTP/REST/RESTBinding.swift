/// A route, and the method that answers it.
struct RESTBinding: Sendable {
    /// `GET`.
    let method: String
    let template: PathTemplate
    let body: HTTPRule.Body
    /// The answer is this field of the message; `nil` for all of it.
    let responseBody: String?
    /// `roundhouse.v1.RegistryService`.
    let service: String
    /// With its comment and what it streams.
    let rpc: ProtoMethod
    /// The annotation itself, not one of its additional bindings.
    let isPrimary: Bool

    /// Full names of messages.
    var inputType: String { self.rpc.inputType }
    var outputType: String { self.rpc.outputType }
    var isServerStreaming: Bool { self.rpc.isServerStreaming }
    /// `roundhouse.v1.RegistryService.GetModel`.
    var fullName: String { "\(self.service).\(self.rpc.name)" }
}

/// Every route of the API, and which of them a request means.
struct RESTBindings: Sendable {
    /// In the order of the protos, primary before additional.
    let all: [RESTBinding]
    /// Indexes into ``all``, most specific first.
    private let order: [Int]

    /// What is wrong with the annotations.
    struct Invalid: Error, Hashable, CustomStringConvertible {
        /// `roundhouse.v1.RegistryService.GetModel`.
        let method: String
        let problem: String

        var description: String { "the HTTP annotation of \(self.method) is wrong: \(self.problem)" }
    }

    /// Takes the routes of all methods that have an annotation. Those whose client streams are left out: HTTP has no way to
    /// call them.
    ///
    /// - Throws: ``Invalid`` for a path that is none, a field that does not exist, and two routes for the same paths.
    init(_ pool: DescriptorPool) throws(Invalid) {
        var all: [RESTBinding] = []
        var methodByShape: [String: String] = [:]
        for service in pool.services {
            for rpc in service.methods where !rpc.isClientStreaming {
                for (index, rule) in rpc.rules.enumerated() {
                    let binding = try Self.binding(rule, of: rpc, in: service, isPrimary: index == 0)
                    if let problem = pool.problem(of: binding) {
                        throw Invalid(method: binding.fullName, problem: problem)
                    }
                    let shape = "\(binding.method) \(binding.template.shape)"
                    if let other = methodByShape.updateValue(binding.fullName, forKey: shape) {
                        throw Invalid(
                            method: binding.fullName,
                            problem: "\(binding.method) '\(rule.path)' is a route of \(other) already")
                    }
                    all.append(binding)
                }
            }
        }
        self.all = all
        self.order = all.indices.sorted { first, second in
            if all[first].template.isMoreSpecific(than: all[second].template) { return true }
            if all[second].template.isMoreSpecific(than: all[first].template) { return false }
            return first < second
        }
    }

    private static func binding(
        _ rule: HTTPRule, of rpc: ProtoMethod, in service: ProtoService, isPrimary: Bool
    ) throws(Invalid) -> RESTBinding {
        do {
            return RESTBinding(
                method: rule.method, template: try PathTemplate(rule.path), body: rule.body,
                responseBody: rule.responseBody, service: service.name, rpc: rpc, isPrimary: isPrimary)
        } catch {
            throw Invalid(method: "\(service.name).\(rpc.name)", problem: "\(error)")
        }
    }

    // MARK: - Finding

    enum Match: Sendable {
        /// With the values of the template's variables.
        case found(RESTBinding, [String])
        /// The path is one of ours, but not with this method.
        case otherMethods([String])
        case none
    }

    /// Most specific first. A path that is unmistakably another route's with another method, such as `…:load` or
    /// `/api/v1/models/load`, is not taken for the name of a model.
    func match(method: String, path: some StringProtocol) -> Match {
        guard let path = RequestPath(path) else { return .none }
        var others: [String] = []
        var isHidden = false
        for index in self.order {
            let binding = self.all[index]
            // Nothing less specific can be meant any more.
            if isHidden, !binding.template.isUnmistakable { continue }
            guard let values = binding.template.match(path) else { continue }
            if binding.method == method { return .found(binding, values) }
            if !others.contains(binding.method) { others.append(binding.method) }
            if binding.template.isUnmistakable { isHidden = true }
        }
        return others.isEmpty ? .none : .otherMethods(others)
    }
}

extension DescriptorPool {
    /// What does not fit a method's messages, in words.
    fileprivate func problem(of binding: RESTBinding) -> String? {
        guard let input = self.message(binding.inputType) else { return "there is no message \(binding.inputType)" }
        guard let output = self.message(binding.outputType) else { return "there is no message \(binding.outputType)" }
        guard ["GET", "PUT", "POST", "PATCH", "DELETE"].contains(binding.method) else {
            return "the method '\(binding.method)' is not served"
        }
        for variable in binding.template.variables {
            guard let field = self.field(at: variable.field, of: input) else {
                return "\(input.name) has no field '\(variable.name)'"
            }
            if field.isRepeated || self.message(of: field) != nil { return "'\(variable.name)' is not a single value" }
        }
        if case .field(let name) = binding.body, input.field(named: name) == nil {
            return "\(input.name) has no field '\(name)' for the body"
        }
        if let name = binding.responseBody, output.field(named: name) == nil {
            return "\(output.name) has no field '\(name)' for the answer"
        }
        return nil
    }

    /// The field at a path through messages.
    func field(at path: [String], of message: ProtoMessage) -> ProtoField? {
        guard let name = path.first, let field = message.field(named: name) else { return nil }
        if path.count == 1 { return field }
        guard !field.isRepeated, let nested = self.message(of: field) else { return nil }
        return self.field(at: Array(path.dropFirst()), of: nested)
    }
}
