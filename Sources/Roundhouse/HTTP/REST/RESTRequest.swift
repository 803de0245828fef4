internal import GRPCCore

/// Makes the message that a request of HTTP means, of its path, its query and its body, as google/api/http.proto has it.
struct RESTRequest {
    private let pool: DescriptorPool
    private let binding: RESTBinding
    private let type: ProtoMessage
    private var reader: ProtoReader
    private var draft = ProtoDraft()
    /// Fields of the body that are there, also as null; of the field that the body is, when it is one.
    private var bodyFields: [String] = []

    /// - Throws: ``ServiceError`` that names every field at fault.
    static func message(
        _ binding: RESTBinding,
        variables: [String],
        query: String,
        body: JSONText?,
        requestID: String? = nil,
        _ pool: DescriptorPool
    ) throws(ServiceError) -> [UInt8] {
        guard let type = pool.message(binding.inputType) else {
            throw ServiceError(.internalError, "INTERNAL", "there is no message \(binding.inputType)")
        }
        var request = RESTRequest(binding, type, pool)
        if let body { request.take(body) }
        request.take(variables: variables)
        request.take(query: query)
        request.addMask()
        if let requestID { request.add(requestID: requestID) }
        guard request.reader.violations.isEmpty else { throw .invalid(request.reader.violations) }
        return request.draft.serialized
    }

    private init(_ binding: RESTBinding, _ type: ProtoMessage, _ pool: DescriptorPool) {
        self.pool = pool
        self.binding = binding
        self.type = type
        self.reader = ProtoReader(pool)
    }

    // MARK: - The body

    private mutating func take(_ body: JSONText) {
        switch self.binding.body {
        case .none: break
        case .all:
            self.draft = self.reader.message(body.root, self.type, at: "")
            self.noteFields(of: body.root, self.type)
        case .field(let name):
            guard let field = self.type.field(named: name) else { return }
            self.draft[field.number] = self.reader.field(body.root, field, at: field.name)
            if let nested = self.pool.message(of: field) { self.noteFields(of: body.root, nested) }
        }
    }

    private mutating func noteFields(of value: JSONValue, _ type: ProtoMessage) {
        for member in value.members {
            if let field = type.field(named: member.key.string ?? "") { self.bodyFields.append(field.name) }
        }
    }

    // MARK: - The path

    private mutating func take(variables values: [String]) {
        for (variable, text) in zip(self.binding.template.variables, values) {
            guard let (path, field) = self.resolve(variable.field) else { continue }
            do {
                let value = try self.pool.value(of: ProtoLiteral(text: text, for: field), for: field)
                if let other = self.draft.value(at: path), other != value {
                    self.reader.report(
                        variable.name,
                        "is '\(text.prefix(100))' in the path and another one in the body; expected the same")
                }
                self.draft.set(value, at: path)
            } catch {
                self.reader.report(variable.name, "is '\(text.prefix(100))' in the path; expected \(error.text)")
            }
        }
    }

    /// The numbers of a path of names, and its last field; `nil` when it leads nowhere.
    private func resolve(_ names: [String]) -> (path: [Int], field: ProtoField)? {
        var (path, type): ([Int], ProtoMessage?) = ([], self.type)
        for (index, name) in names.enumerated() {
            guard let field = type?.field(named: name) else { return nil }
            path.append(field.number)
            if index == names.count - 1 { return (path, field) }
            // Only single messages have fields inside that can be meant.
            if field.isRepeated { return nil }
            type = self.pool.message(of: field)
        }
        return nil
    }

    // MARK: - The query

    private mutating func take(query: String) {
        var names: [String] = []
        var values: [String: [String]] = [:]
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(parts.first ?? "", plusIsSpace: true),
                let value = PercentEncoding.decode(parts.count > 1 ? parts[1] : "", plusIsSpace: true)
            else {
                self.reader.report("query", "has '\(pair.prefix(100))', which is not percent-encoded UTF-8")
                continue
            }
            // Switches of Google's APIs that ask for JSON, which is all that there is.
            if name == "alt" && value == "json" || name == "$alt" && value == "json" { continue }
            if values[name] == nil { names.append(name) }
            values[name, default: []].append(value)
        }
        for name in names { self.take(parameter: name, values[name] ?? []) }
    }

    private mutating func take(parameter name: String, _ texts: [String]) {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false).map { String($0) }
        guard let (path, field) = self.resolve(parts) else {
            return self.reader.report(
                String(name.prefix(64)), "is not a parameter of \(self.binding.rpc.name)\(self.hint)")
        }
        let variables = self.binding.template.variables.compactMap { self.resolve($0.field)?.path }
        if variables.contains(path) { return self.reader.report(name, "is in the path already") }
        switch self.binding.body {
        case .none: break
        case .all: return self.reader.report(name, "belongs into the body, not into the query")
        case .field(let body):
            if self.type.field(named: body)?.number == path.first {
                return self.reader.report(name, "belongs into the body, not into the query")
            }
        }
        let isMessage = self.pool.message(of: field).map { WellKnownType(rawValue: $0.name) == nil } ?? false
        if isMessage {
            return self.reader.report(name, "is no single value; give its fields, as in '\(name).name=value'")
        }
        if !field.isRepeated, texts.count > 1 { return self.reader.report(name, "is given \(texts.count) times") }
        let values = texts.compactMap { self.value(of: $0, field, named: name) }
        guard let first = values.first else { return }
        self.draft.set(field.isRepeated ? .list(values) : first, at: path)
        if let oneof = field.oneof, path.count == 1,
            let other = self.type.fields.first(where: {
                $0.oneof == oneof && $0.number != field.number && self.draft[$0.number] != nil
            })
        {
            self.reader.report(name, "is given beside '\(other.name)'; one of the two at most")
        }
    }

    private mutating func value(of text: String, _ field: ProtoField, named name: String) -> ProtoDraft.Value? {
        do {
            return try self.pool.value(of: ProtoLiteral(text: text, for: field), for: field)
        } catch {
            self.reader.report(name, "is '\(text.prefix(100))'; expected \(error.text)")
            return nil
        }
    }

    /// Which parameters there are, when they are few.
    private var hint: String {
        let path = Set(self.binding.template.variables.compactMap(\.field.first))
        let names = self.type.fields.map(\.name).filter { name in
            switch self.binding.body {
            case .none: !path.contains(name)
            case .all: false
            case .field(let body): name != body && !path.contains(name)
            }
        }
        guard !names.isEmpty, names.count <= 20 else { return "" }
        return "; it has \(names.joined(separator: ", "))"
    }

    // MARK: - What is meant without being said

    /// An update without a mask sets what is in its body (AIP-134), defaults and nulls too: HTTP can tell a field that is
    /// there from one that is not. What the path names, and the etag, are no changes.
    private mutating func addMask() {
        guard case .field(let body) = self.binding.body, let mask = self.type.field(named: "update_mask"),
            mask.kind == .message(WellKnownType.fieldMask.rawValue), self.draft[mask.number] == nil
        else { return }
        let named = self.binding.template.variables.filter { $0.field.first == body }.compactMap {
            $0.field.dropFirst().first
        }
        let paths = self.bodyFields.filter { !named.contains($0) && $0 != "etag" }
        guard !paths.isEmpty else { return }
        var draft = ProtoDraft()
        draft[1] = .list(paths.map { .bytes(Array($0.utf8)) })
        self.draft[mask.number] = .message(draft)
    }

    private mutating func add(requestID: String) {
        guard let field = self.type.field(named: "request_id"), field.kind == .string, self.draft[field.number] == nil
        else { return }
        self.draft[field.number] = .bytes(Array(requestID.utf8))
    }
}
