import FoundationEssentials
import Hummingbird
import Inference
import Routing
import TestSupport
import Testing

@testable import Roundhouse

@Suite struct OpenAIErrorTests {
    /// What a client makes of an error.
    struct Told: Sendable {
        var status: Int
        var type: String
        var code: String
        var param: String?
        var retryAfter: String?
        var shouldRetry: String?
    }

    private static func model(_ name: String = "m") throws -> ModelID { try #require(ModelID("up/\(name)")) }

    private static func failed(_ kinds: UpstreamFault.Kind...) throws -> RequestError {
        .allFailed(
            try kinds.map { kind in
                Attempt(model: try self.model(), duration: .seconds(1), fault: UpstreamFault(kind, "said so"))
            })
    }

    private static func check(_ cause: RequestError, _ told: Told, sourceLocation: SourceLocation = #_sourceLocation)
        throws
    {
        let error = OpenAIError(RequestFailure(cause: cause, requestID: "r-9"))
        let response = error.response
        #expect(
            error.status.code == told.status && error.type == told.type && error.code == told.code
                && error.param == told.param, "\(error)", sourceLocation: sourceLocation)
        #expect(response.status.code == told.status, sourceLocation: sourceLocation)
        #expect(response.headers[.retryAfter] == told.retryAfter, sourceLocation: sourceLocation)
        let retry = try #require(HTTPFields.Element.Name("x-should-retry"))
        #expect(response.headers[retry] == told.shouldRetry, sourceLocation: sourceLocation)
        #expect(response.headers.value(.requestID) == "r-9", sourceLocation: sourceLocation)
    }

    private static let bad = "invalid_request_error"
    private static let server = "server_error"

    @Test func `What the client did is told as its fault`() throws {
        try Self.check(
            .invalidRequest([FieldViolation("strategy", "is unknown")]),
            Told(status: 400, type: Self.bad, code: "invalid_value", param: "roundhouse.strategy"))
        try Self.check(
            .modelNotFound(requested: "x"), Told(status: 404, type: Self.bad, code: "model_not_found", param: "model"))
        try Self.check(
            try Self.failed(.contextLengthExceeded),
            Told(status: 400, type: Self.bad, code: "context_length_exceeded", param: "messages"))
        try Self.check(try Self.failed(.contentFiltered), Told(status: 400, type: Self.bad, code: "content_filter"))
        try Self.check(
            try Self.failed(.invalidRequest), Told(status: 400, type: Self.bad, code: "upstream_rejected_request"))
        try Self.check(try Self.failed(.unsupported), Told(status: 400, type: Self.bad, code: "capability_unsupported"))
        try Self.check(.cancelled, Told(status: 499, type: Self.bad, code: "request_cancelled"))
    }

    @Test func `What nobody can fulfil names the requirement`() throws {
        func unmet(_ rejections: Rejection...) throws -> RequestError {
            .requirementsNotMet([.init(model: try Self.model(), rejections: rejections)])
        }
        try Self.check(
            try unmet(.notLocal),
            Told(status: 400, type: Self.bad, code: "requirements_not_met", param: "roundhouse.requirements.local_only")
        )
        try Self.check(
            try unmet(.capability(.vision)),
            Told(
                status: 400, type: Self.bad, code: "capability_unsupported",
                param: "roundhouse.requirements.capabilities"))
        try Self.check(
            try unmet(.contextLength(found: 10, required: 20, isEstimate: true)),
            Told(status: 400, type: Self.bad, code: "context_length_exceeded", param: "messages"))
    }

    @Test func `What another moment may change says when`() throws {
        try Self.check(
            .nobodyReady([.init(model: try Self.model(), reason: "is down")]),
            Told(status: 503, type: Self.server, code: "no_ready_model", retryAfter: "1"))
        try Self.check(
            try Self.failed(.rateLimited(retryAfter: .milliseconds(6500))),
            Told(status: 429, type: "rate_limit_error", code: "rate_limit_exceeded", retryAfter: "7"))
        try Self.check(
            try Self.failed(.overloaded(retryAfter: nil)),
            Told(status: 503, type: Self.server, code: "overloaded", retryAfter: "1"))
        try Self.check(
            try Self.failed(.queueFull), Told(status: 503, type: Self.server, code: "overloaded", retryAfter: "1"))
        try Self.check(
            try Self.failed(.unreachable),
            Told(status: 502, type: Self.server, code: "upstream_unreachable", retryAfter: "1"))
        try Self.check(
            try Self.failed(.timedOut(.firstToken)),
            Told(status: 504, type: Self.server, code: "upstream_timed_out", retryAfter: "1"))
        try Self.check(
            try Self.failed(.serverError), Told(status: 502, type: Self.server, code: "upstream_error", retryAfter: "1")
        )
        try Self.check(
            .interrupted(
                Attempt(model: try Self.model(), duration: .seconds(1), fault: UpstreamFault(.truncated, "cut")),
                sent: SentOutput(textBytes: 3)),
            Told(status: 502, type: Self.server, code: "upstream_truncated"))
        try Self.check(.deadlineExceeded, Told(status: 504, type: Self.server, code: "deadline_exceeded"))
    }

    /// A client whose key is refused throws its key away; ours is not its own.
    @Test func `What is wrong with this server is never told as the client's, and no other moment changes it`() throws {
        try Self.check(
            try Self.failed(.authenticationFailed),
            Told(status: 502, type: Self.server, code: "upstream_authentication_failed", shouldRetry: "false"))
        try Self.check(
            try Self.failed(.modelNotFound),
            Told(status: 502, type: Self.server, code: "upstream_model_not_found", shouldRetry: "false"))
        try Self.check(
            try Self.failed(.insufficientMemory),
            Told(status: 503, type: Self.server, code: "insufficient_memory", shouldRetry: "false"))
        try Self.check(
            .nobodyReady([]), Told(status: 503, type: Self.server, code: "no_ready_model", shouldRetry: "false"))
    }

    @Test func `No kind of fault is without an error of its own`() throws {
        let kinds: [UpstreamFault.Kind] = [
            .rateLimited(retryAfter: nil), .overloaded(retryAfter: nil), .serverError, .unreachable, .timedOut(.total),
            .truncated, .malformed, .contextLengthExceeded, .contentFiltered, .authenticationFailed, .modelNotFound,
            .invalidRequest, .unsupported, .queueFull, .insufficientMemory, .diverged, .cancelled,
        ]
        for kind in kinds {
            let error = OpenAIError(RequestFailure(cause: try Self.failed(kind), requestID: ""))
            #expect(error.code != "internal_error" && ![401, 403].contains(error.status.code), "\(kind)")
        }
    }

    @Test func `The body is OpenAI's`() throws {
        let error = OpenAIError(
            status: .badRequest, type: "t", code: nil, message: "say \"x\"\n", param: "a[0]")
        let json = try JSONText(error.json).root
        #expect(json.raw == #"{"error":{"message":"say \"x\"\n","type":"t","param":"a[0]","code":null}}"#)
        let long = OpenAIError(status: .badRequest, type: "t", code: "c", message: String(repeating: "x", count: 5000))
        #expect(try JSONText(long.json).root["error"]?["message"]?.string?.count == 1201)
    }

    // MARK: - On the wire

    private struct Nothing: HTTPRoutes {
        var routes: [HTTPRoute] {
            [
                .post("/v1/chat/completions", "reads") { request, context in
                    try request.requireJSON()
                    return .text(
                        String(
                            buffer: try await request.wholeBody(context, within: .init(bytes: 8, time: .seconds(60)))))
                },
                .get("/v1/broken", "breaks") { _, _ in throw CancellationError() },
            ]
        }
    }

    @Test(arguments: [
        ("GET", "/v1/nothing", "", 404, "not_found"), ("GET", "/v1/chat/completions", "", 405, "method_not_supported"),
        ("POST", "/v1/chat/completions", "123456789", 413, "request_too_large"),
        ("POST", "/v1/chat/completions", "{", 415, "unsupported_content_type"),
    ])
    func `Whatever is wrong under v1 is told in OpenAI's shape`(
        _ method: String, _ path: String, _ body: String, _ status: Int, _ code: String
    ) async throws {
        try await HTTPPort.with([Nothing()]) { http in
            let type = status == 413 ? "application/json" : "text/plain"
            let answer = try await http.ask(
                path, method: method, headers: ["Content-Type: \(type)", "x-request-id: mine"], body: body)
            #expect(answer.status == status && answer.headers["content-type"] == "application/json")
            let error = try #require(try JSONText(answer.body).root["error"])
            #expect(error["code"]?.string == code && error["type"]?.string == "invalid_request_error")
            #expect(error["param"]?.isNull == true && error["message"]?.string?.isEmpty == false)
            #expect(answer.headers["x-request-id"] == "mine")
            #expect((answer.headers["allow"] != nil) == (status == 405))
        }
    }

    @Test func `A fault of ours is told without its reason, and elsewhere the shape is another one`() async throws {
        try await HTTPPort.with([Nothing()]) { http in
            let broken = try await http.ask("/v1/broken")
            #expect(broken.status == 500 && broken.body.contains(#""type":"server_error""#))
            #expect(!broken.body.contains("Cancellation"))
            #expect(try await http.ask("/v2/x").body.contains(#"{"error":{"code":404,"#))
        }
    }
}
