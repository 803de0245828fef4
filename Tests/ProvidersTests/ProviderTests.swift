import Inference
import Providers
import TestSupport
import Testing

/// The provider against a real socket.
@Suite struct ProviderTests {
    @Test func `A stream arrives with its usage before its end`() async throws {
        let events = try await FaultUpstream.run { _ in
            .stream([Fixture.content("Par"), Fixture.content("is."), Fixture.finish(), Fixture.usage()])
        } _: { upstream in
            try await Fixture.provider(upstream.baseURL).start(Fixture.request()).collect()
        }
        #expect(
            events == [
                .textDelta("Par"), .textDelta("is."), .usage(Usage(inputTokens: 3, outputTokens: 2)), .finished(.stop),
            ])
    }

    @Test func `A whole answer arrives as the same events`() async throws {
        let events = try await FaultUpstream.run { _ in
            .whole(Fixture.whole)
        } _: { upstream in
            try await Fixture.provider(upstream.baseURL).start(Fixture.request(delivery: .whole)).collect()
        }
        #expect(
            events == [.textDelta("Paris."), .usage(Usage(inputTokens: 3, outputTokens: 2)), .finished(.stop)])
    }

    @Test func `The request carries path, key, request id and body`() async throws {
        try await FaultUpstream.run { _ in
            .whole(Fixture.whole)
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL, key: "sk-secret") {
                $0.extraHeaders = [("X-Team", Secret("blue"))]
                $0.userAgent = "roundhouse/9"
            }
            _ = try await provider.start(Fixture.request("hi", delivery: .whole)).collect()
            let request = await upstream.requests.element(0)
            #expect(request.method == "POST")
            #expect(request.path == "/v1/chat/completions")
            #expect(request.headers["authorization"] == "Bearer sk-secret")
            #expect(request.headers["x-request-id"] == "request-1")
            #expect(request.headers["x-team"] == "blue")
            #expect(request.headers["user-agent"] == "roundhouse/9")
            #expect(request.headers["host"] == "127.0.0.1:\(upstream.port)")
            #expect(request.text == #"{"model":"tiny","messages":[{"role":"user","content":"hi"}]}"#)
        }
    }

    @Test func `Where streaming is not allowed the whole answer is asked for`() async throws {
        try await FaultUpstream.run { _ in
            .whole(Fixture.whole)
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL) { $0.isStreamingAllowed = false }
            let events = try await provider.start(Fixture.request(delivery: .streamed)).collect()
            #expect(events.last == .finished(.stop))
            let request = await upstream.requests.element(0)
            #expect(!request.text.contains("stream"))
        }
    }

    @Test(arguments: [UpstreamRequest.Delivery.whole, .streamed])
    func `The request carries the trace, and none when there is none`(delivery: UpstreamRequest.Delivery) async throws {
        try await FaultUpstream.run { request in
            request.text.contains("stream")
                ? .stream([Fixture.content("a"), Fixture.finish(), Fixture.usage()]) : .whole(Fixture.whole)
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL)
            var request = Fixture.request(delivery: delivery)
            let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            request.inference.trace = TraceContext(traceparent: [parent], tracestate: ["rojo=1,congo=2"])
            _ = try await provider.start(request).collect()
            _ = try await provider.start(Fixture.request(delivery: delivery)).collect()
            let told = await upstream.requests.element(0)
            #expect(told.headers["traceparent"] == parent && told.headers["tracestate"] == "rojo=1,congo=2")
            let untold = await upstream.requests.element(1)
            #expect(untold.headers["traceparent"] == nil && untold.headers["tracestate"] == nil)
        }
    }

    @Test func `A request id that could end the header is left out`() async throws {
        try await FaultUpstream.run { _ in
            .whole(Fixture.whole)
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL)
            _ = try await provider.start(Fixture.request(delivery: .whole, id: "a\r\nx-evil: 1")).collect()
            let request = await upstream.requests.element(0)
            #expect(request.headers["x-request-id"] == nil)
            #expect(request.headers["x-evil"] == nil)
        }
    }

    @Test func `A failure is named and keeps the key to itself`() async throws {
        try await FaultUpstream.run { _ in
            .whole(
                #"{"error":{"message":"bad key sk-secret-1","type":"invalid_request_error","code":"invalid_api_key"}}"#,
                status: "401 Unauthorized")
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL, key: "sk-secret-1")
            let seen = await fault { _ = try await provider.start(Fixture.request()) }
            #expect(seen?.kind == .authenticationFailed)
            #expect(seen?.httpStatus == 401)
            #expect(seen?.message == "HTTP 401 (invalid_api_key): bad key [redacted]")
        }
    }

    @Test func `llama.cpp counts tokens of the rendered prompt`() async throws {
        try await FaultUpstream.run { request in
            request.path == "/apply-template" ? .whole(#"{"prompt":"<s>hi\n"}"#) : .whole(#"{"tokens":[1,22,333]}"#)
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL, kind: .llamaCpp, key: "key-1")
            #expect(try await provider.countTokens(Fixture.request()) == 3)
            let requests = upstream.requests.all
            #expect(requests.map(\.path) == ["/apply-template", "/tokenize"])
            #expect(requests[0].text == #"{"messages":[{"role":"user","content":"hi"}]}"#)
            #expect(requests[1].text == #"{"content":"<s>hi\n","add_special":true,"parse_special":true}"#)
            #expect(requests[1].headers["authorization"] == "Bearer key-1")
        }
    }

    @Test func `vLLM counts tokens of the messages`() async throws {
        try await FaultUpstream.run { _ in
            .whole(#"{"count":7,"max_model_len":4096,"tokens":[1,2,3,4,5,6,7]}"#)
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL, kind: .vllm)
            #expect(try await provider.countTokens(Fixture.request()) == 7)
            #expect(upstream.requests.all.map(\.path) == ["/tokenize"])
        }
    }

    @Test func `Others cannot count tokens, and are not asked`() async throws {
        try await FaultUpstream.run { _ in
            .whole("{}")
        } _: { upstream in
            let count = try await Fixture.provider(upstream.baseURL).countTokens(Fixture.request())
            #expect(count == nil)
            #expect(upstream.requests.all.isEmpty)
        }
    }
}
