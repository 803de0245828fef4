import Inference
import TestSupport
import Testing

@testable import Providers

/// Ollama's own API over a socket.
@Suite struct OllamaProviderTests {
    static func provider(
        _ url: String, key: String? = nil, _ adjust: (inout EndpointConfiguration) -> Void = { _ in }
    ) throws -> HTTPProvider<OllamaFormat> {
        var configuration = EndpointConfiguration(
            id: .local, kind: .ollama, baseURL: url, apiKey: key.map { Secret($0) })
        adjust(&configuration)
        return try HTTPProvider(configuration, format: OllamaFormat(), group: Fixture.group)
    }

    static func request(_ delivery: UpstreamRequest.Delivery = .streamed) -> UpstreamRequest {
        var request = Fixture.request(delivery: delivery)
        request.model = "llama3.2"
        return request
    }

    static let answer: [InferenceEvent] = [
        .textDelta("Hello"), .textDelta(" there"), .textDelta("."), .usage(Usage(inputTokens: 3, outputTokens: 3)),
        .finished(.stop),
    ]

    @Test func `A stream and a whole answer arrive, and the model's stay is not touched`() async throws {
        try await FakeOllama.run { fake in
            fake.preload("llama3.2", keepAlive: -1)
            let provider = try Self.provider(fake.baseURL)
            #expect(try await provider.start(Self.request()).collect() == Self.answer)
            let whole = try await provider.start(Self.request(.whole)).collect()
            #expect(whole == [.textDelta("Hello there.")] + Self.answer.suffix(2))
            #expect(fake.calls == ["POST /api/chat", "POST /api/chat"])
            #expect(fake.loaded == [FakeOllama.Loaded(name: "llama3.2:latest", keepAlive: -1)])
        }
    }

    @Test(arguments: ["", "/v1", "/v1/"])
    func `The address may name the other API`(_ suffix: String) async throws {
        try await FakeOllama.run { fake in
            let root = fake.baseURL.dropLast("/v1".count)
            let provider = try Self.provider(root + suffix, key: "proxy-key")
            #expect(try await provider.start(Self.request()).collect() == Self.answer)
            let request = await fake.upstream?.requests.element(0)
            #expect(request?.path == "/api/chat")
            #expect(request?.headers["authorization"] == "Bearer proxy-key")
            #expect(request?.headers["x-request-id"] == "request-1")
        }
    }

    @Test func `Vectors arrive`() async throws {
        try await FakeOllama.run { fake in
            let provider = try Self.provider(fake.baseURL)
            let answer = try await provider.embed(
                EmbeddingRequest(id: "r", model: "llama3.2", inputs: ["a", "bcd"], dimensions: 3))
            #expect(answer.vectors == [[0.125, 0.25, 0.375], [0.375, 0.5, 0.625]])
            #expect(answer.usage == Usage(inputTokens: 4, outputTokens: 0))
            let seen = await fault {
                _ = try await provider.embed(EmbeddingRequest(id: "r", model: "x", inputs: ["a"]))
            }
            #expect(seen?.kind == .modelNotFound)
            fake.diverge(at: "/api/embed", .changed("embeddings", .text("none")))
            let wrong = await fault {
                _ = try await provider.embed(EmbeddingRequest(id: "r", model: "llama3.2", inputs: ["a"]))
            }
            #expect(wrong?.kind == .malformed && wrong?.message.contains("embeddings") == true)
        }
    }

    @Test func `A model that is not there, a busy server and a page are told apart`() async throws {
        try await FakeOllama.run { fake in
            let provider = try Self.provider(fake.baseURL)
            var request = Self.request()
            request.model = "nope"
            let missing = await fault { [request] in _ = try await provider.start(request) }
            #expect(missing?.kind == .modelNotFound && missing?.message == "HTTP 404: model 'nope' not found")
            fake.divergeAnswers(.busy)
            let busy = await fault { _ = try await provider.start(Self.request()) }
            #expect(busy?.kind == .overloaded(retryAfter: nil))
            fake.divergeAnswers(.html)
            let page = await fault { _ = try await provider.start(Self.request()).collect() }
            #expect(page?.kind == .malformed)
            fake.divergeAnswers(.closed)
            let gone = await fault { _ = try await provider.start(Self.request()) }
            #expect(gone?.kind == .unreachable)
        }
    }

    static let head = FaultUpstream.Step.send(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n")

    @Test(
        arguments: [
            ([.close], .truncated), ([.reset], .truncated), (.lastChunk, .truncated),
            (.chunk(#"{"error":"an error was encountered while running the model"}"#) + .lastChunk, .serverError),
            (.chunk("garbage\n") + .lastChunk, .malformed), (.chunk(#"{"message":{"con"#) + [.close], .truncated),
        ] as [([FaultUpstream.Step], UpstreamFault.Kind)])
    func `A stream that fails after its first word keeps the word and names the failure`(
        _ end: [FaultUpstream.Step], _ kind: UpstreamFault.Kind
    ) async throws {
        try await FaultUpstream.run { _ in
            [Self.head] + .chunk(OllamaDecoderTests.content("a") + "\n") + end
        } _: { upstream in
            let stream = try await Self.provider(upstream.baseURL).start(Self.request())
            var events: [InferenceEvent] = []
            let seen = await fault { while let batch = try await stream.next() { events += batch } }
            #expect(events == [.textDelta("a")])
            #expect(seen?.kind == kind, "\(seen?.message ?? "no fault")")
        }
    }

    @Test func `Silence is timed, before the first line and between lines`() async throws {
        let gate = Gate()
        try await FaultUpstream.run { request in
            request.connection == 0
                ? [.wait(gate)] : [Self.head] + .chunk(OllamaDecoderTests.content("a") + "\n") + [.wait(gate)]
        } _: { upstream in
            let quick = try Self.provider(upstream.baseURL) { $0.timeouts.firstToken = .milliseconds(100) }
            let first = await fault { _ = try await quick.start(Self.request()).collect() }
            #expect(first?.kind == .timedOut(.firstToken))
            let patient = try Self.provider(upstream.baseURL) { $0.timeouts.idle = .milliseconds(100) }
            let idle = await fault { _ = try await patient.start(Self.request()).collect() }
            #expect(idle?.kind == .timedOut(.idle))
            gate.open()
        }
    }

    @Test func `A stream that is let go of closes its connection`() async throws {
        let gate = Gate()
        try await FaultUpstream.run { _ in
            [Self.head] + .chunk(OllamaDecoderTests.content("a") + "\n") + [.wait(gate)]
        } _: { upstream in
            let stream = try await Self.provider(upstream.baseURL).start(Self.request())
            #expect(try await stream.next() == [.textDelta("a")])
            stream.cancel()
            _ = await upstream.closures.element(0)
            gate.open()
        }
    }

    @Test func `What Ollama cannot do is said without a connection`() async throws {
        try await FakeOllama.run { fake in
            var request = Self.request()
            request.inference.tools = [Tool(name: "f")]
            request.inference.toolChoice = .required
            let provider = try Self.provider(fake.baseURL)
            let seen = await fault { [request] in _ = try await provider.start(request) }
            #expect(seen?.kind == .unsupported && fake.calls.isEmpty)
        }
    }
}
