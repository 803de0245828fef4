package import Inference

/// Anthropic's Messages API, and the servers that speak it too. Pure.
package struct AnthropicFormat: WireFormat {
    /// The name under which signatures of thoughts are kept: ``ReasoningSignature/origin``.
    package static let origin = "anthropic"
    /// The version of the API that is spoken. Later ones are announced by beta fields, none of which is sent.
    package static let version = "2023-06-01"

    package init() {}

    package var keyField: KeyField { .named("x-api-key") }
    package var fields: [(name: String, value: String)] { Self.versionField }

    static let versionField = [(name: "anthropic-version", value: Self.version)]

    package func call(_ request: UpstreamRequest) throws(UpstreamFault) -> WireCall {
        WireCall(path: "/messages", body: try AnthropicEncoder(request).body())
    }

    package func decoder(for request: UpstreamRequest, limits: DecoderLimits) -> AnthropicResponseDecoder {
        AnthropicResponseDecoder(delivery: request.delivery, limits: limits)
    }

    package func countTokens(
        _ request: UpstreamRequest, calling caller: some WireCaller
    ) async throws(UpstreamFault) -> Int? {
        let call = WireCall(path: "/messages/count_tokens", body: try AnthropicEncoder(request).countBody())
        return try await caller.answer(to: call, requestID: request.inference.id) { body throws(UpstreamFault) in
            let answer = JSONAnswer(head: HTTPResponseHead(status: 200), body: body)
            return try answer.decode(Count.self, errors: .anthropic).inputTokens.count
        }
    }

    package func fault(_ head: HTTPResponseHead, body: Span<UInt8>, now: Int64) -> UpstreamFault {
        AnthropicFaults.fault(head, body: body, now: now)
    }

    private struct Count: Decodable {
        let inputTokens: WholeNumber

        private enum CodingKeys: String, CodingKey {
            case inputTokens = "input_tokens"
        }
    }
}
