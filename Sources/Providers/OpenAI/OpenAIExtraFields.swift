import Inference

/// Which fields may be passed on that mean nothing to us: see ``InferenceRequest/extraFields``. Pure.
///
/// A field that came twice would be read by some servers as the first and by others as the last, and one that says what
/// the request says itself would make another request of it: the model that was routed to, the limit that was checked.
enum OpenAIExtraFields {
    /// What has a place of its own in ``InferenceRequest``, written or not.
    private static let own: Set<String> = [
        "model", "messages", "stream", "stream_options", "temperature", "top_p", "max_tokens", "max_completion_tokens",
        "stop", "seed", "presence_penalty", "frequency_penalty", "tools", "tool_choice", "parallel_tool_calls",
        "response_format", "logprobs", "top_logprobs", "user",
    ]

    /// What would bring answers of which we read a part: the client would pay for the rest and not get it.
    private static let unreadable: [String: String] = [
        "n": "more than one answer", "audio": "spoken answers", "modalities": "answers other than text",
    ]

    /// - Throws: ``UpstreamFault/Kind/invalidRequest`` for what is no field of a client's, or no JSON;
    ///   ``UpstreamFault/Kind/unsupported`` for what cannot be asked for together with the rest of the request.
    static func check(_ request: UpstreamRequest, for dialect: OpenAIDialect) throws(UpstreamFault) {
        var names: Set<String> = []
        let written = self.written(request, dialect)
        for field in request.inference.extraFields {
            guard !self.own.contains(field.name) else {
                throw UpstreamFault(.invalidRequest, "'\(field.name)' has a place of its own in a request")
            }
            guard names.insert(field.name).inserted else {
                throw UpstreamFault(.invalidRequest, "'\(field.name)' comes twice")
            }
            guard JSONSyntax.isValue(field.json) else {
                throw UpstreamFault(
                    .invalidRequest, "expected JSON as '\(field.name)', got: \(field.json.utf8.span.excerpt)")
            }
            if let what = self.unreadable[field.name] {
                throw UpstreamFault(.unsupported, "'\(field.name)': \(what) cannot be passed on")
            }
            if written.contains(field.name) {
                throw UpstreamFault(
                    .unsupported, "\(dialect.name) does not take '\(field.name)' beside what else the request says")
            }
        }
    }

    /// Fields that clients may send and that we write into this request ourselves, but for OpenRouter's `usage`: there
    /// ours asks for all that there is.
    private static func written(_ request: UpstreamRequest, _ dialect: OpenAIDialect) -> Set<String> {
        var written: Set<String> = []
        if let options = request.inference.reasoning, options != ReasoningOptions() {
            switch dialect.reasoning {
            case .nothing: break
            case .effort, .effortAndBudget:
                if options.effort != nil { written.insert("reasoning_effort") }
                if options.maxTokens != nil { written.insert("thinking_token_budget") }
            case .openRouter: written.insert("reasoning")
            }
        }
        if request.prefill != nil {
            switch dialect.prefill {
            case .none, .lastMessage: break
            case .lastMessageWithoutThinking: written.insert("chat_template_kwargs")
            case .continueFinalMessage: written.formUnion(["continue_final_message", "add_generation_prompt"])
            }
        }
        return written
    }
}
