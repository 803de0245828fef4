internal import Inference
internal import NIOCore

/// Collects what the pipeline delivers into one object: `chat.completion` or `text_completion`.
struct OpenAIAnswer: Sendable {
    private let form: OpenAIAnswerForm
    private let echo: String?
    private(set) var started: PipelineOutput.Started?
    private(set) var completion: Completion?
    private var text = ""
    private var reasoning = ""
    private var refusal: String?
    private var citations: [Citation] = []
    private var logprobs = ""
    private var calls: [Int: ToolCall] = [:]

    init(_ form: OpenAIAnswerForm, echo: String? = nil) {
        self.form = form
        self.echo = echo
    }

    mutating func take(_ outputs: [PipelineOutput]) {
        for output in outputs {
            switch output {
            case .started(let started): if self.started == nil { self.started = started }
            case .delta(let event): self.take(event)
            case .completed(let completion): self.completion = completion
            case .superseded: self = OpenAIAnswer(self.form, echo: self.echo)
            case .progress: break
            }
        }
    }

    private mutating func take(_ event: InferenceEvent) {
        switch event {
        case .textDelta(let text): self.text = self.text.isEmpty ? text : self.text + text
        case .reasoningDelta(let text): self.reasoning += text
        case .refusalDelta(let text): self.refusal = (self.refusal ?? "") + text
        case .citation(let citation): self.citations.append(citation)
        case .logprobs(let entries): self.logprobs += self.logprobs.isEmpty ? entries : ",\(entries)"
        case .toolCallDelta(let delta):
            var call = self.calls[delta.index] ?? ToolCall(id: "", name: "", argumentsJSON: "")
            if let id = delta.id { call.id = id }
            if let name = delta.name { call.name = name }
            call.argumentsJSON += delta.argumentsFragment
            self.calls[delta.index] = call
        case .reasoningSignature, .usage, .finished: break
        }
    }

    /// The object; `nil` while the answer is not whole.
    var body: ByteBuffer? {
        guard let completion = self.completion else { return nil }
        var buffer = ByteBuffer()
        buffer.reserveCapacity(self.text.utf8.count + self.reasoning.utf8.count + 768)
        self.form.begin(self.started?.model ?? completion.model, isChunk: false, into: &buffer)
        switch self.form.endpoint {
        case .chat: self.writeMessage(into: &buffer)
        case .completion:
            buffer.writeStaticString(#"{"index":0,"text":""#)
            if let echo = self.echo { buffer.writeJSON(inside: echo) }
            buffer.writeJSON(inside: self.text)
            buffer.writeStaticString("\"")
            self.writeReasoning(into: &buffer)
        }
        if self.logprobs.isEmpty {
            buffer.writeStaticString(#","logprobs":null"#)
        } else {
            buffer.writeJSON(logprobs: self.logprobs, self.form.endpoint)
        }
        buffer.writeStaticString(#","finish_reason":""#)
        buffer.writeStaticString(self.form.reason(completion.finishReason, hasRefusal: self.refusal != nil))
        buffer.writeStaticString(#""}],"usage":"#)
        buffer.writeJSON(completion.usage)
        if let route = self.started?.explanation?.json { buffer.writeJSON(route: route) }
        buffer.writeStaticString("}\n")
        return buffer
    }

    private func writeMessage(into buffer: inout ByteBuffer) {
        buffer.writeStaticString(#"{"index":0,"message":{"role":"assistant","content":"#)
        let hasOther = !self.calls.isEmpty || self.refusal != nil
        buffer.writeJSON(self.text.isEmpty && hasOther ? nil : self.text)
        buffer.writeStaticString(#","refusal":"#)
        buffer.writeJSON(self.refusal)
        self.writeReasoning(into: &buffer)
        if self.form.usesFunctions, let call = self.calls[0] {
            buffer.writeStaticString(#","function_call":{"name":"#)
            buffer.writeJSON(call.name)
            buffer.writeStaticString(#","arguments":"#)
            buffer.writeJSON(call.argumentsJSON)
            buffer.writeStaticString("}")
        } else if !self.calls.isEmpty {
            buffer.writeStaticString(#","tool_calls":["#)
            for (place, index) in self.calls.keys.sorted().enumerated() {
                guard let call = self.calls[index] else { continue }
                buffer.writeStaticString(place == 0 ? #"{"id":"# : #",{"id":"#)
                buffer.writeJSON(call.id)
                buffer.writeStaticString(#","type":"function","function":{"name":"#)
                buffer.writeJSON(call.name)
                buffer.writeStaticString(#","arguments":"#)
                buffer.writeJSON(call.argumentsJSON)
                buffer.writeStaticString("}}")
            }
            buffer.writeStaticString("]")
        }
        if !self.citations.isEmpty {
            buffer.writeStaticString(#","annotations":["#)
            for (place, citation) in self.citations.enumerated() {
                if place > 0 { buffer.writeStaticString(",") }
                buffer.writeJSON(citation)
            }
            buffer.writeStaticString("]")
        }
        buffer.writeStaticString("}")
    }

    private func writeReasoning(into buffer: inout ByteBuffer) {
        guard !self.reasoning.isEmpty else { return }
        buffer.writeStaticString(#","reasoning_content":"#)
        buffer.writeJSON(self.reasoning)
    }
}

extension ByteBuffer {
    /// `,"logprobs":{…}` of entries as ``InferenceEvent/logprobs(_:)`` has them.
    mutating func writeJSON(logprobs entries: String, _ endpoint: OpenAIRequest.Endpoint) {
        switch endpoint {
        case .chat:
            self.writeStaticString(#","logprobs":{"content":["#)
            self.writeString(entries)
            self.writeStaticString(#"],"refusal":null}"#)
        case .completion:
            self.writeStaticString(#","logprobs":"#)
            self.writeString(LegacyLogprobs(entries)?.json ?? "null")
        }
    }
}
