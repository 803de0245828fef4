import Inference
import Testing

@testable import Providers

/// Every way in which an upstream's stream deviates from OpenAI's, with the events that it must become.
@Suite struct OpenAIStreamDecoderTests {
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

    static func sse(_ data: String...) -> String {
        data.map { "data: \($0)\n\n" }.joined()
    }

    static let usage = InferenceEvent.usage(Usage(inputTokens: 3, outputTokens: 2))
    static let a = InferenceEvent.textDelta("a")
    static let stop = InferenceEvent.finished(.stop)

    static let cases: [Case] = [
        Case(
            "OpenAI: usage in a chunk without choices",
            sse(Fixture.content("a"), Fixture.finish(), Fixture.usage(), "[DONE]"), [a, usage, stop]),
        Case(
            "usage in a chunk with an empty choice",
            sse(
                Fixture.content("a"), Fixture.finish(),
                #"{"choices":[{"index":0,"delta":{}}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#, "[DONE]"),
            [a, usage, stop]),
        Case(
            "DeepSeek: usage on the finish chunk, null elsewhere",
            sse(
                Fixture.content("a"),
                #"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],"#
                    + #""usage":{"prompt_tokens":3,"completion_tokens":2}}"#, "[DONE]"), [a, usage, stop]),
        Case(
            "running usage on every chunk: the last one counts",
            sse(
                #"{"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#,
                Fixture.finish(), Fixture.usage(), "[DONE]"), [a, usage, stop]),
        Case(
            "running usage, none after the end",
            sse(
                #"{"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
                Fixture.finish(), "[DONE]"), [a, usage, stop]),
        Case(
            "usage of zeros is none",
            sse(Fixture.content("a"), Fixture.finish(), Fixture.usage(0, 0), "[DONE]"), [a, stop]),
        Case(
            "cached and reasoning tokens",
            sse(
                Fixture.finish(),
                #"{"usage":{"completion_tokens_details":{"reasoning_tokens":1,"x":null},"completion_tokens":2,"#
                    + #""prompt_tokens_details":{"audio_tokens":0,"cached_tokens":2},"prompt_tokens":3}}"#),
            [.usage(Usage(inputTokens: 3, outputTokens: 2, cachedInputTokens: 2, reasoningTokens: 1)), stop]),
        Case(
            "DeepSeek's cached tokens",
            sse(
                Fixture.finish(),
                #"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2.0,"prompt_cache_hit_tokens":1}}"#),
            [.usage(Usage(inputTokens: 3, outputTokens: 2, cachedInputTokens: 1)), stop]),
        Case(
            "OpenRouter: comments and a finish that comes twice",
            ": OPENROUTER PROCESSING\n\n"
                + sse(Fixture.content("a"), Fixture.finish("length"), Fixture.finish(), Fixture.usage(), "[DONE]"),
            [a, usage, .finished(.length)]),
        Case(
            "empty frames",
            "data:\n\ndata: \n\n" + sse(Fixture.content("a")) + "data\n\n" + sse(Fixture.finish(), "[DONE]"),
            [a, stop]),
        Case("no [DONE]", sse(Fixture.content("a"), Fixture.finish(), Fixture.usage()), [a, usage, stop]),
        Case("neither [DONE] nor usage", sse(Fixture.content("a"), Fixture.finish()), [a, stop]),
        Case(
            "no final blank line", sse(Fixture.content("a"), Fixture.finish()) + "data: " + Fixture.usage(),
            [a, usage, stop]),
        Case(
            "carriage returns",
            sse(Fixture.content("a"), Fixture.finish(), "[DONE]").replacing("\n", with: "\r"), [a, stop]),
        Case(
            "both line ends",
            sse(Fixture.content("a"), Fixture.finish(), "[DONE]").replacing("\n", with: "\r\n"), [a, stop]),
        Case(
            "nulls everywhere",
            sse(
                #"{"choices":[{"index":0,"delta":{"role":null,"content":null,"tool_calls":null,"refusal":null,"#
                    + #""reasoning":null,"reasoning_content":null,"function_call":null},"finish_reason":null,"#
                    + #""logprobs":null}],"usage":null,"error":null,"system_fingerprint":null}"#,
                #"{"choices":[{"index":0,"delta":null,"finish_reason":null}]}"#, #"{"choices":null}"#,
                #"{"choices":[{"delta":{"content":"a"}}]}"#,
                #"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":null,"function":null}]}}]}"#,
                Fixture.finish()),
            [a, stop]),
        Case(
            "Azure: a first chunk of filter results",
            sse(
                #"{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#, Fixture.content("a"), Fixture.finish(),
                "[DONE]"), [a, stop]),
        Case(
            "reasoning_content",
            sse(#"{"choices":[{"index":0,"delta":{"reasoning_content":"h"}}]}"#, Fixture.finish()),
            [.reasoningDelta("h"), stop]),
        Case(
            "reasoning", sse(#"{"choices":[{"index":0,"delta":{"reasoning":"h","content":""}}]}"#, Fixture.finish()),
            [.reasoningDelta("h"), stop]),
        Case(
            "both, of which one is passed on",
            sse(
                #"{"choices":[{"index":0,"delta":{"reasoning":"h","reasoning_content":"h","#
                    + #""reasoning_details":[{"text":"h"}]}}]}"#, Fixture.finish()), [.reasoningDelta("h"), stop]),
        Case(
            "a refusal is no text",
            sse(#"{"choices":[{"index":0,"delta":{"refusal":"a"}}]}"#, Fixture.finish()),
            [.refusalDelta("a"), .finished(.refusal)]),
        Case(
            "another choice, which nobody asked for",
            sse(
                #"{"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"length"},{"index":0,"#
                    + #""delta":{"content":"a"}}]}"#, Fixture.finish()), [a, stop]),
        Case(
            "interleaved tool calls",
            sse(
                #"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"x","type":"function","function":"#
                    + #"{"name":"f","arguments":""}},{"index":1,"id":"y","function":{"name":"g","arguments":"{"}}]}}]}"#,
                #"{"choices":[{"delta":{"tool_calls":[{"index":1,"function":{"arguments":"}"}}]}}]}"#,
                #"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}}]}"#,
                Fixture.finish("tool_calls"), "[DONE]"),
            [
                .toolCallDelta(ToolCallDelta(index: 0, id: "x", name: "f")),
                .toolCallDelta(ToolCallDelta(index: 1, id: "y", name: "g", argumentsFragment: "{")),
                .toolCallDelta(ToolCallDelta(index: 1, argumentsFragment: "}")),
                .toolCallDelta(ToolCallDelta(index: 0, argumentsFragment: #"{"a":1}"#)), .finished(.toolCalls),
            ]),
        Case(
            "tool calls without an index and with arguments as an object",
            sse(
                #"{"choices":[{"delta":{"tool_calls":[{"id":"x","function":{"name":"f","arguments":{"a": [1, "é"]}}},"#
                    + #"{"id":"y","function":{"name":"g","arguments":"{}"}}]}}]}"#, Fixture.finish("tool_calls")),
            [
                .toolCallDelta(ToolCallDelta(index: 0, id: "x", name: "f", argumentsFragment: #"{"a":[1,"é"]}"#)),
                .toolCallDelta(ToolCallDelta(index: 1, id: "y", name: "g", argumentsFragment: "{}")),
                .finished(.toolCalls),
            ]),
        Case(
            "escapes and characters beyond ASCII",
            sse(#"{"choices":[{"delta":{"content":"a\n\"\\\u00e9\ud83d\ude00é😀\u0000"}}]}"#, Fixture.finish()),
            [.textDelta("a\n\"\\é😀é😀\0"), stop]),
        Case(
            "what follows the end is not looked at",
            sse(Fixture.finish(), Fixture.usage(), "[DONE]", Fixture.content("late"), "nonsense"), [usage, stop]),
        Case(
            "unknown event types", sse(#"{"type":"ping"}"#, #"{}"#, Fixture.content("a"), Fixture.finish()), [a, stop]),
        Case("an unknown reason", sse(Fixture.finish("weary")), [.finished(.other)]),
        Case("Mistral's reason for a limit", sse(Fixture.finish("model_length")), [.finished(.length)]),
        Case("the filter's reason", sse(Fixture.finish("content_filter")), [.finished(.contentFilter)]),
        // Failures.
        Case(
            "no finish reason to the end", sse(Fixture.content("a"), Fixture.content("a")), [a, a], fault: .truncated),
        Case(
            "no finish reason but [DONE]", sse(Fixture.content("a"), Fixture.usage(), "[DONE]"), [a], fault: .truncated),
        Case("nothing", "", [], fault: .truncated),
        Case(
            "cut in a chunk", sse(Fixture.content("a")) + #"data: {"choices":[{"delta":{"con"#, [a],
            fault: .truncated),
        Case("garbage at the end", sse(Fixture.content("a")) + "data: no JSON", [a], fault: .malformed),
        Case(
            "cut in the usage, after the reason",
            sse(Fixture.content("a"), Fixture.finish()) + #"data: {"choices":[],"usage":{"prompt_tok"#, [a, stop]),
        Case("cut in [DONE], after the reason", sse(Fixture.content("a"), Fixture.finish()) + "data: [DO", [a, stop]),
        Case(
            "an error inside a 200",
            sse(Fixture.content("a"), #"{"error":{"message":"boom","type":"server_error","code":null}}"#), [a],
            fault: .serverError),
        Case(
            "OpenRouter's error in mid-stream",
            sse(
                Fixture.content("a"),
                #"{"id":"x","error":{"code":429,"message":"slow down"},"choices":[{"index":0,"delta":{"content":""},"#
                    + #""finish_reason":"error"}]}"#), [a], fault: .rateLimited(retryAfter: nil)),
        Case(
            "finish_reason error alone", sse(Fixture.content("a"), Fixture.finish("error"), "[DONE]"), [a],
            fault: .serverError),
        Case(
            "DeepSeek breaks off for want of machines",
            sse(Fixture.content("a"), Fixture.finish("insufficient_system_resource"), Fixture.usage(), "[DONE]"), [a],
            fault: .overloaded(retryAfter: nil)),
        Case(
            "vLLM breaks off", sse(Fixture.content("a"), Fixture.finish("abort"), Fixture.usage(), "[DONE]"), [a],
            fault: .truncated),
        Case(
            "an error in the choice",
            sse(#"{"choices":[{"index":0,"error":{"message":"gone","code":502},"delta":{}}]}"#), [],
            fault: .serverError),
        Case("an error as a string", sse(#"{"error":"out of memory"}"#), [], fault: .serverError),
        Case(
            "vLLM's error without a wrapper",
            sse(#"{"object":"error","message":"no","type":"BadRequestError","param":null,"code":400}"#), [],
            fault: .invalidRequest),
        Case(
            "an event named error",
            "event: error\n" + sse(#"{"error":{"message":"too long","code":"context_length_exceeded"}}"#), [],
            fault: .contextLengthExceeded),
        Case("no JSON", sse("hello"), [], fault: .malformed),
        Case("an array", sse("[1]"), [], fault: .malformed),
        Case("content of the wrong type", sse(#"{"choices":[{"delta":{"content":7}}]}"#), [], fault: .malformed),
        Case("choices of the wrong type", sse(#"{"choices":{}}"#), [], fault: .malformed),
        Case("usage of the wrong type", sse(#"{"usage":{"prompt_tokens":"3"}}"#), [], fault: .malformed),
        Case("negative usage", sse(#"{"usage":{"prompt_tokens":-3}}"#), [], fault: .malformed),
        Case("not UTF-8 escapes", sse(#"{"choices":[{"delta":{"content":"\ud800"}}]}"#), [], fault: .malformed),
        Case(
            "nested without end", sse(String(repeating: "[", count: 100_000)), [], fault: .malformed),
    ]

    static func decode(_ portions: [ArraySlice<UInt8>]) -> ([InferenceEvent], UpstreamFault?) {
        var decoder = OpenAIStreamDecoder()
        var events: [InferenceEvent] = []
        do throws(UpstreamFault) {
            for portion in portions { try decoder.decode(Array(portion).span, into: &events) }
            try decoder.finish(into: &events)
            return (events, nil)
        } catch {
            return (events, error)
        }
    }

    @Test(arguments: cases)
    func `It becomes these events, wherever the bytes are split`(_ example: Case) {
        let bytes = Array(example.text.utf8)
        let whole = Self.decode([bytes[...]])
        #expect(whole.0 == example.events)
        #expect(whole.1?.kind == example.fault, "\(whole.1?.message ?? "")")
        guard bytes.count < 5000 else { return }
        for place in 0...bytes.count {
            let split = Self.decode([bytes[..<place], bytes[place...]])
            #expect(split.0 == example.events, "split at \(place)")
            #expect(split.1?.kind == example.fault, "split at \(place)")
        }
        let single = Self.decode(bytes.indices.map { bytes[$0...$0] })
        #expect(single.0 == example.events, "byte by byte")
    }

    @Test func `The fault names the field and shows the text`() {
        let text = Self.sse(#"{"choices":[{"delta":{"content":7}}]}"#)
        let fault = Self.decode([Array(text.utf8)[...]]).1
        #expect(fault?.message.contains("choices[0].delta.content has the wrong type") == true)
        #expect(fault?.message.contains(#"{"content":7}"#) == true)
    }

    @Test func `The end comes with the usage, without waiting for the socket`() throws {
        var decoder = OpenAIStreamDecoder()
        var events: [InferenceEvent] = []
        try decoder.decode(Array(Self.sse(Fixture.finish()).utf8).span, into: &events)
        #expect(events.isEmpty)
        #expect(decoder.isWaitingForUsage)
        try decoder.decode(Array(Self.sse(Fixture.usage()).utf8).span, into: &events)
        #expect(events == [Self.usage, Self.stop])
        #expect(decoder.isFinished)
        #expect(!decoder.isWaitingForUsage)
    }

    @Test func `Bytes that make no sense never crash it`() {
        var random = SplitMix(seed: 7)
        let seed = Array(Self.sse(Fixture.content("aé"), Fixture.finish(), Fixture.usage(), "[DONE]").utf8)
        for _ in 0..<3000 {
            var bytes = seed
            for _ in 0..<(1 + random.next() % 4) {
                let place = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 3 {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: place)
                default: bytes.insert(contentsOf: bytes[place..<min(place + 20, bytes.count)], at: place)
                }
            }
            let (events, fault) = Self.decode([bytes[...]])
            // Whatever it made of them, it did not call an answer finished that is none.
            let ends = events.filter { if case .finished = $0 { true } else { false } }
            #expect(ends.count == (fault == nil ? 1 : 0))
        }
    }
}
