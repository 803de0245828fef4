import Inference

/// Counts the tokens of a request where the server has an endpoint for it beside OpenAI's.
struct OpenAITokenizer: Sendable {
    let dialect: OpenAIDialect

    /// - Returns: `nil` when the server cannot tell. Neither counts pictures: their places in the text are all they see.
    func count(
        _ request: UpstreamRequest, calling caller: some WireCaller
    ) async throws(UpstreamFault) -> Int? {
        guard self.dialect.tokenizer != .none, !request.inference.impliedCapabilities.contains(.vision) else {
            return nil
        }
        let body = try OpenAIEncoder(dialect: self.dialect).encodePrompt(request)
        let id = request.inference.id
        switch self.dialect.tokenizer {
        case .none: return nil
        case .vllm: return try await self.ask("/tokenize", body, caller, id).tokens
        case .llamaCpp:
            guard let prompt = try await self.ask("/apply-template", body, caller, id).prompt else {
                throw UpstreamFault(.malformed, "expected a prompt from /apply-template")
            }
            var json = JSONWriter(reserving: prompt.utf8.count + 64)
            json.object { json in
                json.string("content", prompt)
                // As the chat endpoint does it with the same prompt.
                json.boolean("add_special", true)
                json.boolean("parse_special", true)
            }
            return try await self.ask("/tokenize", json.bytes, caller, id).tokens
        }
    }

    private func ask(
        _ path: String, _ body: [UInt8], _ caller: some WireCaller, _ requestID: String
    ) async throws(UpstreamFault) -> (prompt: String?, tokens: Int?) {
        let call = WireCall(.native, path: path, body: body)
        return try await caller.answer(to: call, requestID: requestID) { answer throws(UpstreamFault) in
            try AnswerParser.borrowed { parser throws(UpstreamFault) in
                let found = try parser.tokenization(answer.span)
                if found.prompt == nil, found.tokens == nil, let detail = parser.error(answer.span),
                    detail.message != nil || detail.type != nil || detail.code != nil
                {
                    throw OpenAIFaults.inStream(detail, answer.span.excerpt)
                }
                return found
            }
        }
    }
}
