internal import Inference
internal import RoundhouseAPI

// Tools, forms of answers, thoughts.
extension RequestReader {
    mutating func tools(_ tools: [Roundhouse_V1_Tool]) -> [Tool] {
        if tools.count > 128 {
            self.report(FieldViolation("tools", found: "\(tools.count) tools", expected: "at most 128"))
        }
        var names: Set<String> = []
        return tools.enumerated().map { index, tool in
            let field = "tools[\(index)]"
            self.checkName(tool.name, field: "\(field).name")
            if !names.insert(tool.name).inserted {
                self.report(
                    FieldViolation("\(field).name", found: tool.name, expected: "a name that no other tool has"))
            }
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

    /// - Parameter choice: `nil` when the client said nothing.
    mutating func toolChoice(
        _ choice: Roundhouse_V1_ToolChoice?, among tools: [Roundhouse_V1_Tool]
    ) -> ToolChoice {
        switch choice?.choice {
        case nil, .mode(.unspecified), .mode(.auto): return .automatic
        case .mode(.none): return .none
        case .mode(.required):
            if tools.isEmpty {
                self.report(FieldViolation("tool_choice", "requires a tool; expected at least one in tools"))
            }
            return .required
        case .mode(.UNRECOGNIZED(let number)):
            return self.unknown(number, "mode", of: "tool_choice", "a ToolChoiceMode") ?? .automatic
        case .tool(let name):
            if !tools.contains(where: { $0.name == name }) {
                self.report(FieldViolation("tool_choice.tool", found: name, expected: "the name of one of the tools"))
            }
            return .tool(name)
        }
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
        if options.hasMaxTokens, options.maxTokens < 1 {
            self.report(
                FieldViolation("reasoning.max_tokens", found: "\(options.maxTokens)", expected: "at least 1"))
        }
        return ReasoningOptions(effort: effort, maxTokens: options.hasMaxTokens ? Int(options.maxTokens) : nil)
    }
}
