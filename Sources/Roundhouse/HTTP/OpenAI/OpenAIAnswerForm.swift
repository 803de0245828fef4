internal import Inference
internal import NIOCore

/// What all objects of one answer have in common, and how their parts are written.
struct OpenAIAnswerForm: Sendable {
    var endpoint: OpenAIRequest.Endpoint
    /// The request's.
    var requestID: String
    /// Seconds since 1970-01-01 UTC.
    var created: Int64
    /// Calls of tools are told in the form that they had first: one `function_call`.
    var usesFunctions = false

    /// `{"id":…,"object":…,"created":…,"model":…,"choices":[{"index":0`, which something must follow.
    ///
    /// There is no `system_fingerprint`: the field may be left out, and nothing of the kind is known of most upstreams.
    func begin(_ model: ModelID?, isChunk: Bool, into buffer: inout ByteBuffer) {
        buffer.writeStaticString(self.endpoint == .chat ? #"{"id":"chatcmpl-"# : #"{"id":"cmpl-"#)
        buffer.writeJSON(inside: self.requestID)
        buffer.writeStaticString(#"","object":""#)
        switch self.endpoint {
        case .chat: buffer.writeStaticString(isChunk ? "chat.completion.chunk" : "chat.completion")
        case .completion: buffer.writeStaticString("text_completion")
        }
        buffer.writeStaticString(#"","created":"#)
        buffer.writeString(String(self.created))
        buffer.writeStaticString(#","model":"#)
        if let model { buffer.writeJSON(model) } else { buffer.writeStaticString(#""""#) }
        buffer.writeStaticString(#","choices":["#)
    }
}

extension OpenAIAnswerForm {
    /// `finish_reason`.
    ///
    /// - Parameter hasRefusal: the answer holds the words of a refusal; who reads these need not be told by another reason.
    func reason(_ reason: FinishReason, hasRefusal: Bool) -> StaticString {
        switch reason {
        case .stop, .other: "stop"
        case .length: "length"
        case .toolCalls: self.usesFunctions ? "function_call" : "tool_calls"
        case .contentFilter: "content_filter"
        case .refusal: hasRefusal ? "stop" : "content_filter"
        }
    }
}

extension ByteBuffer {
    /// The object `usage`.
    mutating func writeJSON(_ usage: Usage) {
        self.writeStaticString(#"{"prompt_tokens":"#)
        self.writeJSON(usage.inputTokens)
        self.writeStaticString(#","completion_tokens":"#)
        self.writeJSON(usage.outputTokens)
        self.writeStaticString(#","total_tokens":"#)
        self.writeJSON(usage.inputTokens + usage.outputTokens)
        self.writeStaticString(#","prompt_tokens_details":{"cached_tokens":"#)
        self.writeJSON(usage.cachedInputTokens)
        self.writeStaticString(#","audio_tokens":"#)
        self.writeJSON(usage.audioInputTokens)
        self.writeStaticString(#"},"completion_tokens_details":{"reasoning_tokens":"#)
        self.writeJSON(usage.reasoningTokens)
        self.writeStaticString(#","audio_tokens":"#)
        self.writeJSON(usage.audioOutputTokens)
        self.writeStaticString("}}")
    }

    /// The object `roundhouse`: what the headers of an answer say that does not come in a stream.
    mutating func writeJSON(roundhouse completion: Completion) {
        self.writeStaticString(#"{"model":"#)
        if let model = completion.model { self.writeJSON(model) } else { self.writeStaticString("null") }
        self.writeStaticString(#","attempts":"#)
        self.writeJSON(completion.attempts.count)
        self.writeStaticString(#","cost_usd":"#)
        self.writeString(completion.cost?.usd ?? "null")
        self.writeStaticString(#","estimated":"#)
        self.writeStaticString(completion.usage.isEstimated ? "true" : "false")
        self.writeStaticString(#","shared":"#)
        self.writeStaticString(completion.isShared ? "true}" : "false}")
    }

    /// `,"roundhouse":{"route":…}`: why who was chosen.
    mutating func writeJSON(route: String) {
        self.writeStaticString(#","roundhouse":{"route":"#)
        self.writeString(route)
        self.writeStaticString("}")
    }

    /// An element of `annotations`. What the upstream does not say of its place is 0.
    mutating func writeJSON(_ citation: Citation) {
        let kind: StaticString = citation.url == nil ? "document_citation" : "url_citation"
        self.writeStaticString(#"{"type":""#)
        self.writeStaticString(kind)
        self.writeStaticString(#"",""#)
        self.writeStaticString(kind)
        self.writeStaticString(#"":{"start_index":"#)
        self.writeJSON(citation.startIndex ?? 0)
        self.writeStaticString(#","end_index":"#)
        self.writeJSON(citation.endIndex ?? 0)
        if let url = citation.url {
            self.writeStaticString(#","url":"#)
            self.writeJSON(url)
        }
        if let index = citation.documentIndex {
            self.writeStaticString(#","document_index":"#)
            self.writeJSON(index)
        }
        if let text = citation.citedText {
            self.writeStaticString(#","cited_text":"#)
            self.writeJSON(text)
        }
        self.writeStaticString(#","title":"#)
        self.writeJSON(citation.title ?? citation.url ?? "")
        self.writeStaticString("}}")
    }
}
