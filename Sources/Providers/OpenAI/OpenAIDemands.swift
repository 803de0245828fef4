import Inference

/// Finds out before anything is sent whether a dialect can carry a request. Pure.
///
/// What it lets pass, ``OpenAIEncoder`` writes without leaving anything out but thoughts that belong to others, and the
/// name of a user where nobody would read it.
struct OpenAIDemands: Sendable {
    let dialect: OpenAIDialect

    /// - Throws: ``UpstreamFault/Kind/unsupported`` naming the capability; ``UpstreamFault/Kind/invalidRequest`` for what
    ///   no JSON can carry.
    func check(_ request: UpstreamRequest) throws(UpstreamFault) {
        try Self.check(request.inference.sampling)
        for message in request.inference.messages { try self.check(message) }
        try self.check(tools: request.inference)
        try self.check(request.inference.responseFormat)
        if let reasoning = request.inference.reasoning { try self.check(reasoning) }
        if request.prefill != nil, self.dialect.prefill == .none {
            throw self.unsupported("going on with a begun answer (prefill)")
        }
        if request.inference.logprobs != nil { try self.checkLogprobs(request) }
        if !request.inference.extraFields.isEmpty { try OpenAIExtraFields.check(request, for: self.dialect) }
    }

    private func checkLogprobs(_ request: UpstreamRequest) throws(UpstreamFault) {
        switch self.dialect.logprobs {
        case .nothing: throw self.unsupported("a wish for the probabilities of tokens (logprobs)")
        case .asAsked: break
        case .llamaCpp:
            if request.delivery == .streamed, !request.inference.tools.isEmpty {
                throw self.unsupported("a wish for the probabilities of tokens (logprobs) in a stream with tools")
            }
        }
    }

    private func unsupported(_ what: String) -> UpstreamFault {
        UpstreamFault(.unsupported, "\(self.dialect.name) does not take \(what)")
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

    private func check(_ message: Message) throws(UpstreamFault) {
        for part in message.parts {
            switch (part, message.role) {
            case (.text, .system), (.text, .user), (.text, .assistant): break
            case (.image(let image), .user):
                if case .url = image.source, !self.dialect.takesImageURLs {
                    throw self.unsupported("images by URL, only their bytes")
                }
            case (.toolCall, .assistant), (.reasoning, .assistant), (.toolResult, .tool): break
            case (.text, .tool): throw self.unsupported("text beside the results in a message of role tool")
            case (.image, let role): throw self.unsupported("images in messages of role \(role.rawValue)")
            case (.toolCall, let role): throw self.unsupported("tool calls in messages of role \(role.rawValue)")
            case (.toolResult, let role): throw self.unsupported("tool results in messages of role \(role.rawValue)")
            case (.reasoning, let role): throw self.unsupported("reasoning in messages of role \(role.rawValue)")
            }
        }
    }

    private func check(tools request: InferenceRequest) throws(UpstreamFault) {
        for tool in request.tools where !tool.parametersJSON.isEmpty {
            try Self.checkObject(tool.parametersJSON, "the parameters of tool '\(tool.name)'")
        }
        switch (request.toolChoice, self.dialect.toolChoice) {
        case (.automatic, _): break
        case (.none, _) where request.tools.isEmpty: return
        case (_, _) where request.tools.isEmpty:
            throw UpstreamFault(.invalidRequest, "a tool choice needs tools to choose from")
        case (.none, .nothing), (.required, .nothing), (.tool, .nothing): throw self.unsupported("a tool choice")
        case (.tool, .words): throw self.unsupported("the choice of one tool by its name")
        case (.none, _), (.required, _), (.tool, .named): break
        }
        if request.allowsParallelToolCalls == false, !request.tools.isEmpty, !self.dialect.takesParallelToolCalls {
            throw self.unsupported("a limit of one tool call at a time")
        }
    }

    private func check(_ format: ResponseFormat) throws(UpstreamFault) {
        switch format {
        case .text: break
        case .jsonObject:
            if !self.dialect.takesJSONObject {
                throw self.unsupported("JSON without a schema as the form of an answer")
            }
        case .jsonSchema(let schema): try Self.checkObject(schema.schemaJSON, "the schema '\(schema.name)'")
        }
    }

    private func check(_ reasoning: ReasoningOptions) throws(UpstreamFault) {
        switch self.dialect.reasoning {
        case .nothing:
            if reasoning.effort != nil { throw self.unsupported("an effort of reasoning") }
            if reasoning.maxTokens != nil { throw self.unsupported("a limit on reasoning tokens") }
        case .effort:
            if reasoning.maxTokens != nil { throw self.unsupported("a limit on reasoning tokens, only an effort") }
        case .openRouter:
            if reasoning.effort != nil, reasoning.maxTokens != nil {
                throw self.unsupported("an effort of reasoning and a limit on its tokens together")
            }
        case .effortAndBudget: break
        }
    }

    /// Schemas are put into the request as they are: what is no JSON object would make another request of it.
    private static func checkObject(_ text: String, _ what: String) throws(UpstreamFault) {
        let object = try AnswerParser.borrowed { parser in parser.compactObject(text.utf8.span) }
        if object == nil {
            throw UpstreamFault(.invalidRequest, "expected a JSON object as \(what), got: \(text.utf8.span.excerpt)")
        }
    }
}
