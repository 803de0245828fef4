package import Inference

/// OpenAI's chat completions and embeddings, in the dialects of the many servers that speak them.
package struct OpenAIFormat: WireFormat {
    package let dialect: OpenAIDialect
    private let encoder: OpenAIEncoder

    package init(dialect: OpenAIDialect) {
        self.dialect = dialect
        self.encoder = OpenAIEncoder(dialect: dialect)
    }

    package var keyField: KeyField {
        switch self.dialect.address {
        case .plain: .bearer
        case .azure, .azureDeployments: .named("api-key")
        }
    }

    package func call(_ request: UpstreamRequest) throws(UpstreamFault) -> WireCall {
        WireCall(
            path: try self.path("/chat/completions", model: request.model), body: try self.encoder.encode(request))
    }

    package func decoder(for request: UpstreamRequest, limits: DecoderLimits) -> OpenAIResponseDecoder {
        OpenAIResponseDecoder(
            delivery: request.delivery, dialect: self.dialect, requestID: request.inference.id,
            withLogprobs: request.inference.logprobs != nil,
            without: self.dialect.repeatsLastMessage ? request.begunAnswer : nil, limits: limits)
    }

    package func embeddingCall(_ request: EmbeddingRequest) throws(UpstreamFault) -> WireCall {
        WireCall(path: try self.path("/embeddings", model: request.model), body: try self.encoder.encode(request))
    }

    package func embeddings(
        _ body: Span<UInt8>, for request: EmbeddingRequest
    ) throws(UpstreamFault) -> EmbeddingAnswer {
        try AnswerParser.borrowed { parser throws(UpstreamFault) in
            try parser.embeddings(body, expected: request.inputs.count, withCost: self.dialect.isOpenRouter)
        }
    }

    package func countTokens(
        _ request: UpstreamRequest, calling caller: some WireCaller
    ) async throws(UpstreamFault) -> Int? {
        try await OpenAITokenizer(dialect: self.dialect).count(request, calling: caller)
    }

    package func fault(_ head: HTTPResponseHead, body: Span<UInt8>, now: Int64) -> UpstreamFault {
        OpenAIFaults.fault(head, body: body, now: now)
    }

    private func path(_ endpoint: String, model: String) throws(UpstreamFault) -> String {
        switch self.dialect.address {
        case .plain: return endpoint
        case .azure: return "/openai/v1" + endpoint
        case .azureDeployments(let version):
            guard model != ".", model != ".." else {
                throw UpstreamFault(.modelNotFound, "'\(model)' cannot be the name of a deployment")
            }
            return "/openai/deployments/\(Self.escaped(model))\(endpoint)?api-version=\(Self.escaped(version))"
        }
    }

    /// All but the unreserved characters of RFC 3986 as `%XX`.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                escaped += byte < 0x10 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return escaped
    }
}

extension UpstreamRequest {
    /// What a server goes on with when it goes on with any last message of the assistant's.
    fileprivate var begunAnswer: String? {
        if let prefill = self.prefill { return prefill }
        guard let last = self.inference.messages.last, last.role == .assistant else { return nil }
        return last.text
    }
}
