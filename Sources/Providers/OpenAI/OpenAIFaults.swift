package import Inference

/// Turns what upstreams say when they fail into ``UpstreamFault``. Pure.
///
/// What the error is called (`code`, then `type`) counts before the HTTP status: servers agree more on the names.
package enum OpenAIFaults {
    /// The longest message that is passed on, in characters.
    package static let messageLimit = 300

    /// An answer with a status that is not 2xx.
    ///
    /// - Parameter now: seconds since 1970, for a `Retry-After` that is a date.
    package static func fault(_ head: HTTPResponseHead, body: Span<UInt8>, now: Int64) -> UpstreamFault {
        self.fault(head, body: body, now: now, meaning: Self.kind(_:status:retryAfter:))
    }

    /// What an error means, by its details, its status and how long the upstream wants us to stay away.
    typealias Meaning = (UpstreamErrorDetail?, _ status: Int, _ retryAfter: Duration?) -> UpstreamFault.Kind

    /// For wire formats whose errors have this shape and names of their own.
    static func fault(
        _ head: HTTPResponseHead, body: Span<UInt8>, now: Int64, meaning: Meaning
    ) -> UpstreamFault {
        if (300..<400).contains(head.status) {
            let target = head.location.map { " to \($0.prefix(self.messageLimit))" } ?? ""
            return UpstreamFault(
                .unreachable, "the upstream redirects\(target); redirects are not followed, correct base_url",
                httpStatus: head.status)
        }
        let detail = (try? AnswerParser.borrowed { $0.error(body) }) ?? nil
        let retryAfter = RetryAfter.delay(head, now: now)
        var message = detail?.message.map { self.explained($0, detail) } ?? (body.isEmpty ? "" : body.excerpt)
        if message.isEmpty { message = "no explanation" }
        if head.status == 404, detail == nil { message += " (is base_url right?)" }
        if let id = head.requestID { message += " (its request id: \(id.prefix(80)))" }
        return UpstreamFault(
            meaning(detail, head.status, retryAfter),
            self.sentence("HTTP \(head.status)", detail, message), httpStatus: head.status)
    }

    /// An error inside an answer that began with 200.
    static func inStream(_ detail: UpstreamErrorDetail?, _ text: String) -> UpstreamFault {
        self.inStream(detail, text, meaning: Self.kind(_:status:retryAfter:))
    }

    static func inStream(_ detail: UpstreamErrorDetail?, _ text: String, meaning: Meaning) -> UpstreamFault {
        let message = detail?.message.map { self.explained($0, detail) } ?? (text.isEmpty ? "no explanation" : text)
        // Azure writes the status as a text.
        let status = detail?.status ?? detail?.code.flatMap { Int($0) } ?? 500
        return UpstreamFault(
            meaning(detail, status, nil),
            self.sentence("the upstream failed in its answer", detail, message))
    }

    /// With what Azure and OpenRouter tell beside the sentence.
    private static func explained(_ message: String, _ detail: UpstreamErrorDetail?) -> String {
        var message = message
        if let filtered = detail?.filtered { message += " (filtered for: \(filtered))" }
        if let raw = detail?.raw { message += " (\(detail?.provider ?? "its provider"): \(raw))" }
        return message
    }

    private static func sentence(_ what: String, _ detail: UpstreamErrorDetail?, _ message: String) -> String {
        let name = detail?.code ?? detail?.type
        let whole = "\(what)\(name.map { " (\($0))" } ?? ""): \(message)"
        let line = String(whole.map { $0.isNewline ? " " : $0 })
        return line.count > self.messageLimit ? line.prefix(self.messageLimit - 1) + "…" : line
    }

    static func kind(
        _ detail: UpstreamErrorDetail?, status: Int, retryAfter: Duration?
    ) -> UpstreamFault.Kind {
        if detail?.filtered != nil { return .contentFiltered }
        for name in [detail?.innerCode, detail?.code, detail?.type] {
            if let kind = Self.kind(named: name?.lowercased(), retryAfter: retryAfter) { return kind }
        }
        for words in [detail?.message, detail?.raw] {
            guard let words = words?.lowercased() else { continue }
            if (400..<500).contains(status), Self.contextWords.contains(where: { words.contains($0) }) {
                return .contextLengthExceeded
            }
            // llama.cpp says it of vectors, with the status of a failure of its own.
            if status >= 400, words.contains("too large to process"), words.contains("physical batch size") {
                return .contextLengthExceeded
            }
            if status >= 400, Self.unsupportedWords.contains(where: { words.contains($0) }) { return .unsupported }
        }
        return Self.kind(status: status, retryAfter: retryAfter)
    }

    private static func kind(named name: String?, retryAfter: Duration?) -> UpstreamFault.Kind? {
        switch name {
        case "context_length_exceeded", "exceed_context_size_error", "context_window_exceeded",
            "string_above_max_length":
            .contextLengthExceeded
        case "content_filter", "content_policy_violation", "responsibleaipolicyviolation", "moderation_error":
            .contentFiltered
        case "not_supported_error", "unsupported_parameter", "unsupported_value", "unknown_parameter": .unsupported
        case "model_not_found", "model_not_found_error", "notfounderror", "deploymentnotfound": .modelNotFound
        case "invalid_api_key", "authentication_error", "insufficient_quota", "billing_hard_limit_reached",
            "account_deactivated", "permission_error":
            .authenticationFailed
        case "rate_limit_exceeded", "rate_limit_error", "tokens_exceeded_error": .rateLimited(retryAfter: retryAfter)
        case "overloaded_error", "server_overloaded", "engine_overloaded", "unavailable_error":
            .overloaded(retryAfter: retryAfter)
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
        case 408: .serverError
        case 501: .unsupported
        case 400..<500: .invalidRequest
        default: .serverError
        }
    }

    /// vLLM, LM Studio and others say it in words only.
    private static let contextWords = [
        "maximum context length", "context length exceeded", "exceeds the context", "context window",
        "available context size", "prompt is too long", "greater than the context length",
    ]

    /// What servers say of a model, or of a way of starting them, that cannot do it, and of fields that they do not know:
    /// another one may. The first of the last line is OpenAI's, the second Mistral's.
    private static let unsupportedWords = [
        "image input is not supported", "is not a multimodal model", "at most 0 image", "requires --jinja",
        "requires --enable-auto-tool-choice", "prefill is incompatible", "does not support embeddings",
        "pooling type 'none'", "logprobs is not supported", "not allowed to request logprobs",
        "does not support logprobs",
        "unrecognized request argument", "extra inputs are not permitted",
    ]
}

/// `Retry-After` (RFC 9110 §10.2.3) and `retry-after-ms`.
enum RetryAfter {
    /// Longer than this nobody waits; a nonsensical value shall not park an upstream for years.
    static let longest = Duration.seconds(24 * 3600)

    static func delay(_ head: HTTPResponseHead, now: Int64) -> Duration? {
        if let text = head.retryAfterMilliseconds, let milliseconds = Double(text),
            (0...86_400_000).contains(milliseconds)
        {
            return .milliseconds(milliseconds)
        }
        guard let text = head.retryAfter else { return nil }
        if let seconds = Double(text) {
            guard seconds >= 0 else { return nil }
            return .seconds(min(seconds, 86_400))
        }
        guard let date = self.date(text) else { return nil }
        return min(.seconds(max(date - now, 0)), self.longest)
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT` as seconds since 1970.
    static func date(_ text: String) -> Int64? {
        let words = text.split(whereSeparator: { $0 == " " || $0 == "," || $0 == ":" })
        guard words.count == 8, words[7] == "GMT",
            let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
                .firstIndex(of: words[2]),
            let day = Int64(words[1]), (1...31).contains(day), let year = Int64(words[3]), (1970...9999).contains(year),
            let hour = Int64(words[4]), (0...23).contains(hour), let minute = Int64(words[5]),
            (0...59).contains(minute),
            let second = Int64(words[6]), (0...60).contains(second)
        else { return nil }
        // Days from civil: the year begins in March, so that the leap day is its last.
        let march = Int64(month) >= 2 ? Int64(month) - 2 : Int64(month) + 10
        let shifted = march >= 10 ? year - 1 : year
        let dayOfYear = (153 * march + 2) / 5 + day - 1
        let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
        return days * 86_400 + hour * 3600 + minute * 60 + second
    }
}
