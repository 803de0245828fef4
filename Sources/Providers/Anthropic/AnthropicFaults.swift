package import Inference

/// What the errors of the Messages API mean: `{"type":"error","error":{"type":"…","message":"…"}}`. Pure.
///
/// Names count before the HTTP status. Names that are none of Anthropic's are read as OpenAI's: servers of other models
/// that speak this API keep theirs.
package enum AnthropicFaults {
    /// An answer with a status that is not 2xx.
    ///
    /// - Parameter now: seconds since 1970, for a `Retry-After` that is a date.
    package static func fault(_ head: HTTPResponseHead, body: Span<UInt8>, now: Int64) -> UpstreamFault {
        OpenAIFaults.fault(head, body: body, now: now, meaning: Self.kind)
    }

    /// An error inside an answer that began with 200.
    static func inStream(_ detail: UpstreamErrorDetail?, _ text: String) -> UpstreamFault {
        OpenAIFaults.inStream(detail, text, meaning: Self.kind)
    }

    private static func kind(
        _ detail: UpstreamErrorDetail?, status: Int, retryAfter: Duration?
    ) -> UpstreamFault.Kind {
        switch detail?.type {
        case "invalid_request_error": Self.kind(ofInvalid: detail?.message ?? "")
        case "authentication_error", "permission_error", "billing_error": .authenticationFailed
        case "not_found_error": .modelNotFound
        case "request_too_large": .contextLengthExceeded
        case "rate_limit_error": .rateLimited(retryAfter: retryAfter)
        case "overloaded_error": .overloaded(retryAfter: retryAfter)
        // 500, 504 and 409: something there was in the way, not the request.
        case "api_error", "timeout_error", "conflict_error": .serverError
        default: OpenAIFaults.kind(detail, status: status, retryAfter: retryAfter)
        }
    }

    /// One name stands for all that is wrong with a request, also for what another model or another key could do: only
    /// the words tell.
    private static func kind(ofInvalid message: String) -> UpstreamFault.Kind {
        let message = message.lowercased()
        func speaks(of words: String...) -> Bool { words.contains { message.contains($0) } }
        if speaks(of: "prompt is too long", "exceed context limit", "exceeds the context", "context window") {
            return .contextLengthExceeded
        }
        if speaks(of: "content filtering policy") { return .contentFiltered }
        if speaks(of: "credit balance is too low", "usage limits") { return .authenticationFailed }
        if speaks(
            of: "for this model", "on this model", "model does not support", "maximum allowed number of output tokens")
        {
            return .unsupported
        }
        return .invalidRequest
    }
}
