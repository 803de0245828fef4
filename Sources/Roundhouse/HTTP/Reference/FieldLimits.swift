/// What the server checks beyond the types of fields, where it is worth telling: a request that keeps to it is not refused
/// for its form. The checks themselves are in the readers of `Conversion` and `Services`.
enum FieldLimits {
    /// - Parameters:
    ///   - field: `page_size`.
    ///   - message: its short name, `GenerateRequest`.
    static func apply(to schema: inout APISchema, of field: String, in message: Substring) {
        // Both have the same fields.
        let message = message == "StreamGenerateRequest" ? "GenerateRequest" : message
        guard let limit = self.byField["\(message).\(field)"] ?? self.everywhere[field] else { return }
        limit.apply(to: &schema)
    }

    /// What is limited: `GenerateRequest.temperature`.
    static var names: [String] { self.byField.keys.sorted() }

    /// Fields without which a request is refused.
    static func required(in message: Substring) -> [String] { self.required[message] ?? [] }

    enum Limit: Sendable {
        case integers(Int64, Int64?)
        case numbers(Double, Double)
        case atLeast(Double, example: Double)
        /// Above 0, up to this.
        case positive(upTo: Double)
        /// How many elements.
        case count(Int, Int?)
        /// How many characters.
        case length(Int, Int)
        case pattern(String, example: OrderedJSON)
        case values([String])
        /// What a useful value looks like.
        case example(OrderedJSON)

        func apply(to schema: inout APISchema) {
            switch (self, schema.form) {
            case (.integers(let least, let most), .integer(var limits)):
                (limits.least, limits.most) = (.integer(least), most.map(OrderedJSON.integer))
                schema.form = .integer(limits)
            case (.numbers(let least, let most), .number(var limits)):
                (limits.least, limits.most) = (.number(least), .number(most))
                schema.form = .number(limits)
            case (.atLeast(let least, let example), .number(var limits)):
                limits.least = .number(least)
                schema.form = .number(limits)
                schema.example = .number(example)
            case (.positive(let most), .number(var limits)):
                (limits.above, limits.most) = (.integer(0), .number(most))
                schema.form = .number(limits)
            case (.count(let least, let most), .array(let element, _)):
                schema.form = .array(element, APISchema.ArrayLimits(least: least == 0 ? nil : least, most: most))
            case (.length(let least, let most), .string(var limits)):
                (limits.shortest, limits.longest) = (least == 0 ? nil : least, most)
                schema.form = .string(limits)
            case (.pattern(let pattern, let example), .string(var limits)):
                limits.pattern = pattern
                schema.form = .string(limits)
                schema.example = example
            case (.values(let values), .array(let element, let limits)):
                var element = element
                element.form = .choice(values.map { APISchema.Choice(value: $0) })
                schema.form = .array(element, limits)
            case (.values(let values), _): schema.form = .choice(values.map { APISchema.Choice(value: $0) })
            case (.example(let example), .string): schema.example = example
            default: break
            }
        }
    }
}

extension FieldLimits {
    private static let everywhere: [String: Limit] = [
        "page_size": .integers(0, nil),
        "quality_score": .numbers(0, 1),
        "safety_score": .numbers(0, 1),
        "model": .example("local/small"),
        "provider": .example("local"),
        "alias": .example("default"),
        "engine": .example("llama.cpp"),
        "order_by": .example("price_output, id desc"),
    ]

    private static let name = Limit.pattern("^[A-Za-z0-9_-]{1,64}$", example: "get_weather")

    private static let byField: [String: Limit] = [
        "Alias.name": .pattern("^[a-z0-9][a-z0-9._-]{0,62}$", example: "default"),
        "Alias.targets": .count(1, 64),
        "AliasTarget.weight": .integers(0, 1000),
        "EmbedRequest.dimensions": .integers(1, 65_536),
        "EmbedRequest.inputs": .count(1, 2048),
        "EngineSettings.gpu_layers": .integers(0, 10_000),
        "EngineSettings.parallel": .integers(0, 64),
        "EngineSettings.threads": .integers(0, 1024),
        "ExplainRouteRequest.max_output_tokens": .integers(1, nil),
        "GenerateRequest.frequency_penalty": .numbers(-2, 2),
        "GenerateRequest.max_output_tokens": .integers(1, nil),
        "GenerateRequest.messages": .count(1, nil),
        "GenerateRequest.presence_penalty": .numbers(-2, 2),
        "GenerateRequest.stop": .count(0, 16),
        "GenerateRequest.tags": .count(0, 16),
        "GenerateRequest.temperature": .numbers(0, 2),
        "GenerateRequest.tools": .count(0, 128),
        "GenerateRequest.top_p": .positive(upTo: 1),
        "Image.media_type": .example("image/png"),
        "Image.data": .length(1, 27_962_028),
        "JsonSchema.schema_json": .example(#"{"type":"object","properties":{"city":{"type":"string"}}}"#),
        "ListAffordableModelsRequest.max_cost_per_token": .atLeast(0, example: 0.000_002),
        "ListModelsRequest.filter": .example(#"capabilities:vision AND price_output <= 0.6"#),
        "ListRequestsRequest.filter": .example("status != OK AND latency > 2s"),
        "ModelRequirements.capabilities": .values([
            "chat", "streaming", "tools", "json_schema", "vision", "reasoning", "embeddings", "completion", "prefill",
        ]),
        "ModelRequirements.max_cost_nano_usd": .integers(0, nil),
        "ModelRequirements.max_price_nano_usd": .integers(0, nil),
        "ModelRequirements.min_context_length": .integers(1, nil),
        "ModelRequirements.min_quality_score": .numbers(0, 1),
        "ModelRequirements.min_safety_score": .numbers(0, 1),
        "OpenRouterFilter.max_price_nano_usd": .integers(0, nil),
        "ProfileModelRequest.max_output_tokens": .integers(0, 4096),
        "ProfileModelRequest.run_count": .integers(0, 1000),
        "ReasoningOptions.max_tokens": .integers(1, nil),
        "Tool.name": Self.name,
        "ToolCall.name": .example("get_weather"),
        "WatchEventsRequest.after_sequence": .integers(0, nil),
    ]

    private static let required: [Substring: [String]] = [
        "CountTokensRequest": ["messages"],
        "EmbedRequest": ["inputs"],
        "GenerateRequest": ["messages"],
        "ListAffordableModelsRequest": ["max_cost_per_token"],
        "Message": ["role", "parts"],
        "StreamGenerateRequest": ["messages"],
    ]
}
