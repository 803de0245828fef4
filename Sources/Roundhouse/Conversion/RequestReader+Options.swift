internal import Inference
internal import RoundhouseAPI

// Tools, forms of answers, thoughts.
extension RequestReader {
    mutating func tools(_ tools: [Roundhouse_V1_Tool]) -> [Tool] {
        self.checkToolCount(tools.count, field: "tools")
        var names: Set<String> = []
        return tools.enumerated().map { index, tool in
            let field = "tools[\(index)]"
            self.checkToolName(tool.name, among: &names, field: "\(field).name")
            if !tool.parametersJson.isEmpty {
                self.checkJSONObject(tool.parametersJson, field: "\(field).parameters_json")
            }
            return Tool(
                name: tool.name,
                description: tool.description_p,
                parametersJSON: tool.parametersJson,
                isStrict: tool.hasStrict ? tool.strict : nil
            )
        }
    }

    mutating func checkToolCount(_ count: Int, field: @autoclosure () -> String) {
        guard count > 128 else { return }
        self.report(FieldViolation(field(), found: "\(count) tools", expected: "at most 128"))
    }

    mutating func checkToolName(
        _ name: String, among names: inout Set<String>, field: @autoclosure () -> String
    ) {
        self.checkName(name, field: field())
        if !names.insert(name).inserted {
            self.report(FieldViolation(field(), found: name, expected: "a name that no other tool has"))
        }
    }

    /// - Parameter choice: `nil` when the client said nothing.
    mutating func toolChoice(
        _ choice: Roundhouse_V1_ToolChoice?, among tools: [Roundhouse_V1_Tool]
    ) -> ToolChoice {
        switch choice?.choice {
        case nil, .mode(.unspecified), .mode(.auto): return .automatic
        case .mode(.none): return .none
        case .mode(.required):
            return self.check(.required, hasTools: !tools.isEmpty, field: "tool_choice") { _ in true }
        case .mode(.UNRECOGNIZED(let number)):
            return self.unknown(number, "mode", of: "tool_choice", "a ToolChoiceMode") ?? .automatic
        case .tool(let name):
            return self.check(.tool(name), hasTools: !tools.isEmpty, field: "tool_choice.tool") { name in
                tools.contains { $0.name == name }
            }
        }
    }

    /// That there is what must be called.
    mutating func check(
        _ choice: ToolChoice, hasTools: Bool, field: @autoclosure () -> String, isTool: (String) -> Bool
    ) -> ToolChoice {
        switch choice {
        case .automatic, .none: break
        case .required:
            if !hasTools {
                self.report(FieldViolation(field(), "requires a tool; expected at least one in tools"))
            }
        case .tool(let name):
            if !isTool(name) {
                self.report(FieldViolation(field(), found: name, expected: "the name of one of the tools"))
            }
        }
        return choice
    }

    mutating func responseFormat(_ format: Roundhouse_V1_ResponseFormat) -> ResponseFormat {
        switch format.format {
        case nil, .jsonObject(false): return .text
        case .jsonObject(true): return .jsonObject
        case .jsonSchema(let schema):
            let name = schema.name.isEmpty ? "answer" : schema.name
            self.checkName(name, field: "response_format.json_schema.name")
            self.checkJSONObject(schema.schemaJson, field: "response_format.json_schema.schema_json")
            return .jsonSchema(
                JSONSchema(
                    name: name,
                    description: schema.description_p,
                    schemaJSON: schema.schemaJson,
                    isStrict: schema.hasStrict ? schema.strict : nil
                )
            )
        }
    }

    mutating func reasoning(_ options: Roundhouse_V1_ReasoningOptions) -> ReasoningOptions {
        let effort: ReasoningOptions.Effort? =
            switch options.effort {
            case .unspecified: nil
            case .none: ReasoningOptions.Effort.none
            case .minimal: .minimal
            case .low: .low
            case .medium: .medium
            case .high: .high
            case .UNRECOGNIZED(let number): self.unknown(number, "effort", of: "reasoning", "a ReasoningEffort")
            }
        let most =
            options.hasMaxTokens ? self.atLeast(1, Int(options.maxTokens), field: "reasoning.max_tokens") : nil
        return ReasoningOptions(effort: effort, maxTokens: most)
    }
}
