import Inference
import Testing

@testable import Providers

private typealias Wire = AnthropicWire

/// What streams of the Messages API hold, with the events that they must become.
@Suite struct AnthropicStreamDecoderTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let what: String
        let text: String
        let events: [InferenceEvent]
        var fault: UpstreamFault.Kind?
        var testDescription: String { self.what }

        init(_ what: String, _ text: String, _ events: [InferenceEvent], fault: UpstreamFault.Kind? = nil) {
            self.what = what
            self.text = text
            self.events = events
            self.fault = fault
        }
    }

    static let a = InferenceEvent.textDelta("a")
    static let stop = InferenceEvent.finished(.stop)
    static let usage = InferenceEvent.usage(Usage(inputTokens: 3, outputTokens: 2))
    /// Of streams without `message_start`.
    static let output = InferenceEvent.usage(Usage(inputTokens: 0, outputTokens: 2))

    static func tool(_ index: Int, _ id: String, _ name: String) -> InferenceEvent {
        .toolCallDelta(ToolCallDelta(index: index, id: id, name: name))
    }

    static func arguments(_ index: Int, _ text: String) -> InferenceEvent {
        .toolCallDelta(ToolCallDelta(index: index, argumentsFragment: text))
    }

    static func signature(_ value: String, isRedacted: Bool = false) -> InferenceEvent {
        .reasoningSignature(ReasoningSignature(value, origin: "anthropic", isRedacted: isRedacted))
    }

    static let answers: [Case] = [
        Case("text", Wire.short.map(Wire.event).joined(), Wire.shortEvents),
        Case(
            "pings, events and fields that nobody knows",
            Wire.sse(
                Wire.ping, Wire.begin(0, Wire.emptyText), Wire.ping,
                #"{"type":"something_new","index":"x","delta":7}"#,
                #"{"delta":{"x":{},"text":"a","type":"text_delta"},"y":[null],"index":0,"type":"content_block_delta"}"#,
                Wire.end(0), Wire.stop(), Wire.over), [a, output, stop]),
        Case(
            "carriage returns", Wire.short.map(Wire.event).joined().replacing("\n", with: "\r\n"), Wire.shortEvents),
        Case(
            "no names of events", Wire.short.map { "data: \($0)\n\n" }.joined(), Wire.shortEvents),
        Case(
            "no final blank line", String(Wire.short.map(Wire.event).joined().dropLast(2)), Wire.shortEvents),
        Case(
            "what follows the end is not looked at",
            Wire.short.map(Wire.event).joined() + "data: [DONE]\n\ndata: nonsense\n\n", Wire.shortEvents),
        Case(
            "escapes and characters beyond ASCII",
            Wire.sse(
                Wire.begin(0, Wire.emptyText), Wire.text(0, #"a\n\"\\\u00e9\ud83d\ude00é😀"#), Wire.stop(), Wire.over),
            [.textDelta("a\n\"\\é😀é😀"), output, stop]),
        Case(
            "thoughts with their signature",
            Wire.sse(
                Wire.begin(0, #"{"type":"thinking","thinking":"","signature":""}"#),
                Wire.delta(0, #"{"type":"thinking_delta","thinking":"h"}"#),
                Wire.delta(0, #"{"type":"thinking_delta","thinking":"m"}"#),
                Wire.delta(0, #"{"type":"signature_delta","signature":"EqQB/+=="}"#), Wire.end(0),
                Wire.begin(1, Wire.emptyText), Wire.text(1, "a"), Wire.end(1), Wire.stop(), Wire.over),
            [.reasoningDelta("h"), .reasoningDelta("m"), signature("EqQB/+=="), a, output, stop]),
        Case(
            "thoughts that are not shown",
            Wire.sse(
                Wire.begin(0, #"{"type":"thinking","thinking":""}"#),
                Wire.delta(0, #"{"type":"signature_delta","signature":"s"}"#), Wire.end(0),
                Wire.begin(1, #"{"type":"redacted_thinking","data":"EmwK"}"#), Wire.end(1), Wire.stop(), Wire.over),
            [signature("s"), signature("EmwK", isRedacted: true), output, stop]),
        Case(
            "a tool call in fragments, after text",
            Wire.sse(
                Wire.begin(0, Wire.emptyText), Wire.text(0, "a"), Wire.end(0),
                Wire.begin(1, #"{"type":"tool_use","id":"toolu_1","name":"f","input":{}}"#),
                Wire.delta(1, #"{"type":"input_json_delta","partial_json":""}"#),
                Wire.delta(1, #"{"type":"input_json_delta","partial_json":"{\"a\": "}"#),
                Wire.delta(1, #"{"type":"input_json_delta","partial_json":"1}"}"#), Wire.end(1),
                Wire.stop("tool_use"), Wire.over),
            [
                a, tool(0, "toolu_1", "f"), arguments(0, #"{"a": "#), arguments(0, "1}"), output,
                .finished(.toolCalls),
            ]),
        Case(
            "tool calls without arguments, in fragments that are empty or not there",
            Wire.sse(
                Wire.begin(0, #"{"type":"tool_use","id":"x","name":"f","input":{}}"#),
                Wire.delta(0, #"{"type":"input_json_delta","partial_json":""}"#), Wire.end(0),
                Wire.begin(1, #"{"type":"tool_use","id":"y","name":"g"}"#), Wire.end(1), Wire.stop("tool_use"),
                Wire.over),
            [
                tool(0, "x", "f"), arguments(0, "{}"), tool(1, "y", "g"), arguments(1, "{}"), output,
                .finished(.toolCalls),
            ]),
        Case(
            "a tool call whose arguments came with its beginning",
            Wire.sse(
                Wire.begin(0, #"{"type":"tool_use","id":"x","name":"f","input":{"a": [1, "é"]}}"#), Wire.end(0),
                Wire.stop("tool_use"), Wire.over),
            [tool(0, "x", "f"), arguments(0, #"{"a":[1,"é"]}"#), output, .finished(.toolCalls)]),
        Case(
            "interleaved tool calls, one of which does not end",
            Wire.sse(
                Wire.begin(7, #"{"type":"tool_use","id":"x","name":"f","input":{}}"#),
                Wire.begin(9, #"{"type":"tool_use","id":"y","name":"g","input":{}}"#),
                Wire.delta(9, #"{"type":"input_json_delta","partial_json":"{}"}"#),
                Wire.delta(7, #"{"type":"input_json_delta","partial_json":"[]"}"#), Wire.end(9),
                Wire.begin(8, #"{"type":"tool_use","id":"z","name":"h","input":{}}"#), Wire.stop("tool_use"),
                Wire.over),
            [
                tool(0, "x", "f"), tool(1, "y", "g"), arguments(1, "{}"), arguments(0, "[]"), tool(2, "z", "h"),
                arguments(2, "{}"), output, .finished(.toolCalls),
            ]),
        Case(
            "tools of the server, and blocks of tomorrow with our words in them",
            Wire.sse(
                Wire.begin(0, #"{"type":"server_tool_use","id":"srv","name":"web_search","input":{}}"#),
                Wire.delta(0, #"{"type":"input_json_delta","partial_json":"{}"}"#), Wire.end(0),
                Wire.begin(1, #"{"type":"web_search_tool_result","tool_use_id":"srv","content":[{"title":1}]}"#),
                Wire.end(1), Wire.begin(2, #"{"type":"dream","text":{},"id":7,"input":"x"}"#),
                Wire.delta(2, #"{"type":"text_delta","text":"b"}"#),
                Wire.delta(2, #"{"type":"dream_delta","text":7}"#), Wire.end(2), Wire.end(99),
                Wire.begin(3, Wire.emptyText), Wire.text(3, "a"), Wire.end(3), Wire.stop(), Wire.over),
            [a, output, stop]),
        Case(
            "citations of every kind of place",
            Wire.sse(
                Wire.begin(0, #"{"type":"text","text":"","citations":[]}"#),
                Wire.delta(
                    0,
                    #"{"type":"citations_delta","citation":{"type":"char_location","cited_text":"w","document_index":1,"#
                        + #""document_title":"D","start_char_index":0,"end_char_index":5}}"#), Wire.text(0, "a"),
                Wire.delta(
                    0,
                    #"{"type":"citations_delta","citation":{"type":"web_search_result_location","url":"https://x","#
                        + #""title":"T","cited_text":"","encrypted_index":"E"}}"#),
                Wire.delta(
                    0,
                    #"{"type":"citations_delta","citation":{"type":"search_result_location","source":"s","title":null,"#
                        + #""search_result_index":0}}"#), Wire.end(0), Wire.stop(), Wire.over),
            [
                .citation(Citation(title: "D", citedText: "w", documentIndex: 1)), a,
                .citation(Citation(url: "https://x", title: "T")), .citation(Citation(url: "s")), output, stop,
            ]),
        Case(
            "a refusal with its explanation",
            Wire.sse(
                Wire.start(),
                #"{"type":"message_delta","delta":{"stop_reason":"refusal","stop_details":{"type":"refusal","#
                    + #""category":"bio","explanation":"No."}},"usage":{"output_tokens":2}}"#, Wire.over),
            [.refusalDelta("No."), usage, .finished(.refusal)]),
        Case(
            "deltas of blocks that were not begun", Wire.sse(Wire.text(0, "a"), Wire.stop(), Wire.over),
            [a, output, stop]),
        Case(
            "nulls",
            Wire.sse(
                #"{"type":"message_start","message":{"usage":null}}"#,
                Wire.begin(0, #"{"type":"text","text":null,"citations":null}"#),
                Wire.delta(0, #"{"type":"text_delta","text":null}"#),
                #"{"type":"message_delta","delta":{"stop_reason":null,"stop_details":null},"usage":null}"#,
                Wire.stop("end_turn", "null"), Wire.over), [stop]),
    ]

    static let counts: [Case] = [
        Case(
            "cached tokens are part of the input",
            Wire.sse(
                Wire.start(
                    #"{"input_tokens":3,"cache_creation_input_tokens":20,"cache_read_input_tokens":100,"output_tokens":1}"#
                ), Wire.stop(), Wire.over),
            [
                .usage(
                    Usage(inputTokens: 123, outputTokens: 2, cachedInputTokens: 100, cacheWriteInputTokens: 20)),
                stop,
            ]),
        Case(
            "later counts are sums, also of the input; thoughts are part of the output",
            Wire.sse(
                Wire.start(), Wire.stop("end_turn", #"{"output_tokens":5}"#),
                Wire.stop(
                    "end_turn",
                    #"{"input_tokens":30,"cache_read_input_tokens":7,"cache_creation_input_tokens":null,"output_tokens":9,"#
                        + #""output_tokens_details":{"thinking_tokens":4,"x":1},"server_tool_use":{"x":1}}"#), Wire.over
            ),
            [.usage(Usage(inputTokens: 37, outputTokens: 9, cachedInputTokens: 7, reasoningTokens: 4)), stop]),
        Case(
            "later zeros do not undo the input",
            Wire.sse(
                Wire.start(), Wire.stop("end_turn", #"{"input_tokens":0,"output_tokens":2}"#), Wire.over),
            [usage, stop]),
        Case(
            "no counts at all", Wire.sse(Wire.stop("end_turn", "{}"), Wire.over), [stop]),
        Case(
            "counts near the largest do not overflow",
            Wire.sse(
                Wire.start(
                    #"{"input_tokens":9223372036854775807,"cache_read_input_tokens":9223372036854775807,"#
                        + #""cache_creation_input_tokens":9223372036854775807,"output_tokens":2.0}"#),
                Wire.stop("end_turn", #"{"output_tokens_details":{"thinking_tokens":9223372036854775807}}"#), Wire.over),
            [
                .usage(
                    Usage(
                        inputTokens: .max, outputTokens: 2, cachedInputTokens: .max, cacheWriteInputTokens: .max,
                        reasoningTokens: 2)), stop,
            ]),
        Case(
            "the largest index is one like others",
            Wire.sse(
                Wire.begin(.max, #"{"type":"tool_use","id":"x","name":"f"}"#), Wire.end(.max), Wire.stop(), Wire.over),
            [tool(0, "x", "f"), arguments(0, "{}"), output, stop]),
    ]

    static let failures: [Case] = [
        Case("nothing", "", [], fault: .truncated),
        Case(
            "an end without message_stop, though the reason is known",
            Wire.short.dropLast().map(Wire.event).joined(), [a], fault: .truncated),
        Case("an end in mid-answer", Wire.sse(Wire.start(), Wire.text(0, "a")), [a], fault: .truncated),
        Case("message_stop without a reason", Wire.sse(Wire.text(0, "a"), Wire.over), [a], fault: .truncated),
        Case(
            "a cut in an event", Wire.sse(Wire.text(0, "a")) + #"data: {"type":"message_st"#, [a], fault: .truncated),
        Case("garbage at the end", Wire.sse(Wire.text(0, "a")) + "data: no JSON", [a], fault: .malformed),
        Case(
            "an error in the stream",
            Wire.sse(
                Wire.text(0, "a"), #"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#),
            [a], fault: .overloaded(retryAfter: nil)),
        Case(
            "an error of a server before it", Wire.sse(#"{"error":{"message":"boom","code":502}}"#), [],
            fault: .serverError),
        Case("an OpenAI stream", Wire.sse(#"{"choices":[],"object":"chat.completion.chunk"}"#), [], fault: .malformed),
        Case("no JSON", "data: hello\n\n", [], fault: .malformed),
        Case("an array", "data: [1]\n\n", [], fault: .malformed),
        Case("a type that is no text", Wire.sse(#"{"type":7}"#), [], fault: .malformed),
        Case(
            "text of the wrong type", Wire.sse(Wire.delta(0, #"{"type":"text_delta","text":7}"#)), [], fault: .malformed
        ),
        Case(
            "an index of the wrong type", Wire.sse(#"{"type":"content_block_stop","index":"0"}"#), [], fault: .malformed
        ),
        Case("a negative index", Wire.sse(Wire.end(-1)), [], fault: .malformed),
        Case("an index beyond all", Wire.sse(#"{"type":"content_block_stop","index":1e300}"#), [], fault: .malformed),
        Case("no index", Wire.sse(#"{"type":"content_block_stop"}"#), [], fault: .malformed),
        Case("no delta", Wire.sse(#"{"type":"content_block_delta","index":0}"#), [], fault: .malformed),
        Case("no block", Wire.sse(#"{"type":"content_block_start","index":0}"#), [], fault: .malformed),
        Case("negative usage", Wire.sse(Wire.start(#"{"input_tokens":-3}"#)), [], fault: .malformed),
        Case(
            "a tool call without an identifier", Wire.sse(Wire.begin(0, #"{"type":"tool_use","name":"f"}"#)), [],
            fault: .malformed),
        Case(
            "a tool call without a name", Wire.sse(Wire.begin(0, #"{"type":"tool_use","id":"x","name":""}"#)), [],
            fault: .malformed),
        Case(
            "input that is no object",
            Wire.sse(Wire.begin(0, #"{"type":"tool_use","id":"x","name":"f","input":"{}"}"#)),
            [], fault: .malformed),
        Case(
            "arguments of no tool call", Wire.sse(Wire.delta(0, #"{"type":"input_json_delta","partial_json":"{}"}"#)),
            [],
            fault: .malformed),
        Case(
            "a signature of no thoughts",
            Wire.sse(
                Wire.begin(0, Wire.emptyText), Wire.delta(0, #"{"type":"signature_delta","signature":"s"}"#)), [],
            fault: .malformed),
        Case("not UTF-8 escapes", Wire.sse(Wire.text(0, #"\ud800"#)), [], fault: .malformed),
        Case("nested without end", "data: \(String(repeating: "[", count: 100_000))\n\n", [], fault: .malformed),
        Case(
            "blocks without end", (0...1024).map { Wire.event(Wire.begin($0, Wire.emptyText)) }.joined(), [],
            fault: .malformed),
    ]

    @Test(arguments: answers + counts + failures)
    func `It becomes these events, wherever the bytes are split`(_ example: Case) {
        let bytes = Array(example.text.utf8)
        let whole = Wire.decode([bytes[...]])
        #expect(whole.0 == example.events)
        #expect(whole.1?.kind == example.fault, "\(whole.1?.message ?? "")")
        guard bytes.count < 5000 else { return }
        for place in 0...bytes.count {
            let split = Wire.decode([bytes[..<place], bytes[place...]])
            #expect(split.0 == example.events, "split at \(place)")
            #expect(split.1?.kind == example.fault, "split at \(place)")
        }
        let single = Wire.decode(bytes.indices.map { bytes[$0...$0] })
        #expect(single.0 == example.events, "byte by byte")
        #expect(single.1?.kind == example.fault, "byte by byte")
    }

    @Test(arguments: [
        ("end_turn", FinishReason.stop), ("stop_sequence", .stop), ("max_tokens", .length), ("tool_use", .toolCalls),
        ("model_context_window_exceeded", .length), ("refusal", .refusal), ("pause_turn", .other), ("weary", .other),
    ])
    func `Every reason to stop has its meaning`(_ reason: String, _ meaning: FinishReason) {
        let stream = Array(Wire.sse(Wire.stop(reason), Wire.over).utf8)
        #expect(Wire.decode([stream[...]]).0.last == .finished(meaning))
    }

    @Test(arguments: [
        (Wire.delta(0, #"{"type":"text_delta","text":7}"#), "delta.text has the wrong type in: "),
        (Wire.begin(0, #"{"type":"tool_use","id":7}"#), "content_block.id has the wrong type in: "),
        (Wire.begin(0, #"{"type":"thinking","thinking":7}"#), "content_block.thinking has the wrong type in: "),
        (Wire.start(#"{"cache_read_input_tokens":"7"}"#), "usage.cache_read_input_tokens has the wrong type in: "),
        (Wire.stop("end_turn", "7"), "usage has the wrong type in: "),
        (#"{"type":"message_delta","delta":{"stop_reason":7}}"#, "stop_reason has the wrong type in: "),
        (Wire.delta(0, #"{"type":"citations_delta","citation":7}"#), "citation has the wrong type in: "),
    ])
    func `A fault names the field and shows the text`(_ event: String, _ words: String) {
        let fault = Wire.decode([Array(Wire.event(event).utf8)[...]]).1
        #expect(fault?.message.hasPrefix(words) == true, "\(fault?.message ?? "")")
        #expect(fault?.message.contains(event.prefix(40)) == true)
    }

    @Test func `The end comes with message_stop, without waiting for the socket`() throws {
        var decoder = AnthropicStreamDecoder()
        var events: [InferenceEvent] = []
        try decoder.decode(Array(Wire.short.dropLast().map(Wire.event).joined().utf8).span, into: &events)
        #expect(events == [Self.a])
        #expect(!decoder.isFinished)
        try decoder.decode(Array(Wire.event(Wire.over).utf8).span, into: &events)
        #expect(events == Wire.shortEvents)
        #expect(decoder.isFinished)
    }

    @Test func `Bytes that make no sense never crash it`() {
        var random = SplitMix(seed: 7)
        let seed = Array(
            Wire.sse(
                Wire.start(), Wire.begin(0, #"{"type":"thinking","thinking":"","signature":""}"#),
                Wire.delta(0, #"{"type":"signature_delta","signature":"s"}"#), Wire.end(0),
                Wire.begin(1, #"{"type":"tool_use","id":"x","name":"f","input":{}}"#),
                Wire.delta(1, #"{"type":"input_json_delta","partial_json":"{\"a\": 1}"}"#), Wire.end(1),
                Wire.stop("tool_use", #"{"input_tokens":3,"output_tokens":9}"#), Wire.over
            ).utf8)
        for _ in 0..<3000 {
            var bytes = seed
            for _ in 0..<(1 + random.next() % 4) {
                let place = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 4 {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(contentsOf: "99999999999999999999".utf8, at: place)
                default: bytes.insert(contentsOf: bytes[place..<min(place + 20, bytes.count)], at: place)
                }
            }
            let (events, fault) = Wire.decode([bytes[...]])
            // Whatever it made of them, it did not call an answer finished that is none.
            let ends = events.filter { if case .finished = $0 { true } else { false } }
            #expect(ends.count == (fault == nil ? 1 : 0))
        }
    }
}
