import Inference
import Testing

@testable import Providers

@Suite struct GeminiFaultsTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let status: Int
        let body: String
        let kind: UpstreamFault.Kind
        var testDescription: String { "\(self.status) \(self.body.prefix(80))" }

        init(_ status: Int, _ body: String, _ kind: UpstreamFault.Kind) {
            self.status = status
            self.body = body
            self.kind = kind
        }
    }

    static func error(_ status: String, _ message: String = "m", code: Int = 400, details: String = "") -> String {
        let details = details.isEmpty ? "" : #","details":[\#(details)]"#
        return #"{"error":{"code":\#(code),"message":"\#(message)","status":"\#(status)"\#(details)}}"#
    }

    static func info(_ reason: String) -> String {
        #"{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"\#(reason)","domain":"googleapis.com"}"#
    }

    static let retry = #"{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34s"}"#
    static let help = #"{"@type":"type.googleapis.com/google.rpc.Help","links":[{"url":"https://a.example"}]}"#

    static let cases: [Case] = [
        Case(
            400, error("INVALID_ARGUMENT", "API key not valid.", details: info("API_KEY_INVALID")),
            .authenticationFailed),
        Case(400, error("INVALID_ARGUMENT", "API key expired. Please renew the API key."), .authenticationFailed),
        Case(403, error("PERMISSION_DENIED", details: info("SERVICE_DISABLED")), .authenticationFailed),
        Case(403, error("PERMISSION_DENIED", "Your API key was reported as leaked."), .authenticationFailed),
        Case(401, error("UNAUTHENTICATED"), .authenticationFailed),
        Case(
            400, error("FAILED_PRECONDITION", "User location is not supported for the API use."), .authenticationFailed),
        Case(
            400,
            error(
                "INVALID_ARGUMENT",
                "The input token count (1300000) exceeds the maximum number of tokens allowed (1048575)."),
            .contextLengthExceeded),
        Case(
            400, error("INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes."),
            .contextLengthExceeded),
        Case(413, "", .contextLengthExceeded),
        Case(
            400, error("INVALID_ARGUMENT", "Developer instruction is not enabled for models/gemma-3-1b-it"),
            .unsupported),
        Case(
            400,
            error("INVALID_ARGUMENT", "Function calling with a response mime type: 'application/json' is unsupported"),
            .unsupported),
        Case(
            400, error("INVALID_ARGUMENT", "Budget 0 is invalid. This model only works in thinking mode."), .unsupported
        ),
        Case(
            400, error("INVALID_ARGUMENT", "Function call is missing a thought_signature in functionCall parts."),
            .invalidRequest),
        Case(400, error("INVALID_ARGUMENT"), .invalidRequest),
        Case(400, error("OUT_OF_RANGE"), .invalidRequest),
        Case(404, error("NOT_FOUND", "models/x is not found for API version v1beta", code: 404), .modelNotFound),
        Case(404, "<html>404</html>", .modelNotFound),
        Case(429, error("RESOURCE_EXHAUSTED", code: 429), .rateLimited(retryAfter: nil)),
        Case(
            429, error("RESOURCE_EXHAUSTED", code: 429, details: "\(help),\(retry)"),
            .rateLimited(retryAfter: .seconds(34))),
        Case(
            429, error("RESOURCE_EXHAUSTED", "Quota exceeded. Please retry in 37.5s.", code: 429),
            .rateLimited(retryAfter: .milliseconds(37_500))),
        Case(
            429,
            error("RESOURCE_EXHAUSTED", code: 429, details: #"{"retryDelay":"99999999s"}"#),
            .rateLimited(retryAfter: .seconds(86_400))),
        Case(
            429, error("RESOURCE_EXHAUSTED", code: 429, details: #"{"retryDelay":"-1s"},7,null,{"retryDelay":5}"#),
            .rateLimited(retryAfter: nil)),
        Case(429, "", .rateLimited(retryAfter: nil)),
        Case(503, error("UNAVAILABLE", "The model is overloaded.", code: 503), .overloaded(retryAfter: nil)),
        Case(503, error("UNAVAILABLE", code: 503, details: retry), .overloaded(retryAfter: .seconds(34))),
        Case(503, "busy", .overloaded(retryAfter: nil)),
        Case(500, error("INTERNAL", code: 500), .serverError),
        Case(500, error("INTERNAL", "exceeds the maximum number of tokens", code: 500), .serverError),
        Case(504, error("DEADLINE_EXCEEDED", code: 504), .serverError),
        Case(499, error("CANCELLED", code: 499), .serverError),
        Case(501, error("UNIMPLEMENTED", code: 501), .unsupported),
        Case(502, "<html>bad gateway</html>", .serverError),
        // What `streamGenerateContent` answers without `alt=sse`.
        Case(
            429, "[\(error("RESOURCE_EXHAUSTED", code: 429, details: retry))]", .rateLimited(retryAfter: .seconds(34))),
        Case(400, "[]", .invalidRequest),
        Case(400, #"{"error":"no"}"#, .invalidRequest),
        Case(403, #"{"error":null}"#, .authenticationFailed),
        Case(400, #"{"error":{"code":"x","message":7,"status":[],"details":{}}}"#, .invalidRequest),
    ]

    @Test(arguments: cases)
    func `A status and its body have one meaning`(_ example: Case) {
        let fault = GeminiFormat().fault(
            HTTPResponseHead(status: example.status), body: Array(example.body.utf8).span, now: 0)
        #expect(fault.kind == example.kind, "\(fault.message)")
        #expect(fault.httpStatus == example.status)
        #expect(fault.message.hasPrefix("HTTP \(example.status)"))
        // The same, through the decoder of an answer.
        let seen = GeminiFixture.decode([Array(example.body.utf8)[...]], type: .json, status: example.status)
        #expect(seen.1 == fault)
        #expect(seen.0.isEmpty)
    }

    @Test func `What it is called stands before what it says, on one line of bounded length`() {
        let body = Self.error("INVALID_ARGUMENT", "one\\ntwo", details: Self.info("API_KEY_INVALID"))
        let fault = GeminiFaults.fault(HTTPResponseHead(status: 400), body: Array(body.utf8).span, now: 0)
        #expect(fault.message == "HTTP 400 (API_KEY_INVALID): one two")
        let long = Self.error("INTERNAL", String(repeating: "x", count: 1000))
        let cut = GeminiFaults.fault(HTTPResponseHead(status: 500), body: Array(long.utf8).span, now: 0)
        #expect(cut.message.count == OpenAIFaults.messageLimit)
        #expect(cut.message.hasPrefix("HTTP 500 (INTERNAL): xxx"))
    }

    @Test func `Retry-After counts where the body says nothing`() {
        var head = HTTPResponseHead(status: 429)
        head.retryAfter = "7"
        let plain = GeminiFaults.fault(head, body: Array(Self.error("RESOURCE_EXHAUSTED").utf8).span, now: 0)
        #expect(plain.kind == .rateLimited(retryAfter: .seconds(7)))
        let told = GeminiFaults.fault(
            head, body: Array(Self.error("RESOURCE_EXHAUSTED", details: Self.retry).utf8).span, now: 0)
        #expect(told.kind == .rateLimited(retryAfter: .seconds(34)))
    }

    @Test func `A redirect names where it leads, and a 404 without words doubts the address`() {
        var head = HTTPResponseHead(status: 308)
        head.location = "https://elsewhere.example/v1beta"
        let fault = GeminiFaults.fault(head, body: [UInt8]().span, now: 0)
        #expect(fault.kind == .unreachable && fault.message.contains("https://elsewhere.example/v1beta"))
        let lost = GeminiFaults.fault(HTTPResponseHead(status: 404), body: [UInt8]().span, now: 0)
        #expect(lost.message == "HTTP 404: no explanation (is base_url right?)")
    }

    @Test func `An explanation without end is not read to its end`() {
        let body = Array(String(repeating: "x", count: 100_000).utf8)
        #expect(GeminiFixture.decode([body[..<70_000], body[70_000...]], status: 500).1?.kind == .serverError)
    }
}
