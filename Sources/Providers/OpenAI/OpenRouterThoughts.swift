import Inference

/// One entry of OpenRouter's `reasoning_details` as it came.
struct OpenRouterReasoningDetail: Sendable, Hashable {
    /// `reasoning.summary`; otherwise `reasoning.text`, unless ``whole`` is set.
    var isSummary = false
    /// A piece of it.
    var text = ""
    var signature: String?
    var id: String?
    var format: String?
    var index: Int64?
    /// The entry's JSON when it is neither text nor summary: encrypted thoughts, and what is yet to be invented.
    var whole: String?
}

/// Makes OpenRouter's `reasoning_details` of a stream into blocks of thoughts that can be given back as they came.
///
/// Each entry becomes one block: its text as deltas, then a ``ReasoningSignature`` that holds what else the entry said, as
/// the JSON object that goes back with the text put into it (``OpenRouterReasoning``). What has no text to show becomes a
/// block of its own that is redacted. OpenRouter wants the entries back in their order and unchanged.
struct OpenRouterThoughts: Sendable {
    static let origin = "openrouter"

    /// The entry under way, its text left out.
    private var open: OpenRouterReasoningDetail?

    mutating func take(_ detail: OpenRouterReasoningDetail, into events: inout [InferenceEvent]) {
        if let whole = detail.whole {
            self.close(into: &events)
            events.append(
                .reasoningSignature(ReasoningSignature(whole, origin: OpenRouterThoughts.origin, isRedacted: true)))
            return
        }
        // Nothing of it is news, such as the empty text behind a signature.
        guard !detail.text.isEmpty || detail.signature != nil else { return }
        var entry = detail
        if let open = self.open {
            if Self.isSame(open, detail) {
                entry.id = detail.id ?? open.id
                entry.format = detail.format ?? open.format
            } else {
                self.close(into: &events)
            }
        }
        entry.text = ""
        self.open = entry
        if !detail.text.isEmpty { events.append(.reasoningDelta(detail.text)) }
        if detail.signature != nil { self.close(into: &events) }
    }

    /// Ends the block under way, if there is one: something else begins.
    mutating func close(into events: inout [InferenceEvent]) {
        guard let open = self.open else { return }
        self.open = nil
        var json = JSONWriter(reserving: 128)
        json.object { json in
            json.string("type", open.isSummary ? "reasoning.summary" : "reasoning.text")
            if let id = open.id { json.string("id", id) }
            if let format = open.format { json.string("format", format) }
            if let index = open.index { json.integer("index", index) }
            if let signature = open.signature { json.string("signature", signature) }
        }
        events.append(
            .reasoningSignature(ReasoningSignature(json.bytes.span.text, origin: OpenRouterThoughts.origin)))
    }

    private static func isSame(_ left: OpenRouterReasoningDetail, _ right: OpenRouterReasoningDetail) -> Bool {
        left.isSummary == right.isSummary && left.index == right.index
            && (left.id == nil || right.id == nil || left.id == right.id)
    }
}

/// Writes blocks of thoughts into an assistant's message as OpenRouter wants them back.
enum OpenRouterReasoning {
    /// Blocks that it may see: its own, and those of which nobody knows whose they are.
    static func write(_ blocks: [Reasoning], _ json: inout JSONWriter) {
        let plain = blocks.filter { $0.signature == nil }
        if !plain.isEmpty { json.string("reasoning", plain.map(\.text).joined()) }
        let details = blocks.filter { $0.signature?.isFor(OpenRouterThoughts.origin) ?? false }
        guard !details.isEmpty else { return }
        json.array("reasoning_details") { json in
            for block in details { self.writeDetail(block, &json) }
        }
    }

    private static func writeDetail(_ block: Reasoning, _ json: inout JSONWriter) {
        guard let signature = block.signature else { return }
        // The value went through the client: it is put into the request only as the one object that it is.
        guard let object = self.compactObject(signature.value) else {
            json.object { json in
                if signature.isRedacted {
                    json.string("type", "reasoning.encrypted")
                    json.string("data", signature.value)
                } else {
                    json.string("type", "reasoning.text")
                    json.string("text", block.text)
                    json.string("signature", signature.value)
                }
            }
            return
        }
        let key: StaticString
        if object.contains(#""type":"reasoning.text""#) {
            key = "text"
        } else if object.contains(#""type":"reasoning.summary""#) {
            key = "summary"
        } else {
            return json.raw(nil, object)
        }
        json.object { json in
            json.string(key, block.text)
            json.raw(nil, String(object.dropFirst().dropLast()))
        }
    }

    private static func compactObject(_ text: String) -> String? {
        guard text.utf8.first == UInt8(ascii: "{") else { return nil }
        return (try? AnswerParser.borrowed { $0.compactObject(text.utf8.span) }) ?? nil
    }
}
