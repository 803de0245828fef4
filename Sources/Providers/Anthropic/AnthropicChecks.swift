import Inference

/// What a request must not hold because the Messages API cannot carry it. Nothing is changed or left out in its place.
enum AnthropicChecks {
    /// - Throws: ``UpstreamFault/Kind/unsupported``, naming the field, for what other wire formats may carry;
    ///   ``UpstreamFault/Kind/invalidRequest`` for what none does.
    static func check(_ request: UpstreamRequest, thinking: AnthropicThinking) throws(UpstreamFault) {
        try self.check(request.inference.sampling)
        try self.check(request.inference.tools)
        try self.check(request.inference.toolChoice, tools: request.inference.tools)
        try self.check(request.inference.responseFormat)
        if request.prefill != nil, case .jsonSchema = request.inference.responseFormat {
            throw UpstreamFault(.unsupported, "prefill together with a JSON schema")
        }
        if request.inference.logprobs != nil {
            throw UpstreamFault(.unsupported, "logprobs: the Messages API does not tell how probable tokens were")
        }
        try self.check(request, thinking: thinking.mode)
    }

    private static func check(_ sampling: SamplingParameters) throws(UpstreamFault) {
        let numbers = [("temperature", sampling.temperature), ("top_p", sampling.topP)]
        for case (let name, let value?) in numbers {
            guard value.isFinite else {
                throw UpstreamFault(.invalidRequest, "\(name) is \(value), expected a finite number")
            }
            guard (0...1).contains(value) else {
                throw UpstreamFault(.unsupported, "\(name) is \(value); the Messages API takes 0...1")
            }
        }
        let penalties = [
            ("presence_penalty", sampling.presencePenalty), ("frequency_penalty", sampling.frequencyPenalty),
        ]
        // A penalty of 0 is none.
        for case (let name, let value?) in penalties where value != 0 {
            throw UpstreamFault(.unsupported, "\(name): the Messages API has no penalties")
        }
        for stop in sampling.stop where stop.allSatisfy(\.isWhitespace) {
            throw UpstreamFault(.unsupported, "stop: the Messages API takes no sequence of nothing but white space")
        }
    }

    private static func check(_ tools: [Tool]) throws(UpstreamFault) {
        for tool in tools where !tool.parametersJSON.isEmpty && !JSONSyntax.isObject(tool.parametersJSON) {
            throw UpstreamFault(.invalidRequest, "the parameters of tool '\(tool.name)' are no JSON object")
        }
    }

    private static func check(_ choice: ToolChoice, tools: [Tool]) throws(UpstreamFault) {
        switch choice {
        case .automatic, .none: return
        case .required:
            guard tools.isEmpty else { return }
            throw UpstreamFault(.invalidRequest, "tool_choice: a tool is required, and there is none")
        case .tool(let name):
            guard !tools.contains(where: { $0.name == name }) else { return }
            throw UpstreamFault(.invalidRequest, "tool_choice: there is no tool '\(name)'")
        }
    }

    private static func check(_ format: ResponseFormat) throws(UpstreamFault) {
        switch format {
        case .text: return
        case .jsonObject:
            throw UpstreamFault(
                .unsupported, "response_format json_object: the Messages API takes a JSON schema and nothing less")
        case .jsonSchema(let schema):
            guard !JSONSyntax.isObject(schema.schemaJSON) else { return }
            throw UpstreamFault(.invalidRequest, "the schema '\(schema.name)' is no JSON object")
        }
    }

    /// What does not go together with thoughts.
    private static func check(
        _ request: UpstreamRequest, thinking: AnthropicThinking.Mode
    ) throws(UpstreamFault) {
        let isBudget: Bool
        switch thinking {
        case .unsaid, .disabled: return
        case .budget: isBudget = true
        case .adaptive: isBudget = false
        }
        let sampling = request.inference.sampling
        if request.prefill != nil { throw UpstreamFault(.unsupported, "prefill together with reasoning") }
        if let temperature = sampling.temperature, temperature != 1 {
            throw UpstreamFault(.unsupported, "temperature together with reasoning")
        }
        if let topP = sampling.topP, topP < 0.95 {
            throw UpstreamFault(.unsupported, "top_p below 0.95 together with reasoning")
        }
        switch request.inference.toolChoice {
        case .required where isBudget, .tool where isBudget:
            throw UpstreamFault(.unsupported, "a forced tool_choice together with reasoning")
        case .automatic, .none, .required, .tool: return
        }
    }
}
