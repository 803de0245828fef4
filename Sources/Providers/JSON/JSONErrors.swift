import Inference

/// What the errors of an upstream's own API mean, in the words of its wire format. Pure.
package struct JSONErrors: Sendable {
    /// Of a response that is not 2xx: its head, its body, and seconds since 1970.
    var failure: @Sendable (HTTPResponseHead, Span<UInt8>, Int64) -> UpstreamFault
    /// Of a body with status 200 that holds an `error` in the place of an answer.
    var stated: @Sendable (Span<UInt8>) -> UpstreamFault

    package static let openAI = JSONErrors(
        failure: { OpenAIFaults.fault($0, body: $1, now: $2) },
        stated: { OpenAIFaults.inStream(Self.detail($0), $0.excerpt) })

    package static let anthropic = JSONErrors(
        failure: { AnthropicFaults.fault($0, body: $1, now: $2) },
        stated: { AnthropicFaults.inStream(Self.detail($0), $0.excerpt) })

    package static let gemini = JSONErrors(
        failure: { GeminiFaults.fault($0, body: $1, now: $2) },
        stated: { body in
            GeminiFaults.inAnswer((try? AnswerParser.borrowed { $0.geminiError(body) }) ?? nil, body.excerpt)
        })

    package static let ollama = JSONErrors(
        failure: { OllamaFaults.fault($0, body: $1, now: $2) },
        stated: { OllamaFaults.inStream(Self.detail($0), $0.excerpt) })

    private static func detail(_ body: Span<UInt8>) -> UpstreamErrorDetail? {
        (try? AnswerParser.borrowed { $0.error(body) }) ?? nil
    }
}
