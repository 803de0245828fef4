internal import Inference

// Tools, forms of answers, thoughts.
extension OpenAIFields {
    /// `tools`, or `functions` as they were called before.
    mutating func tools(_ root: JSONValue, _ request: inout OpenAIRequest) {
        var names: Set<String> = []
        var tools: [Tool] = []
        let (new, old) = (self.elements(root["tools"]), self.elements(root["functions"]))
        if !new.isEmpty, !old.isEmpty {
            self.report("functions", "stands beside tools; expected one of the two", .invalidValue)
        }
        self.checks.checkToolCount(new.count, field: "tools")
        self.checks.checkToolCount(old.count, field: "functions")
        for value in new {
            guard let holder = self.object(value) else { continue }
            if let type = holder["type"], type.string != "function" {
                self.report(type, "is '\((type.string ?? "").prefix(100))'; expected function", .unsupportedValue)
                continue
            }
            self.ignoreOthers(of: holder, but: ["type", "function"])
            guard let function = self.object(holder["function"]) else {
                if holder["function"]?.isNull ?? true {
                    self.report(self.path(holder) + ".function", "is missing: a function is expected", .missing)
                }
                continue
            }
            tools.append(self.tool(function, &names))
        }
        for value in old {
            if let function = self.object(value) { tools.append(self.tool(function, &names)) }
        }
        request.inference.tools = tools
        request.inference.allowsParallelToolCalls = self.boolean(root["parallel_tool_calls"])
        request.usesFunctions = !old.isEmpty
        let choice =
            request.usesFunctions ? self.functionCall(root["function_call"]) : self.toolChoice(root["tool_choice"])
        if let (choice, value) = choice {
            let prefix = self.prefix
            request.inference.toolChoice = self.checks.check(
                choice, hasTools: !tools.isEmpty, field: Self.path(value, prefix), isTool: names.contains)
        }
    }

    private mutating func tool(_ function: JSONValue, _ names: inout Set<String>) -> Tool {
        self.ignoreOthers(of: function, but: ["name", "description", "parameters", "strict"])
        let name = self.string(function["name"]) ?? ""
        let prefix = self.prefix
        self.checks.checkToolName(name, among: &names, field: Self.path(function, prefix) + ".name")
        return Tool(
            name: name, description: self.string(function["description"]) ?? "",
            parametersJSON: self.schema(function["parameters"]) ?? "", isStrict: self.boolean(function["strict"]))
    }

    /// An object, as it was written; `nil` when there is none.
    private mutating func schema(_ value: JSONValue?) -> String? {
        guard let value, !value.isNull else { return nil }
        guard value.kind == .object else {
            self.wrongType(value, expected: "a JSON Schema, which is an object")
            return nil
        }
        guard value.rawCount <= JSONObjectText.longest else {
            self.report(value, "has \(value.rawCount) bytes, more than 1 MiB", .invalidValue)
            return nil
        }
        return value.raw
    }

    /// - Returns: with the value that says it.
    private mutating func toolChoice(_ value: JSONValue?) -> (ToolChoice, JSONValue)? {
        guard let value, !value.isNull else { return nil }
        switch value.string {
        case "auto": return (.automatic, value)
        case "none": return (ToolChoice.none, value)
        case "required": return (.required, value)
        case let name?:
            self.report(value, "is '\(name.prefix(100))'; expected auto, none, required or a function", .invalidValue)
            return nil
        case nil: break
        }
        guard value.kind == .object else {
            self.wrongType(value, expected: "auto, none, required or an object that names a function")
            return nil
        }
        guard value["type"].map({ $0.isString("function") }) ?? true else {
            self.report(
                value["type"] ?? value, "is not supported; expected function, or auto, none or required in place of it",
                .unsupportedValue)
            return nil
        }
        return self.named(in: value["function"], of: value)
    }

    /// The old form of ``toolChoice(_:)``.
    private mutating func functionCall(_ value: JSONValue?) -> (ToolChoice, JSONValue)? {
        guard let value, !value.isNull else { return nil }
        switch value.string {
        case "auto": return (.automatic, value)
        case "none": return (ToolChoice.none, value)
        case let name?:
            self.report(value, "is '\(name.prefix(100))'; expected auto, none or an object with a name", .invalidValue)
            return nil
        case nil: return self.named(in: value, of: value)
        }
    }

    private mutating func named(in object: JSONValue?, of choice: JSONValue) -> (ToolChoice, JSONValue)? {
        if let object, let value = object["name"], let name = value.string { return (.tool(name), value) }
        self.report(choice, "names no function; expected its name", .missing)
        return nil
    }

    mutating func responseFormat(_ value: JSONValue?) -> ResponseFormat {
        guard let format = self.object(value) else { return .text }
        guard let type = format["type"], !type.isNull else {
            self.report(self.path(format) + ".type", "is missing: \(Self.formats) is expected", .missing)
            return .text
        }
        switch type.string {
        case "text": return .text
        case "json_object": return .jsonObject
        case "json_schema":
            guard let holder = self.object(format["json_schema"]) else {
                if format["json_schema"]?.isNull ?? true {
                    self.report(self.path(format) + ".json_schema", "is missing: a schema is expected", .missing)
                }
                return .text
            }
            return .jsonSchema(self.jsonSchema(holder))
        default:
            self.report(
                type, "is '\((type.string ?? type.kind.name).prefix(100))'; expected \(Self.formats)", .invalidValue)
            return .text
        }
    }

    private static let formats = "text, json_object or json_schema"

    private mutating func jsonSchema(_ holder: JSONValue) -> JSONSchema {
        self.ignoreOthers(of: holder, but: ["name", "description", "schema", "strict"])
        let name = self.string(holder["name"]) ?? "answer"
        let prefix = self.prefix
        self.checks.checkName(name, field: Self.path(holder, prefix) + ".name")
        let before = self.checks.violations.count
        let schema = self.schema(holder["schema"])
        if schema == nil, self.checks.violations.count == before {
            self.report(self.path(holder) + ".schema", "is missing: a JSON Schema is expected", .missing)
        }
        return JSONSchema(
            name: name, description: self.string(holder["description"]) ?? "", schemaJSON: schema ?? "",
            isStrict: self.boolean(holder["strict"]))
    }

    /// `reasoning_effort` as OpenAI has it, or the object `reasoning` as OpenRouter has it, which wins.
    mutating func reasoning(_ root: JSONValue) -> ReasoningOptions? {
        var effort = self.name(root["reasoning_effort"], as: ReasoningOptions.Effort.self)
        var most: Int?
        if let object = self.object(root["reasoning"]) {
            self.ignoreOthers(of: object, but: ["effort", "max_tokens", "enabled"])
            effort = self.name(object["effort"], as: ReasoningOptions.Effort.self) ?? effort
            most = self.count(object["max_tokens"])
            if self.boolean(object["enabled"]) == false { effort = ReasoningOptions.Effort.none }
        }
        return effort == nil && most == nil ? nil : ReasoningOptions(effort: effort, maxTokens: most)
    }
}
