package import Inference

/// Makes events, or a fault, of one response to `POST /api/chat`. Pure but for the date.
///
/// What the response is decides, not what was asked for: `application/json` is one answer, `application/x-ndjson` lines.
package struct OllamaResponseDecoder: ResponseDecoder {
    private enum Mode: Sendable {
        case lines
        case whole
        case failure
    }

    private var mode: Mode
    private var reader: NDJSONReader
    private var answer: OllamaEvents
    private var collected: CollectedBody

    /// - Parameters:
    ///   - delivery: what was asked for; it counts when the response names no media type.
    ///   - callsBefore: tool calls that the conversation holds already.
    ///   - withLogprobs: whether the probabilities of tokens were asked for.
    package init(
        delivery: UpstreamRequest.Delivery, callsBefore: Int = 0, withLogprobs: Bool = false,
        limits: DecoderLimits = DecoderLimits()
    ) {
        self.mode = delivery == .streamed ? .lines : .whole
        self.reader = NDJSONReader(maximumLineBytes: limits.maximumEventBytes)
        self.answer = OllamaEvents(callsBefore: callsBefore, withLogprobs: withLogprobs)
        self.collected = CollectedBody(secret: limits.secret, maximumBytes: limits.maximumBodyBytes) {
            OllamaFaults.fault($0, body: $1, now: $2)
        }
    }

    package var isFinished: Bool { self.answer.isFinished }
    package var isWaitingForDetails: Bool { false }

    package mutating func receive(_ head: HTTPResponseHead) throws(UpstreamFault) -> Bool {
        guard self.collected.receive(head) else {
            self.mode = .failure
            return false
        }
        switch head.mediaType {
        case .json: self.mode = .whole
        case .unspecified: break
        case .other(let type) where type.lowercased().hasSuffix("ndjson"): self.mode = .lines
        case .other(let type): throw Self.unexpected(type, head)
        case .eventStream: throw Self.unexpected("text/event-stream", head)
        }
        return true
    }

    package mutating func receive(
        _ body: Span<UInt8>, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        switch self.mode {
        case .lines:
            guard !self.isFinished else { return }
            try self.decode(into: &events) { decoder, parser, events throws(UpstreamFault) in
                try decoder.reader.read(body) { line throws(UpstreamFault) in
                    try decoder.answer.take(line, parser, into: &events)
                }
            }
        case .whole where self.collected.isComplete(with: body):
            // The usual case, one read for all of it, needs no copy.
            try self.decodeWhole(body, into: &events)
        case .whole, .failure: try self.collected.append(body)
        }
    }

    package mutating func end(_ end: ResponseEnd, into events: inout [InferenceEvent]) throws(UpstreamFault) {
        guard !self.isFinished else { return }
        switch (self.mode, end) {
        case (.failure, _): throw self.collected.fault()
        case (_, .fault(let fault)): throw fault
        case (.lines, _): try self.finishLines(into: &events)
        case (.whole, .complete):
            let body = self.collected.body
            try self.decodeWhole(body.span, into: &events)
        case (.whole, .cut), (.whole, .patienceOver):
            throw UpstreamFault(.truncated, "the connection closed in the middle of the answer")
        }
    }

    /// The last line may lack its end. One that was cut in the middle is a cut stream and no garbage.
    private mutating func finishLines(into events: inout [InferenceEvent]) throws(UpstreamFault) {
        try self.decode(into: &events) { decoder, parser, events throws(UpstreamFault) in
            try decoder.reader.finish { line throws(UpstreamFault) in
                do throws(UpstreamFault) {
                    try decoder.answer.take(line, parser, into: &events)
                } catch  where line[0] == UInt8(ascii: "{") && !JSONSyntax.isObject(line.text) {
                    throw UpstreamFault(.truncated, "the stream ended in the middle of a line: \(line.excerpt)")
                }
            }
        }
        guard self.isFinished else {
            throw UpstreamFault(.truncated, "the stream ended before the upstream said that it was done")
        }
    }

    private mutating func decodeWhole(
        _ body: Span<UInt8>, into events: inout [InferenceEvent]
    ) throws(UpstreamFault) {
        try self.decode(into: &events) { decoder, parser, events throws(UpstreamFault) in
            try decoder.answer.take(body, parser, into: &events)
        }
        guard self.isFinished else {
            throw UpstreamFault(.truncated, "the answer does not say that it is done")
        }
    }

    /// Lends a parser, and takes our key out of what the upstream says.
    private mutating func decode(
        into events: inout [InferenceEvent],
        _ body: (inout Self, borrowing AnswerParser, inout [InferenceEvent]) throws(UpstreamFault) -> Void
    ) throws(UpstreamFault) {
        do throws(UpstreamFault) {
            try AnswerParser.borrowed { parser throws(UpstreamFault) in try body(&self, parser, &events) }
        } catch {
            throw self.collected.redacted(error)
        }
    }

    private static func unexpected(_ type: String, _ head: HTTPResponseHead) -> UpstreamFault {
        UpstreamFault(
            .malformed, "expected application/x-ndjson or application/json, got \(type)", httpStatus: head.status)
    }
}
