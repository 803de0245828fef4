import Inference

/// Writes the content blocks of a turn.
enum AnthropicBlocks {
    /// The members of one entry of `messages`.
    static func write(_ turn: AnthropicConversation.Turn, _ json: inout JSONWriter) {
        json.string("role", turn.isAssistant ? "assistant" : "user")
        if turn.parts.count == 1, case .text(let text) = turn.parts[0] {
            json.string("content", text)
            return
        }
        json.array("content") { json in
            for part in turn.parts { json.object { self.write(part, &$0) } }
        }
    }

    private static func write(_ part: Message.Part, _ json: inout JSONWriter) {
        switch part {
        case .text(let text):
            json.string("type", "text")
            json.string("text", text)
        case .image(let image):
            json.string("type", "image")
            json.object("source") { self.write(image.source, &$0) }
        case .toolCall(let call):
            json.string("type", "tool_use")
            json.string("id", self.wireID(call.id))
            json.string("name", call.name)
            json.raw("input", call.argumentsJSON.isEmpty ? "{}" : call.argumentsJSON)
        case .toolResult(let result):
            json.string("type", "tool_result")
            json.string("tool_use_id", self.wireID(result.callID))
            if !result.content.isEmpty { json.string("content", result.content) }
            if result.isError { json.boolean("is_error", true) }
        case .reasoning(let reasoning): self.write(reasoning, &json)
        }
    }

    private static func write(_ source: Image.Source, _ json: inout JSONWriter) {
        switch source {
        case .bytes(let bytes, let mediaType):
            json.string("type", "base64")
            json.string("media_type", mediaType)
            json.base64("data", bytes)
        case .url(let url):
            json.string("type", "url")
            json.string("url", url)
        }
    }

    /// Thoughts go back to the letter, and only with their proof.
    private static func write(_ reasoning: Reasoning, _ json: inout JSONWriter) {
        guard let signature = AnthropicConversation.signature(of: reasoning) else { return }
        if signature.isRedacted {
            json.string("type", "redacted_thinking")
            json.string("data", signature.value)
        } else {
            json.string("type", "thinking")
            json.string("thinking", reasoning.text)
            json.string("signature", signature.value)
        }
    }

    /// An identifier as the API takes it: letters, digits, `_` and `-`.
    ///
    /// Calls that another model made have identifiers of other kinds, such as `functions.f:0`: every other byte becomes
    /// `_` and its number in hexadecimal, the same in the call and in its result.
    static func wireID(_ id: String) -> String {
        guard !id.utf8.allSatisfy(self.isIDByte) else { return id }
        var wire = ""
        for byte in id.utf8 {
            if self.isIDByte(byte) {
                wire.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                wire += "_" + String(byte, radix: 16)
            }
        }
        return wire
    }

    private static func isIDByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }
}
