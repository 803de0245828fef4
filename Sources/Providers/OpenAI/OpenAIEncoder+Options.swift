package import Inference

extension OpenAIEncoder {
    /// `tools`, `tool_choice` and `parallel_tool_calls`: none of them without tools, which OpenAI would refuse.
    func tools(_ request: InferenceRequest, _ json: inout JSONWriter) {
        guard !request.tools.isEmpty else { return }
        self.toolList(request.tools, &json)
        switch request.toolChoice {
        case .automatic: break
        case .none: json.string("tool_choice", "none")
        case .required: json.string("tool_choice", "required")
        case .tool(let name):
            json.object("tool_choice") { json in
                json.string("type", "function")
                json.object("function") { $0.string("name", name) }
            }
        }
        if let isAllowed = request.allowsParallelToolCalls, self.dialect.takesParallelToolCalls {
            json.boolean("parallel_tool_calls", isAllowed)
        }
    }

    func toolList(_ tools: [Tool], _ json: inout JSONWriter) {
        guard !tools.isEmpty else { return }
        json.array("tools") { json in
            for tool in tools { self.tool(tool, &json) }
        }
    }

    private func tool(_ tool: Tool, _ json: inout JSONWriter) {
        json.object { json in
            json.string("type", "function")
            json.object("function") { json in
                json.string("name", tool.name)
                if !tool.description.isEmpty { json.string("description", tool.description) }
                // Some servers need the field, and strict ones need the object to be closed.
                json.raw(
                    "parameters",
                    tool.parametersJSON.isEmpty
                        ? #"{"type":"object","properties":{},"additionalProperties":false}"# : tool.parametersJSON)
                if let isStrict = tool.isStrict { json.boolean("strict", isStrict) }
            }
        }
    }

    func responseFormat(_ format: ResponseFormat, _ json: inout JSONWriter) {
        switch format {
        case .text: break
        case .jsonObject: json.object("response_format") { $0.string("type", "json_object") }
        case .jsonSchema(let schema):
            json.object("response_format") { json in
                json.string("type", "json_schema")
                json.object("json_schema") { json in
                    json.string("name", schema.name)
                    if !schema.description.isEmpty { json.string("description", schema.description) }
                    json.raw("schema", schema.schemaJSON)
                    if let isStrict = schema.isStrict { json.boolean("strict", isStrict) }
                }
            }
        }
    }

    func reasoning(_ options: ReasoningOptions?, _ json: inout JSONWriter) {
        guard let options, options.effort != nil || options.maxTokens != nil else { return }
        switch self.dialect.reasoning {
        case .nothing: break
        case .effort, .effortAndBudget:
            if let effort = options.effort { json.string("reasoning_effort", effort.rawValue) }
            if let tokens = options.maxTokens { json.integer("thinking_token_budget", Int64(tokens)) }
        case .openRouter:
            json.object("reasoning") { json in
                if let effort = options.effort { json.string("effort", effort.rawValue) }
                if let tokens = options.maxTokens { json.integer("max_tokens", Int64(tokens)) }
            }
        }
    }

    func logprobs(_ options: LogprobOptions, _ json: inout JSONWriter) {
        let topCount = self.dialect.logprobs == .llamaCpp ? max(options.topCount, 1) : options.topCount
        json.boolean("logprobs", true)
        if topCount > 0 { json.integer("top_logprobs", Int64(topCount)) }
    }

    /// What the client said beyond our vocabulary, as it said it; see ``OpenAIExtraFields``.
    func extraFields(of request: UpstreamRequest, _ json: inout JSONWriter) {
        let isOurs = self.dialect.isOpenRouter && self.dialect.takesIncludeUsage
        for field in request.inference.extraFields where !(isOurs && field.name == "usage") {
            json.raw(named: field.name, field.json)
        }
    }

    /// What must be said beside a last message that is to be gone on with.
    func prefillFields(_ json: inout JSONWriter) {
        switch self.dialect.prefill {
        case .none, .lastMessage: break
        case .lastMessageWithoutThinking:
            json.object("chat_template_kwargs") { $0.boolean("enable_thinking", false) }
        case .continueFinalMessage:
            json.boolean("continue_final_message", true)
            json.boolean("add_generation_prompt", false)
        }
    }

    /// - Throws: ``UpstreamFault/Kind/unsupported`` when vectors of another length are wanted than the model makes.
    package func encode(_ request: EmbeddingRequest) throws(UpstreamFault) -> [UInt8] {
        if request.dimensions != nil, self.dialect.embeddings == .ownDimensions {
            throw UpstreamFault(
                .unsupported, "\(self.dialect.name) does not take a number of dimensions for embeddings")
        }
        var json = JSONWriter(reserving: request.inputs.reduce(128) { $0 + $1.utf8.count + 4 })
        json.object { json in
            json.string("model", request.model)
            json.array("input") { json in
                for input in request.inputs { json.string(nil, input) }
            }
            json.string("encoding_format", "float")
            if let dimensions = request.dimensions { json.integer("dimensions", Int64(dimensions)) }
        }
        return json.bytes
    }
}
