package import Inference

/// Ollama's own API (docs/api.md of ollama/ollama): `/api/chat` and `/api/embed`.
///
/// Its `/v1` would cut a prompt that is too long without a word, knows no levels of thinking, and says less.
package struct OllamaFormat: WireFormat {
    /// Ollama itself wants no key; what stands before it may.
    package var keyField: KeyField { .bearer }

    package init() {}

    package func call(_ request: UpstreamRequest) throws(UpstreamFault) -> WireCall {
        WireCall(.native, path: "/api/chat", body: try OllamaEncoder.encode(request))
    }

    package func decoder(for request: UpstreamRequest, limits: DecoderLimits) -> OllamaResponseDecoder {
        OllamaResponseDecoder(
            delivery: request.delivery, callsBefore: Self.toolCallCount(request.inference.messages),
            withLogprobs: request.inference.logprobs != nil, limits: limits)
    }

    package func embeddingCall(_ request: EmbeddingRequest) throws(UpstreamFault) -> WireCall {
        WireCall(.native, path: "/api/embed", body: OllamaEncoder.encode(request))
    }

    package func embeddings(
        _ body: Span<UInt8>, for request: EmbeddingRequest
    ) throws(UpstreamFault) -> EmbeddingAnswer {
        try AnswerParser.borrowed { parser throws(UpstreamFault) in
            let answer = try parser.ollamaEmbeddings(body)
            if answer.hasError { throw OllamaFaults.inStream(parser.error(body), body.excerpt) }
            guard answer.vectors.count == request.inputs.count else {
                throw UpstreamFault(
                    .malformed, "embeddings: expected \(request.inputs.count) vectors, got \(answer.vectors.count)")
            }
            if let wanted = request.dimensions, let length = answer.vectors.first?.count, length != wanted {
                throw UpstreamFault(
                    .unsupported,
                    "dimensions: this Ollama cannot shorten the vectors of \(request.model) from \(length) to \(wanted)"
                )
            }
            return EmbeddingAnswer(
                vectors: answer.vectors,
                usage: answer.promptTokens.map { Usage(inputTokens: $0, outputTokens: 0) })
        }
    }

    package func fault(_ head: HTTPResponseHead, body: Span<UInt8>, now: Int64) -> UpstreamFault {
        OllamaFaults.fault(head, body: body, now: now)
    }

    /// How many tools have been called in a conversation: the names of further calls are counted on from there.
    private static func toolCallCount(_ messages: [Message]) -> Int {
        messages.reduce(0) { sum, message in
            message.parts.reduce(sum) { if case .toolCall = $1 { $0 + 1 } else { $0 } }
        }
    }
}
