package import Inference

/// Turns the bytes of a `text/event-stream` of chat completion chunks into events. Pure.
///
/// ``InferenceEvent/usage(_:)`` comes before ``InferenceEvent/finished(_:)`` although most upstreams send it after the
/// chunk that says why they finished: that reason is held back until the usage or the end has come. A stream that ends
/// without a reason is a fault, never an end.
package struct OpenAIStreamDecoder: Sendable {
    private var reader: SSEReader
    private var chunks: Chunks

    /// - Parameters:
    ///   - requestID: what ids are made of for tool calls that come without one.
    ///   - withLogprobs: whether the probabilities of tokens were asked for; what comes unasked is not looked at.
    package init(
        dialect: OpenAIDialect = OpenAIDialect(), requestID: String = "", withLogprobs: Bool = false,
        maximumEventBytes: Int = 1 << 20
    ) {
        self.reader = SSEReader(maximumEventBytes: maximumEventBytes)
        self.chunks = Chunks(
            answer: OpenAIAnswerReader(dialect: dialect, requestID: requestID), withLogprobs: withLogprobs)
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
                do throws(UpstreamFault) {
                    try self.chunks.take(name, data, parser, into: &events)
                } catch  where !data.isCutEvent {
                    throw error
                } catch {
                    // What a cut left of a chunk is none. Whether it was needed is seen below.
                }
            }
        }
        if !self.isFinished { try self.chunks.end("the stream ended", into: &events) }
    }
}

/// What the chunks so far have said.
private struct Chunks: Sendable {
    private var answer: OpenAIAnswerReader
    private(set) var finishReason: String?
    private var usage: Usage?
    private(set) var isFinished = false
    private let withLogprobs: Bool

    init(answer: OpenAIAnswerReader, withLogprobs: Bool) {
        self.answer = answer
        self.withLogprobs = withLogprobs
    }

    mutating func take(
        _ name: String?, _ data: Span<UInt8>, _ parser: borrowing AnswerParser, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        let text = data.extracting(data.trimmedRange(0..<data.count))
        guard !text.isEmpty, !self.isFinished else { return }
        if text.count == 6, text.starts(with: "[DONE]") {
            return try self.end("[DONE] came", into: &events)
        }
        if name == "error" { throw OpenAIFaults.inStream(parser.error(text), text.excerpt) }
        let isKnown = try parser.answer(text, withLogprobs: self.withLogprobs) { chunk throws(UpstreamFault) in
            try self.take(chunk, into: &events)
        }
        // Older vLLM writes an error without an `error` around it.
        if !isKnown, let error = parser.error(text), error.message != nil, error.type != nil {
            throw OpenAIFaults.inStream(error, text.excerpt)
        }
    }

    /// - Returns: whether it is a chunk at all.
    private mutating func take(
        _ chunk: borrowing OpenAIAnswer, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) -> Bool {
        try self.answer.append(chunk, to: &events)
        if let error = chunk.error { throw OpenAIFaults.inStream(error, "") }
        if let reason = chunk.finishReason {
            if let fault = OpenAIAnswerReader.fault(for: reason) { throw fault }
            // Some routers say it twice; the first is the model's.
            self.finishReason = self.finishReason ?? reason
        }
        let usage = self.answer.usage(chunk)
        if let usage {
            self.usage = usage
            // Usage that came earlier is a running count: only what comes with the end or after it is the sum.
            if self.finishReason != nil { try self.end("", into: &events) }
        }
        return chunk.hasChoices || usage != nil
    }

    mutating func end(_ what: String, into events: inout [InferenceEvent]) throws(UpstreamFault) {
        guard let reason = self.finishReason else {
            throw UpstreamFault(.truncated, "\(what) before the upstream said why it finished")
        }
        self.isFinished = true
        self.answer.close(into: &events)
        if let usage = self.usage { events.append(.usage(usage)) }
        events.append(.finished(self.answer.finishReason(reason)))
    }
}
