import Inference
import Testing

@testable import Providers

@Suite struct OpenAIFaultsTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let status: Int
        let body: String
        let kind: UpstreamFault.Kind
        var testDescription: String { "\(self.status) \(self.body.prefix(60))" }

        init(_ status: Int, _ body: String, _ kind: UpstreamFault.Kind) {
            self.status = status
            self.body = body
            self.kind = kind
        }
    }

    static let cases: [Case] = [
        Case(
            400, #"{"error":{"message":"m","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
            .contextLengthExceeded),
        Case(
            400, #"{"error":{"code":400,"message":"m","type":"exceed_context_size_error","n_ctx":64}}"#,
            .contextLengthExceeded),
        Case(
            400,
            #"{"object":"error","message":"This model's maximum context length is 8 tokens.","type":"BadRequestError","code":400}"#,
            .contextLengthExceeded),
        Case(
            400, #"{"error":{"message":"temperature is wrong","type":"invalid_request_error","code":null}}"#,
            .invalidRequest),
        Case(400, #"{"error":{"message":"m","code":"content_filter","innererror":{}}}"#, .contentFiltered),
        Case(422, #"{"detail":"Field required"}"#, .invalidRequest),
        Case(422, #"{"detail":[{"loc":["body"],"msg":"Field required"}]}"#, .invalidRequest),
        Case(
            401, #"{"error":{"message":"m","type":"invalid_request_error","code":"invalid_api_key"}}"#,
            .authenticationFailed),
        Case(402, #"{"error":{"code":402,"message":"no credits"}}"#, .authenticationFailed),
        Case(403, "<html>forbidden</html>", .authenticationFailed),
        Case(
            404, #"{"error":{"message":"m","type":"invalid_request_error","code":"model_not_found"}}"#, .modelNotFound),
        Case(
            404, #"{"object":"error","message":"The model x does not exist.","type":"NotFoundError","code":404}"#,
            .modelNotFound),
        Case(404, "page not found", .modelNotFound),
        Case(
            429, #"{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            .authenticationFailed),
        Case(
            429, #"{"error":{"message":"m","type":"requests","code":"rate_limit_exceeded"}}"#,
            .rateLimited(retryAfter: nil)),
        Case(429, "", .rateLimited(retryAfter: nil)),
        Case(500, #"{"error":{"message":"m","type":"server_error"}}"#, .serverError),
        Case(502, "<html>bad gateway</html>", .serverError),
        Case(
            503, #"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
            .overloaded(retryAfter: nil)),
        Case(529, "", .overloaded(retryAfter: nil)),
        Case(413, "too big", .contextLengthExceeded),
        Case(500, #"{"error":{"message":"maximum context length","type":"x"}}"#, .serverError),
        // llama.cpp, of vectors.
        Case(
            500,
            #"{"error":{"code":500,"message":"input (1842 tokens) is too large to process. increase the physical batch "#
                + #"size (current batch size: 512)","type":"server_error"}}"#, .contextLengthExceeded),
        Case(
            500,
            #"{"error":{"code":500,"message":"input is too large to process. increase the physical batch size","#
                + #""type":"server_error"}}"#, .contextLengthExceeded),
        Case(
            500, #"{"error":{"code":500,"message":"the batch is too large to process","type":"server_error"}}"#,
            .serverError),
        // Azure.
        Case(
            400,
            #"{"error":{"message":"The response was filtered","type":null,"param":"prompt","code":"content_filter","#
                + #""status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"#
                + #""hate":{"filtered":true,"severity":"high"},"jailbreak":{"filtered":false,"detected":false}}}}}"#,
            .contentFiltered),
        Case(
            400, #"{"error":{"message":"m","code":"BadRequest","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
            .contentFiltered),
        Case(
            400, #"{"error":{"message":"m","code":null,"content_filter_result":{"violence":{"filtered":true}}}}"#,
            .contentFiltered),
        Case(
            400,
            #"{"error":{"message":"m","code":"x","innererror":{"content_filter_result":{"hate":{"filtered":false}}}}}"#,
            .invalidRequest),
        Case(
            404,
            #"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#,
            .modelNotFound),
        Case(404, #"{"error":{"code":"404","message":"Resource not found"}}"#, .modelNotFound),
        Case(
            429, #"{"error":{"code":"429","message":"Requests have exceeded the token rate limit"}}"#,
            .rateLimited(retryAfter: nil)),
        Case(
            401, #"{"error":{"code":"401","message":"Access denied due to invalid subscription key"}}"#,
            .authenticationFailed),
        // OpenRouter.
        Case(
            403,
            #"{"error":{"code":403,"message":"Your input was flagged","metadata":{"reasons":["violence"],"#
                + #""flagged_input":"…","provider_name":"X"}}}"#, .contentFiltered),
        Case(
            400,
            #"{"error":{"code":400,"message":"Provider returned error","metadata":{"provider_name":"X","#
                + #""raw":"{\"error\":{\"message\":\"This model's maximum context length is 8192 tokens.\"}}"}}}"#,
            .contextLengthExceeded),
        Case(
            404, #"{"error":{"code":404,"message":"No endpoints found that support tool use."}}"#, .modelNotFound),
        // What another upstream may be able to do.
        Case(
            400,
            #"{"error":{"message":"Unrecognized request argument supplied: top_k","type":"invalid_request_error","#
                + #""param":null,"code":null}}"#, .unsupported),
        Case(
            400,
            #"{"error":{"message":"Unknown parameter: 'web_search_options'.","type":"invalid_request_error","#
                + #""param":"web_search_options","code":"unknown_parameter"}}"#, .unsupported),
        Case(
            422,
            #"{"detail":[{"type":"extra_forbidden","loc":["body","store"],"msg":"Extra inputs are not permitted"}]}"#,
            .unsupported),
        Case(
            403,
            #"{"error":{"message":"You are not allowed to request logprobs from this model","#
                + #""type":"invalid_request_error","param":null,"code":null}}"#, .unsupported),
        Case(
            500,
            #"{"error":{"code":500,"message":"logprobs is not supported with tools + stream","type":"server_error"}}"#,
            .unsupported),
        Case(
            400, #"{"error":{"message":"m","type":"invalid_request_error","code":"unsupported_parameter"}}"#,
            .unsupported),
        Case(
            501,
            #"{"error":{"code":501,"message":"This server does not support embeddings.","type":"not_supported_error"}}"#,
            .unsupported),
        Case(501, "", .unsupported),
        Case(
            500,
            #"{"error":{"code":500,"message":"image input is not supported - hint: …","type":"server_error"}}"#,
            .unsupported),
        Case(
            400,
            #"{"object":"error","message":"\"auto\" tool choice requires --enable-auto-tool-choice and "#
                + #"--tool-call-parser to be set","type":"BadRequestError","code":400}"#, .unsupported),
    ]

    @Test(arguments: [
        (#"[{"type":"extra_forbidden","loc":["body","tools",3,"x"],"msg":"no"},{"msg":"b"}]"#, "body.tools.3.x: no"),
        (#"[7,{"loc":7},{"msg":"b"}]"#, "b"), (#"[{"loc":[],"msg":"c"}]"#, "c"), (#""text""#, "text"),
    ])
    func `The first of several violations is told with its place`(_ detail: String, _ words: String) {
        let fault = OpenAIFaults.fault(
            HTTPResponseHead(status: 422), body: Array(#"{"detail":\#(detail)}"#.utf8).span, now: 0)
        #expect(fault.message == "HTTP 422: \(words)")
    }

    @Test func `What was filtered is named, and what stands behind a router too`() {
        func message(_ status: Int, _ body: String) -> String {
            OpenAIFaults.fault(HTTPResponseHead(status: status), body: Array(body.utf8).span, now: 0).message
        }
        #expect(
            message(
                400,
                #"{"error":{"message":"m","code":"content_filter","innererror":{"content_filter_result":"#
                    + #"{"hate":{"filtered":true},"self_harm":{"filtered":true},"sexual":{"filtered":false}}}}}"#)
                == "HTTP 400 (content_filter): m (filtered for: hate, self_harm)")
        #expect(
            message(
                502,
                #"{"error":{"code":502,"message":"Provider returned error","metadata":{"provider_name":"Deep","#
                    + #""raw":{"detail": "gone"}}}}"#)
                == #"HTTP 502: Provider returned error (Deep: {"detail":"gone"})"#)
    }

    @Test(arguments: [
        #"{"error":{"innererror":7,"metadata":[],"content_filter_result":7,"code":1e99}}"#,
        #"{"error":{"innererror":{"content_filter_result":{"hate":7,"x":null,"y":{"filtered":"yes"}}}}}"#,
        #"{"error":{"metadata":{"reasons":[7,null],"raw":7,"provider_name":{}}}}"#,
    ])
    func `Details of unexpected types are passed over`(_ body: String) {
        let fault = OpenAIFaults.fault(HTTPResponseHead(status: 400), body: Array(body.utf8).span, now: 0)
        #expect(fault.kind == .invalidRequest)
    }

    @Test(arguments: cases)
    func `A status and its body have one meaning`(_ example: Case) {
        let fault = OpenAIFaults.fault(
            HTTPResponseHead(status: example.status), body: Array(example.body.utf8).span, now: 0)
        #expect(fault.kind == example.kind, "\(fault.message)")
        #expect(fault.httpStatus == example.status)
        #expect(fault.message.hasPrefix("HTTP \(example.status)"))
    }

    @Test func `A long message is cut, and stays on one line`() {
        let body = #"{"error":{"message":"one\ntwo \#(String(repeating: "x", count: 1000))"}}"#
        let fault = OpenAIFaults.fault(HTTPResponseHead(status: 500), body: Array(body.utf8).span, now: 0)
        #expect(fault.message.count == OpenAIFaults.messageLimit)
        #expect(fault.message.contains("one two"))
    }

    @Test func `The upstream's own name of the request is passed on`() {
        var head = HTTPResponseHead(status: 500)
        head.requestID = "req_7"
        let fault = OpenAIFaults.fault(head, body: Array(#"{"error":{"message":"m"}}"#.utf8).span, now: 0)
        #expect(fault.message == "HTTP 500: m (its request id: req_7)")
    }

    @Test func `A redirect names where it leads`() {
        var head = HTTPResponseHead(status: 308)
        head.location = "https://elsewhere.example/v1"
        let fault = OpenAIFaults.fault(head, body: [UInt8]().span, now: 0)
        #expect(fault.kind == .unreachable)
        #expect(fault.message.contains("https://elsewhere.example/v1"))
    }

    @Test(
        arguments: [
            ("7", nil, Duration.seconds(7)), ("0.5", nil, .milliseconds(500)), ("7", "250", .milliseconds(250)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", nil, .seconds(37)), ("Sun, 06 Nov 1994 08:48:00 GMT", nil, .zero),
            ("999999999999", nil, .seconds(86_400)), ("-1", nil, nil), ("soon", nil, nil), (nil, nil, nil),
            ("Sun, 06 Nov 2094 08:49:37 GMT", nil, .seconds(86_400)), ("nan", nil, nil), (nil, "-5", nil),
        ] as [(String?, String?, Duration?)])
    func `Retry-After is honoured as seconds, as a date and in milliseconds`(
        _ seconds: String?, _ milliseconds: String?, _ expected: Duration?
    ) {
        var head = HTTPResponseHead(status: 429)
        head.retryAfter = seconds
        head.retryAfterMilliseconds = milliseconds
        // 1994-11-06 08:49:00 UTC
        #expect(RetryAfter.delay(head, now: 784_111_740) == expected)
    }

    @Test(
        arguments: [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199),
            ("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200), ("Wed, 31 Dec 2025 12:00:00 GMT", 1_767_182_400),
        ] as [(String, Int64)])
    func `HTTP dates are seconds since 1970`(_ text: String, _ seconds: Int64) {
        #expect(RetryAfter.date(text) == seconds)
    }
}
