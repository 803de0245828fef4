import Inference
import Testing

@testable import Providers

@Suite struct AnthropicWholeDecoderTests {
    static func decode(_ text: String) throws(UpstreamFault) -> [InferenceEvent] {
        try AnthropicWholeDecoder.decode(Array(text.utf8).span)
    }

    @Test func `Blocks, usage and end come in their order`() throws {
        let text = #"""
            {"usage":{"cache_read_input_tokens":100,"input_tokens":3,"output_tokens":6,"cache_creation":{"x":1},
            "output_tokens_details":{"thinking_tokens":2}},"stop_reason":"tool_use","id":"msg_1","role":"assistant",
            "content":[{"type":"thinking","thinking":"h","signature":"s"},{"type":"redacted_thinking","data":"d"},
            {"type":"text","text":"a","citations":[{"type":"page_location","cited_text":"w","document_index":0,
            "document_title":"D"}]},{"type":"server_tool_use","id":"srv","name":"web_search","input":{"q":"x"}},
            {"type":"tool_use","id":"x","name":"f","input":{"b": [1, {"c": null}]}},
            {"type":"tool_use","id":"y","name":"g","input":{}}],"stop_details":null,"container":null,"type":"message"}
            """#
        #expect(
            try Self.decode(text) == [
                .reasoningDelta("h"), .reasoningSignature(ReasoningSignature("s", origin: "anthropic")),
                .reasoningSignature(ReasoningSignature("d", origin: "anthropic", isRedacted: true)), .textDelta("a"),
                .citation(Citation(title: "D", citedText: "w", documentIndex: 0)),
                .toolCallDelta(ToolCallDelta(index: 0, id: "x", name: "f")),
                .toolCallDelta(ToolCallDelta(index: 0, argumentsFragment: #"{"b":[1,{"c":null}]}"#)),
                .toolCallDelta(ToolCallDelta(index: 1, id: "y", name: "g")),
                .toolCallDelta(ToolCallDelta(index: 1, argumentsFragment: "{}")),
                .usage(Usage(inputTokens: 103, outputTokens: 6, cachedInputTokens: 100, reasoningTokens: 2)),
                .finished(.toolCalls),
            ])
    }

    @Test func `An empty answer is an answer`() throws {
        let text =
            #"{"type":"message","content":[],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2}}"#
        #expect(try Self.decode(text) == [.usage(Usage(inputTokens: 3, outputTokens: 2)), .finished(.stop)])
    }

    @Test(arguments: [
        ("{}", UpstreamFault.Kind.malformed), ("", .malformed), ("[]", .malformed),
        (#"{"type":"message","stop_reason":"end_turn"}"#, .malformed),
        (#"{"type":"message","content":"a","stop_reason":"end_turn"}"#, .malformed),
        (#"{"type":"message","content":[7],"stop_reason":"end_turn"}"#, .malformed),
        (#"{"type":"message","content":[{"type":"text","text":["a"]}],"stop_reason":"end_turn"}"#, .malformed),
        (#"{"type":"message","content":[{"type":"tool_use","name":"f"}],"stop_reason":"end_turn"}"#, .malformed),
        (#"{"type":"message","content":[{"type":"text","text":"a"}],"stop_reason":null}"#, .truncated),
        (#"{"type":"message","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn""#, .malformed),
        (#"{"type":"error","error":{"type":"api_error","message":"m"}}"#, .serverError),
        (#"{"error":{"message":"no","code":503}}"#, .overloaded(retryAfter: nil)),
    ])
    func `What is no answer is a fault`(_ text: String, _ kind: UpstreamFault.Kind) {
        let error = #expect(throws: UpstreamFault.self) { try Self.decode(text) }
        #expect(error?.kind == kind)
    }

    // MARK: - The response

    @Test func `A body in pieces is the body`() throws {
        var decoder = AnthropicResponseDecoder(delivery: .whole)
        var head = HTTPResponseHead(status: 200)
        head.contentLength = AnthropicWire.whole.utf8.count
        var events: [InferenceEvent] = []
        #expect(try decoder.receive(head))
        for byte in AnthropicWire.whole.utf8 { try decoder.receive([byte].span, into: &events) }
        #expect(!decoder.isFinished)
        try decoder.end(.complete, into: &events)
        #expect(events == AnthropicWire.shortEvents)
        #expect(decoder.isFinished)
    }

    @Test func `A body in one piece needs no end`() throws {
        var decoder = AnthropicResponseDecoder(delivery: .whole)
        let body = Array(AnthropicWire.whole.utf8)
        var head = HTTPResponseHead(status: 200)
        head.contentLength = body.count
        var events: [InferenceEvent] = []
        #expect(try decoder.receive(head))
        try decoder.receive(body.span, into: &events)
        #expect(events == AnthropicWire.shortEvents)
        #expect(decoder.isFinished)
    }

    @Test func `An answer over the limit is a fault`() throws {
        var decoder = AnthropicResponseDecoder(delivery: .whole, limits: DecoderLimits(maximumBodyBytes: 100))
        var events: [InferenceEvent] = []
        #expect(try decoder.receive(HTTPResponseHead(status: 200)))
        let error = #expect(throws: UpstreamFault.self) {
            for _ in 0..<11 { try decoder.receive([UInt8](repeating: 0x20, count: 10).span, into: &events) }
        }
        #expect(error?.kind == .malformed)
    }

    @Test(arguments: [(ResponseEnd.cut, UpstreamFault.Kind.truncated), (.complete, .malformed)])
    func `A body that ends early is no answer`(_ end: ResponseEnd, _ kind: UpstreamFault.Kind) throws {
        var decoder = AnthropicResponseDecoder(delivery: .whole)
        var events: [InferenceEvent] = []
        #expect(try decoder.receive(HTTPResponseHead(status: 200)))
        try decoder.receive(Array(#"{"content":["#.utf8).span, into: &events)
        let error = #expect(throws: UpstreamFault.self) { try decoder.end(end, into: &events) }
        #expect(error?.kind == kind)
    }

    @Test func `The media type decides over what was asked for`() throws {
        var events: [InferenceEvent] = []
        var head = HTTPResponseHead(status: 200)

        var asked = AnthropicResponseDecoder(delivery: .streamed)
        head.mediaType = .json
        #expect(try asked.receive(head))
        try asked.receive(Array(AnthropicWire.whole.utf8).span, into: &events)
        try asked.end(.complete, into: &events)
        #expect(events == AnthropicWire.shortEvents)

        events = []
        var whole = AnthropicResponseDecoder(delivery: .whole)
        head.mediaType = .eventStream
        #expect(try whole.receive(head))
        try whole.receive(Array(AnthropicWire.short.map(AnthropicWire.event).joined().utf8).span, into: &events)
        #expect(events == AnthropicWire.shortEvents)
        #expect(whole.isFinished && !whole.isWaitingForDetails)

        var page = AnthropicResponseDecoder(delivery: .streamed)
        head.mediaType = .other("text/html")
        let error = #expect(throws: UpstreamFault.self) { try page.receive(head) }
        #expect(error?.kind == .malformed)
        #expect(error?.message.contains("text/html") == true)
    }

    @Test(arguments: [ResponseEnd.complete, .cut, .patienceOver])
    func `A stream without message_stop is cut, whatever the connection says`(_ end: ResponseEnd) throws {
        var decoder = AnthropicResponseDecoder(delivery: .streamed)
        var events: [InferenceEvent] = []
        #expect(try decoder.receive(HTTPResponseHead(status: 200)))
        let stream = AnthropicWire.short.dropLast().map(AnthropicWire.event).joined()
        try decoder.receive(Array(stream.utf8).span, into: &events)
        let error = #expect(throws: UpstreamFault.self) { try decoder.end(end, into: &events) }
        #expect(error?.kind == .truncated)
        #expect(events == [.textDelta("a")])
    }

    @Test func `A fault in mid-stream keeps the key to itself`() throws {
        var decoder = AnthropicResponseDecoder(
            delivery: .streamed, limits: DecoderLimits(secret: Secret("sk-ant-secret")))
        var events: [InferenceEvent] = []
        #expect(try decoder.receive(HTTPResponseHead(status: 200)))
        let text = #"{"type":"error","error":{"type":"authentication_error","message":"sk-ant-secret is no key"}}"#
        let error = #expect(throws: UpstreamFault.self) {
            try decoder.receive(Array(AnthropicWire.event(text).utf8).span, into: &events)
        }
        #expect(error?.kind == .authenticationFailed)
        #expect(error?.message == "the upstream failed in its answer (authentication_error): [redacted] is no key")
    }
}
