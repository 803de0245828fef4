import Inference

/// Writes the body of `generateContent` and its relatives. Pure. What the client did not say is not written.
struct GeminiEncoder: Sendable {
    private let model: GeminiModelName
    private let conversation: GeminiConversation
    private let options: GeminiOptions
    private let approximateBytes: Int

    /// - Throws: ``UpstreamFault/Kind/unsupported``, naming what Gemini cannot do; ``UpstreamFault/Kind/invalidRequest``
    ///   for what no JSON can carry.
    init(_ request: UpstreamRequest, model: GeminiModelName) throws(UpstreamFault) {
        self.model = model
        self.options = try GeminiOptions(request.inference, model: model)
        self.conversation = try GeminiConversation(request, model: model)
        self.approximateBytes = request.inference.messages.reduce(1024) { $0 + $1.approximateBytes }
    }

    /// For `generateContent` and `streamGenerateContent`.
    func body() -> [UInt8] {
        var json = JSONWriter(reserving: self.approximateBytes)
        json.object { self.members(&$0) }
        return json.bytes
    }

    /// For `countTokens`: the whole request, so that instructions and tools count.
    func countBody() -> [UInt8] {
        var json = JSONWriter(reserving: self.approximateBytes)
        json.object { json in
            json.object("generateContentRequest") { json in
                json.string("model", self.model.resource)
                self.members(&json)
            }
        }
        return json.bytes
    }

    private func members(_ json: inout JSONWriter) {
        json.array("contents") { json in
            for content in self.conversation.contents {
                json.object { json in
                    json.string("role", content.role.rawValue)
                    json.array("parts") { json in
                        for part in content.parts { Self.write(part, &json) }
                    }
                }
            }
        }
        if !self.conversation.instructions.isEmpty {
            json.object("systemInstruction") { json in
                json.array("parts") { json in
                    for text in self.conversation.instructions { json.object { $0.string("text", text) } }
                }
            }
        }
        self.options.write(to: &json)
    }

    private static func write(_ part: GeminiPart, _ json: inout JSONWriter) {
        json.object { json in
            switch part {
            case .text(let text, let signature, let isThought):
                json.string("text", text)
                if isThought { json.boolean("thought", true) }
                if let signature { json.string("thoughtSignature", signature) }
            case .bytes(let bytes, let mediaType):
                json.object("inlineData") { json in
                    json.string("mimeType", mediaType)
                    json.base64("data", bytes)
                }
            case .file(let uri, let mediaType):
                json.object("fileData") { json in
                    if let mediaType { json.string("mimeType", mediaType) }
                    json.string("fileUri", uri)
                }
            case .call(let id, let name, let arguments, let signature):
                json.object("functionCall") { json in
                    if let id { json.string("id", id) }
                    json.string("name", name)
                    json.raw("args", arguments)
                }
                if let signature { json.string("thoughtSignature", signature) }
            case .result(let id, let name, let answer):
                json.object("functionResponse") { json in
                    if let id { json.string("id", id) }
                    json.string("name", name)
                    Self.write(answer, &json)
                }
            }
        }
    }

    private static func write(_ answer: GeminiToolAnswer, _ json: inout JSONWriter) {
        switch answer {
        case .object(let object): json.raw("response", object)
        case .json(let value, let isError): json.object("response") { $0.raw(isError ? "error" : "result", value) }
        case .text(let text, let isError): json.object("response") { $0.string(isError ? "error" : "result", text) }
        }
    }
}
