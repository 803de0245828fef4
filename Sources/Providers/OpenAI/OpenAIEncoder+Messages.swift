import Inference

extension OpenAIEncoder {
    func messages(_ request: UpstreamRequest, _ json: inout JSONWriter) {
        json.array("messages") { json in
            for message in request.inference.messages {
                switch message.role {
                case .system, .user: self.message(message, &json)
                case .assistant: self.assistant(message, &json)
                case .tool: self.results(message, &json)
                }
            }
            if let prefill = request.prefill {
                json.object { json in
                    json.string("role", "assistant")
                    json.string("content", prefill)
                }
            }
        }
    }

    private func message(_ message: Message, _ json: inout JSONWriter) {
        json.object { json in
            json.string("role", message.role.rawValue)
            self.content(message, &json)
        }
    }

    private func assistant(_ message: Message, _ json: inout JSONWriter) {
        var texts: [Message.Part] = []
        var calls: [ToolCall] = []
        var thoughts: [Reasoning] = []
        for part in message.parts {
            switch part {
            case .toolCall(let call): calls.append(call)
            case .reasoning(let block): thoughts.append(block)
            case .text, .image, .toolResult: texts.append(part)
            }
        }
        json.object { json in
            json.string("role", "assistant")
            if texts.isEmpty, !calls.isEmpty {
                // As the server itself wrote it.
                json.null("content")
            } else {
                self.content(Message(role: .assistant, parts: texts), &json)
            }
            // Others make nothing of thoughts, or refuse them: DeepSeek answers 400 to its own `reasoning_content`.
            if self.dialect.isOpenRouter { OpenRouterReasoning.write(thoughts, &json) }
            guard !calls.isEmpty else { return }
            json.array("tool_calls") { json in
                for call in calls { self.call(call, &json) }
            }
        }
    }

    private func call(_ call: ToolCall, _ json: inout JSONWriter) {
        json.object { json in
            json.string("id", call.id)
            json.string("type", "function")
            json.object("function") { json in
                json.string("name", call.name)
                json.string("arguments", call.argumentsJSON.isEmpty ? "{}" : call.argumentsJSON)
            }
        }
    }

    /// A message for each result. The format has no word for a tool that failed: the content says it.
    private func results(_ message: Message, _ json: inout JSONWriter) {
        for case .toolResult(let result) in message.parts {
            json.object { json in
                json.string("role", "tool")
                json.string("tool_call_id", result.callID)
                json.string("content", result.content)
            }
        }
    }

    private func content(_ message: Message, _ json: inout JSONWriter) {
        guard !message.isPlainText || (message.parts.count > 1 && self.dialect.takesContentParts) else {
            return json.string("content", message.text)
        }
        json.array("content") { json in
            for part in message.parts {
                switch part {
                case .text(let text):
                    json.object { json in
                        json.string("type", "text")
                        json.string("text", text)
                    }
                case .image(let image): self.image(image, &json)
                case .toolCall, .toolResult, .reasoning: break
                }
            }
        }
    }

    private func image(_ image: Image, _ json: inout JSONWriter) {
        json.object { json in
            json.string("type", "image_url")
            json.object("image_url") { json in
                switch image.source {
                case .bytes(let bytes, let mediaType): json.base64("url", prefix: "data:\(mediaType);base64,", bytes)
                case .url(let url): json.string("url", url)
                }
                if let detail = image.detail { json.string("detail", detail.rawValue) }
            }
        }
    }
}
