import Inference
import Providers
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct AnthropicListerTests {
    static func lister(_ url: String) throws -> any ModelLister {
        try ModelListers.lister(
            for: Fixture.configuration(url, kind: .anthropic, key: "sk-ant-test"), group: Fixture.group)
    }

    static let modern = #"""
        {"id":"claude-opus-5","type":"model","display_name":"Claude Opus 5","created_at":"2026-07-24T00:00:00Z",
        "lifecycle":"active","max_input_tokens":1000000,"max_tokens":128000,"capabilities":{"batch":{"supported":true},
        "image_input":{"supported":true},"structured_outputs":{"supported":true},
        "thinking":{"supported":true,"types":{"adaptive":{"supported":true}}}}}
        """#

    @Test func `Models come with what they can do and how much they take`() async throws {
        let page = #"""
            {"data":[\#(Self.modern),
            {"id":"claude-haiku-4-5","type":"model","display_name":"Claude Haiku 4.5","max_input_tokens":0,
            "capabilities":{"image_input":{"supported":false},"thinking":{"supported":false}}},
            {"id":"claude-old","type":"model","display_name":"Old","lifecycle":"retired"},
            {"id":"claude-bare","type":"model","display_name":null,"capabilities":null}],
            "first_id":"claude-opus-5","last_id":"claude-bare","has_more":false}
            """#
        try await ScriptedJSONServer.run(["/v1/models?limit=1000": page]) { upstream in
            let found = try await Self.lister(upstream.baseURL).listModels()
            #expect(found.models.map(\.name) == ["claude-opus-5", "claude-haiku-4-5", "claude-bare"])
            #expect(found.models.map(\.displayName) == ["Claude Opus 5", "Claude Haiku 4.5", nil])
            #expect(found.models.map(\.category) == [.text, .text, .text])
            #expect(found.models.map(\.contextLength) == [1_000_000, nil, nil])
            #expect(found.models.map(\.maxOutputTokens) == [128_000, nil, nil])
            #expect(
                found.models.map(\.capabilities) == [
                    [.chat, .streaming, .tools, .vision, .jsonSchema, .reasoning],
                    [.chat, .streaming, .tools, .prefill], nil,
                ])
            #expect(found.skipped == ["claude-old: it is retired"])
            let request = try #require(upstream.requests.all.first)
            #expect(request.method == "GET" && request.headers["x-api-key"] == "sk-ant-test")
            #expect(request.headers["anthropic-version"] == "2023-06-01" && request.headers["authorization"] == nil)
        }
    }

    @Test func `Page follows page`() async throws {
        try await FaultUpstream.run { request in
            switch request.path {
            case "/v1/models?limit=1000": .whole(#"{"data":[{"id":"a"}],"has_more":true,"last_id":"a/b c"}"#)
            case "/v1/models?limit=1000&after_id=a%2Fb%20c":
                .whole(#"{"data":[{"id":"b"}],"has_more":true,"last_id":null}"#)
            case "/v1/models?limit=1000&after_id=b": .whole(#"{"data":[],"has_more":false,"last_id":null}"#)
            default: .whole("{}", status: "404 Not Found")
            }
        } _: { upstream in
            let found = try await Self.lister(upstream.baseURL).listModels()
            #expect(found.models.map(\.name) == ["a", "b"])
        }
    }

    @Test func `A listing without end is a fault`() async throws {
        try await FaultUpstream.run { _ in
            .whole(#"{"data":[{"id":"a"}],"has_more":true,"last_id":"a"}"#)
        } _: { upstream in
            let lister = try Self.lister(upstream.baseURL)
            let seen = await fault { _ = try await lister.listModels() }
            #expect(seen?.kind == .malformed)
            #expect(seen?.message.contains("has_more") == true)
            #expect(upstream.requests.all.count == 50)
        }
    }

    @Test(arguments: [
        (400, "invalid_request_error", "Your credit balance is too low", UpstreamFault.Kind.authenticationFailed),
        (402, "billing_error", "m", .authenticationFailed),
        (529, "overloaded_error", "m", .overloaded(retryAfter: nil)),
        (409, "conflict_error", "m", .serverError), (200, "overloaded_error", "m", .overloaded(retryAfter: nil)),
        (200, "timeout_error", "m", .serverError), (200, "billing_error", "m", .authenticationFailed),
    ])
    func `Errors mean what Anthropic means by them`(
        _ status: Int, _ type: String, _ words: String, _ kind: UpstreamFault.Kind
    ) async throws {
        try await FaultUpstream.run { _ in
            .whole(
                #"{"type":"error","error":{"type":"\#(type)","message":"\#(words)"},"request_id":"r"}"#,
                status: "\(status) What")
        } _: { upstream in
            let lister = try Self.lister(upstream.baseURL)
            let seen = await fault { _ = try await lister.listModels() }
            #expect(seen?.kind == kind, "\(seen?.message ?? "no fault")")
            #expect(seen?.message.hasPrefix("GET /v1/models?limit=1000: ") == true)
            #expect(seen?.message.contains("(\(type)): \(words)") == true, "\(seen?.message ?? "")")
        }
    }

    @Test(arguments: [
        (#"{"has_more":false}"#, "data: missing"),
        (#"{"data":[{"id":7}],"has_more":false}"#, "data[0].id: expected text"),
        (#"{"data":[]}"#, "has_more: missing"), (#"{"data":[],"has_more":true}"#, "last_id: missing"),
        (#"{"data":[{"id":"a","max_tokens":"7"}],"has_more":false}"#, "data[0].max_tokens: expected a whole number"),
        (#"{"data":[{"id":"a","capabilities":{"thinking":{}}}],"has_more":false}"#, "data[0].capabilities.thinking"),
        ("nonsense", "expected JSON, got: nonsense"),
    ])
    func `A listing that departs from the format names the field`(_ text: String, _ words: String) async throws {
        try await FaultUpstream.run { _ in
            .whole(text)
        } _: { upstream in
            let lister = try Self.lister(upstream.baseURL)
            let seen = await fault { _ = try await lister.listModels() }
            #expect(seen?.kind == .malformed)
            #expect(seen?.message.contains(words) == true, "\(seen?.message ?? "")")
        }
    }
}
