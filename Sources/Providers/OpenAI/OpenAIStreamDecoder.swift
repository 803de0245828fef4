package import Inference

/// Turns the bytes of a `text/event-stream` of chat completion chunks into events. Pure.
///
/// ``InferenceEvent/usage(_:)`` comes before ``InferenceEvent/finished(_:)`` although most upstreams send it after the
/// chunk that says why they finished: that reason is held back until the usage or the end has come. A stream that ends
/// without a reason is a fault, never an end.
package struct OpenAIStreamDecoder: Sendable {
    private var reader: SSEReader
    private var chunks: Chunks

    package init(maximumEventBytes: Int = 1 << 20) {
        self.reader = SSEReader(maximumEventBytes: maximumEventBytes)
        self.chunks = Chunks()
    }

    /// ``InferenceEvent/finished(_:)`` was given; what follows is not looked at.
    package var isFinished: Bool { self.chunks.isFinished }

    /// The upstream has said why it finished, but not yet what it used.
    package var isWaitingForUsage: Bool { self.chunks.finishReason != nil && !self.chunks.isFinished }

    /// Takes the next bytes, split anywhere, and appends the events that they complete.
    ///
    /// - Throws: ``UpstreamFault``: malformed bytes, an error inside the stream, `[DONE]` without a reason.
    package mutating func decode(
        _ bytes: Span<UInt8>, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        guard !self.isFinished else { return }
        try AnswerParser.borrowed { parser throws(UpstreamFault) in
            try self.reader.read(bytes) { name, data throws(UpstreamFault) in
                try self.chunks.take(name, data, parser, into: &events)
            }
        }
    }

    /// The bytes are over.
    ///
    /// - Throws: ``UpstreamFault/Kind/truncated`` when the upstream never said why it finished.
    package mutating func finish(into events: inout [InferenceEvent]) throws(UpstreamFault) {
        guard !self.isFinished else { return }
        try AnswerParser.borrowed { parser throws(UpstreamFault) in
            try self.reader.finish { name, data throws(UpstreamFault) in
                try self.chunks.take(name, data, parser, into: &events)
            }
        }
        if !self.isFinished { try self.chunks.end("the stream ended", into: &events) }
    }
}

/// What the chunks so far have said.
private struct Chunks: Sendable {
    private(set) var finishReason: FinishReason?
    private var usage: Usage?
    private(set) var isFinished = false

    mutating func take(
        _ name: String?, _ data: Span<UInt8>, _ parser: borrowing AnswerParser, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        let text = data.extracting(data.trimmedRange(0..<data.count))
        guard !text.isEmpty, !self.isFinished else { return }
        if text.count == 6, text.starts(with: "[DONE]") {
            return try self.end("[DONE] came", into: &events)
        }
        if name == "error" { throw OpenAIFaults.inStream(parser.error(text), text.excerpt) }
        let isKnown = try parser.answer(text) { answer throws(UpstreamFault) in
            try self.take(answer, into: &events)
            return answer.hasChoices || answer.usage != nil
        }
        // Older vLLM writes an error without an `error` around it.
        if !isKnown, let error = parser.error(text), error.message != nil, error.type != nil {
            throw OpenAIFaults.inStream(error, text.excerpt)
        }
    }

    private mutating func take(
        _ answer: borrowing Answer, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        OpenAIEvents.append(answer, to: &events)
        if let error = answer.error { throw OpenAIFaults.inStream(error, "") }
        if let reason = answer.finishReason {
            guard reason != "error" else {
                throw UpstreamFault(.serverError, "the upstream ended its answer with finish_reason error")
            }
            // Some routers say it twice; the first is the model's.
            self.finishReason = self.finishReason ?? OpenAIEvents.finishReason(reason)
        }
        if let usage = answer.usage, usage.inputTokens > 0 || usage.outputTokens > 0 {
            self.usage = usage
            // Usage that came earlier is a running count: only what comes with the end or after it is the sum.
            if self.finishReason != nil { try self.end("", into: &events) }
        }
    }

    mutating func end(_ what: String, into events: inout [InferenceEvent]) throws(UpstreamFault) {
        guard let reason = self.finishReason else {
            throw UpstreamFault(.truncated, "\(what) before the upstream said why it finished")
        }
        self.isFinished = true
        if let usage = self.usage { events.append(.usage(usage)) }
        events.append(.finished(reason))
    }
}

/// What chunks and whole completions have in common.
enum OpenAIEvents {
    /// Appends the deltas of `answer`, reasoning before text before tool calls.
    static func append(_ answer: borrowing Answer, to events: inout [InferenceEvent]) {
        if let text = answer.reasoning { events.append(.reasoningDelta(text)) }
        if let text = answer.content { events.append(.textDelta(text)) }
        // A refusal takes the place of the text, and is for the same reader.
        if let text = answer.refusal { events.append(.textDelta(text)) }
        for place in 0..<answer.toolCallCount {
            if let call = answer.toolCall(at: place) { events.append(.toolCallDelta(call)) }
        }
    }

    static func finishReason(_ text: String) -> FinishReason {
        switch text {
        case "stop", "eos", "end_turn", "stop_sequence": .stop
        case "length", "max_tokens": .length
        case "tool_calls", "function_call": .toolCalls
        case "content_filter": .contentFilter
        default: .other
        }
    }
}
