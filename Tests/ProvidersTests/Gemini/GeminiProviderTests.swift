import Inference
import Providers
import TestSupport
import Testing

/// The format over a real socket, with an upstream that does what it likes.
@Suite(.timeLimit(.minutes(1))) struct GeminiProviderTests {
    typealias F = GeminiFixture

    static func stream(_ chunks: String...) -> [FaultUpstream.Step] { .stream(chunks, done: false) }

    @Test func `A stream arrives, and its request carries path, key and body`() async throws {
        try await FaultUpstream.run { _ in
            Self.stream(F.chunk(F.text("Par")), F.chunk(F.text("is."), finish: "STOP", usage: F.usage))
        } _: { upstream in
            let events = try await F.provider(upstream).start(F.request()).collect()
            #expect(events == [.textDelta("Par"), .textDelta("is."), F.usageEvent, .finished(.stop)])
            let request = await upstream.requests.element(0)
            #expect(request.method == "POST")
            #expect(request.path == "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse")
            #expect(request.headers["x-goog-api-key"] == "AIza-secret")
            #expect(request.headers["authorization"] == nil)
            #expect(request.headers["x-request-id"] == "request-1")
            #expect(request.text == #"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#)
        }
    }

    @Test func `The kind is spoken to in this format`() throws {
        let configuration = EndpointConfiguration(id: .local, kind: .gemini, apiKey: Secret("AIza-secret"))
        let adapter = try ProviderAdapters.adapter(for: configuration, group: Fixture.group)
        #expect(adapter is HTTPProvider<GeminiFormat>)
        #expect(try configuration.origin().path == "/v1beta")
    }

    @Test func `A whole answer arrives`() async throws {
        try await FaultUpstream.run { _ in
            .whole(F.chunk(F.text("a"), finish: "STOP", usage: F.usage))
        } _: { upstream in
            let events = try await F.provider(upstream).start(F.request(delivery: .whole)).collect()
            #expect(events == [.textDelta("a"), F.usageEvent, .finished(.stop)])
            #expect(await upstream.requests.element(0).path == "/v1beta/models/gemini-2.5-flash:generateContent")
        }
    }

    @Test func `An array arrives where a gateway lost alt=sse`() async throws {
        let chunks = [F.chunk(F.text("a")), F.chunk(F.text("b"), finish: "STOP", usage: F.usage)]
        try await FaultUpstream.run { _ in
            .whole("[\(chunks.joined(separator: "\n,"))\n]")
        } _: { upstream in
            let events = try await F.provider(upstream).start(F.request()).collect()
            #expect(events == [.textDelta("a"), .textDelta("b"), F.usageEvent, .finished(.stop)])
        }
    }

    @Test func `Cancelling closes the connection`() async throws {
        try await FaultUpstream.run { _ in
            .streamHead() + .chunk("data: \(F.chunk(F.text("a")))\n\n")
        } _: { upstream in
            let stream = try await F.provider(upstream).start(F.request())
            #expect(try await stream.next() == [.textDelta("a")])
            let task = Task { await fault { _ = try await stream.next() } }
            task.cancel()
            #expect(await task.value?.kind == .cancelled)
            #expect(await upstream.closures.element(0).connection == 0)
        }
    }

    @Test(arguments: [FaultUpstream.Step.close, .reset])
    func `A cut stream is no short answer`(_ end: FaultUpstream.Step) async throws {
        try await FaultUpstream.run { _ in
            .streamHead() + .chunk("data: \(F.chunk(F.text("a"), usage: F.running))\n\ndata: {\"candi") + [end]
        } _: { upstream in
            let stream = try await F.provider(upstream).start(F.request())
            var seen: [InferenceEvent] = []
            let fault = await fault { while let events = try await stream.next() { seen += events } }
            #expect(fault?.kind == .truncated)
            // A reset may overtake what was sent before it.
            #expect(seen == [.textDelta("a")] || seen.isEmpty)
        }
    }

    @Test func `A body that ends in order without a reason is no answer either`() async throws {
        try await FaultUpstream.run { _ in
            Self.stream(F.chunk(F.text("a"), usage: F.usage))
        } _: { upstream in
            let seen = await fault { _ = try await F.provider(upstream).start(F.request()).collect() }
            #expect(seen?.kind == .truncated)
        }
    }

    @Test func `A server that says all and keeps the socket open does not keep the consumer`() async throws {
        try await FaultUpstream.run { _ in
            .streamHead() + .chunk("data: \(F.chunk(F.text("a"), finish: "STOP", usage: F.usage))\n\n")
        } _: { upstream in
            let provider = try F.provider(upstream) { $0.timeouts.patience = .milliseconds(20) }
            #expect(try await provider.start(F.request()).collect().last == .finished(.stop))
        }
    }

    @Test func `A consumer that does not read stops a server that says of every chunk that it is the last`()
        async throws
    {
        let count = 3000
        let event = Array("data: \(F.chunk(F.text(String(repeating: "x", count: 8000)), finish: "STOP"))\n\n".utf8)
        try await FaultUpstream.run { _ in
            [
                .send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"), .flood(event, times: count),
                .send(": bye\n\n"), .close,
            ]
        } _: { upstream in
            let provider = try F.provider(upstream) { $0.limits.bufferedBytes = 64 * 1024 }
            let stream = try await provider.start(F.request())
            // What the sockets' buffers hold goes; then nothing moves until somebody reads.
            var seen = -1
            while upstream.bytesSent.value != seen {
                seen = upstream.bytesSent.value
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(seen < event.count * count / 2)
            let first = try await stream.next() ?? []
            #expect(first.count * 8000 < 1 << 20, "no more is held than one read beyond the limit")
            let events = try await first + stream.collect()
            #expect(events.count == count + 1)
            #expect(events.last == .finished(.stop))
        }
    }

    @Test(arguments: ["data: {\"candidates\":7}\n\n", "data: <html>\n\n", "data: \u{0}\n\n"])
    func `Garbage is told as such`(_ garbage: String) async throws {
        try await FaultUpstream.run { _ in
            .streamHead() + .chunk(garbage) + .lastChunk
        } _: { upstream in
            let seen = await fault { _ = try await F.provider(upstream).start(F.request()).collect() }
            #expect(seen?.kind == .malformed)
        }
    }

    @Test func `A failure is named before the stream begins, and keeps the key to itself`() async throws {
        let body = GeminiFaultsTests.error(
            "INVALID_ARGUMENT", "API key AIza-secret not valid.", details: GeminiFaultsTests.info("API_KEY_INVALID"))
        try await FaultUpstream.run { _ in
            .whole(body, status: "400 Bad Request")
        } _: { upstream in
            let seen = await fault { _ = try await F.provider(upstream).start(F.request()) }
            #expect(seen?.kind == .authenticationFailed)
            #expect(seen?.message == "HTTP 400 (API_KEY_INVALID): API key [redacted] not valid.")
        }
    }

    @Test func `A quota that is used up says when to come back`() async throws {
        let body = GeminiFaultsTests.error("RESOURCE_EXHAUSTED", code: 429, details: GeminiFaultsTests.retry)
        try await FaultUpstream.run { _ in
            .whole(body, status: "429 Too Many Requests")
        } _: { upstream in
            let seen = await fault { _ = try await F.provider(upstream).start(F.request()) }
            #expect(seen?.kind == .rateLimited(retryAfter: .seconds(34)))
        }
    }

    @Test func `What cannot be carried is refused before anything is sent`() async throws {
        try await FaultUpstream.run { _ in
            []
        } _: { upstream in
            let provider = try F.provider(upstream)
            let seen = await fault { _ = try await provider.start(F.request { $0.sampling.seed = .max }) }
            #expect(seen?.kind == .unsupported)
            #expect(upstream.requests.all.isEmpty)
        }
    }

    @Test func `Tokens are counted and texts become vectors`() async throws {
        try await FaultUpstream.run { request in
            request.path.hasSuffix(":countTokens")
                ? .whole(#"{"totalTokens":12}"#) : .whole(#"{"embeddings":[{"values":[1,2]}]}"#)
        } _: { upstream in
            let provider = try F.provider(upstream)
            #expect(try await provider.countTokens(F.request()) == 12)
            let request = EmbeddingRequest(id: "e", model: "gemini-embedding-001", inputs: ["a"])
            #expect(try await provider.embed(request).vectors == [[1, 2]])
            #expect(
                upstream.requests.all.map(\.path) == [
                    "/v1beta/models/gemini-2.5-flash:countTokens",
                    "/v1beta/models/gemini-embedding-001:batchEmbedContents",
                ])
        }
    }
}
