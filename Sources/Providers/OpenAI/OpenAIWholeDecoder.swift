package import Inference

/// Turns the body of a chat completion that came whole into the events that a stream would have brought. Pure.
package enum OpenAIWholeDecoder {
    /// - Throws: ``UpstreamFault``: malformed, an error in the place of an answer, no finish reason (``truncated``).
    package static func decode(_ body: Span<UInt8>) throws(UpstreamFault) -> [InferenceEvent] {
        try AnswerParser.borrowed { parser throws(UpstreamFault) in
            try parser.answer(body) { answer throws(UpstreamFault) in
                if let error = answer.error { throw OpenAIFaults.inStream(error, body.excerpt) }
                guard answer.choiceCount > 0 else {
                    throw UpstreamFault(.malformed, "expected choices in the answer, got: \(body.excerpt)")
                }
                var events: [InferenceEvent] = []
                events.reserveCapacity(3)
                OpenAIEvents.append(answer, to: &events)
                guard let reason = answer.finishReason else {
                    throw UpstreamFault(.truncated, "the answer does not say why it finished")
                }
                guard reason != "error" else {
                    throw UpstreamFault(.serverError, "the upstream ended its answer with finish_reason error")
                }
                if let usage = answer.usage, usage.inputTokens > 0 || usage.outputTokens > 0 {
                    events.append(.usage(usage))
                }
                events.append(.finished(OpenAIEvents.finishReason(reason)))
                return events
            }
        }
    }
}
