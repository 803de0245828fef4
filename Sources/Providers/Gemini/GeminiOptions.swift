import Inference

/// Tools, their choice and `generationConfig` of a request: all that is not the conversation.
struct GeminiOptions: Sendable {
    /// `stopSequences` takes no more.
    static let maximumStops = 5

    private let request: InferenceRequest
    private let thinking: GeminiThinking?

    /// - Throws: ``UpstreamFault/Kind/unsupported`` naming what Gemini cannot do, ``UpstreamFault/Kind/invalidRequest``
    ///   naming a field that no JSON can carry.
    init(_ request: InferenceRequest, model: GeminiModelName) throws(UpstreamFault) {
        try Self.check(request.sampling)
        try Self.check(request)
        self.request = request
        self.thinking = request.reasoning.map { GeminiThinking($0, model: model) }
    }

    func write(to json: inout JSONWriter) {
        if !self.request.tools.isEmpty {
            json.array("tools") { json in
                json.object { json in
                    json.array("functionDeclarations") { json in
                        for tool in self.request.tools { Self.write(tool, &json) }
                    }
                }
            }
            self.choice(&json)
        }
        // An empty object would say that something was said.
        var configuration = JSONWriter()
        configuration.object { self.configuration(&$0) }
        if configuration.bytes.count > 2 {
            json.raw("generationConfig", String(decoding: configuration.bytes, as: UTF8.self))
        }
    }

    private static func write(_ tool: Tool, _ json: inout JSONWriter) {
        json.object { json in
            json.string("name", tool.name)
            if !tool.description.isEmpty { json.string("description", tool.description) }
            if !tool.parametersJSON.isEmpty { json.raw("parametersJsonSchema", tool.parametersJSON) }
        }
    }

    private func choice(_ json: inout JSONWriter) {
        let mode: String
        var name: String?
        switch self.request.toolChoice {
        case .automatic:
            // Gemini holds a model to schemas for all tools or for none.
            guard self.request.tools.contains(where: { $0.isStrict == true }) else { return }
            mode = "VALIDATED"
        case .none: mode = "NONE"
        case .required: mode = "ANY"
        case .tool(let tool):
            mode = "ANY"
            name = tool
        }
        json.object("toolConfig") { json in
            json.object("functionCallingConfig") { json in
                json.string("mode", mode)
                if let name { json.array("allowedFunctionNames") { $0.string(nil, name) } }
            }
        }
    }

    private func configuration(_ json: inout JSONWriter) {
        let sampling = self.request.sampling
        if let value = sampling.temperature { json.number("temperature", value) }
        if let value = sampling.topP { json.number("topP", value) }
        if let value = sampling.maxOutputTokens { json.integer("maxOutputTokens", Int64(value)) }
        if !sampling.stop.isEmpty {
            json.array("stopSequences") { json in
                for stop in sampling.stop { json.string(nil, stop) }
            }
        }
        if let value = sampling.seed { json.integer("seed", value) }
        if let value = sampling.presencePenalty { json.number("presencePenalty", value) }
        if let value = sampling.frequencyPenalty { json.number("frequencyPenalty", value) }
        switch self.request.responseFormat {
        case .text: break
        case .jsonObject: json.string("responseMimeType", "application/json")
        case .jsonSchema(let schema):
            json.string("responseMimeType", "application/json")
            json.raw("responseJsonSchema", schema.schemaJSON)
        }
        self.thinking?.write(to: &json)
        if let resolution = self.mediaResolution { json.string("mediaResolution", resolution) }
    }

    /// One for the whole request, so the closest look that any image wants.
    private var mediaResolution: String? {
        var details: Set<Image.Detail?> = []
        for message in self.request.messages {
            for case .image(let image) in message.parts { details.insert(image.detail) }
        }
        if details.contains(.high) { return "MEDIA_RESOLUTION_HIGH" }
        return details == [.low] ? "MEDIA_RESOLUTION_LOW" : nil
    }

    private static func check(_ sampling: SamplingParameters) throws(UpstreamFault) {
        let numbers = [
            ("temperature", sampling.temperature), ("top_p", sampling.topP),
            ("presence_penalty", sampling.presencePenalty), ("frequency_penalty", sampling.frequencyPenalty),
        ]
        for (name, value) in numbers {
            if let value, !value.isFinite {
                throw UpstreamFault(.invalidRequest, "\(name) is \(value), expected a finite number")
            }
        }
        guard sampling.stop.count <= self.maximumStops else {
            throw UpstreamFault(
                .unsupported, "stop: Gemini takes \(self.maximumStops) sequences at most, got \(sampling.stop.count)")
        }
        if let seed = sampling.seed, Int32(exactly: seed) == nil {
            throw UpstreamFault(.unsupported, "seed: Gemini takes numbers of 32 bits, got \(seed)")
        }
    }

    private static func check(_ request: InferenceRequest) throws(UpstreamFault) {
        // It has the field, and most models of its API refuse it.
        if request.logprobs != nil {
            throw UpstreamFault(.unsupported, "logprobs: Gemini is not asked how probable tokens were")
        }
        for tool in request.tools where !tool.parametersJSON.isEmpty {
            guard JSONSyntax.isObject(tool.parametersJSON) else {
                throw UpstreamFault(.invalidRequest, "tools: the parameters of '\(tool.name)' are no JSON object")
            }
        }
        if case .jsonSchema(let schema) = request.responseFormat {
            guard JSONSyntax.isObject(schema.schemaJSON) else {
                throw UpstreamFault(.invalidRequest, "response_format: the schema is no JSON object")
            }
        }
        if request.tools.isEmpty {
            switch request.toolChoice {
            case .automatic, .none: return
            case .required, .tool: throw UpstreamFault(.invalidRequest, "tool_choice: there are no tools to call")
            }
        }
        if request.allowsParallelToolCalls == false, request.toolChoice != .none {
            throw UpstreamFault(.unsupported, "Gemini cannot be told to call one tool at a time")
        }
    }
}

/// How much a model may think, in Gemini's terms.
struct GeminiThinking: Sendable, Hashable {
    /// Whether the thoughts are to be shown.
    private(set) var showsThoughts = true
    /// In tokens; 0 turns thinking off.
    private(set) var budget: Int?
    /// What Gemini 3 and later take in the place of a budget, and never beside one.
    private(set) var level: String?

    init(_ options: ReasoningOptions, model: GeminiModelName) {
        self.showsThoughts = options.effort != ReasoningOptions.Effort.none
        if options.effort != ReasoningOptions.Effort.none, let tokens = options.maxTokens {
            self.budget = min(max(tokens, 1), Int(Int32.max))
        } else if let effort = options.effort {
            if model.isAtLeast(3) {
                self.level = Self.level(effort)
            } else {
                self.budget = Self.budget(effort)
            }
        }
    }

    func write(to json: inout JSONWriter) {
        json.object("thinkingConfig") { json in
            if self.showsThoughts { json.boolean("includeThoughts", true) }
            if let budget = self.budget { json.integer("thinkingBudget", Int64(budget)) }
            if let level = self.level { json.string("thinkingLevel", level) }
        }
    }

    /// Within what every model of the generations that take budgets allows, where it allows any.
    private static func budget(_ effort: ReasoningOptions.Effort) -> Int {
        switch effort {
        case .none: 0
        case .minimal: 512
        case .low: 1024
        case .medium: 8192
        case .high: 24_576
        }
    }

    /// These models always think; the least is the nearest to nothing.
    private static func level(_ effort: ReasoningOptions.Effort) -> String {
        switch effort {
        case .none, .minimal: "MINIMAL"
        case .low: "LOW"
        case .medium: "MEDIUM"
        case .high: "HIGH"
        }
    }
}
