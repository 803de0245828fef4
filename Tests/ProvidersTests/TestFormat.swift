import Inference
import NIOCore
import Providers

/// OpenAI's chat completions as a wire format of these tests, with embeddings and token counts that are easy to script.
struct TestFormat: WireFormat {
    var keyField: KeyField = .bearer

    func call(_ request: UpstreamRequest) throws(UpstreamFault) -> WireCall {
        let dialect = ProviderKind.custom.dialect
        return WireCall(
            path: "/chat/completions", body: try OpenAIEncoder(dialect: dialect).encode(request))
    }

    func decoder(for request: UpstreamRequest, limits: DecoderLimits) -> OpenAIResponseDecoder {
        OpenAIResponseDecoder(delivery: request.delivery, limits: limits)
    }

    func embeddingCall(_ request: EmbeddingRequest) throws(UpstreamFault) -> WireCall {
        WireCall(path: "/embeddings", body: Array("{}".utf8))
    }

    /// One number for each byte of the body.
    func embeddings(_ body: Span<UInt8>, for request: EmbeddingRequest) throws(UpstreamFault) -> EmbeddingAnswer {
        EmbeddingAnswer(vectors: [body.indices.map { Float(body[$0]) }])
    }

    /// The length of the answer.
    func countTokens(
        _ request: UpstreamRequest, calling caller: some WireCaller
    ) async throws(UpstreamFault) -> Int? {
        try await caller.answer(
            to: WireCall(.native, path: "/count", body: Array("{}".utf8)), requestID: request.inference.id
        ) { $0.count }
    }

    func fault(_ head: HTTPResponseHead, body: Span<UInt8>, now: Int64) -> UpstreamFault {
        OpenAIFaults.fault(head, body: body, now: now)
    }
}

extension Fixture {
    static func httpProvider(
        _ url: String, key: String? = nil, _ adjust: (inout EndpointConfiguration) -> Void = { _ in }
    ) throws -> HTTPProvider<TestFormat> {
        var configuration = EndpointConfiguration(
            id: .local, kind: .custom, baseURL: url, apiKey: key.map { Secret($0) })
        adjust(&configuration)
        return try HTTPProvider(configuration, format: TestFormat(), group: Self.group)
    }
}
