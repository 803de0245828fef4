import Inference
import Providers
import TestSupport
import Testing

/// The wire format against a real socket.
@Suite(.timeLimit(.minutes(1))) struct AnthropicProviderTests {
    static func provider(_ url: String) throws -> HTTPProvider<AnthropicFormat> {
        try HTTPProvider(
            Fixture.configuration(url, kind: .anthropic, key: "sk-ant-secret"), format: AnthropicFormat(),
            group: Fixture.group)
    }

    static func stream(_ data: [String]) -> [FaultUpstream.Step] {
        .streamHead() + data.flatMap { [FaultUpstream.Step].chunk(AnthropicWire.event($0)) }
    }

    @Test func `A stream arrives, and the request carries path, version and key`() async throws {
        try await FaultUpstream.run { _ in
            Self.stream(AnthropicWire.short) + .lastChunk
        } _: { upstream in
            let events = try await Self.provider(upstream.baseURL).start(Fixture.request()).collect()
            #expect(events == AnthropicWire.shortEvents)
            let request = await upstream.requests.element(0)
            #expect(request.method == "POST" && request.path == "/v1/messages")
            #expect(request.headers["x-api-key"] == "sk-ant-secret" && request.headers["authorization"] == nil)
            #expect(request.headers["anthropic-version"] == "2023-06-01")
            #expect(request.headers["content-type"] == "application/json")
            #expect(
                request.text
                    == #"{"model":"tiny","max_tokens":4096,"messages":[{"role":"user","content":"hi"}],"stream":true}"#)
        }
    }

    @Test func `A whole answer arrives as the same events`() async throws {
        let events = try await FaultUpstream.run { _ in
            .whole(AnthropicWire.whole)
        } _: { upstream in
            try await Self.provider(upstream.baseURL).start(Fixture.request(delivery: .whole)).collect()
        }
        #expect(events == AnthropicWire.shortEvents)
    }

    @Test func `What cannot be sent is not sent`() async throws {
        try await FaultUpstream.run { _ in
            .whole(AnthropicWire.whole)
        } _: { upstream in
            let provider = try Self.provider(upstream.baseURL)
            let request = Fixture.request(sampling: SamplingParameters(temperature: 2))
            #expect(await fault { _ = try await provider.start(request) }?.kind == .unsupported)
            #expect(upstream.connections.all.isEmpty)
        }
    }

    @Test func `A failure is named, keeps its request id and its time, and the key to itself`() async throws {
        try await FaultUpstream.run { _ in
            .whole(
                #"{"type":"error","error":{"type":"rate_limit_error","message":"slow down sk-ant-secret"}}"#,
                status: "429 Too Many Requests", headers: ["retry-after: 9", "request-id: req_7"])
        } _: { upstream in
            let provider = try Self.provider(upstream.baseURL)
            let seen = await fault { _ = try await provider.start(Fixture.request()) }
            #expect(seen?.kind == .rateLimited(retryAfter: .seconds(9)))
            #expect(seen?.httpStatus == 429)
            #expect(
                seen?.message == "HTTP 429 (rate_limit_error): slow down [redacted] (its request id: req_7)")
        }
    }

    @Test(arguments: [
        ([FaultUpstream.Step].lastChunk, UpstreamFault.Kind.truncated), ([.close], .truncated),
        (.chunk("data: garbage\n\n"), .malformed),
        (.chunk(AnthropicWire.event(#"{"type":"error","error":{"type":"api_error","message":"m"}}"#)), .serverError),
    ])
    func `A stream that breaks off is never an answer`(
        _ rest: [FaultUpstream.Step], _ kind: UpstreamFault.Kind
    ) async throws {
        try await FaultUpstream.run { _ in
            Self.stream(Array(AnthropicWire.short.dropLast())) + rest
        } _: { upstream in
            let stream = try await Self.provider(upstream.baseURL).start(Fixture.request())
            var events: [InferenceEvent] = []
            let seen = await fault { while let batch = try await stream.next() { events += batch } }
            #expect(seen?.kind == kind, "\(seen?.message ?? "")")
            #expect(events == [.textDelta("a")])
        }
    }

    @Test func `Letting go closes the connection`() async throws {
        let gate = Gate()
        try await FaultUpstream.run { _ in
            Self.stream(Array(AnthropicWire.short.prefix(3))) + [.wait(gate)]
        } _: { upstream in
            let stream = try await Self.provider(upstream.baseURL).start(Fixture.request())
            #expect(try await stream.next() == [.textDelta("a")])
            stream.cancel()
            #expect(await upstream.closures.element(0).connection == 0)
            gate.open()
        }
    }

    @Test func `Tokens are counted by the upstream`() async throws {
        try await FaultUpstream.run { _ in
            .whole(#"{"input_tokens":14}"#)
        } _: { upstream in
            let provider = try Self.provider(upstream.baseURL)
            #expect(try await provider.countTokens(Fixture.request()) == 14)
            let request = await upstream.requests.element(0)
            #expect(request.path == "/v1/messages/count_tokens" && request.headers["x-api-key"] == "sk-ant-secret")
            #expect(request.text == #"{"model":"tiny","messages":[{"role":"user","content":"hi"}]}"#)
        }
    }

    @Test func `A count that fails says why`() async throws {
        try await FaultUpstream.run { _ in
            .whole(
                #"{"type":"error","error":{"type":"not_found_error","message":"model: tiny"}}"#,
                status: "404 Not Found")
        } _: { upstream in
            let provider = try Self.provider(upstream.baseURL)
            let seen = await fault { _ = try await provider.countTokens(Fixture.request()) }
            #expect(seen?.kind == .modelNotFound)
            #expect(seen?.message == "HTTP 404 (not_found_error): model: tiny")
        }
    }
}
