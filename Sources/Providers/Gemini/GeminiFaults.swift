package import Inference

/// Turns what Gemini says when it fails, a `google.rpc.Status`, into ``UpstreamFault``. Pure.
///
/// The reason among its details counts first, then words that only the message has, then the name of the code, then the
/// HTTP status: a wrong key is `INVALID_ARGUMENT` and 400, and so is a prompt that is too long.
package enum GeminiFaults {
    /// An answer with a status that is not 2xx.
    ///
    /// - Parameter now: seconds since 1970, for a `Retry-After` that is a date.
    package static func fault(_ head: HTTPResponseHead, body: Span<UInt8>, now: Int64) -> UpstreamFault {
        // Redirects say the same whatever was asked.
        if (300..<400).contains(head.status) { return OpenAIFaults.fault(head, body: body, now: now) }
        let detail = (try? AnswerParser.borrowed { $0.geminiError(body) }) ?? nil
        var message = detail?.message ?? (body.isEmpty ? "" : body.excerpt)
        if message.isEmpty { message = "no explanation" }
        if head.status == 404, detail?.status == nil { message += " (is base_url right?)" }
        return UpstreamFault(
            Self.kind(detail, status: head.status, retryAfter: RetryAfter.delay(head, now: now)),
            Self.line("HTTP \(head.status)\(Self.name(detail)): \(message)"), httpStatus: head.status)
    }

    /// An error inside an answer that began with 200.
    static func inAnswer(_ detail: GeminiErrorDetail?, _ text: String = "") -> UpstreamFault {
        let message = detail?.message ?? (text.isEmpty ? "no explanation" : text)
        return UpstreamFault(
            Self.kind(detail, status: detail?.code ?? 500, retryAfter: nil),
            Self.line("the upstream failed in its answer\(Self.name(detail)): \(message)"))
    }

    /// One line, as long as messages may be.
    static func line(_ text: String) -> String {
        let line = String(text.map { $0.isNewline ? " " : $0 })
        return line.count > OpenAIFaults.messageLimit ? line.prefix(OpenAIFaults.messageLimit - 1) + "…" : line
    }

    private static func name(_ detail: GeminiErrorDetail?) -> String {
        (detail?.reason ?? detail?.status).map { " (\($0))" } ?? ""
    }

    private static func kind(
        _ detail: GeminiErrorDetail?, status: Int, retryAfter: Duration?
    ) -> UpstreamFault.Kind {
        let retryAfter = Self.delay(detail) ?? retryAfter
        if let reason = detail?.reason, Self.isAboutAccess(reason) { return .authenticationFailed }
        if let message = detail?.message?.lowercased(), (400..<500).contains(status),
            let kind = Self.kind(saying: message)
        {
            return kind
        }
        if let kind = Self.kind(named: detail?.status, retryAfter: retryAfter) { return kind }
        return Self.kind(status: status, retryAfter: retryAfter)
    }

    private static func isAboutAccess(_ reason: String) -> Bool {
        reason.hasPrefix("API_KEY_")
            || [
                "ACCESS_TOKEN_EXPIRED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "ACCESS_TOKEN_TYPE_UNSUPPORTED",
                "ACCOUNT_STATE_INVALID", "BILLING_DISABLED", "CONSUMER_INVALID", "CONSUMER_SUSPENDED",
                "CREDENTIALS_MISSING", "IAM_PERMISSION_DENIED", "SERVICE_DISABLED", "USER_PROJECT_DENIED",
            ].contains(reason)
    }

    /// What is told apart by words alone, each of them `INVALID_ARGUMENT`.
    private static func kind(saying message: String) -> UpstreamFault.Kind? {
        if ["exceeds the maximum number of tokens", "request payload size exceeds"].contains(where: message.contains) {
            return .contextLengthExceeded
        }
        if ["api key not valid", "api key expired", "api key not found"].contains(where: message.contains) {
            return .authenticationFailed
        }
        // Of a model, of what it was asked for: tools, instructions, JSON, thinking.
        let cannot = [
            "is not enabled for", "is not supported by this model", "is not supported for this model", "is unsupported",
            "only works in thinking mode", "does not support",
        ]
        return cannot.contains(where: message.contains) ? .unsupported : nil
    }

    private static func kind(named name: String?, retryAfter: Duration?) -> UpstreamFault.Kind? {
        switch name {
        case "UNAUTHENTICATED", "PERMISSION_DENIED": .authenticationFailed
        // The account or its country may not use the API, or not without billing.
        case "FAILED_PRECONDITION": .authenticationFailed
        case "NOT_FOUND": .modelNotFound
        case "RESOURCE_EXHAUSTED": .rateLimited(retryAfter: retryAfter)
        case "UNAVAILABLE": .overloaded(retryAfter: retryAfter)
        case "INVALID_ARGUMENT", "OUT_OF_RANGE", "ALREADY_EXISTS": .invalidRequest
        case "UNIMPLEMENTED": .unsupported
        case "INTERNAL", "UNKNOWN", "DATA_LOSS", "ABORTED", "CANCELLED", "DEADLINE_EXCEEDED": .serverError
        default: nil
        }
    }

    private static func kind(status: Int, retryAfter: Duration?) -> UpstreamFault.Kind {
        switch status {
        case 401, 402, 403: .authenticationFailed
        case 404: .modelNotFound
        case 413: .contextLengthExceeded
        case 429: .rateLimited(retryAfter: retryAfter)
        case 498, 503, 529: .overloaded(retryAfter: retryAfter)
        case 408, 499: .serverError
        case 400..<500: .invalidRequest
        default: .serverError
        }
    }

    /// `retryDelay`, or what only the message says: `Please retry in 37.8s.`
    private static func delay(_ detail: GeminiErrorDetail?) -> Duration? {
        if let text = detail?.retryDelay, let delay = Self.seconds(text[...]) { return delay }
        guard let message = detail?.message, let words = message.firstRange(of: "retry in ") else { return nil }
        return Self.seconds(message[words.upperBound...].prefix { $0.isNumber || $0 == "." || $0 == "s" })
    }

    /// A `google.protobuf.Duration` in JSON: `34s`, `0.5s`. At most a day, as for `Retry-After`.
    private static func seconds(_ text: Substring) -> Duration? {
        var number = text
        if number.last == "." { number.removeLast() }
        guard number.last == "s", let seconds = Double(number.dropLast()), seconds >= 0 else { return nil }
        return .seconds(min(seconds, 86_400))
    }
}
