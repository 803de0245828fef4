package import Inference

/// Gemini's `generateContent` family, below a base URL that ends with its version: `/v1beta`.
package struct GeminiFormat: WireFormat {
    /// ``ReasoningSignature/origin``.
    package static let origin = "gemini"
    /// `batchEmbedContents` takes no more texts at once.
    package static let maximumEmbeddingInputs = 100

    package init() {}

    package var keyField: KeyField { .named("x-goog-api-key") }

    package func call(_ request: UpstreamRequest) throws(UpstreamFault) -> WireCall {
        let model = try GeminiModelName(request.model)
        let method =
            switch request.delivery {
            case .streamed: "streamGenerateContent?alt=sse"
            case .whole: "generateContent"
            }
        return WireCall(path: "\(model.path):\(method)", body: try GeminiEncoder(request, model: model).body())
    }

    package func decoder(for request: UpstreamRequest, limits: DecoderLimits) -> GeminiResponseDecoder {
        GeminiResponseDecoder(
            delivery: request.delivery, messages: request.inference.messages, limits: limits)
    }

    package func embeddingCall(_ request: EmbeddingRequest) throws(UpstreamFault) -> WireCall {
        let model = try GeminiModelName(request.model)
        guard request.inputs.count <= Self.maximumEmbeddingInputs else {
            throw UpstreamFault(
                .unsupported,
                "inputs: Gemini embeds \(Self.maximumEmbeddingInputs) texts at once, got \(request.inputs.count)")
        }
        var json = JSONWriter(reserving: request.inputs.reduce(256) { $0 + $1.utf8.count + 128 })
        json.object { json in
            json.array("requests") { json in
                for input in request.inputs {
                    json.object { json in
                        json.string("model", model.resource)
                        json.object("content") { json in
                            json.array("parts") { json in json.object { $0.string("text", input) } }
                        }
                        if let length = request.dimensions { json.integer("outputDimensionality", Int64(length)) }
                    }
                }
            }
        }
        return WireCall(path: "\(model.path):batchEmbedContents", body: json.bytes)
    }

    package func embeddings(
        _ body: Span<UInt8>, for request: EmbeddingRequest
    ) throws(UpstreamFault) -> EmbeddingAnswer {
        let (vectors, tokens) = try AnswerParser.borrowed { parser throws(UpstreamFault) in
            try parser.geminiVectors(body)
        }
        guard vectors.count == request.inputs.count else {
            throw UpstreamFault(
                .malformed, "embeddings: expected \(request.inputs.count) vectors, got \(vectors.count)")
        }
        guard let length = vectors.first?.count, length > 0, vectors.allSatisfy({ $0.count == length }) else {
            throw UpstreamFault(.malformed, "embeddings[].values: expected vectors of one length")
        }
        return EmbeddingAnswer(
            vectors: vectors, usage: tokens.map { Usage(inputTokens: $0, outputTokens: 0) })
    }

    package func countTokens(
        _ request: UpstreamRequest, calling caller: some WireCaller
    ) async throws(UpstreamFault) -> Int? {
        let model = try GeminiModelName(request.model)
        let call = WireCall(
            path: "\(model.path):countTokens", body: try GeminiEncoder(request, model: model).countBody())
        return try await caller.answer(to: call, requestID: request.inference.id) { body throws(UpstreamFault) in
            try AnswerParser.borrowed { parser throws(UpstreamFault) in try parser.geminiCount(body.span) }
        }
    }

    package func fault(_ head: HTTPResponseHead, body: Span<UInt8>, now: Int64) -> UpstreamFault {
        GeminiFaults.fault(head, body: body, now: now)
    }
}
