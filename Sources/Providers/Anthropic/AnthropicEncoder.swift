import Inference

/// Writes the bodies of `POST /messages` and `POST /messages/count_tokens`. Pure.
///
/// What can go wrong goes wrong when it is made; writing cannot. What the client did not say is not written, but for
/// `max_tokens`, which the API insists on.
struct AnthropicEncoder: Sendable {
    private let request: UpstreamRequest
    private let conversation: AnthropicConversation
    private let thinking: AnthropicThinking
    private let length: Int

    /// - Throws: ``UpstreamFault/Kind/unsupported`` or ``UpstreamFault/Kind/invalidRequest``, naming the field.
    init(_ request: UpstreamRequest) throws(UpstreamFault) {
        self.request = request
        self.thinking = try AnthropicThinking(
            request.inference.reasoning, form: AnthropicThinkingForm(model: request.model),
            limits: AnthropicLengthLimits(request))
        try AnthropicChecks.check(request, thinking: self.thinking)
        self.conversation = try AnthropicConversation(request.inference.messages, prefill: request.prefill)
        var length = 512
        for message in request.inference.messages { length += message.approximateBytes + 64 }
        for tool in request.inference.tools { length += tool.description.utf8.count + tool.parametersJSON.utf8.count }
        self.length = length
    }

    func body() -> [UInt8] {
        var json = JSONWriter(reserving: self.length)
        json.object { json in
            json.string("model", self.request.model)
            json.integer("max_tokens", Int64(self.thinking.maxTokens))
            self.input(&json)
            if self.request.delivery == .streamed { json.boolean("stream", true) }
            self.sampling(&json)
            if let user = self.request.inference.user, Self.isOpaque(user) {
                json.object("metadata") { $0.string("user_id", user) }
            }
        }
        return json.bytes
    }

    /// Whether the API takes a name for a user: it answers 400 to a mail address, a telephone number and what is longer
    /// than 256 characters. A hint for its abuse detection is not worth a request.
    private static func isOpaque(_ user: String) -> Bool {
        guard !user.isEmpty, user.unicodeScalars.count <= 256, !user.contains("@") else { return false }
        return !user.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "("),
                UInt8(ascii: ")"), UInt8(ascii: " "):
                true
            default: false
            }
        }
    }

    /// All that becomes input, and nothing of how to answer.
    func countBody() -> [UInt8] {
        var json = JSONWriter(reserving: self.length)
        json.object { json in
            json.string("model", self.request.model)
            self.input(&json)
        }
        return json.bytes
    }

    private func input(_ json: inout JSONWriter) {
        if !self.conversation.system.isEmpty { json.string("system", self.conversation.system) }
        json.array("messages") { json in
            for turn in self.conversation.turns {
                json.object { AnthropicBlocks.write(turn, &$0) }
            }
        }
        self.tools(&json)
        self.thinking(&json)
        self.outputConfig(&json)
    }

    private func tools(_ json: inout JSONWriter) {
        guard !self.request.inference.tools.isEmpty else { return }
        json.array("tools") { json in
            for tool in self.request.inference.tools {
                json.object { json in
                    json.string("name", tool.name)
                    if !tool.description.isEmpty { json.string("description", tool.description) }
                    json.raw("input_schema", tool.parametersJSON.isEmpty ? #"{"type":"object"}"# : tool.parametersJSON)
                    if tool.isStrict == true { json.boolean("strict", true) }
                }
            }
        }
        self.toolChoice(&json)
    }

    private func toolChoice(_ json: inout JSONWriter) {
        let isSerial = self.request.inference.allowsParallelToolCalls == false
        let choice = self.request.inference.toolChoice
        guard choice != .automatic || isSerial else { return }
        json.object("tool_choice") { json in
            switch choice {
            case .automatic: json.string("type", "auto")
            case .none: json.string("type", "none")
            case .required: json.string("type", "any")
            case .tool(let name):
                json.string("type", "tool")
                json.string("name", name)
            }
            if isSerial, choice != .none { json.boolean("disable_parallel_tool_use", true) }
        }
    }

    private func thinking(_ json: inout JSONWriter) {
        switch self.thinking.mode {
        case .unsaid: return
        case .disabled: json.object("thinking") { $0.string("type", "disabled") }
        case .adaptive(let asksToShow):
            json.object("thinking") { json in
                json.string("type", "adaptive")
                if asksToShow { json.string("display", "summarized") }
            }
        case .budget(let tokens):
            json.object("thinking") { json in
                json.string("type", "enabled")
                json.integer("budget_tokens", Int64(tokens))
            }
        }
    }

    private func outputConfig(_ json: inout JSONWriter) {
        var schema: String?
        if case .jsonSchema(let wanted) = self.request.inference.responseFormat { schema = wanted.schemaJSON }
        guard self.thinking.effort != nil || schema != nil else { return }
        json.object("output_config") { json in
            if let effort = self.thinking.effort { json.string("effort", effort) }
            guard let schema else { return }
            json.object("format") { json in
                json.string("type", "json_schema")
                json.raw("schema", schema)
            }
        }
    }

    /// `seed` has no field there: it asks for repeatability where that can be had.
    private func sampling(_ json: inout JSONWriter) {
        let sampling = self.request.inference.sampling
        if let value = sampling.temperature { json.number("temperature", value) }
        if let value = sampling.topP { json.number("top_p", value) }
        if !sampling.stop.isEmpty {
            json.array("stop_sequences") { json in
                for stop in sampling.stop { json.string(nil, stop) }
            }
        }
    }
}
