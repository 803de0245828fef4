package import Inference

/// Turns the bytes of a `text/event-stream` of the Messages API into events. Pure.
///
/// `message_stop` is the only end. A stream that stops before it is cut, also when it had said why it would end:
/// ``InferenceEvent/finished(_:)`` is made of what the upstream says, never of its silence.
package struct AnthropicStreamDecoder: Sendable {
    private var reader: SSEReader
    private var message = AnthropicMessage()

    package init(maximumEventBytes: Int = 1 << 20) {
        self.reader = SSEReader(maximumEventBytes: maximumEventBytes)
    }

    /// ``InferenceEvent/finished(_:)`` was given; what follows is not looked at.
    package var isFinished: Bool { self.message.isFinished }

    /// Takes the next bytes, split anywhere, and appends the events that they complete.
    ///
    /// - Throws: ``UpstreamFault``: malformed bytes, an error inside the stream, an end without a reason.
    package mutating func decode(
        _ bytes: Span<UInt8>, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        guard !self.isFinished else { return }
        try AnswerParser.borrowed { parser throws(UpstreamFault) in
            try self.reader.read(bytes) { _, data throws(UpstreamFault) in
                try self.message.take(data, parser, into: &events)
            }
        }
    }

    /// The bytes are over.
    ///
    /// - Throws: ``UpstreamFault/Kind/truncated`` when `message_stop` did not come.
    package mutating func finish(into events: inout [InferenceEvent]) throws(UpstreamFault) {
        guard !self.isFinished else { return }
        try AnswerParser.borrowed { parser throws(UpstreamFault) in
            try self.reader.finish { _, data throws(UpstreamFault) in
                do throws(UpstreamFault) {
                    try self.message.take(data, parser, into: &events)
                } catch  where !data.isCutEvent {
                    throw error
                } catch {
                    // What a cut left of an event is none.
                }
            }
        }
        if !self.isFinished { throw UpstreamFault(.truncated, "the stream ended before message_stop") }
    }
}

extension AnthropicMessage {
    /// Takes the data of one event. Its name says nothing that the data does not say.
    fileprivate mutating func take(
        _ data: Span<UInt8>, _ parser: borrowing AnswerParser, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        let text = data.extracting(data.trimmedRange(0..<data.count))
        guard !text.isEmpty, !self.isFinished else { return }
        let isError = try parser.anthropic(text) { answer throws(UpstreamFault) in
            try self.take(answer, into: &events)
            return answer.kind == .error || answer.kind == .untyped
        }
        guard isError else { return }
        // Servers that stand before Anthropic's write errors of other shapes.
        let detail = parser.error(text)
        guard detail?.message != nil || detail?.type != nil else {
            throw UpstreamFault(.malformed, "type: missing in an event of the stream: \(text.excerpt)")
        }
        throw AnthropicFaults.inStream(detail, text.excerpt)
    }

    private mutating func take(
        _ answer: borrowing AnthropicAnswer, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        switch answer.kind {
        case .blockDelta:
            try self.add(try Self.piece(of: answer, "delta"), to: try Self.index(of: answer), into: &events)
        case .blockStart:
            try self.begin(try Self.index(of: answer), try Self.piece(of: answer, "content_block"), into: &events)
        case .blockStop: self.end(try Self.index(of: answer), into: &events)
        case .messageStart: self.update(answer.usage)
        case .messageDelta:
            self.update(answer.usage)
            self.stop(answer.stopReason, explanation: answer.explanation)
        case .messageStop: try self.finish(into: &events)
        case .message, .error, .untyped, .other: return
        }
    }

    private static func index(of answer: borrowing AnthropicAnswer) throws(UpstreamFault) -> Int {
        guard let index = answer.index else {
            throw UpstreamFault(.malformed, "index: missing in an event about a content block")
        }
        return index
    }

    private static func piece(
        of answer: borrowing AnthropicAnswer, _ name: String
    ) throws(UpstreamFault) -> AnthropicPiece {
        guard let piece = answer.piece(at: 0) else {
            throw UpstreamFault(.malformed, "\(name): missing in an event about a content block")
        }
        return piece
    }
}
