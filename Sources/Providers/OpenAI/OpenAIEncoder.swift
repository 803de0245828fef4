package import Inference

/// Writes the body of `POST /chat/completions`. Pure. What the client did not say is not written.
package struct OpenAIEncoder: Sendable {
    private let dialect: OpenAIDialect

    package init(dialect: OpenAIDialect) {
        self.dialect = dialect
    }

    /// - Throws: ``UpstreamFault/Kind/invalidRequest`` for a number that JSON cannot carry.
    package func encode(_ request: UpstreamRequest) throws(UpstreamFault) -> [UInt8] {
        let sampling = request.inference.sampling
        try Self.check(sampling)
        var length = 512
        for message in request.inference.messages { length += message.text.utf8.count + 64 }
        var json = JSONWriter(reserving: length)
        json.object { json in
            json.string("model", request.model)
            self.messages(request.inference.messages, &json)
            if request.delivery == .streamed {
                json.boolean("stream", true)
                if self.dialect.takesIncludeUsage {
                    json.object("stream_options") { $0.boolean("include_usage", true) }
                }
            }
            self.sampling(sampling, &json)
        }
        return json.bytes
    }

    /// `{"messages": …}` alone, perhaps with the model: what tokenizer endpoints take.
    func encodeMessages(_ messages: [Message], model: String?) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            if let model { json.string("model", model) }
            self.messages(messages, &json)
        }
        return json.bytes
    }

    private func messages(_ messages: [Message], _ json: inout JSONWriter) {
        json.array("messages") { json in
            for message in messages {
                json.object { json in
                    json.string("role", message.role.rawValue)
                    self.content(message, &json)
                }
            }
        }
    }

    private func content(_ message: Message, _ json: inout JSONWriter) {
        guard message.parts.count > 1, self.dialect.takesContentParts else {
            json.string("content", message.text)
            return
        }
        json.array("content") { json in
            for part in message.parts {
                json.object { json in
                    switch part {
                    case .text(let text):
                        json.string("type", "text")
                        json.string("text", text)
                    case .image, .toolCall, .toolResult, .reasoning: break
                    }
                }
            }
        }
    }

    private func sampling(_ sampling: SamplingParameters, _ json: inout JSONWriter) {
        if let value = sampling.temperature { json.number("temperature", value) }
        if let value = sampling.topP { json.number("top_p", value) }
        if let value = sampling.maxOutputTokens {
            json.integer(self.dialect.takesMaxCompletionTokens ? "max_completion_tokens" : "max_tokens", Int64(value))
        }
        if !sampling.stop.isEmpty {
            json.array("stop") { json in
                for stop in sampling.stop { json.string(nil, stop) }
            }
        }
        if let value = sampling.seed { json.integer("seed", value) }
        if let value = sampling.presencePenalty { json.number("presence_penalty", value) }
        if let value = sampling.frequencyPenalty { json.number("frequency_penalty", value) }
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
}
