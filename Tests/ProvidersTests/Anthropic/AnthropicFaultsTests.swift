import Inference
import Testing

@testable import Providers

@Suite struct AnthropicFaultsTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let status: Int
        let body: String
        let kind: UpstreamFault.Kind
        var testDescription: String { "\(self.status) \(self.body.prefix(120))" }

        init(_ status: Int, _ type: String, _ message: String, _ kind: UpstreamFault.Kind) {
            self.init(
                status,
                body: #"{"type":"error","error":{"type":"\#(type)","message":"\#(message)"},"request_id":"req_1"}"#,
                kind)
        }

        init(_ status: Int, body: String, _ kind: UpstreamFault.Kind) {
            self.status = status
            self.body = body
            self.kind = kind
        }
    }

    static let cases: [Case] = [
        Case(400, "invalid_request_error", "max_tokens: Field required", .invalidRequest),
        Case(
            400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", .contextLengthExceeded),
        Case(
            400, "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 178959 + 64000 > 200000, decrease input length or "
                + "`max_tokens` and try again", .contextLengthExceeded),
        Case(400, "invalid_request_error", "Output blocked by content filtering policy", .contentFiltered),
        Case(
            400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.",
            .authenticationFailed),
        Case(
            400, "invalid_request_error", "You have reached your specified API usage limits.", .authenticationFailed),
        Case(400, "invalid_request_error", "`temperature` is deprecated for this model.", .unsupported),
        Case(
            400, "invalid_request_error", "This model does not support assistant message prefill.", .unsupported),
        Case(
            400, "invalid_request_error",
            "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens for claude-x",
            .unsupported),
        Case(401, "authentication_error", "invalid x-api-key", .authenticationFailed),
        Case(402, "billing_error", "m", .authenticationFailed),
        Case(403, "permission_error", "m", .authenticationFailed),
        Case(404, "not_found_error", "model: claude-y", .modelNotFound),
        Case(409, "conflict_error", "m", .serverError),
        Case(413, "request_too_large", "Request exceeds the maximum size", .contextLengthExceeded),
        Case(429, "rate_limit_error", "m", .rateLimited(retryAfter: nil)),
        Case(500, "api_error", "Internal server error", .serverError),
        Case(504, "timeout_error", "m", .serverError),
        Case(529, "overloaded_error", "Overloaded", .overloaded(retryAfter: nil)),
        // The name counts before the status.
        Case(500, "overloaded_error", "Overloaded", .overloaded(retryAfter: nil)),
        // Names that are none of Anthropic's, and no names at all.
        Case(400, "exceed_context_size_error", "m", .contextLengthExceeded),
        Case(418, "something_new", "m", .invalidRequest), Case(555, "something_new", "m", .serverError),
        Case(404, body: "<html>not found</html>", .modelNotFound),
        Case(413, body: "<html>too large</html>", .contextLengthExceeded),
        Case(429, body: "", .rateLimited(retryAfter: nil)), Case(502, body: "<html>bad gateway</html>", .serverError),
        Case(529, body: "", .overloaded(retryAfter: nil)),
    ]

    @Test(arguments: cases)
    func `A status and its body have one meaning`(_ example: Case) {
        let fault = AnthropicFaults.fault(
            HTTPResponseHead(status: example.status), body: Array(example.body.utf8).span, now: 0)
        #expect(fault.kind == example.kind, "\(fault.message)")
        #expect(fault.httpStatus == example.status)
        #expect(fault.message.hasPrefix("HTTP \(example.status)"))
    }

    @Test func `The message says what it was called, and under which name the upstream knows it`() {
        var head = HTTPResponseHead(status: 400)
        head.requestID = "req_011"
        let body = #"{"type":"error","error":{"type":"invalid_request_error","message":"messages: at least one"}}"#
        let fault = AnthropicFaults.fault(head, body: Array(body.utf8).span, now: 0)
        #expect(
            fault.message
                == "HTTP 400 (invalid_request_error): messages: at least one (its request id: req_011)")
    }

    @Test(arguments: [(429, "rate_limit_error"), (529, "overloaded_error")])
    func `The upstream says when to come back`(_ status: Int, _ type: String) {
        var head = HTTPResponseHead(status: status)
        head.retryAfter = "7"
        let body = #"{"type":"error","error":{"type":"\#(type)","message":"m"}}"#
        #expect(AnthropicFaults.fault(head, body: Array(body.utf8).span, now: 0).retryAfter == .seconds(7))
        head.retryAfter = "Thu, 01 Jan 1970 00:01:00 GMT"
        #expect(AnthropicFaults.fault(head, body: Array(body.utf8).span, now: 20).retryAfter == .seconds(40))
    }

    @Test func `A redirect is not followed, and says so`() {
        var head = HTTPResponseHead(status: 301)
        head.location = "https://elsewhere"
        let fault = AnthropicFaults.fault(head, body: [UInt8]().span, now: 0)
        #expect(fault.kind == .unreachable)
        #expect(fault.message.contains("https://elsewhere"))
    }
}
