internal import Inference
internal import NIOCore

/// Writes what the pipeline delivers as the events of a stream: chunk objects, the usage when it is wanted, `[DONE]`.
///
/// A chunk is the same bytes around a few of its own, so the first are made once for an answer.
struct OpenAIChunkWriter {
    private let form: OpenAIAnswerForm
    private let includesUsage: Bool
    /// `/v1/completions` alone: stands before the answer.
    private let echo: String?

    /// The first attempt that answers.
    private(set) var started: PipelineOutput.Started?
    /// Whether the end was written.
    private(set) var isComplete = false
    /// `data: {"id":…,"choices":[`; empty before the first output.
    private var head = ByteBuffer()
    private var hasBegun = false
    private var hasRefusal = false
    /// Of tokens whose text has not come yet.
    private var logprobs = ""

    init(_ form: OpenAIAnswerForm, includesUsage: Bool, echo: String? = nil) {
        self.form = form
        self.includesUsage = includesUsage
        self.echo = echo
    }

    /// Adds what is to be sent.
    mutating func write(_ outputs: [PipelineOutput], into buffer: inout ByteBuffer) {
        for output in outputs {
            switch output {
            // An answer that goes on by another model keeps its name: clients read it once.
            case .started(let started):
                guard self.started == nil else { continue }
                self.started = started
                self.makeHead(started.model)
            case .delta(let event): self.write(event, into: &buffer)
            case .completed(let completion): self.write(completion, into: &buffer)
            case .progress, .superseded: break
            }
        }
    }

    /// The event of a failure that can no longer be a status.
    static func write(_ error: OpenAIError, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("data: ")
        buffer.writeBytes(error.json)
        buffer.writeStaticString("\n\n")
    }

    private mutating func makeHead(_ model: ModelID?) {
        self.head.writeStaticString("data: ")
        self.form.begin(model, isChunk: true, into: &self.head)
    }

    // MARK: - Deltas

    private mutating func write(_ event: InferenceEvent, into buffer: inout ByteBuffer) {
        switch event {
        case .textDelta(let text): self.writeText(text, into: &buffer)
        case .reasoningDelta(let text):
            self.writeDelta(into: &buffer) { $0.writeField("reasoning_content", text) }
        case .refusalDelta(let text):
            self.hasRefusal = true
            self.writeDelta(into: &buffer) { $0.writeField("refusal", text) }
        case .toolCallDelta(let delta):
            guard self.form.usesFunctions else { return self.writeDelta(into: &buffer) { $0.writeJSON(delta) } }
            // There is one at most in this form.
            if delta.index == 0 { self.writeDelta(into: &buffer) { $0.writeFunctionCall(delta) } }
        case .citation(let citation):
            self.writeDelta(into: &buffer) {
                $0.writeStaticString(#""annotations":["#)
                $0.writeJSON(citation)
                $0.writeStaticString("]")
            }
        case .logprobs(let entries):
            self.logprobs += self.logprobs.isEmpty ? entries : ",\(entries)"
        case .reasoningSignature, .usage, .finished: break
        }
    }

    private mutating func writeText(_ text: String, into buffer: inout ByteBuffer) {
        switch self.form.endpoint {
        case .chat: self.writeDelta(into: &buffer) { $0.writeField("content", text) }
        case .completion:
            self.begin(into: &buffer)
            buffer.writeImmutableBuffer(self.head)
            buffer.writeStaticString(#"{"index":0,"text":"#)
            buffer.writeJSON(text)
            self.endChoice(nil, into: &buffer)
        }
    }

    /// - Parameter fields: writes what is in `delta`.
    private mutating func writeDelta(into buffer: inout ByteBuffer, _ fields: (inout ByteBuffer) -> Void) {
        self.begin(into: &buffer)
        buffer.writeImmutableBuffer(self.head)
        switch self.form.endpoint {
        case .chat:
            buffer.writeStaticString(#"{"index":0,"delta":{"#)
            fields(&buffer)
            buffer.writeStaticString("}")
        case .completion:
            // The format has no place for it; clients leave out what they do not know.
            buffer.writeStaticString(#"{"index":0,"text":"","#)
            fields(&buffer)
        }
        self.endChoice(nil, into: &buffer)
    }

    /// The first chunk says who speaks and, when that was asked for, why.
    private mutating func begin(into buffer: inout ByteBuffer) {
        guard !self.hasBegun else { return }
        self.hasBegun = true
        if self.head.readableBytes == 0 { self.makeHead(nil) }
        switch self.form.endpoint {
        case .chat:
            buffer.writeImmutableBuffer(self.head)
            buffer.writeStaticString(#"{"index":0,"delta":{"role":"assistant","content":"","refusal":null}"#)
        case .completion:
            guard self.echo != nil || self.started?.explanation != nil else { return }
            buffer.writeImmutableBuffer(self.head)
            buffer.writeStaticString(#"{"index":0,"text":"#)
            buffer.writeJSON(self.echo ?? "")
        }
        buffer.writeStaticString(#","logprobs":null,"finish_reason":null}]"#)
        if let route = self.started?.explanation?.json { buffer.writeJSON(route: route) }
        self.endChunk(into: &buffer)
    }

    private mutating func endChoice(_ reason: StaticString?, into buffer: inout ByteBuffer) {
        if self.logprobs.isEmpty {
            buffer.writeStaticString(#","logprobs":null,"finish_reason":"#)
        } else {
            buffer.writeJSON(logprobs: self.logprobs, self.form.endpoint)
            buffer.writeStaticString(#","finish_reason":"#)
            self.logprobs = ""
        }
        if let reason {
            buffer.writeStaticString("\"")
            buffer.writeStaticString(reason)
            buffer.writeStaticString("\"}]")
        } else {
            buffer.writeStaticString("null}]")
        }
        self.endChunk(into: &buffer)
    }

    private func endChunk(into buffer: inout ByteBuffer) {
        buffer.writeStaticString(self.includesUsage ? ",\"usage\":null}\n\n" : "}\n\n")
    }

    // MARK: - The end

    private mutating func write(_ completion: Completion, into buffer: inout ByteBuffer) {
        self.begin(into: &buffer)
        buffer.writeImmutableBuffer(self.head)
        buffer.writeStaticString(
            self.form.endpoint == .chat ? #"{"index":0,"delta":{}"# : #"{"index":0,"text":"""#)
        self.endChoice(self.form.reason(completion.finishReason, hasRefusal: self.hasRefusal), into: &buffer)
        if self.includesUsage {
            buffer.writeImmutableBuffer(self.head)
            buffer.writeStaticString(#"],"usage":"#)
            buffer.writeJSON(completion.usage)
            buffer.writeStaticString(#","roundhouse":"#)
            buffer.writeJSON(roundhouse: completion)
            buffer.writeStaticString("}\n\n")
        }
        buffer.writeStaticString("data: [DONE]\n\n")
        self.isComplete = true
    }
}

extension ByteBuffer {
    /// `"name":"text"`
    fileprivate mutating func writeField(_ name: StaticString, _ text: String) {
        self.writeStaticString("\"")
        self.writeStaticString(name)
        self.writeStaticString("\":")
        self.writeJSON(text)
    }

    /// `"function_call":{…}`
    fileprivate mutating func writeFunctionCall(_ delta: ToolCallDelta) {
        self.writeStaticString(#""function_call":{"#)
        if let name = delta.name {
            self.writeField("name", name)
            self.writeStaticString(",")
        }
        self.writeField("arguments", delta.argumentsFragment)
        self.writeStaticString("}")
    }

    /// `"tool_calls":[…]` with one fragment.
    fileprivate mutating func writeJSON(_ delta: ToolCallDelta) {
        self.writeStaticString(#""tool_calls":[{"index":"#)
        self.writeJSON(delta.index)
        if let id = delta.id {
            self.writeStaticString(#","id":"#)
            self.writeJSON(id)
            self.writeStaticString(#","type":"function""#)
        }
        self.writeStaticString(#","function":{"#)
        if let name = delta.name {
            self.writeField("name", name)
            self.writeStaticString(",")
        }
        self.writeField("arguments", delta.argumentsFragment)
        self.writeStaticString("}}]")
    }
}
