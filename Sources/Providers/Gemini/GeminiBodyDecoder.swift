import Inference

/// Turns the bytes of a 2xx response into events, whichever of its three forms it has: events (`alt=sse`), an array of
/// the same texts, or one of them alone. Pure.
///
/// The media type tells events from JSON; the first bracket tells an array from an answer that came whole.
struct GeminiBodyDecoder: Sendable {
    private enum Form: Sendable {
        case events(SSEReader)
        case array(GeminiArrayReader)
        case whole
        /// Nothing but white space has come, of what may be JSON.
        case unknown
    }

    private var form = Form.unknown
    private var answer: GeminiEvents
    private let expectsStream: Bool
    private let limits: DecoderLimits

    init(expectsStream: Bool, ids: GeminiCallIDs, limits: DecoderLimits) {
        self.answer = GeminiEvents(ids: ids)
        self.expectsStream = expectsStream
        self.limits = limits
    }

    var isFinished: Bool { self.answer.isFinished }

    /// The upstream has said why it finished, but its body goes on.
    var isWaitingForEnd: Bool { self.answer.finishReason != nil && !self.answer.isFinished }

    /// Whether the body is one text, which has to be collected.
    var isWhole: Bool {
        if case .whole = self.form { true } else { false }
    }

    /// The response says that events follow.
    mutating func expectEvents() {
        self.form = .events(SSEReader(maximumEventBytes: self.limits.maximumEventBytes))
    }

    /// Finds out which form the body has, as soon as its first byte is there.
    mutating func recognise(_ bytes: Span<UInt8>, isJSON: Bool) {
        guard case .unknown = self.form else { return }
        var place = 0
        while place < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[place]) { place += 1 }
        guard place < bytes.count else { return }
        switch bytes[place] {
        case UInt8(ascii: "["):
            self.form = .array(GeminiArrayReader(maximumElementBytes: self.limits.maximumEventBytes))
        case UInt8(ascii: "{"): self.form = .whole
        default:
            if isJSON || !self.expectsStream { self.form = .whole } else { self.expectEvents() }
        }
    }

    /// Takes the next bytes of a stream, split anywhere.
    mutating func decode(_ bytes: Span<UInt8>, into events: inout [InferenceEvent]) throws(UpstreamFault) {
        guard !self.isFinished else { return }
        switch self.form {
        case .events(var reader):
            self.form = .unknown
            defer { self.form = .events(reader) }
            try AnswerParser.borrowed { parser throws(UpstreamFault) in
                try reader.read(bytes) { name, data throws(UpstreamFault) in
                    try self.take(name, data, parser, into: &events)
                }
            }
        case .array(var reader):
            self.form = .unknown
            defer { self.form = .array(reader) }
            try AnswerParser.borrowed { parser throws(UpstreamFault) in
                try reader.read(bytes) { element throws(UpstreamFault) in
                    try self.take(nil, element, parser, into: &events)
                }
            }
            if reader.isComplete, !self.isFinished { try self.answer.end("the stream ended", into: &events) }
        case .whole, .unknown: break
        }
    }

    /// The bytes of a stream are over.
    ///
    /// - Throws: ``UpstreamFault/Kind/truncated`` when the upstream never said why it finished.
    mutating func finish(_ end: ResponseEnd, into events: inout [InferenceEvent]) throws(UpstreamFault) {
        guard !self.isFinished else { return }
        // What a cut left of an event is no event.
        if case .events(var reader) = self.form, end == .complete || end == .patienceOver {
            try AnswerParser.borrowed { parser throws(UpstreamFault) in
                try reader.finish { name, data throws(UpstreamFault) in
                    do throws(UpstreamFault) {
                        try self.take(name, data, parser, into: &events)
                    } catch  where !data.isCutEvent {
                        throw error
                    } catch {
                        // Of a response without a length nobody says that it was cut.
                    }
                }
            }
        }
        if !self.isFinished { try self.answer.end("the stream ended", into: &events) }
    }

    /// Takes a body that is one text.
    mutating func decodeWhole(_ body: Span<UInt8>, into events: inout [InferenceEvent]) throws(UpstreamFault) {
        guard !self.isFinished else { return }
        try AnswerParser.borrowed { parser throws(UpstreamFault) in
            try parser.geminiAnswer(body) { answer throws(UpstreamFault) in
                try self.answer.take(answer, into: &events)
                guard answer.candidateCount > 0 || answer.usage != nil else {
                    throw UpstreamFault(.malformed, "expected candidates in the answer, got: \(body.excerpt)")
                }
            }
        }
        try self.answer.end("the answer ended", into: &events)
    }

    private mutating func take(
        _ name: String?, _ data: Span<UInt8>, _ parser: borrowing AnswerParser, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        let text = data.extracting(data.trimmedRange(0..<data.count))
        guard !text.isEmpty, !self.isFinished else { return }
        // Not Gemini's, but gateways that imitate it write it.
        if text.count == 6, text.starts(with: "[DONE]") { return try self.answer.end("[DONE] came", into: &events) }
        if name == "error" { throw GeminiFaults.inAnswer(parser.geminiError(text), text.excerpt) }
        try parser.geminiAnswer(text) { answer throws(UpstreamFault) in
            try self.answer.take(answer, into: &events)
        }
    }
}
