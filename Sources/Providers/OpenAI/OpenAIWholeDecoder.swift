package import Inference

/// Turns the body of a chat completion that came whole into the events that a stream would have brought. Pure.
package enum OpenAIWholeDecoder {
    /// - Parameters:
    ///   - requestID: what ids are made of for tool calls that come without one.
    ///   - withLogprobs: whether the probabilities of tokens were asked for; what comes unasked is not looked at.
    ///   - repeated: the begun answer that stands before what was asked for, and is taken away.
    /// - Throws: ``UpstreamFault``: malformed, an error in the place of an answer, no finish reason (``truncated``).
    package static func decode(
        _ body: Span<UInt8>, dialect: OpenAIDialect = OpenAIDialect(), requestID: String = "",
        withLogprobs: Bool = false, without repeated: String? = nil
    ) throws(UpstreamFault) -> [InferenceEvent] {
        try AnswerParser.borrowed { parser throws(UpstreamFault) in
            try parser.answer(body, withLogprobs: withLogprobs) { answer throws(UpstreamFault) in
                if let error = answer.error { throw OpenAIFaults.inStream(error, body.excerpt) }
                guard answer.choiceCount > 0 else {
                    throw UpstreamFault(.malformed, "expected choices in the answer, got: \(body.excerpt)")
                }
                var reader = OpenAIAnswerReader(
                    dialect: dialect, requestID: requestID, without: repeated)
                var events: [InferenceEvent] = []
                events.reserveCapacity(3)
                try reader.append(answer, to: &events)
                reader.close(into: &events)
                guard let reason = answer.finishReason else {
                    throw UpstreamFault(.truncated, "the answer does not say why it finished")
                }
                if let fault = OpenAIAnswerReader.fault(for: reason) { throw fault }
                if let usage = reader.usage(answer) { events.append(.usage(usage)) }
                events.append(.finished(reader.finishReason(reason)))
                return events
            }
        }
    }
}
