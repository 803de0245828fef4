import Inference
import Testing

@testable import Providers

/// Streams in the documented shape, and in the shapes that servers make of it, with the events that they must become.
@Suite struct GeminiStreamTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let what: String
        let chunks: [String]
        let events: [InferenceEvent]
        var fault: UpstreamFault.Kind?
        var testDescription: String { self.what }

        init(_ what: String, _ chunks: [String], _ events: [InferenceEvent], fault: UpstreamFault.Kind? = nil) {
            self.what = what
            self.chunks = chunks
            self.events = events
            self.fault = fault
        }
    }

    typealias F = GeminiFixture

    static let a = InferenceEvent.textDelta("a")
    static let b = InferenceEvent.textDelta("b")
    static let stop = InferenceEvent.finished(.stop)

    static func signature(_ value: String) -> ReasoningSignature { ReasoningSignature(value, origin: "gemini") }

    static func call(
        _ index: Int, _ id: String, _ name: String, _ arguments: String, _ signature: String? = nil
    ) -> InferenceEvent {
        .toolCallDelta(
            ToolCallDelta(
                index: index, id: id, name: name, argumentsFragment: arguments,
                signature: signature.map { Self.signature($0) }))
    }

    static let cases: [Case] = [
        Case(
            "text with a running usage",
            [
                F.chunk(F.text("a"), usage: F.running), F.chunk(F.text("b"), usage: F.running),
                F.chunk(F.text(""), finish: "STOP", usage: F.usage),
            ], [a, b, F.usageEvent, stop]),
        Case(
            "the last words with the reason", [F.chunk(F.text("a"), finish: "STOP", usage: F.usage)],
            [a, F.usageEvent, stop]),
        Case(
            "usage after the reason, in a chunk of its own",
            [F.chunk(F.text("a"), finish: "STOP"), #"{"usageMetadata":\#(F.usage)}"#], [a, F.usageEvent, stop]),
        Case(
            "usage before the reason only", [F.chunk(F.text("a"), usage: F.usage), F.chunk(finish: "STOP")],
            [a, F.usageEvent, stop]),
        Case(
            "no usage, or one of zeros", [F.chunk(F.text("a"), finish: "STOP", usage: #"{"totalTokenCount":0}"#)],
            [a, stop]),
        Case(
            "the reason without content",
            [F.chunk(F.text("a")), #"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":\#(F.usage)}"#],
            [a, F.usageEvent, stop]),
        Case(
            "older models: a reason on every chunk",
            [
                F.chunk(F.text("a"), finish: "STOP", usage: F.running),
                F.chunk(F.text("b"), finish: "STOP", usage: F.usage),
            ],
            [a, b, F.usageEvent, stop]),
        Case(
            "gateways: a reason on empty chunks before the first word",
            [F.chunk(finish: "STOP"), F.chunk(F.text("a")), F.chunk(finish: "STOP", usage: F.usage)],
            [a, F.usageEvent, stop]),
        Case(
            "such a reason does not excuse a cut", [F.chunk(finish: "STOP"), F.chunk(F.text("a"))], [a],
            fault: .truncated),
        Case(
            "the last reason counts", [F.chunk(finish: "STOP"), F.chunk(F.text("a"), finish: "MAX_TOKENS")],
            [a, .finished(.length)]),
        Case(
            "thoughts, counted beside the answer and added to it",
            [
                F.chunk(#"{"text":"h","thought":true}"#, usage: #"{"promptTokenCount":3,"thoughtsTokenCount":4}"#),
                F.chunk(
                    #"{"text":"a"}"#, finish: "STOP",
                    usage:
                        #"{"promptTokenCount":3,"candidatesTokenCount":2,"thoughtsTokenCount":7,"totalTokenCount":12}"#),
            ], [.reasoningDelta("h"), a, .usage(Usage(inputTokens: 3, outputTokens: 9, reasoningTokens: 7)), stop]),
        Case(
            "all counts: tools, cache, sound",
            [
                F.chunk(
                    F.text("a"), finish: "STOP",
                    usage: #"{"promptTokenCount":100,"cachedContentTokenCount":40,"toolUsePromptTokenCount":5,"#
                        + #""candidatesTokenCount":20,"thoughtsTokenCount":55,"totalTokenCount":180,"#
                        + #""promptTokensDetails":[{"modality":"TEXT","tokenCount":70},{"modality":"AUDIO","tokenCount":30}],"#
                        + #""toolUsePromptTokensDetails":[{"modality":"AUDIO","tokenCount":1}],"#
                        + #""candidatesTokensDetails":[{"modality":"AUDIO","tokenCount":8},{"modality":"IMAGE"}],"#
                        + #""cacheTokensDetails":[{"modality":"AUDIO","tokenCount":9}],"trafficType":"ON_DEMAND"}"#)
            ],
            [
                a,
                .usage(
                    Usage(
                        inputTokens: 105, outputTokens: 75, cachedInputTokens: 40, reasoningTokens: 55,
                        audioInputTokens: 31, audioOutputTokens: 8)), stop,
            ]),
        Case(
            "signatures on text, on a thought, on an empty part",
            [
                F.chunk(#"{"text":"h","thought":true,"thoughtSignature":"c1=="}"#),
                F.chunk(#"{"text":"a","thoughtSignature":"c2+/"}"#),
                F.chunk(#"{"text":"","thoughtSignature":"c3"}"#, #"{"thoughtSignature":"c4"}"#, finish: "STOP"),
            ],
            [
                .reasoningDelta("h"), .reasoningSignature(signature("c1==")), a,
                .reasoningSignature(signature("c2+/")), .reasoningSignature(signature("c3")),
                .reasoningSignature(signature("c4")), stop,
            ]),
        Case(
            "a signature after the reason takes nothing back",
            [F.chunk(F.text("a"), finish: "STOP"), F.chunk(#"{"text":"","thoughtSignature":"c3"}"#)],
            [a, .reasoningSignature(signature("c3")), stop]),
        Case(
            "calls in one chunk and in several, each with an index and an id of its own",
            [
                F.chunk(F.call("f", #"{"a": [1, "é"], "b": {}}"#, signature: "c1"), F.call("f", "{}")),
                F.chunk(F.text("a"), F.call("g", nil, id: "theirs")), F.chunk(F.call("h", "null")),
                F.chunk(finish: "STOP", usage: F.usage),
            ],
            [
                call(0, "call_1", "f", #"{"a":[1,"é"],"b":{}}"#, "c1"), call(1, "call_2", "f", "{}"), a,
                call(2, "theirs", "g", "{}"), call(3, "call_3", "h", "{}"), F.usageEvent, .finished(.toolCalls),
            ]),
        Case(
            "a call that is cut by the limit is no wish for tools", [F.chunk(F.call("f"), finish: "MAX_TOKENS")],
            [call(0, "call_1", "f", "{}"), .finished(.length)]),
        Case(
            "parts that we have no use for",
            [
                F.chunk(
                    #"{"executableCode":{"language":"PYTHON","code":"1"}}"#, #"{"codeExecutionResult":{"output":"1"}}"#,
                    "{}"),
                F.chunk(F.text("a"), finish: "STOP"),
            ], [a, stop]),
        Case(
            "another candidate, for which nobody asked",
            [
                #"{"candidates":[{"index":1,"content":{"parts":[{"text":"b"}]},"finishReason":"SAFETY"},"#
                    + #"{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}"#
            ], [a, stop]),
        Case(
            "nulls everywhere",
            [
                #"{"candidates":null,"usageMetadata":null,"promptFeedback":null,"error":null}"#,
                #"{"candidates":[{"content":null,"finishReason":null,"index":null,"finishMessage":null,"#
                    + #""citationMetadata":null,"groundingMetadata":null}]}"#,
                #"{"candidates":[{"content":{"parts":null,"role":null}}]}"#,
                F.chunk(#"{"text":null,"thought":null,"thoughtSignature":null,"functionCall":null,"inlineData":null}"#),
                #"{"usageMetadata":{"promptTokenCount":null,"promptTokensDetails":null}}"#,
                F.chunk(F.text("a"), finish: "STOP"),
            ], [a, stop]),
        Case("an empty chunk", ["{}", F.chunk(F.text("a"), finish: "STOP")], [a, stop]),
        Case(
            "an unspecified reason is none", [F.chunk(F.text("a"), finish: "FINISH_REASON_UNSPECIFIED")], [a],
            fault: .truncated),
        Case(
            "escapes and characters beyond ASCII",
            [F.chunk(F.text(#"a\n\"\\\u00e9\ud83d\ude00é😀\u0000[{,"#), finish: "STOP")],
            [.textDelta("a\n\"\\é😀é😀\u{0}[{,"), stop]),
        Case("no reason", [F.chunk(F.text("a"), usage: F.usage)], [a], fault: .truncated),
        Case("nothing", [], [], fault: .truncated),
        Case(
            "a blocked prompt",
            [#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":3}}"#], [],
            fault: .contentFiltered),
        Case(
            "feedback without a block",
            [#"{"promptFeedback":{"safetyRatings":[]}}"#, F.chunk(F.text("a"), finish: "STOP")],
            [a, stop]),
        Case(
            "an error after some text",
            [F.chunk(F.text("a")), #"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#], [a],
            fault: .overloaded(retryAfter: nil)),
        Case("an error of which little is known", [#"{"error":{"code":500}}"#], [], fault: .serverError),
        Case("an error as a text", [#"{"error":"no"}"#], [], fault: .serverError),
        Case("a picture", [F.chunk(#"{"inlineData":{"mimeType":"image/png","data":""}}"#)], [], fault: .unsupported),
        Case("no JSON", ["{hello}"], [], fault: .malformed),
        Case("text of the wrong type", [F.chunk(#"{"text":7}"#)], [], fault: .malformed),
        Case("candidates of the wrong type", [#"{"candidates":{}}"#], [], fault: .malformed),
        Case("arguments of the wrong type", [F.chunk(F.call("f", "[1]"))], [], fault: .malformed),
        Case("usage of the wrong type", [#"{"usageMetadata":{"promptTokenCount":"3"}}"#], [], fault: .malformed),
        Case("negative usage", [#"{"usageMetadata":{"thoughtsTokenCount":-3}}"#], [], fault: .malformed),
        Case(
            "usage that would overflow",
            [
                #"{"usageMetadata":{"promptTokenCount":9223372036854775807,"toolUsePromptTokenCount":9223372036854775807}}"#
            ],
            [], fault: .malformed),
        Case("an index that is none", [#"{"candidates":[{"index":-1}]}"#], [], fault: .malformed),
        Case("not UTF-8 escapes", [F.chunk(#"{"text":"\ud800"}"#)], [], fault: .malformed),
        Case(
            "nested too deeply",
            [F.chunk(F.call("f", String(repeating: #"{"a":"#, count: 80) + "1" + String(repeating: "}", count: 80)))],
            [],
            fault: .malformed),
    ]

    /// Every split of the bytes in two, and each byte alone.
    static func expectAll(
        _ text: String, _ type: HTTPResponseHead.MediaType, _ example: Case, _ form: Comment
    ) {
        let bytes = Array(text.utf8)
        let whole = F.decode([bytes[...]], type: type)
        #expect(whole.0 == example.events, form)
        #expect(whole.1?.kind == example.fault, "\(form): \(whole.1?.message ?? "")")
        for place in 0...bytes.count {
            let split = F.decode([bytes[..<place], bytes[place...]], type: type)
            guard split.0 != example.events || split.1?.kind != example.fault else { continue }
            Issue.record("\(form), split at \(place): \(split)")
        }
        let single = F.decode(bytes.indices.map { bytes[$0...$0] }, type: type)
        #expect(single.0 == example.events, "\(form), byte by byte")
        #expect(single.1?.kind == example.fault, "\(form), byte by byte")
    }

    @Test(arguments: cases)
    func `It becomes these events, whatever the line ends, wherever the bytes are split`(_ example: Case) {
        for (name, end) in [("LF", "\n"), ("CR", "\r"), ("CRLF", "\r\n")] {
            Self.expectAll(F.sse(example.chunks, lineEnd: end), .eventStream, example, "\(name)")
        }
    }

    @Test(arguments: cases)
    func `It becomes the same as the array that comes without alt=sse`(_ example: Case) {
        let array = "[" + example.chunks.joined(separator: "\n,\r\n") + "]\n"
        Self.expectAll(array, .json, example, "an array")
        Self.expectAll(" \n" + array, .unspecified, example, "an array of an unknown type")
    }

    @Test func `A stream without a media type is events`() {
        let seen = F.decode(F.sse([F.chunk(F.text("a"), finish: "STOP")]), type: .unspecified)
        #expect(seen.0 == [Self.a, Self.stop])
    }

    @Test func `Line ends may mix, comments and empty frames pass, and [DONE] is an end`() {
        let text =
            ": hello\r\n\ndata:\n\ndata: \(F.chunk(F.text("a")))\r\rdata: \(F.chunk(finish: "STOP"))\r\n\ndata: [DONE]\n\nx"
        let seen = F.decode(text)
        #expect(seen.0 == [Self.a, Self.stop] && seen.1 == nil)
        #expect(F.decode("data: \(F.chunk(F.text("a")))\n\ndata: [DONE]\n\n").1?.kind == .truncated)
        #expect(F.decode("event: error\ndata: {\"error\":{\"status\":\"NOT_FOUND\"}}\n\n").1?.kind == .modelNotFound)
    }

    @Test func `A last event without its blank line counts, unless the connection was cut`() {
        let text = "data: \(F.chunk(F.text("a")))\n\ndata: \(F.chunk(F.text("b"), finish: "STOP"))"
        #expect(F.decode(text).0 == [Self.a, Self.b, Self.stop])
        let cut = F.decode(text, end: .cut)
        #expect(cut.0 == [Self.a])
        #expect(cut.1?.kind == .truncated)
    }

    @Test func `A cut in the middle of an event is told as a cut`() {
        let text = Array(F.sse([F.chunk(F.text("a")), F.chunk(F.text("b"), finish: "STOP")]).utf8)
        for length in 0..<(text.count - 2) {
            #expect(F.decode([text[..<length]], end: .cut).1?.kind == .truncated)
        }
        let array = Array("[\(F.chunk(F.text("a"))),\(F.chunk(F.text("b"), finish: "STOP"))]".utf8)
        for length in 0..<(array.count - 1) {
            #expect(F.decode([array[..<length]], type: .json, end: .cut).1?.kind == .truncated)
        }
    }

    @Test func `What follows an array is not looked at, wherever it is split`() {
        for (chunks, events, fault) in [
            ([F.chunk(F.text("a"), finish: "STOP")], [Self.a, Self.stop], nil),
            ([F.chunk(F.text("a"))], [Self.a], UpstreamFault.Kind.truncated), ([], [], .truncated),
        ] {
            let text = Array("[\(chunks.joined())][] more".utf8)
            for place in 0...text.count {
                let seen = F.decode([text[..<place], text[place...]].filter { !$0.isEmpty }, type: .json)
                #expect(seen.0 == events && seen.1?.kind == fault, "split at \(place): \(seen)")
            }
        }
    }

    @Test(arguments: [ResponseEnd.cut, .patienceOver, .fault(UpstreamFault(.timedOut(.idle), "idle"))])
    func `After the reason the end of the body is not insisted on`(_ end: ResponseEnd) {
        let seen = F.decode(F.sse([F.chunk(F.text("a"), finish: "STOP", usage: F.usage)]), end: end)
        #expect(seen.0 == [Self.a, F.usageEvent, Self.stop] && seen.1 == nil)
        let early = F.decode(F.sse([F.chunk(F.text("a"))]), end: end)
        if case .fault(let fault) = end { #expect(early.1 == fault) } else { #expect(early.1?.kind == .truncated) }
    }

    @Test func `It waits for the end of the body, but not long`() throws {
        var decoder = GeminiResponseDecoder(delivery: .streamed)
        var head = HTTPResponseHead(status: 200)
        head.mediaType = .eventStream
        var events: [InferenceEvent] = []
        #expect(try decoder.receive(head))
        try decoder.receive(Array(F.sse([F.chunk(F.text("a"), finish: "STOP")]).utf8).span, into: &events)
        #expect(decoder.isWaitingForDetails && !decoder.isFinished)
        try decoder.receive(Array(F.sse([F.chunk(F.text("b"))]).utf8).span, into: &events)
        #expect(!decoder.isWaitingForDetails)
        try decoder.receive(Array(F.sse([F.chunk(finish: "STOP")]).utf8).span, into: &events)
        #expect(decoder.isWaitingForDetails)
        try decoder.end(.complete, into: &events)
        #expect(decoder.isFinished && !decoder.isWaitingForDetails)
        #expect(events == [Self.a, Self.b, Self.stop])
    }

    @Test(
        arguments: [
            ("STOP", FinishReason.stop), ("MAX_TOKENS", .length), ("SAFETY", .contentFilter),
            ("RECITATION", .contentFilter), ("BLOCKLIST", .contentFilter), ("PROHIBITED_CONTENT", .contentFilter),
            ("SPII", .contentFilter), ("LANGUAGE", .contentFilter), ("IMAGE_SAFETY", .contentFilter),
            ("IMAGE_PROHIBITED_CONTENT", .contentFilter), ("IMAGE_RECITATION", .contentFilter),
            ("MODEL_ARMOR", .contentFilter), ("OTHER", .other), ("IMAGE_OTHER", .other), ("NO_IMAGE", .other),
            ("SOMETHING_NEW", .other),
        ])
    func `Every reason has its meaning`(_ name: String, _ reason: FinishReason) {
        #expect(F.decode(F.sse([F.chunk(F.text("a"), finish: name)])).0 == [Self.a, .finished(reason)])
    }

    @Test(
        arguments: [
            ("MALFORMED_FUNCTION_CALL", UpstreamFault.Kind.malformed), ("UNEXPECTED_TOOL_CALL", .malformed),
            ("TOO_MANY_TOOL_CALLS", .malformed), ("MALFORMED_RESPONSE", .malformed),
            ("MISSING_THOUGHT_SIGNATURE", .invalidRequest),
        ])
    func `Some reasons are failures`(_ name: String, _ kind: UpstreamFault.Kind) {
        let seen = F.decode(F.sse([F.chunk(finish: name, more: #","finishMessage":"print(f(\n)""#)]))
        #expect(seen.0.isEmpty)
        #expect(seen.1?.kind == kind)
        #expect(seen.1?.message == "the upstream ended its answer with \(name): print(f( )")
        let silent = F.decode(F.sse([F.chunk(finish: name)]))
        #expect(silent.1?.message == "the upstream ended its answer with \(name)")
    }

    @Test func `A blocked prompt says why`() {
        let block = #"{"promptFeedback":{"blockReason":"SAFETY","blockReasonMessage":"too\nhot"}}"#
        #expect(F.decode(F.sse([block])).1?.message == "the prompt was blocked (SAFETY): too hot")
    }

    @Test func `A fault names the field and shows the text`() {
        let seen = F.decode(F.sse([F.chunk(#"{"text":7}"#)])).1?.message ?? ""
        #expect(seen.contains("candidates[0].content.parts[].text has the wrong type"))
        #expect(seen.contains(#"{"text":7}"#))
    }

    @Test func `An event over the limit is refused in both forms`() {
        let chunk = F.chunk(F.text(String(repeating: "x", count: 500)), finish: "STOP")
        let limits = DecoderLimits(maximumEventBytes: 200)
        for (text, type) in [(F.sse([chunk]), HTTPResponseHead.MediaType.eventStream), ("[\(chunk)]", .json)] {
            let bytes = Array(text.utf8)
            for portions in [[bytes[...]], bytes.indices.map { bytes[$0...$0] }] {
                let seen = F.decode(portions, type: type, limits: limits)
                #expect(seen.1?.kind == .malformed && seen.1?.message.contains("200 bytes") == true)
            }
        }
    }

    @Test func `Made-up ids go on after those of the conversation`() {
        let messages = [
            Message(role: .assistant, parts: [.toolCall(ToolCall(id: "call_7", name: "f", argumentsJSON: "{}"))]),
            Message(
                role: .assistant,
                parts: [
                    .toolCall(ToolCall(id: "call_99999999999999999999", name: "f", argumentsJSON: "{}")),
                    .toolCall(ToolCall(id: "call_x", name: "f", argumentsJSON: "{}")),
                ]),
        ]
        let text = Array(F.sse([F.chunk(F.call("f"), F.call("g"), finish: "STOP")]).utf8)
        let seen = F.decode([text[...]], messages: messages)
        #expect(seen.0.prefix(2) == [Self.call(0, "call_8", "f", "{}"), Self.call(1, "call_9", "g", "{}")])
    }

    @Test func `Bytes that make no sense never crash it`() {
        var random = SplitMix(seed: 11)
        let chunks = [
            F.chunk(F.text("aé"), F.call("f", #"{"a":[1]}"#, signature: "s"), usage: F.running),
            F.chunk(F.text("b"), finish: "STOP", usage: F.usage),
        ]
        for (text, type) in [
            (F.sse(chunks), HTTPResponseHead.MediaType.eventStream), ("[\(chunks.joined(separator: ","))]", .json),
            (chunks[1], .json),
        ] {
            let seed = Array(text.utf8)
            for _ in 0..<2000 {
                var bytes = seed
                for _ in 0..<(1 + random.next() % 4) {
                    let place = Int(random.next() % UInt64(bytes.count))
                    switch random.next() % 3 {
                    case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                    case 1: bytes.remove(at: place)
                    default: bytes.insert(contentsOf: bytes[place..<min(place + 20, bytes.count)], at: place)
                    }
                }
                let (events, fault) = F.decode([bytes[...]], type: type)
                // Whatever it made of them, it did not call an answer finished that is none.
                let ends = events.filter { if case .finished = $0 { true } else { false } }
                #expect(ends.count == (fault == nil ? 1 : 0))
            }
        }
    }
}
