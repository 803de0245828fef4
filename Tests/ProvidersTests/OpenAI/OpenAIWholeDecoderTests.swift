import Inference
import Testing

@testable import Providers

@Suite struct OpenAIWholeDecoderTests {
    static func decode(_ text: String) throws(UpstreamFault) -> [InferenceEvent] {
        try OpenAIWholeDecoder.decode(Array(text.utf8).span)
    }

    @Test func `Reasoning, text, tool calls, usage and end come in this order`() throws {
        let text = #"""
            {"usage":{"total_tokens":9,"prompt_tokens":3,"completion_tokens":6},"choices":[{"finish_reason":"tool_calls",
            "message":{"tool_calls":[{"id":"x","type":"function","function":{"arguments":"{}","name":"f"}}],
            "content":"a","reasoning_content":"h"},"index":0}]}
            """#
        #expect(
            try Self.decode(text) == [
                .reasoningDelta("h"), .textDelta("a"),
                .toolCallDelta(ToolCallDelta(index: 0, id: "x", name: "f", argumentsFragment: "{}")),
                .usage(Usage(inputTokens: 3, outputTokens: 6)), .finished(.toolCalls),
            ])
    }

    @Test(arguments: [
        (#"{"choices":[]}"#, UpstreamFault.Kind.malformed), (#"{}"#, .malformed), ("", .malformed),
        (#"{"choices":[{"message":{"content":"a"},"finish_reason":null}]}"#, .truncated),
        (#"{"choices":[{"message":{"content":"a"},"finish_reason":"error"}]}"#, .serverError),
        (#"{"error":{"message":"no","code":503}}"#, .overloaded(retryAfter: nil)),
        (#"{"choices":[{"message":{"content":["a"]},"finish_reason":"stop"}]}"#, .malformed),
        (#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]"#, .malformed),
    ])
    func `What is no answer is a fault`(_ text: String, _ kind: UpstreamFault.Kind) {
        let error = #expect(throws: UpstreamFault.self) { try Self.decode(text) }
        #expect(error?.kind == kind)
    }

    @Test func `A body in pieces is the body`() throws {
        var decoder = OpenAIResponseDecoder(delivery: .whole)
        let bytes = Array(Fixture.whole.utf8)
        var head = HTTPResponseHead(status: 200)
        head.contentLength = bytes.count
        var events: [InferenceEvent] = []
        #expect(try decoder.receive(head))
        for byte in bytes { try decoder.receive([byte].span, into: &events) }
        try decoder.end(.complete, into: &events)
        #expect(events.last == .finished(.stop))
        #expect(events.count == 3)
    }

    @Test func `An answer over the limit is a fault`() throws {
        var decoder = OpenAIResponseDecoder(
            delivery: .whole, limits: DecoderLimits(maximumBodyBytes: 100))
        var events: [InferenceEvent] = []
        #expect(try decoder.receive(HTTPResponseHead(status: 200)))
        let error = #expect(throws: UpstreamFault.self) {
            for _ in 0..<11 { try decoder.receive([UInt8](repeating: 0x20, count: 10).span, into: &events) }
        }
        #expect(error?.kind == .malformed)
    }

    @Test(arguments: [(ResponseEnd.cut, UpstreamFault.Kind.truncated), (.complete, .malformed)])
    func `A body that ends early is no answer`(_ end: ResponseEnd, _ kind: UpstreamFault.Kind) throws {
        var decoder = OpenAIResponseDecoder(delivery: .whole)
        var events: [InferenceEvent] = []
        #expect(try decoder.receive(HTTPResponseHead(status: 200)))
        try decoder.receive(Array(#"{"choices":["#.utf8).span, into: &events)
        let error = #expect(throws: UpstreamFault.self) { try decoder.end(end, into: &events) }
        #expect(error?.kind == kind)
    }

    @Test func `The media type decides over what was asked for`() throws {
        var events: [InferenceEvent] = []
        var head = HTTPResponseHead(status: 200)

        var asked = OpenAIResponseDecoder(delivery: .streamed)
        head.mediaType = .json
        #expect(try asked.receive(head))
        try asked.receive(Array(Fixture.whole.utf8).span, into: &events)
        try asked.end(.complete, into: &events)
        #expect(events.last == .finished(.stop))

        events = []
        var whole = OpenAIResponseDecoder(delivery: .whole)
        head.mediaType = .eventStream
        #expect(try whole.receive(head))
        try whole.receive(Array("data: \(Fixture.finish())\n\n".utf8).span, into: &events)
        try whole.end(.complete, into: &events)
        #expect(events == [.finished(.stop)])

        var page = OpenAIResponseDecoder(delivery: .streamed)
        head.mediaType = .other("text/html")
        let error = #expect(throws: UpstreamFault.self) { try page.receive(head) }
        #expect(error?.kind == .malformed)
        #expect(error?.message.contains("text/html") == true)
    }

    @Test(
        arguments: [
            (.llamaCpp, "Par", [.textDelta("is."), .finished(.stop)]), (.llamaCpp, "Paris.", [.finished(.stop)]),
            (.llamaCpp, "Lon", [.textDelta("Paris."), .finished(.stop)]),
            (.llamaCpp, nil, [.textDelta("Paris."), .finished(.stop)]),
            (.vllm, "Par", [.textDelta("Paris."), .finished(.stop)]),
        ] as [(ProviderKind, String?, [InferenceEvent])])
    func `A begun answer that llama.cpp repeats in a whole one is taken away`(
        _ kind: ProviderKind, _ begun: String?, _ expected: [InferenceEvent]
    ) throws {
        let body = Array(#"{"choices":[{"message":{"content":"Paris."},"finish_reason":"stop"}]}"#.utf8)
        // As a prefill, and as a last message that the client itself began.
        var requests = [OpenAIFixture.request(prefill: begun)]
        if let begun { requests.append(OpenAIFixture.request([Message(.user, "hi"), Message(.assistant, begun)])) }
        for request in requests {
            var decoder = OpenAIFormat(dialect: kind.dialect).decoder(for: request, limits: DecoderLimits())
            var events: [InferenceEvent] = []
            #expect(try decoder.receive(HTTPResponseHead(status: 200)))
            try decoder.receive(body.span, into: &events)
            try decoder.end(.complete, into: &events)
            #expect(events == expected)
        }
    }

    @Test func `A stream repeats nothing, so nothing is taken away`() throws {
        let request = OpenAIFixture.request(delivery: .streamed, prefill: "a")
        var decoder = OpenAIFormat(dialect: ProviderKind.llamaCpp.dialect).decoder(
            for: request, limits: DecoderLimits())
        var events: [InferenceEvent] = []
        #expect(try decoder.receive(HTTPResponseHead(status: 200)))
        let text = OpenAIFixture.sse([Fixture.content("a"), Fixture.content("b"), Fixture.finish(), "[DONE]"])
        try decoder.receive(Array(text.utf8).span, into: &events)
        #expect(events == [.textDelta("a"), .textDelta("b"), .finished(.stop)])
    }
}
