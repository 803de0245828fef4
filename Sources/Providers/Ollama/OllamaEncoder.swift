package import Inference

/// Writes the bodies of `POST /api/chat` and `POST /api/embed`. Pure. What the client did not say is not written, but for
/// `truncate: false`: Ollama would leave out the oldest messages of a prompt that is too long, or the end of a text, and
/// tell nobody; and `shift: false`: it would forget the beginning of a conversation whose answer fills the context, where
/// the answer now ends for its length. Older servers know neither for conversations, and pass over them.
/// `keep_alive` is never written: when to unload is ours to decide.
package enum OllamaEncoder {
    /// - Throws: ``UpstreamFault/Kind/unsupported`` for what `/api/chat` cannot carry;
    ///   ``UpstreamFault/Kind/invalidRequest`` for a number that JSON cannot, and for arguments that are no JSON object.
    package static func encode(_ request: UpstreamRequest) throws(UpstreamFault) -> [UInt8] {
        let inference = request.inference
        try self.check(inference)
        let length = inference.messages.reduce(512 + (request.prefill?.utf8.count ?? 0)) { $0 + $1.approximateBytes }
        var json = JSONWriter(reserving: length)
        json.object { json in
            json.string("model", request.model)
            json.array("messages") { json in
                for message in inference.messages { self.message(message, &json) }
                if let prefill = request.prefill { self.message(Message(.assistant, prefill), &json) }
            }
            // The calls and results of the conversation make sense without them.
            if inference.toolChoice != .none { self.tools(inference.tools, &json) }
            switch inference.responseFormat {
            case .text: break
            case .jsonObject: json.string("format", "json")
            case .jsonSchema(let schema): json.raw("format", schema.schemaJSON)
            }
            self.think(inference.reasoning?.effort, model: request.model, &json)
            self.options(inference.sampling, &json)
            if let logprobs = inference.logprobs {
                // Servers before 0.12.11 pass over both.
                json.boolean("logprobs", true)
                if logprobs.topCount > 0 { json.integer("top_logprobs", Int64(logprobs.topCount)) }
            }
            json.boolean("truncate", false)
            json.boolean("shift", false)
            // Ollama streams unless told otherwise.
            json.boolean("stream", request.delivery == .streamed)
        }
        return json.bytes
    }

    package static func encode(_ request: EmbeddingRequest) -> [UInt8] {
        var json = JSONWriter(
            reserving: request.inputs.reduce(128 + request.model.utf8.count) { $0 + $1.utf8.count + 8 })
        json.object { json in
            json.string("model", request.model)
            json.array("input") { json in
                for input in request.inputs { json.string(nil, input) }
            }
            if let dimensions = request.dimensions { json.integer("dimensions", Int64(dimensions)) }
            json.boolean("truncate", false)
        }
        return json.bytes
    }

    // MARK: - Messages

    /// Results of tools are messages of their own, whatever message they came in.
    private static func message(_ message: Message, _ json: inout JSONWriter) {
        let contents = MessageContents(message)
        if !contents.isEmpty || (message.role != .tool && contents.results.isEmpty) {
            self.spoken(message.role, contents, &json)
        }
        for result in contents.results {
            json.object { json in
                json.string("role", "tool")
                json.string("content", result.content)
                if !result.name.isEmpty { json.string("tool_name", result.name) }
                if !result.callID.isEmpty { json.string("tool_call_id", result.callID) }
            }
        }
    }

    private static func spoken(_ role: Message.Role, _ contents: MessageContents, _ json: inout JSONWriter) {
        json.object { json in
            json.string("role", role.rawValue)
            json.string("content", contents.text)
            if !contents.thinking.isEmpty { json.string("thinking", contents.thinking) }
            if !contents.images.isEmpty {
                json.array("images") { json in
                    for image in contents.images { json.base64(nil, image) }
                }
            }
            guard !contents.calls.isEmpty else { return }
            json.array("tool_calls") { json in
                for (place, call) in contents.calls.enumerated() {
                    json.object { json in
                        if !call.id.isEmpty { json.string("id", call.id) }
                        json.string("type", "function")
                        json.object("function") { json in
                            json.integer("index", Int64(place))
                            json.string("name", call.name)
                            json.raw("arguments", call.argumentsJSON.isEmpty ? "{}" : call.argumentsJSON)
                        }
                    }
                }
            }
        }
    }

    // MARK: - The rest

    private static func tools(_ tools: [Tool], _ json: inout JSONWriter) {
        guard !tools.isEmpty else { return }
        json.array("tools") { json in
            for tool in tools {
                json.object { json in
                    json.string("type", "function")
                    json.object("function") { json in
                        json.string("name", tool.name)
                        if !tool.description.isEmpty { json.string("description", tool.description) }
                        let none = #"{"type":"object","properties":{}}"#
                        json.raw("parameters", tool.parametersJSON.isEmpty ? none : tool.parametersJSON)
                    }
                }
            }
        }
    }

    /// Levels are documented for gpt-oss; the others know on and off, and older servers refuse a level for them.
    private static func think(_ effort: ReasoningOptions.Effort?, model: String, _ json: inout JSONWriter) {
        guard let effort else { return }
        guard effort != .none else { return json.boolean("think", false) }
        let name = model.split(separator: "/").last ?? ""
        guard name.lowercased().hasPrefix("gpt-oss") else { return json.boolean("think", true) }
        json.string("think", effort == .minimal ? "low" : effort.rawValue)
    }

    private static func options(_ sampling: SamplingParameters, _ json: inout JSONWriter) {
        guard sampling != SamplingParameters() else { return }
        json.object("options") { json in
            if let value = sampling.temperature { json.number("temperature", value) }
            if let value = sampling.topP { json.number("top_p", value) }
            if let value = sampling.maxOutputTokens { json.integer("num_predict", Int64(value)) }
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
}

/// The parts of a message, by what `/api/chat` does with them.
private struct MessageContents {
    let text: String
    var thinking = ""
    var images: [[UInt8]] = []
    var calls: [ToolCall] = []
    var results: [ToolResult] = []

    /// But for results.
    var isEmpty: Bool { self.text.isEmpty && self.thinking.isEmpty && self.images.isEmpty && self.calls.isEmpty }

    init(_ message: Message) {
        self.text = message.text
        guard !message.isPlainText else { return }
        for part in message.parts {
            switch part {
            case .text: break
            case .image(let image): if case .bytes(let bytes, _) = image.source { self.images.append(bytes) }
            case .toolCall(let call): self.calls.append(call)
            case .toolResult(let result): self.results.append(result)
            // Ollama signs nothing: what another has hidden behind a signature has no text.
            case .reasoning(let reasoning): self.thinking += reasoning.text
            }
        }
    }
}
