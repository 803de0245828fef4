import Inference
import Testing

@testable import Providers

/// What Ollama's lines become, those that depart from its documentation included.
@Suite struct OllamaDecoderTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let what: String
        let lines: [String]
        let events: [InferenceEvent]
        var fault: UpstreamFault.Kind?
        var testDescription: String { self.what }

        init(_ what: String, _ lines: [String], _ events: [InferenceEvent], fault: UpstreamFault.Kind? = nil) {
            self.what = what
            self.lines = lines
            self.events = events
            self.fault = fault
        }

        var text: String { self.lines.map { $0 + "\n" }.joined() }
    }

    static func line(_ message: String) -> String {
        #"{"model":"tiny","created_at":"2026-01-02T03:04:05.678Z","message":{"role":"assistant",\#(message)},"done":false}"#
    }

    static func content(_ text: String) -> String { self.line(#""content":"\#(text)""#) }

    static func done(_ reason: String = "stop", _ more: String = counts) -> String {
        #"{"model":"tiny","created_at":"2026-01-02T03:04:05.678Z","message":{"role":"assistant","content":""},"#
            + #""done_reason":"\#(reason)","done":true\#(more)}"#
    }

    static let counts =
        #","total_duration":4883583458,"load_duration":1334875,"prompt_eval_count":3,"prompt_eval_duration":342546000,"#
        + #""eval_count":2,"eval_duration":4535599000"#

    static let a = InferenceEvent.textDelta("a")
    static let usage = InferenceEvent.usage(Usage(inputTokens: 3, outputTokens: 2))
    static let stop = InferenceEvent.finished(.stop)

    static func call(_ index: Int, _ name: String, _ arguments: String, id: String? = nil) -> InferenceEvent {
        .toolCallDelta(
            ToolCallDelta(index: index, id: id ?? "call_\(index)", name: name, argumentsFragment: arguments))
    }

    static let cases: [Case] = [
        Case("text", [content("a"), content("é😀"), done()], [a, .textDelta("é😀"), usage, stop]),
        Case("the token limit", [content("a"), done("length")], [a, usage, .finished(.length)]),
        Case(
            "thinking, then the answer",
            [
                line(#""content":"","thinking":"h""#), line(#""content":"","thinking":"m""#),
                line(#""thinking":"!","content":"a""#), done(),
            ], [.reasoningDelta("h"), .reasoningDelta("m"), .reasoningDelta("!"), a, usage, stop]),
        Case(
            "a tool call",
            [
                line(
                    #""content":"","tool_calls":[{"function":{"name":"f","arguments":{"city": "Köln", "n": [1, 2.5]}}}]"#
                ),
                done(),
            ], [call(0, "f", #"{"city":"Köln","n":[1,2.5]}"#), usage, .finished(.toolCalls)]),
        Case(
            "tool calls in one line and in another, whatever index they claim",
            [
                line(
                    #""content":"a","tool_calls":[{"function":{"index":0,"name":"f","arguments":{}}},"#
                        + #"{"id":"call_x7","function":{"index":0,"name":"g","arguments":{"a":null}}}]"#),
                line(#""content":"","tool_calls":[{"function":{"index":0,"name":"f","arguments":null}}]"#),
                line(#""content":"","tool_calls":[{"function":{"name":"h","arguments":"{\"b\":1}"}}]"#), done(),
            ],
            [
                a, call(0, "f", "{}"), call(1, "g", #"{"a":null}"#, id: "call_x7"), call(2, "f", "{}"),
                call(3, "h", #"{"b":1}"#), usage, .finished(.toolCalls),
            ]),
        Case(
            "a tool call with the last line",
            [
                #"{"message":{"content":"","tool_calls":[{"function":{"name":"f"}}]},"done":true,"done_reason":"stop"}"#
            ], [call(0, "f", "{}"), .finished(.toolCalls)]),
        Case(
            "a tool call, and then the limit",
            [line(#""tool_calls":[{"function":{"name":"f","arguments":{}}}]"#), done("length")],
            [call(0, "f", "{}"), usage, .finished(.length)]),
        Case(
            "cached tokens",
            [content("a"), done("stop", counts + #","prompt_eval_cached_count":2"#)],
            [a, .usage(Usage(inputTokens: 3, outputTokens: 2, cachedInputTokens: 2)), stop]),
        Case(
            "more cached tokens than there are",
            [done("stop", counts + #","prompt_eval_cached_count":9"#)],
            [.usage(Usage(inputTokens: 3, outputTokens: 2, cachedInputTokens: 3)), stop]),
        Case(
            "no count of a cached prompt: half a usage is none",
            [content("a"), done("stop", #","eval_count":2"#)], [a, stop]),
        Case("no count of an answer", [content("a"), done("stop", #","prompt_eval_count":3"#)], [a, stop]),
        Case(
            "no count of an answer that is empty",
            [done("stop", #","prompt_eval_count":3"#)], [.usage(Usage(inputTokens: 3, outputTokens: 0)), stop]),
        Case(
            "no reason, as older servers do",
            [content("a"), #"{"message":{"content":""},"done":true}"#], [a, .finished(.other)]),
        Case("a reason that we do not know", [content("a"), done("tired")], [a, usage, .finished(.other)]),
        Case("unloaded after the answer", [content("a"), done("unload")], [a, usage, .finished(.other)]),
        Case(
            "nulls everywhere",
            [
                #"{"message":null,"done":null,"done_reason":null,"error":null,"eval_count":null}"#,
                line(#""content":null,"thinking":null,"tool_calls":null,"images":null"#), "{}", content("a"), done(),
            ], [a, usage, stop]),
        Case("keys in another order", [#"{"done":true,"done_reason":"stop","message":{"content":"a"}}"#], [a, stop]),
        Case("blank lines", ["", content("a"), "  ", "\r", done(), ""], [a, usage, stop]),
        Case("carriage returns", [content("a") + "\r", done() + "\r"], [a, usage, stop]),
        Case(
            "what follows the end is not looked at", [content("a"), done(), content("late"), "nonsense"],
            [a, usage, stop]),
        Case(
            "escapes", [content(#"a\n\"\\\u00e9\ud83d\ude00\u0000"#), done()],
            [.textDelta("a\n\"\\é😀\0"), usage, stop]),
        // Failures.
        Case("no end", [content("a"), content("a")], [a, a], fault: .truncated),
        Case("nothing", [], [], fault: .truncated),
        Case("only loaded", [done("load", "")], [], fault: .serverError),
        Case("only unloaded", [done("unload", "")], [], fault: .serverError),
        Case(
            "an error in mid-stream", [content("a"), #"{"error":"an error was encountered while running the model"}"#],
            [a], fault: .serverError),
        Case(
            "an error beside the end", [content("a"), #"{"error":"boom","done":true,"done_reason":"stop"}"#], [a],
            fault: .serverError),
        Case(
            "an error of the memory", [#"{"error":"CUDA error: out of memory"}"#], [], fault: .insufficientMemory),
        Case(
            "an error of the context", [#"{"error":"the input length exceeds the context length"}"#], [],
            fault: .contextLengthExceeded),
        Case(
            "an error as an object", [#"{"error":{"message":"slow","code":429}}"#], [],
            fault: .rateLimited(retryAfter: nil)),
        Case("no JSON", ["hello"], [], fault: .malformed),
        Case("an array", ["[1]"], [], fault: .malformed),
        Case("cut in a line", [content("a"), #"{"message":{"content":"b"}"#, done()], [a], fault: .malformed),
        Case("content of the wrong type", [line(#""content":7"#)], [], fault: .malformed),
        Case("done of the wrong type", [#"{"done":"true"}"#], [], fault: .malformed),
        Case("a count below zero", [done("stop", #","eval_count":-1"#)], [], fault: .malformed),
        Case("a count that is no number", [done("stop", #","eval_count":"2""#)], [], fault: .malformed),
        Case(
            "a tool call without a name", [line(#""tool_calls":[{"function":{"arguments":{}}}]"#), done()], [],
            fault: .malformed),
        Case("a tool call that is none", [line(#""tool_calls":[7]"#), done()], [], fault: .malformed),
        Case(
            "arguments that are a list", [line(#""tool_calls":[{"function":{"name":"f","arguments":[]}}]"#)], [],
            fault: .malformed),
        Case("nested without end", [String(repeating: "[", count: 100_000)], [], fault: .malformed),
    ]

    static func decode(
        _ portions: [ArraySlice<UInt8>], type: String = "application/x-ndjson", end: ResponseEnd = .complete,
        callsBefore: Int = 0, withLogprobs: Bool = false
    ) -> ([InferenceEvent], UpstreamFault?) {
        var decoder = OllamaResponseDecoder(
            delivery: .streamed, callsBefore: callsBefore, withLogprobs: withLogprobs)
        var events: [InferenceEvent] = []
        do throws(UpstreamFault) {
            var head = HTTPResponseHead(status: 200)
            head.mediaType = HTTPResponseHead.MediaType(Array(type.utf8).span)
            guard try decoder.receive(head) else { return ([], UpstreamFault(.malformed, "not accepted")) }
            for portion in portions { try decoder.receive(Array(portion).span, into: &events) }
            try decoder.end(end, into: &events)
            return (events, nil)
        } catch {
            return (events, error)
        }
    }

    /// A line as servers from 0.12.11 on write it.
    static func line(_ message: String, logprobs: String) -> String {
        let line = self.line(message)
        return String(line.dropLast()) + #","logprobs":\#(logprobs)}"#
    }

    @Test(arguments: ["application/x-ndjson", "application/json"])
    func `Probabilities come right before their text, in OpenAI's form`(_ type: String) {
        let entry = #"{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[{"token":"b","logprob":-2}]}"#
        let short = #"{"token":"é","logprob":-1}"#
        let isWhole = type == "application/json"
        let lines =
            isWhole
            ? [#"{"model":"tiny","message":{"content":"a"},"logprobs":[\#(entry)],"done":true,"done_reason":"stop"}"#]
            : [
                Self.line(#""content":"a""#, logprobs: "[\(entry)]"),
                Self.line(#""content":"é""#, logprobs: "[\(short), \(entry)]"), Self.content("b"), Self.done(),
            ]
        let bytes = Array(lines.joined(separator: "\n").utf8)
        let expected: [InferenceEvent] =
            isWhole
            ? [.logprobs(entry), Self.a, Self.stop]
            : [
                .logprobs(entry), Self.a,
                .logprobs(#"{"token":"é","logprob":-1,"bytes":null,"top_logprobs":[]},"# + entry), .textDelta("é"),
                .textDelta("b"), Self.usage, Self.stop,
            ]
        for place in 0...bytes.count {
            let portions = [bytes[..<place], bytes[place...]]
            #expect(Self.decode(portions, type: type, withLogprobs: true).0 == expected, "split at \(place)")
        }
        let unasked = expected.filter { if case .logprobs = $0 { false } else { true } }
        #expect(Self.decode([bytes[...]], type: type).0 == unasked)
    }

    @Test(arguments: [
        ("7", "logprobs"), ("[7]", "logprobs[]"), (#"[{"logprob":-1}]"#, "logprobs[].token"),
        (#"[{"token":"a","logprob":true}]"#, "logprobs[].logprob"),
    ])
    func `Probabilities of the wrong type are named, where they were asked for`(_ logprobs: String, _ path: String) {
        let text = Self.line(#""content":"a""#, logprobs: logprobs) + "\n" + Self.done()
        let fault = Self.decode([Array(text.utf8)[...]], withLogprobs: true).1
        #expect(fault?.kind == .malformed)
        #expect(fault?.message.contains("\(path) has the wrong type") == true)
        #expect(Self.decode([Array(text.utf8)[...]]).0 == [Self.a, Self.usage, Self.stop])
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
        #expect(single.1?.kind == example.fault, "byte by byte")
    }

    @Test func `A stream that is cut anywhere is truncated, and never an answer`() {
        let text = [Self.content("a"), Self.line(#""tool_calls":[{"function":{"name":"f","arguments":{}}}]"#)]
        let bytes = Array((text + [Self.done()]).map { $0 + "\n" }.joined().utf8)
        for end in [ResponseEnd.cut, .complete] {
            // The last line is whole without its line feed.
            for length in 0..<bytes.count - 1 {
                let (events, fault) = Self.decode([bytes[..<length]], end: end)
                #expect(fault?.kind == .truncated, "cut at \(length): \(fault?.message ?? "no fault")")
                #expect(!events.contains { if case .finished = $0 { true } else { false } })
            }
            #expect(Self.decode([bytes.dropLast()], end: end).1 == nil)
        }
    }

    @Test func `A time limit says what it was, unless the answer was there`() {
        let late = UpstreamFault(.timedOut(.idle), "nothing came for 120 s")
        #expect(Self.decode([Array(Self.content("a").utf8)[...]], end: .fault(late)).1 == late)
        #expect(Self.decode([Array((Self.done() + "\n").utf8)[...]], end: .fault(late)).1 == nil)
    }

    @Test func `Calls are counted on from those of the conversation`() {
        let text =
            Self.line(#""tool_calls":[{"function":{"name":"f"}},{"function":{"name":"f"}}]"#) + "\n" + Self.done()
        let (events, _) = Self.decode([Array(text.utf8)[...]], callsBefore: 3)
        #expect(events.prefix(2) == [Self.call(0, "f", "{}", id: "call_3"), Self.call(1, "f", "{}", id: "call_4")])
    }

    @Test func `The format counts the calls of the conversation`() throws {
        var request = Fixture.request()
        let call = Message.Part.toolCall(ToolCall(id: "x", name: "f", argumentsJSON: "{}"))
        request.inference.messages += [Message(role: .assistant, parts: [call, .text("t"), call])]
        var decoder = OllamaFormat().decoder(for: request, limits: DecoderLimits())
        var events: [InferenceEvent] = []
        _ = try decoder.receive(HTTPResponseHead(status: 200))
        try decoder.receive(
            Array((Self.line(#""tool_calls":[{"function":{"name":"f"}}]"#) + "\n").utf8).span, into: &events)
        #expect(events == [Self.call(0, "f", "{}", id: "call_2")])
    }

    @Test func `The end comes with its line, without waiting for the socket`() throws {
        var decoder = OllamaResponseDecoder(delivery: .streamed)
        var events: [InferenceEvent] = []
        _ = try decoder.receive(HTTPResponseHead(status: 200))
        try decoder.receive(Array(Self.done().utf8).span, into: &events)
        #expect(events.isEmpty && !decoder.isFinished)
        try decoder.receive(Array("\n".utf8).span, into: &events)
        #expect(events == [Self.usage, Self.stop])
        #expect(decoder.isFinished && !decoder.isWaitingForDetails)
    }

    @Test func `The fault names the field and shows the text`() {
        let fault = Self.decode([Array((Self.line(#""content":7"#) + "\n").utf8)[...]]).1
        #expect(fault?.message.contains("message.content has the wrong type") == true)
    }

    @Test func `A line over the limit is a fault`() throws {
        var decoder = OllamaResponseDecoder(delivery: .streamed, limits: DecoderLimits(maximumEventBytes: 100))
        var events: [InferenceEvent] = []
        _ = try decoder.receive(HTTPResponseHead(status: 200))
        let error = #expect(throws: UpstreamFault.self) {
            try decoder.receive([UInt8](repeating: 0x20, count: 101).span, into: &events)
        }
        #expect(error?.kind == .malformed)
    }

    @Test(arguments: ["text/html; charset=utf-8", "text/event-stream", "application/octet-stream"])
    func `A page, or another stream, is not taken for an answer`(_ type: String) {
        let (events, fault) = Self.decode([Array((Self.done() + "\n").utf8)[...]], type: type)
        #expect(fault?.kind == .malformed && events.isEmpty)
        #expect(fault?.message.contains("expected application/x-ndjson") == true)
    }

    @Test func `Bytes that make no sense never crash it`() {
        var random = SplitMix(seed: 7)
        let call = Self.line(#""tool_calls":[{"function":{"name":"f","arguments":{"a":[1]}}}]"#)
        let seed = Array([Self.content("aé"), call, Self.done()].map { $0 + "\n" }.joined().utf8)
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
