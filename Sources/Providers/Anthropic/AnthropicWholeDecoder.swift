package import Inference

/// Turns the body of a message that came whole into the events that a stream would have brought. Pure.
package enum AnthropicWholeDecoder {
    /// - Throws: ``UpstreamFault``: malformed, an error in the place of a message, no stop reason (``truncated``).
    package static func decode(_ body: Span<UInt8>) throws(UpstreamFault) -> [InferenceEvent] {
        try AnswerParser.borrowed { parser throws(UpstreamFault) in
            let events = try parser.anthropic(body) { answer throws(UpstreamFault) -> [InferenceEvent]? in
                guard answer.kind == .message else { return nil }
                guard answer.hasContent else {
                    throw UpstreamFault(.malformed, "content: missing in the message: \(body.excerpt)")
                }
                return try Self.events(of: answer)
            }
            if let events { return events }
            let detail = parser.error(body)
            guard detail?.message != nil || detail?.type != nil else {
                throw UpstreamFault(.malformed, "expected a message, got: \(body.excerpt)")
            }
            throw AnthropicFaults.inStream(detail, body.excerpt)
        }
    }

    private static func events(of answer: borrowing AnthropicAnswer) throws(UpstreamFault) -> [InferenceEvent] {
        var message = AnthropicMessage()
        var events: [InferenceEvent] = []
        events.reserveCapacity(answer.pieceCount + 2)
        for place in 0..<answer.pieceCount {
            guard let piece = answer.piece(at: place) else { continue }
            try message.begin(place, piece, into: &events)
            message.end(place, into: &events)
        }
        message.update(answer.usage)
        message.stop(answer.stopReason, explanation: answer.explanation)
        try message.finish(into: &events)
        return events
    }
}
