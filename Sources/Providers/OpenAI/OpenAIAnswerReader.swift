import Inference

/// What chunks and whole completions have in common: makes events of their fields, one after another.
struct OpenAIAnswerReader: Sendable {
    private let dialect: OpenAIDialect
    private var calls: OpenAIToolCalls
    private var thoughts = OpenRouterThoughts()
    private var hasText = false
    private var hasRefusal = false
    private let repeated: String?

    init(dialect: OpenAIDialect, requestID: String, without repeated: String? = nil) {
        self.dialect = dialect
        self.repeated = repeated
        self.calls = OpenAIToolCalls(requestID: requestID)
    }

    /// Appends the deltas of `answer`, reasoning before text before tool calls before citations; probabilities of tokens
    /// right before the text.
    ///
    /// - Throws: ``UpstreamFault/Kind/malformed`` for more tool calls than there can be.
    mutating func append(
        _ answer: borrowing OpenAIAnswer, to events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        self.appendReasoning(answer, to: &events)
        let text = self.news(of: answer.content)
        if text != nil { self.thoughts.close(into: &events) }
        if let entries = answer.logprobs { events.append(.logprobs(entries)) }
        if let text {
            self.hasText = true
            events.append(.textDelta(text))
        }
        if let text = answer.refusal {
            self.thoughts.close(into: &events)
            self.hasRefusal = true
            events.append(.refusalDelta(text))
        }
        let count = answer.toolCallCount
        for place in 0..<count {
            guard let fragment = answer.toolCall(at: place),
                let delta = try self.calls.take(fragment, place: place, of: count)
            else { continue }
            self.thoughts.close(into: &events)
            events.append(.toolCallDelta(delta))
        }
        for place in 0..<answer.citationCount {
            guard let citation = answer.citation(at: place) else { continue }
            self.thoughts.close(into: &events)
            events.append(.citation(citation))
        }
    }

    private func news(of text: String?) -> String? {
        guard let text, let repeated = self.repeated, text.utf8.starts(with: repeated.utf8) else { return text }
        let news = String(decoding: text.utf8.dropFirst(repeated.utf8.count), as: UTF8.self)
        return news.isEmpty ? nil : news
    }

    /// What OpenRouter says twice, as `reasoning` and in `reasoning_details`, is passed on once.
    private mutating func appendReasoning(_ answer: borrowing OpenAIAnswer, to events: inout [InferenceEvent]) {
        let count = answer.reasoningDetailCount
        var hasDetailText = false
        if count > 0, self.dialect.isOpenRouter || answer.reasoning == nil {
            for place in 0..<count {
                guard let detail = answer.reasoningDetail(at: place) else { continue }
                if !detail.text.isEmpty { hasDetailText = true }
                if self.dialect.isOpenRouter {
                    self.thoughts.take(detail, into: &events)
                } else if !detail.text.isEmpty {
                    events.append(.reasoningDelta(detail.text))
                }
            }
        }
        if !hasDetailText, let text = answer.reasoning { events.append(.reasoningDelta(text)) }
    }

    /// Ends what is under way: no more deltas come.
    mutating func close(into events: inout [InferenceEvent]) {
        self.thoughts.close(into: &events)
    }

    func usage(_ answer: borrowing OpenAIAnswer) -> Usage? { answer.usage(withCost: self.dialect.isOpenRouter) }

    /// What `finish_reason` means after all that came before it.
    ///
    /// Several servers say `stop` after tool calls, and OpenAI itself after a refusal.
    func finishReason(_ text: String) -> FinishReason {
        switch text {
        case "stop", "eos", "end_turn", "stop_sequence":
            if self.calls.hasCalls { .toolCalls } else if self.hasRefusal, !self.hasText { .refusal } else { .stop }
        case "length", "max_tokens", "model_length": .length
        case "tool_calls", "function_call": .toolCalls
        case "content_filter", "sensitive": .contentFilter
        case "refusal": .refusal
        default: .other
        }
    }

    /// Reasons that are no end: the answer was broken off, and nobody may take it for a short one.
    ///
    /// `insufficient_system_resource` is DeepSeek's, `abort` vLLM's, `network_error` Zhipu's.
    static func fault(for reason: String) -> UpstreamFault? {
        let kind: UpstreamFault.Kind
        switch reason {
        case "error": kind = .serverError
        case "insufficient_system_resource": kind = .overloaded(retryAfter: nil)
        case "abort", "network_error": kind = .truncated
        default: return nil
        }
        return UpstreamFault(kind, "the upstream ended its answer with finish_reason \(reason)")
    }
}
