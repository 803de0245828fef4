import Inference

/// What `/api/chat` cannot carry is said before anything is sent.
extension OllamaEncoder {
    static func check(_ request: InferenceRequest) throws(UpstreamFault) {
        try self.check(request.sampling)
        if request.reasoning?.maxTokens != nil {
            throw self.unsupported("a limit on reasoning tokens: it only switches them on and off")
        }
        if case .jsonSchema(let schema) = request.responseFormat {
            try self.checkObject(schema.schemaJSON, "the schema '\(schema.name)'")
        }
        for tool in request.tools where !tool.parametersJSON.isEmpty {
            try self.checkObject(tool.parametersJSON, "the parameters of tool '\(tool.name)'")
        }
        switch request.toolChoice {
        case .automatic, .none: break
        case .required: throw self.unsupported("tool_choice 'required': it has no tool_choice")
        case .tool(let name): throw self.unsupported("tool_choice of the tool '\(name)': it has no tool_choice")
        }
        if request.toolChoice != .none, !request.tools.isEmpty {
            guard request.allowsParallelToolCalls != false else {
                throw self.unsupported("parallel_tool_calls false: it cannot be held to one call")
            }
            if let strict = request.tools.first(where: { $0.isStrict == true }) {
                throw self.unsupported("a strict tool, '\(strict.name)': it cannot be held to a schema of arguments")
            }
        }
        for message in request.messages where !message.isPlainText {
            for part in message.parts { try self.check(part) }
        }
    }

    private static func check(_ part: Message.Part) throws(UpstreamFault) {
        switch part {
        case .image(let image):
            guard case .url(let url) = image.source else { return }
            throw self.unsupported("an image by URL, '\(url.prefix(100))': send its bytes")
        case .toolCall(let call):
            guard !call.argumentsJSON.isEmpty else { return }
            try self.checkObject(call.argumentsJSON, "the arguments of the tool call '\(call.name)'")
        case .text, .toolResult, .reasoning: break
        }
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
    }

    /// What is put into the request as it is: what is no JSON object would make another request of it.
    private static func checkObject(_ text: String, _ what: String) throws(UpstreamFault) {
        guard !JSONSyntax.isObject(text) else { return }
        throw UpstreamFault(.invalidRequest, "expected a JSON object as \(what), got: \(text.utf8.span.excerpt)")
    }

    private static func unsupported(_ what: String) -> UpstreamFault {
        UpstreamFault(.unsupported, "Ollama cannot do \(what)")
    }
}
