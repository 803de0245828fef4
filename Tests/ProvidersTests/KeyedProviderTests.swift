import Inference
import Providers
import TestSupport
import Testing

/// A provider with several keys, against an upstream that likes some of them.
@Suite(.timeLimit(.minutes(1))) struct KeyedProviderTests {
    static func provider(_ url: String, _ keys: [String]) throws -> HTTPProvider<TestFormat> {
        try Fixture.httpProvider(url) { $0.keys = KeyRing(keys: keys.map { Secret($0) }) }
    }

    static func refusal(_ status: String, _ code: String = "no", headers: [String] = []) -> [FaultUpstream.Step] {
        .whole(
            #"{"error":{"message":"refused sk-a","type":"error","code":"\#(code)"}}"#, status: status,
            headers: headers)
    }

    static func keys(_ upstream: FaultUpstream) -> [String] {
        upstream.requests.all.map { String(($0.headers["authorization"] ?? "none").dropFirst("Bearer ".count)) }
    }

    static func ask(_ provider: some Provider) async throws(UpstreamFault) -> [InferenceEvent] {
        try await provider.start(Fixture.request(delivery: .whole)).collect()
    }

    @Test(arguments: ["429 Too Many Requests", "401 Unauthorized", "403 Forbidden", "402 Payment Required"])
    func `A key that is refused gives way to the next in the same call`(_ status: String) async throws {
        try await FaultUpstream.run { request in
            request.headers["authorization"] == "Bearer sk-c" ? .whole(Fixture.whole) : Self.refusal(status)
        } _: { upstream in
            let provider = try Self.provider(upstream.baseURL, ["sk-a", "sk-b", "sk-c"])
            #expect(try await Self.ask(provider).last == .finished(.stop))
            #expect(Self.keys(upstream) == ["sk-a", "sk-b", "sk-c"])
            // What was learned holds for the next request.
            #expect(try await Self.ask(provider).last == .finished(.stop))
            #expect(Self.keys(upstream).last == "sk-c")
            #expect(upstream.requests.all.count == 4)
            #expect(upstream.connections.all.count == 1)
        }
    }

    @Test func `When all are refused, the fault names the key and none is asked twice`() async throws {
        try await FaultUpstream.run { _ in
            Self.refusal("401 Unauthorized", "invalid_api_key")
        } _: { upstream in
            let provider = try Self.provider(upstream.baseURL, ["sk-a", "sk-b"])
            let seen = await fault { _ = try await Self.ask(provider) }
            #expect(seen?.kind == .authenticationFailed)
            #expect(seen?.message == "key 1 of 2: HTTP 401 (invalid_api_key): refused [redacted]")
            #expect(Self.keys(upstream) == ["sk-a", "sk-b"])
            // The upstream is left alone then.
            let again = await fault { _ = try await Self.ask(provider) }
            #expect(again?.kind == .authenticationFailed)
            #expect(upstream.requests.all.count == 2)
        }
    }

    @Test func `A limit goes up rather than a rejection, the shortest of them`() async throws {
        let answers = [
            "Bearer sk-a": Self.refusal("429 Too Many Requests", headers: ["retry-after: 50"]),
            "Bearer sk-b": Self.refusal("429 Too Many Requests", headers: ["retry-after: 20"]),
            "Bearer sk-c": Self.refusal("401 Unauthorized"),
        ]
        try await FaultUpstream.run { request in
            answers[request.headers["authorization"] ?? ""] ?? [.close]
        } _: { upstream in
            let provider = try Self.provider(upstream.baseURL, ["sk-a", "sk-b", "sk-c"])
            let seen = await fault { _ = try await Self.ask(provider) }
            #expect(seen?.kind == .rateLimited(retryAfter: .seconds(20)))
            let again = await fault { _ = try await Self.ask(provider) }
            #expect((again?.retryAfter ?? .zero) > .seconds(10))
            #expect(upstream.requests.all.count == 3)
        }
    }

    @Test(arguments: ["500 Oh", "503 Busy", "404 What", "400 Bad"])
    func `A fault that is not the key's is not tried with another`(_ status: String) async throws {
        try await FaultUpstream.run { _ in
            Self.refusal(status)
        } _: { upstream in
            let provider = try Self.provider(upstream.baseURL, ["sk-a", "sk-b"])
            #expect(await fault { _ = try await Self.ask(provider) } != nil)
            #expect(Self.keys(upstream) == ["sk-a"])
        }
    }

    @Test func `A key that stands alone is asked once for each request`() async throws {
        try await FaultUpstream.run { _ in
            Self.refusal("429 Too Many Requests")
        } _: { upstream in
            let provider = try Fixture.httpProvider(upstream.baseURL, key: "sk-a")
            for count in 1...3 {
                let seen = await fault { _ = try await Self.ask(provider) }
                #expect(seen?.message == "HTTP 429 (no): refused [redacted]")
                #expect(upstream.requests.all.count == count)
            }
        }
    }

    @Test func `Embeddings and token counts take the next key as well`() async throws {
        try await FaultUpstream.run { request in
            request.headers["authorization"] == "Bearer sk-b"
                ? .whole("abc") : Self.refusal("429 Too Many Requests", headers: ["retry-after: 0"])
        } _: { upstream in
            let provider = try Self.provider(upstream.baseURL, ["sk-a", "sk-b"])
            let answer = try await provider.embed(EmbeddingRequest(id: "e", model: "m", inputs: ["x"]))
            #expect(answer.vectors == [[97, 98, 99]])
            #expect(try await provider.countTokens(Fixture.request()) == 3)
            #expect(Self.keys(upstream) == ["sk-a", "sk-b", "sk-a", "sk-b"])
            #expect(upstream.requests.all.map(\.path) == ["/v1/embeddings", "/v1/embeddings", "/count", "/count"])
        }
    }

    @Test func `Questions beside the token path take the next key as well`() async throws {
        struct Answer: Decodable { let number: Int }
        try await FaultUpstream.run { request in
            request.headers["authorization"] == "Bearer sk-b"
                ? .whole(#"{"number":4}"#) : Self.refusal("401 Unauthorized")
        } _: { upstream in
            var configuration = EndpointConfiguration(id: .local, kind: .openai, baseURL: upstream.baseURL)
            configuration.keys = KeyRing(keys: [Secret("sk-a"), Secret("sk-b")])
            let client = try JSONClient(configuration, group: Fixture.group)
            #expect(try await client.get(.base("/models"), as: Answer.self).number == 4)
            #expect(Self.keys(upstream) == ["sk-a", "sk-b"])
        }
    }

    @Test func `A key that is rejected is loaded anew, and the call goes on with what came`() async throws {
        let loads = Counter()
        try await FaultUpstream.run { request in
            request.headers["authorization"] == "Bearer sk-2" ? .whole(Fixture.whole) : Self.refusal("401 No")
        } _: { upstream in
            // Every look at the clock is a minute after the last, so that no load comes too soon.
            let looks = Counter()
            let start = ContinuousClock.now
            let ring = KeyRing([
                KeySource(name: "the test") {
                    loads.add(1)
                    return [Secret("sk-\(loads.value)")]
                }
            ]) {
                looks.add(1)
                return start + .seconds(60 * looks.value)
            }
            let provider = try Fixture.httpProvider(upstream.baseURL) { $0.keys = ring }
            #expect(try await Self.ask(provider).last == .finished(.stop))
            #expect(Self.keys(upstream) == ["sk-1", "sk-2"])
            #expect(loads.value == 2)
        }
    }

    @Test func `A refusal inside an answer is for the next request to heed`() async throws {
        try await FaultUpstream.run { request in
            request.headers["authorization"] == "Bearer sk-b"
                ? .stream([Fixture.content("b"), Fixture.finish(), Fixture.usage()])
                : .stream([
                    #"{"error":{"message":"slow down","type":"rate_limit_exceeded","code":"rate_limit_exceeded"}}"#
                ])
        } _: { upstream in
            let provider = try Self.provider(upstream.baseURL, ["sk-a", "sk-b"])
            let seen = await fault { _ = try await provider.start(Fixture.request()).collect() }
            #expect(seen?.kind == .rateLimited(retryAfter: nil))
            #expect(try await provider.start(Fixture.request()).collect().first == .textDelta("b"))
            #expect(Self.keys(upstream) == ["sk-a", "sk-b"])
        }
    }

    @Test func `All keys together have an attempt's time`() async throws {
        try await FaultUpstream.run { request in
            request.headers["authorization"] == "Bearer sk-a"
                ? [.delay(.milliseconds(100))] + Self.refusal("429 Too Many Requests") : []
        } _: { upstream in
            let provider = try Self.provider(upstream.baseURL, ["sk-a", "sk-b"])
            var request = Fixture.request()
            request.firstTokenLimit = .seconds(2)
            let seen = await fault { _ = try await provider.start(request) }
            #expect(seen?.kind == .timedOut(.firstToken))
            // What the second had was what the first had left.
            let words = seen?.message.split(separator: " ") ?? []
            let seconds = words.count == 5 ? Double(words[3]) : nil
            #expect((seconds ?? 2) <= 1.9, "\(seen?.message ?? "")")
            #expect(upstream.requests.all.count == 2)
        }
    }

    @Test func `A header of one's own takes the key's place`() async throws {
        try await FaultUpstream.run { _ in
            Self.refusal("401 Unauthorized")
        } _: { upstream in
            let provider = try Fixture.httpProvider(upstream.baseURL) {
                $0.keys = KeyRing(keys: [Secret("sk-a"), Secret("sk-b")])
                $0.extraHeaders = [("Authorization", Secret("Bearer mine"))]
            }
            #expect(await fault { _ = try await Self.ask(provider) }?.kind == .authenticationFailed)
            #expect(Self.keys(upstream) == ["mine"])
        }
    }
}
