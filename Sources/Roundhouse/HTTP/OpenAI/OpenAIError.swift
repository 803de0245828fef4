internal import Hummingbird
internal import Inference
internal import NIOCore
internal import Providers

/// An error in the shape that OpenAI's clients know: `{"error":{"message":…,"type":…,"param":…,"code":…}}`.
///
/// Source: <https://platform.openai.com/docs/guides/error-codes>, and what the official clients make of the status: they
/// try again after 408, 409, 429 and everything from 500 on, unless `x-should-retry` says otherwise, and wait for
/// `Retry-After` when it says at most a minute.
struct OpenAIError: Error, Hashable {
    var status: HTTPResponse.Status
    /// The class of error: `invalid_request_error`, `rate_limit_error`, `server_error`, ….
    var type: String
    /// The error itself: `model_not_found`, `context_length_exceeded`, …; `nil`: none fits.
    var code: String?
    /// A sentence that says what to do.
    var message: String
    /// The path of the field that is wrong: `messages[1].content`; `nil`: it is not about a field.
    var param: String?
    /// When a new attempt may help, in whole seconds; `nil`: not known, or never.
    var retryAfterSeconds: Int?
    /// Tells clients whether to try again by themselves, whatever the status; `nil`: as the status says.
    var mayRetry: Bool?
    /// Empty when the request had none yet.
    var requestID = ""
    /// Beside those that every error has.
    var headers: HTTPFields = [:]

    static let invalidRequest = "invalid_request_error"
    static let rateLimit = "rate_limit_error"
    static let server = "server_error"

    /// The client went away before the answer was whole; nobody reads it. Nginx's number, since the registry has none.
    static let clientClosedRequest = HTTPResponse.Status(code: 499, reasonPhrase: "Client Closed Request")

    private static let longestMessage = 1200

    /// What stands in a body or, in an event, in the place of a chunk.
    var json: [UInt8] {
        var writer = JSONWriter(reserving: self.message.utf8.count + 128)
        writer.object { json in
            json.object("error") { json in
                let isLong = self.message.utf8.count > Self.longestMessage
                json.string("message", isLong ? "\(self.message.prefix(Self.longestMessage))…" : self.message)
                json.string("type", self.type)
                if let param = self.param { json.string("param", param) } else { json.null("param") }
                if let code = self.code { json.string("code", code) } else { json.null("code") }
            }
        }
        return writer.bytes
    }

    var response: Response {
        var response = Response(
            status: self.status,
            headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: self.json)))
        for header in self.headers { response.headers[header.name] = header.value }
        if let seconds = self.retryAfterSeconds { response.headers[.retryAfter] = "\(seconds)" }
        if let mayRetry = self.mayRetry, let name = HTTPFields.Element.Name("x-should-retry") {
            response.headers[name] = mayRetry ? "true" : "false"
        }
        if !self.requestID.isEmpty { response.headers.set(.requestID, self.requestID) }
        return response
    }
}

extension OpenAIError {
    /// What is wrong with a request as such, before anybody looked into its body.
    init(_ problem: HTTPProblem) {
        let code: String? =
            switch problem.status {
            case .notFound: "not_found"
            case .methodNotAllowed: "method_not_supported"
            case .requestTimeout: "request_timeout"
            case .contentTooLarge: "request_too_large"
            case .unsupportedMediaType: "unsupported_content_type"
            case .serviceUnavailable: "overloaded"
            default: nil
            }
        self.init(
            status: problem.status, type: problem.status.code >= 500 ? Self.server : Self.invalidRequest, code: code,
            message: problem.message, headers: problem.headers)
    }

    /// What the pipeline says of a request that got no answer, or no whole one.
    ///
    /// That a key of ours is no good, or that an upstream does not know a model that we know, is no fault of the client's,
    /// and is told as one of the server's.
    init(_ failure: RequestFailure) {
        var (status, type, code) = Self.kind(of: failure)
        var param: String?
        var mayRetry: Bool?
        switch failure.cause {
        case .invalidRequest(let violations):
            param = violations.first?.field == "strategy" ? "roundhouse.strategy" : violations.first?.field
        case .modelNotFound: param = "model"
        case .requirementsNotMet:
            let field = failure.status.violations.first?.field
            param = field.map { $0.hasPrefix("requirements.") ? "roundhouse.\($0)" : $0 }
            if field == "messages" {
                (status, type, code) = (.badRequest, Self.invalidRequest, "context_length_exceeded")
            }
        case .nobodyReady(let unavailable): mayRetry = unavailable.isEmpty ? false : nil
        case .allFailed, .interrupted:
            if code == "context_length_exceeded" { param = "messages" }
            if ["UPSTREAM_AUTHENTICATION_FAILED", "INSUFFICIENT_MEMORY", "UPSTREAM_MODEL_NOT_FOUND"].contains(
                failure.reason)
            {
                mayRetry = false
            }
        case .cancelled, .deadlineExceeded: break
        }
        self.init(
            status: status, type: type, code: code, message: failure.openAIMessage, param: param,
            retryAfterSeconds: status.code >= 500 || status == .tooManyRequests
                ? failure.retryDelay.map(Self.wholeSeconds) : nil,
            mayRetry: mayRetry, requestID: failure.requestID)
    }

    private typealias Kind = (status: HTTPResponse.Status, type: String, code: String)

    /// By the reason that gRPC's clients are told, so that both doors tell the same.
    private static func kind(of failure: RequestFailure) -> Kind {
        switch failure.reason {
        case "INVALID_REQUEST": (.badRequest, self.invalidRequest, "invalid_value")
        case "MODEL_NOT_FOUND": (.notFound, self.invalidRequest, "model_not_found")
        case "NO_READY_MODEL": (.serviceUnavailable, self.server, "no_ready_model")
        case "REQUIREMENTS_NOT_MET": (.badRequest, self.invalidRequest, "requirements_not_met")
        case "CAPABILITY_UNSUPPORTED": (.badRequest, self.invalidRequest, "capability_unsupported")
        case "CONTEXT_LENGTH_EXCEEDED": (.badRequest, self.invalidRequest, "context_length_exceeded")
        case "CONTENT_FILTERED": (.badRequest, self.invalidRequest, "content_filter")
        case "UPSTREAM_REJECTED_REQUEST": (.badRequest, self.invalidRequest, "upstream_rejected_request")
        case "UPSTREAM_RATE_LIMITED": (.tooManyRequests, self.rateLimit, "rate_limit_exceeded")
        case "UPSTREAM_OVERLOADED", "QUEUE_FULL": (.serviceUnavailable, self.server, "overloaded")
        case "INSUFFICIENT_MEMORY": (.serviceUnavailable, self.server, "insufficient_memory")
        case "UPSTREAM_TIMED_OUT": (.gatewayTimeout, self.server, "upstream_timed_out")
        case "UPSTREAM_UNREACHABLE": (.badGateway, self.server, "upstream_unreachable")
        case "UPSTREAM_TRUNCATED": (.badGateway, self.server, "upstream_truncated")
        case "UPSTREAM_MALFORMED": (.badGateway, self.server, "upstream_malformed")
        case "UPSTREAM_DIVERGED": (.badGateway, self.server, "upstream_diverged")
        case "UPSTREAM_AUTHENTICATION_FAILED": (.badGateway, self.server, "upstream_authentication_failed")
        case "UPSTREAM_MODEL_NOT_FOUND": (.badGateway, self.server, "upstream_model_not_found")
        case "UPSTREAM_ERROR": (.badGateway, self.server, "upstream_error")
        case "CANCELLED": (self.clientClosedRequest, self.invalidRequest, "request_cancelled")
        case "DEADLINE_EXCEEDED": (.gatewayTimeout, self.server, "deadline_exceeded")
        default: (.internalServerError, self.server, "internal_error")
        }
    }

    /// Rounded up, 1 at least.
    private static func wholeSeconds(_ delay: Duration) -> Int {
        let (seconds, attoseconds) = delay.components
        return max(1, Int(clamping: seconds) + (attoseconds > 0 ? 1 : 0))
    }
}

extension RequestFailure {
    /// ``message``, with what is called otherwise at this door.
    fileprivate var openAIMessage: String {
        guard case .modelNotFound(let requested) = self.cause else { return self.message }
        return "model '\(requested.prefix(200))' does not exist; GET /v1/models lists those that do"
    }
}
