package import Inference

/// Writes the bodies of `POST /chat/completions` and `/embeddings`. Pure. What the client did not say is not written.
package struct OpenAIEncoder: Sendable {
    let dialect: OpenAIDialect

    package init(dialect: OpenAIDialect) {
        self.dialect = dialect
    }

    /// - Throws: ``UpstreamFault/Kind/unsupported``, naming the capability, for what the dialect cannot carry;
    ///   ``UpstreamFault/Kind/invalidRequest`` for what no JSON can.
    package func encode(_ request: UpstreamRequest) throws(UpstreamFault) -> [UInt8] {
        try OpenAIDemands(dialect: self.dialect).check(request)
        let inference = request.inference
        var json = JSONWriter(reserving: self.length(of: request))
        json.object { json in
            json.string("model", request.model)
            self.messages(request, &json)
            if request.delivery == .streamed {
                json.boolean("stream", true)
                if self.dialect.takesIncludeUsage {
                    json.object("stream_options") { $0.boolean("include_usage", true) }
                }
            }
            if self.dialect.isOpenRouter, self.dialect.takesIncludeUsage {
                json.object("usage") { $0.boolean("include", true) }
            }
            self.sampling(inference.sampling, &json)
            self.tools(inference, &json)
            self.responseFormat(inference.responseFormat, &json)
            self.reasoning(inference.reasoning, &json)
            if let logprobs = inference.logprobs { self.logprobs(logprobs, &json) }
            if let user = inference.user, self.dialect.takesUser { json.string("user", user) }
            if request.prefill != nil { self.prefillFields(&json) }
            if !inference.extraFields.isEmpty { self.extraFields(of: request, &json) }
        }
        return json.bytes
    }

    /// What a tokenizer endpoint needs of the same request to see the same prompt.
    func encodePrompt(_ request: UpstreamRequest) throws(UpstreamFault) -> [UInt8] {
        try OpenAIDemands(dialect: self.dialect).check(request)
        var json = JSONWriter(reserving: self.length(of: request))
        json.object { json in
            if self.dialect.tokenizer == .vllm { json.string("model", request.model) }
            self.messages(request, &json)
            if self.dialect.tokenizer == .vllm {
                self.toolList(request.inference.tools, &json)
            } else {
                // What is rendered there goes through the chat endpoint's own reading of the request.
                self.tools(request.inference, &json)
                self.responseFormat(request.inference.responseFormat, &json)
                self.reasoning(request.inference.reasoning, &json)
            }
            if request.prefill != nil { self.prefillFields(&json) }
            // Some of them change the prompt: `chat_template_kwargs` does.
            if !request.inference.extraFields.isEmpty { self.extraFields(of: request, &json) }
        }
        return json.bytes
    }

    private func length(of request: UpstreamRequest) -> Int {
        var length = 512 + (request.prefill?.utf8.count ?? 0)
        for message in request.inference.messages { length += message.approximateBytes }
        for tool in request.inference.tools {
            length += tool.parametersJSON.utf8.count + tool.description.utf8.count + 128
        }
        for field in request.inference.extraFields { length += field.name.utf8.count + field.json.utf8.count + 4 }
        return length
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
}
