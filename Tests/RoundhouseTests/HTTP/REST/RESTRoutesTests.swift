import GRPCCore
import Inference
import RoundhouseAPI
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

@testable import Roundhouse

@Suite("REST over HTTP")
struct RESTRoutesTests {
    private static let pool = Result { try DescriptorPool.own() }

    @Test("Every route of every annotation reaches its method, with what the path says")
    func everyRoute() async throws {
        let pool = try Self.pool.get()
        let bindings = try RESTBindings(pool).all
        try await RESTBench.with { bench in
            for binding in bindings {
                var path = ""
                var values: [String] = []
                for (index, segment) in binding.template.segments.enumerated() {
                    path += "/"
                    let isVariable = binding.template.variables.contains { $0.segments.contains(index) }
                    switch segment {
                    case .literal(let text): path += text
                    case .any: path += isVariable ? "v\(index)" : "any"
                    case .rest: path += "local/v\(index):8b"
                    }
                    if isVariable { values.append("v\(index)") }
                }
                path += binding.template.verb.map { ":\($0)" } ?? ""
                let hasBody = binding.body != .none
                let answer = try await bench.wholeAnswer(
                    path, method: binding.method,
                    headers: (hasBody ? [RESTBench.json] : []) + ["Accept: text/event-stream"],
                    body: hasBody ? "{}" : "")
                #expect(answer?.hasPrefix("HTTP/1.1 200 OK") == true, "\(binding.method) \(path): \(answer ?? "none")")
                let call = try #require(bench.methods.calls.last)
                #expect(call.method == binding.fullName, "\(binding.method) \(path)")
                let type = try #require(pool.message(binding.inputType))
                let message = String(decoding: try ProtoJSON.text(of: call.message, type, pool), as: UTF8.self)
                #expect(values.allSatisfy { message.contains($0) }, "\(path): \(message)")
            }
            #expect(bench.methods.calls.count == bindings.count)
        }
    }

    @Test(
        "The routes that are promised exist, with their fields",
        arguments: [
            (
                "GET /api/v1/setup/dependencies/health",
                "overall_status dependencies inference_engines ai_models issues warnings"
            ),
            (
                "POST /api/v1/setup/ai-models/warm-up",
                "status message models_loaded elapsed_time_seconds loaded_counts total_loaded"
            ),
            ("GET /api/v1/setup/ai-models/telemetry", "models summary recommendations"),
            ("GET /api/v1/setup/models/status", "loaded_models_count total_models_count installed_models"),
            ("GET /api/v1/setup/status", ""), ("POST /api/v1/setup/config", ""), ("GET /api/v1/setup/template", ""),
            ("POST /api/v1/setup/ai-models/install", ""), ("POST /api/v1/setup/ai-models/enable", ""),
            ("POST /api/v1/setup/ai-models/uninstall", ""), ("GET /api/v1/setup/inference-engines/status", ""),
            ("POST /api/v1/setup/inference-engines/install", ""), ("GET /api/v1/models", "models"),
            ("GET /api/v1/models/loaded", "models"), ("GET /api/v1/models/current", ""),
            ("GET /api/v1/models/free", "models"),
            ("GET /api/v1/models/affordable", "models"), ("GET /api/v1/models/statistics", ""),
            ("GET /api/v1/models/local/tiny", "model"), ("GET /api/v1/models/local/tiny/capabilities", "capabilities"),
            ("GET /api/v1/models/by-provider/local", "models"), ("POST /api/v1/models/load", ""),
            ("POST /api/v1/models/unload", ""), ("POST /api/v1/models/switch", ""),
            ("POST /api/v1/models/discover", ""),
            ("POST /api/v1/models/save-state", ""), ("POST /api/v1/models/local/tiny/profile", ""),
            ("GET /api/v1/models/openrouter/filter", ""), ("POST /api/v1/models/openrouter/filter", ""),
            ("POST /api/v1/content/generate", "text"),
        ])
    func promised(route: String, fields: String) throws {
        let pool = try Self.pool.get()
        let parts = route.split(separator: " ")
        guard case .found(let binding, _) = try RESTBindings(pool).match(method: String(parts[0]), path: parts[1])
        else {
            Issue.record("\(route) is missing")
            return
        }
        var type = try #require(pool.message(binding.outputType))
        if let name = binding.responseBody, let field = type.field(named: name) {
            type = try #require(pool.message(of: field))
        }
        for field in fields.split(separator: " ") { #expect(type.field(named: field) != nil, "\(route): \(field)") }
    }

    @Test("A model of the status says what it is and where it stands")
    func statusFields() throws {
        let pool = try Self.pool.get()
        let type = try #require(pool.message("roundhouse.v1.GetModelsStatusResponse"))
        let field = try #require(type.field(named: "installed_models"))
        let model = try #require(pool.message(of: field))
        for name in ["name", "category", "provider", "loaded", "can_load", "lazy_load", "size_gb", "inference_engine"] {
            #expect(model.field(named: name) != nil, "\(name)")
        }
    }

    // MARK: - Requests

    @Test("Headers go on that should, and the time that the client has")
    func headers() async throws {
        try await RESTBench.with { bench in
            let answer = try await bench.http.ask(
                "/api/v1/models",
                headers: [
                    "X-Request-Id: mine-1", "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                    "Tracestate: a=1", "Grpc-Metadata-Team: blue", "Cookie: secret", "Authorization: Bearer secret",
                    "Grpc-Timeout: 100S", "X-Request-Timeout: 20.5",
                ])
            #expect(answer.status == 200 && answer.headers["x-request-id"] == "mine-1")
            let call = try #require(bench.methods.calls.last)
            #expect(Array(call.metadata[stringValues: "team"]) == ["blue"])
            #expect(Array(call.metadata[stringValues: "x-request-id"]) == ["mine-1"])
            #expect(TraceContext(call.metadata) != nil)
            #expect(Array(call.metadata[stringValues: "tracestate"]) == ["a=1"])
            #expect(!call.metadata.contains { "\($0.value)".contains("secret") })
            #expect(call.context.remotePeer.hasPrefix("ipv4:127.0.0.1:"))
        }
    }

    @Test("A request that has a place for its id has one, the client's or ours")
    func requestIDs() async throws {
        try await RESTBench.with { bench in
            for (header, body, expected) in [
                (["X-Request-Id: mine"], "{}", "mine"), (["X-Request-Id: mine"], #"{"requestId":"body"}"#, "body"),
                ([], "{}", nil), (["X-Request-Id: not one"], "{}", nil),
            ] as [([String], String, String?)] {
                let answer = try await bench.http.ask(
                    "/api/v1/generate", method: "POST", headers: header + [RESTBench.json], body: body)
                let message = try Roundhouse_V1_GenerateRequest(
                    serializedBytes: try #require(bench.methods.calls.last).message)
                #expect(message.requestID == expected ?? message.requestID && !message.requestID.isEmpty)
                if body == "{}" { #expect(answer.headers["x-request-id"] == message.requestID) }
            }
        }
    }

    @Test("A deadline ends the call, and the answer says so")
    func deadline() async throws {
        try await RESTBench.with { bench in
            let isCancelled = Mutex(false)
            bench.methods.answer { _, _ in
                do {
                    try await Task.sleep(for: .seconds(60))
                } catch {
                    isCancelled.withLock { $0 = true }
                    throw error
                }
            }
            let answer = try await bench.http.ask("/api/v1/models", headers: ["Grpc-Timeout: 20m"])
            #expect(answer.status == 504 && answer.body.contains(#""status":"DEADLINE_EXCEEDED""#))
            while !isCancelled.withLock({ $0 }) { await Task.yield() }
        }
    }

    @Test(
        "What is no request of ours is refused with its own status",
        arguments: [
            ("GET", "/api/v1/nothing", [], "", 404, "NOT_FOUND"),
            ("GET", "/api/v1/models/", [], "", 404, "NOT_FOUND"),
            ("GET", "/api/v1/models/%zz", [], "", 404, "NOT_FOUND"),
            ("PUT", "/api/v1/models", [], "", 405, "UNIMPLEMENTED"),
            ("GET", "/api/v1/models/load", [], "", 405, "UNIMPLEMENTED"),
            ("POST", "/api/v1/models/load", ["Content-Type: text/plain"], "{}", 415, "INVALID_ARGUMENT"),
            ("POST", "/api/v1/models/load", [], "{}", 415, "INVALID_ARGUMENT"),
            (
                "POST", "/api/v1/models/load", [RESTBench.json],
                "{\"model\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", 413, "RESOURCE_EXHAUSTED"
            ),
            ("POST", "/api/v1/models/load", [RESTBench.json], "{\"model\":", 400, "INVALID_ARGUMENT"),
            ("POST", "/api/v1/models/load", [RESTBench.json], "{\"nothing\":1}", 400, "INVALID_ARGUMENT"),
            ("GET", "/api/v1/models?nothing=1", [], "", 400, "INVALID_ARGUMENT"),
            ("GET", "/api/v1/models", ["Grpc-Timeout: soon"], "", 400, "INVALID_ARGUMENT"),
            ("GET", "/api/v1/events:watch", [], "", 406, "INVALID_ARGUMENT"),
        ] as [(String, String, [String], String, Int, String)])
    func refused(method: String, path: String, headers: [String], body: String, status: Int, name: String) async throws
    {
        var settings = RESTRoutes.Settings()
        settings.body.bytes = 32
        try await RESTBench.with(settings) { bench in
            let answer = try await bench.http.ask(path, method: method, headers: headers, body: body)
            #expect(answer.status == status, "\(answer.body)")
            #expect(answer.headers["content-type"] == "application/json")
            #expect(
                answer.body.hasPrefix(#"{"error":{"code":\#(status),"status":"\#(name)","message":""#), "\(answer.body)"
            )
            #expect(bench.methods.calls.isEmpty)
            if status == 405 { #expect(answer.headers["allow"]?.contains("POST") == true) }
        }
    }

    @Test("HEAD is GET without the body, OPTIONS names the methods")
    func headAndOptions() async throws {
        try await RESTBench.with { bench in
            let head = try await bench.http.ask("/api/v1/models", method: "HEAD")
            #expect(head.status == 200 && head.body.isEmpty)
            #expect(bench.methods.calls.map(\.method) == ["roundhouse.v1.RegistryService.ListModels"])
            let options = try await bench.http.ask("/api/v1/models/local/tiny", method: "OPTIONS")
            #expect(options.status == 204)
            let allowed = Set((options.headers["allow"] ?? "").split(separator: ", "))
            #expect(allowed == ["GET", "HEAD", "PATCH", "DELETE", "OPTIONS"])
        }
    }

    @Test("A request without a body means an empty message")
    func noBody() async throws {
        try await RESTBench.with { bench in
            let answer = try await bench.http.ask("/api/v1/models/local/tiny:load", method: "POST")
            #expect(answer.status == 200)
            let call = try #require(bench.methods.calls.last)
            #expect(try Roundhouse_V1_LoadModelRequest(serializedBytes: call.message).model == "local/tiny")
        }
    }

    @Test("A page of another origin cannot have a browser send a request without a body")
    func otherOrigins() async throws {
        try await RESTBench.with { bench in
            for (origin, status) in [("http://evil.example", 403), ("null", 403), ("http://test", 200)] {
                let answer = try await bench.http.ask(
                    "/api/v1/models/local/tiny:unload", method: "POST", headers: ["Origin: \(origin)"])
                #expect(answer.status == status, "\(answer.body)")
            }
            #expect(bench.methods.calls.count == 1)
        }
    }

    @Test("The list of what there is has one line for all of it")
    func index() async throws {
        try await RESTBench.with { bench in
            let answer = try await bench.http.ask("/")
            #expect(answer.body.components(of: "/api/") == 1)
        }
    }

    // MARK: - Answers

    @Test("An error of a service is its status, with its details and when to try again")
    func errors() async throws {
        try await RESTBench.with { bench in
            bench.methods.answer { _, _ in
                throw ServiceError(
                    .unavailable, "MODEL_LOAD_FAILED", "it \"failed\"", metadata: ["model": "local/tiny"],
                    resource: .model("local/tiny"), retry: .after(.milliseconds(1500)))
            }
            let answer = try await bench.http.ask("/api/v1/models")
            #expect(answer.status == 503 && answer.headers["retry-after"] == "2")
            #expect(
                answer.body.hasPrefix(
                    #"{"error":{"code":503,"status":"UNAVAILABLE","message":"it \"failed\"","details":[{"#))
            for part in [
                #""@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"MODEL_LOAD_FAILED","domain":"roundhouse","metadata":{"model":"local/tiny"}"#,
                #""@type":"type.googleapis.com/google.rpc.RetryInfo","retry_delay":"1.500s""#,
                #""@type":"type.googleapis.com/google.rpc.ResourceInfo""#,
            ] { #expect(answer.body.contains(part), "\(answer.body)") }
        }
    }

    @Test(
        "Every code has the status of HTTP that google/rpc/code.proto gives it",
        arguments: [
            (RPCError.Code.cancelled, 499), (.unknown, 500), (.invalidArgument, 400), (.deadlineExceeded, 504),
            (.notFound, 404), (.alreadyExists, 409), (.permissionDenied, 403), (.unauthenticated, 401),
            (.resourceExhausted, 429), (.failedPrecondition, 400), (.aborted, 409), (.outOfRange, 400),
            (.unimplemented, 501), (.internalError, 500), (.unavailable, 503), (.dataLoss, 500),
        ])
    func statuses(code: RPCError.Code, status: Int) throws {
        let error = RESTError(RPCError(code: code, message: "x"), try Self.pool.get())
        let text = String(decoding: error.text, as: UTF8.self)
        #expect(text == #"{"error":{"code":\#(status),"status":"\#(code.name)","message":"x","details":[]}}"#)
    }

    @Test("A stream is its last message, events or lines, as the client wants")
    func streams() async throws {
        try await RESTBench.with { bench in
            bench.methods.answer { _, writer in
                for model in ["a", "b"] {
                    let message = Roundhouse_V1_StreamGenerateResponse.with { $0.started.model = model }
                    try await writer.write(try message.serializedBytes())
                }
            }
            func ask(_ accept: String) async throws -> String {
                let answer = try await bench.wholeAnswer(
                    "/api/v1/generate:stream", method: "POST", headers: [RESTBench.json, "Accept: \(accept)"],
                    body: "{}")
                return try #require(answer)
            }
            let events = try await ask("text/event-stream")
            #expect(events.contains("\r\nContent-Type: text/event-stream; charset=utf-8\r\n"), "\(events)")
            #expect(
                events.components(of: "data: {\"sequence\":0,\"started\":{") == 2 && events.components(of: "}\n\n") == 2
            )
            #expect(events.hasSuffix("\r\n0\r\n\r\n"))
            let lines = try await ask("application/json;q=0.5, application/x-ndjson")
            #expect(lines.contains("\r\nContent-Type: application/x-ndjson\r\n"))
            #expect(lines.components(of: "\"started\":{") == 2 && lines.components(of: "}\n") == 2)
            let last = try await ask("*/*")
            #expect(last.components(of: "\"started\":{") == 1 && last.contains("\"model\":\"b\""), "\(last)")
            #expect(last.contains("\r\nContent-Type: application/json\r\n"))
        }
    }

    @Test("A warm-up at the route of the set-up answers with its summary alone")
    func summary() async throws {
        try await RESTBench.with { bench in
            bench.methods.answer { _, writer in
                let progress = Roundhouse_V1_WarmUpResponse()
                try await writer.write(try progress.serializedBytes())
                let message = Roundhouse_V1_WarmUpResponse.with { $0.summary.totalLoaded = 2 }
                try await writer.write(try message.serializedBytes())
            }
            let answer = try await bench.http.ask("/api/v1/setup/ai-models/warm-up", method: "POST")
            #expect(answer.status == 200)
            for field in ["status", "message", "models_loaded", "elapsed_time_seconds", "loaded_counts"] {
                #expect(answer.body.contains("\"\(field)\":"), "\(answer.body)")
            }
            #expect(answer.body.contains("\"total_loaded\":2"))
        }
    }

    @Test(
        "A stream that fails before its first message has the status of an error",
        arguments: ["text/event-stream", "application/x-ndjson"])
    func failsFirst(accept: String) async throws {
        try await RESTBench.with { bench in
            bench.methods.answer { _, _ in throw ServiceError.modelNotFound("x/y") }
            let answer = try #require(
                try await bench.wholeAnswer(
                    "/api/v1/generate:stream", method: "POST", headers: [RESTBench.json, "Accept: \(accept)"],
                    body: "{}"))
            #expect(answer.hasPrefix("HTTP/1.1 404 Not Found"), "\(answer)")
            #expect(answer.contains(#""status":"NOT_FOUND""#) && answer.contains("Content-Type: application/json"))
        }
    }

    @Test(
        "A stream that fails later says so at its end, and is no whole answer",
        arguments: [
            ("text/event-stream", "event: error\ndata: {\"error\":{"), ("application/x-ndjson", "{\"error\":{"),
        ])
    func failsLater(accept: String, expected: String) async throws {
        try await RESTBench.with { bench in
            bench.methods.answer { _, writer in
                try await writer.write(
                    try Roundhouse_V1_StreamGenerateResponse.with { $0.started.model = "a" }.serializedBytes())
                throw ServiceError(.unavailable, "UPSTREAM_TRUNCATED", "it was cut")
            }
            let answer = try #require(
                try await bench.wholeAnswer(
                    "/api/v1/generate:stream", method: "POST", headers: [RESTBench.json, "Accept: \(accept)"],
                    body: "{}"))
            #expect(answer.hasPrefix("HTTP/1.1 200 OK"))
            #expect(answer.contains(expected) && answer.contains("UPSTREAM_TRUNCATED"), "\(answer)")
            // The chunk of no bytes would say that all is there.
            #expect(!answer.hasSuffix("0\r\n\r\n"))
        }
    }

    @Test(
        "A client that leaves ends the call",
        arguments: ["application/json", "text/event-stream", "application/x-ndjson"])
    func leaving(accept: String) async throws {
        try await RESTBench.with { bench in
            let (began, ended) = (StopSignal(), StopSignal())
            bench.methods.answer { _, writer in
                if accept != "application/json" {
                    try await writer.write(
                        try Roundhouse_V1_StreamGenerateResponse.with { $0.started.model = "a" }.serializedBytes())
                }
                began.send()
                try? await Task.sleep(for: .seconds(60))
                if Task.isCancelled { ended.send() }
            }
            do {
                let connection = try bench.http.connect()
                try connection.send(
                    "POST /api/v1/generate:stream HTTP/1.1\r\nHost: test\r\n\(RESTBench.json)\r\nAccept: \(accept)\r\nContent-Length: 2\r\n\r\n{}"
                )
                await began.wait()
                if accept != "application/json" { _ = await connection.receive(within: .seconds(30)) }
            }
            await ended.wait()
        }
    }

    @Test("A stopping server refuses what is new")
    func stopping() async throws {
        try await RESTBench.with { bench in
            bench.transport.beginGracefulShutdown()
            let answer = try await bench.http.ask("/api/v1/models")
            #expect(answer.status == 503 && answer.body.contains("shutting down"))
        }
    }

    @Test("An answer of megabytes arrives whole")
    func large() async throws {
        try await RESTBench.with { bench in
            let text = String(repeating: "ä\n", count: 1 << 20)
            bench.methods.answer { _, writer in
                try await writer.write(try Roundhouse_V1_GenerateResponse.with { $0.text = text }.serializedBytes())
            }
            let answer = try await bench.http.ask(
                "/api/v1/generate", method: "POST", headers: [RESTBench.json], body: "{}")
            #expect(answer.body.utf8.count > 4 << 20)
            let whole = try JSONText(answer.body)
            #expect(whole.root["text"]?.string == text)
        }
    }
}

extension String {
    /// How often a part is in it.
    fileprivate func components(of part: String) -> Int { self.ranges(of: part).count }
}
