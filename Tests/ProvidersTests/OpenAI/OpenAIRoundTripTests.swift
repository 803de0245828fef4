import Inference
import Testing

@testable import Providers

/// Any sequence of events survives being written as a stream or as one body and read again.
@Suite struct OpenAIRoundTripTests {
    /// Events as a healthy upstream gives them: any deltas, perhaps the usage, the end.
    static func events(_ random: inout SplitMix) -> [InferenceEvent] {
        var events: [InferenceEvent] = []
        var calls = 0
        var hasRefused = false
        for _ in 0..<random.below(14) {
            switch random.below(6) {
            case 0, 1: events.append(.textDelta(random.text()))
            case 2: events.append(.reasoningDelta(random.text()))
            case 3:
                hasRefused = true
                events.append(.refusalDelta(random.text()))
            case 4:
                events.append(
                    .citation(
                        Citation(
                            url: "https://\(random.below(9)).example",
                            title: random.below(2) == 0 ? nil : random.text(),
                            citedText: random.below(2) == 0 ? nil : random.text(),
                            startIndex: random.below(2) == 0 ? nil : random.below(99),
                            endIndex: random.below(2) == 0 ? nil : random.below(99))))
            default:
                if calls == 0 || random.below(2) == 0 {
                    events.append(.toolCallDelta(ToolCallDelta(index: calls, id: "id-\(calls)", name: random.text())))
                    calls += 1
                } else {
                    events.append(
                        .toolCallDelta(ToolCallDelta(index: random.below(calls), argumentsFragment: random.text())))
                }
            }
        }
        if random.below(3) > 0 {
            let parts = (0..<5).map { _ in random.below(50) }
            events.append(
                .usage(
                    Usage(
                        inputTokens: 1 + random.below(9999), outputTokens: random.below(9999),
                        cachedInputTokens: parts[0], cacheWriteInputTokens: parts[1], reasoningTokens: parts[2],
                        audioInputTokens: parts[3], audioOutputTokens: parts[4])))
        }
        let reason: FinishReason =
            calls > 0 ? .toolCalls : hasRefused ? .length : random.pick([.stop, .length, .contentFilter])
        events.append(.finished(reason))
        return events
    }

    // MARK: - As a stream

    /// The `delta` of one event.
    static func write(_ event: InferenceEvent, _ json: inout JSONWriter, _ random: inout SplitMix) {
        switch event {
        case .textDelta(let text): json.string("content", text)
        case .reasoningDelta(let text):
            if random.below(2) == 0 { json.string("reasoning_content", text) } else { json.string("reasoning", text) }
        case .refusalDelta(let text): json.string("refusal", text)
        case .toolCallDelta(let delta): self.write(delta, &json, &random)
        case .citation(let citation):
            json.array("annotations") { json in
                json.object { json in
                    json.string("type", "url_citation")
                    json.object("url_citation") { json in
                        if let url = citation.url { json.string("url", url) }
                        if let title = citation.title { json.string("title", title) }
                        if let text = citation.citedText { json.string("content", text) }
                        if let index = citation.startIndex { json.integer("start_index", Int64(index)) }
                        if let index = citation.endIndex { json.integer("end_index", Int64(index)) }
                    }
                }
            }
        case .usage, .finished, .reasoningSignature, .logprobs: break
        }
    }

    private static func write(_ delta: ToolCallDelta, _ json: inout JSONWriter, _ random: inout SplitMix) {
        // Every second call has an index; the others are known by their ids alone.
        let hasIndex = delta.index % 2 == 0
        let hasID = !hasIndex || delta.id != nil || random.below(2) == 0
        json.array("tool_calls") { json in
            json.object { json in
                if hasIndex { json.integer("index", Int64(delta.index)) }
                if hasID { json.string("id", "id-\(delta.index)") }
                json.string("type", "function")
                json.object("function") { json in
                    if let name = delta.name { json.string("name", name) } else { json.null("name") }
                    json.string("arguments", delta.argumentsFragment)
                }
            }
        }
    }

    static func write(_ usage: Usage, _ json: inout JSONWriter) {
        json.object("usage") { json in
            json.integer("prompt_tokens", Int64(usage.inputTokens))
            json.integer("completion_tokens", Int64(usage.outputTokens))
            json.object("prompt_tokens_details") { json in
                json.integer("cached_tokens", Int64(usage.cachedInputTokens))
                json.integer("cache_write_tokens", Int64(usage.cacheWriteInputTokens))
                json.integer("audio_tokens", Int64(usage.audioInputTokens))
            }
            json.object("completion_tokens_details") { json in
                json.integer("reasoning_tokens", Int64(usage.reasoningTokens))
                json.integer("audio_tokens", Int64(usage.audioOutputTokens))
            }
        }
    }

    static func name(_ reason: FinishReason, _ random: inout SplitMix) -> String {
        switch reason {
        case .length: "length"
        case .toolCalls: random.pick(["tool_calls", "stop", "function_call"])
        case .contentFilter: "content_filter"
        default: "stop"
        }
    }

    static func stream(_ events: [InferenceEvent], _ random: inout SplitMix) -> String {
        var chunks: [String] = []
        func chunk(_ body: (inout JSONWriter) -> Void) {
            var json = JSONWriter()
            json.object(nil, body)
            chunks.append(String(decoding: json.bytes, as: UTF8.self))
        }
        var usage: Usage?
        for event in events {
            switch event {
            case .usage(let sum): usage = sum
            case .finished(let reason):
                let name = Self.name(reason, &random)
                let isTogether = random.below(3) == 0
                chunk { json in
                    json.array("choices") { $0.object { $0.string("finish_reason", name) } }
                    if isTogether, let usage { Self.write(usage, &json) }
                }
                if !isTogether, let usage {
                    chunk { json in
                        json.array("choices") { _ in }
                        Self.write(usage, &json)
                    }
                }
            default:
                var delta = JSONWriter()
                delta.object { Self.write(event, &$0, &random) }
                let text = String(decoding: delta.bytes, as: UTF8.self)
                chunk { json in
                    json.array("choices") { json in
                        json.object { json in
                            json.integer("index", 0)
                            json.raw("delta", text)
                            json.null("finish_reason")
                        }
                    }
                    json.null("usage")
                }
            }
        }
        let end = random.pick(["\n", "\r\n"])
        return (chunks + ["[DONE]"]).map { data in
            (random.below(5) == 0 ? ": ping\(end)\(end)" : "") + "data: \(data)\(end)\(end)"
        }.joined()
    }

    @Test func `A stream reads as the events that were written, however it is cut`() {
        var random = SplitMix(seed: 99)
        for round in 0..<600 {
            let events = Self.events(&random)
            let bytes = Array(Self.stream(events, &random).utf8)
            let (read, fault) = OpenAIFixture.decode(random.portions(of: bytes))
            #expect(fault == nil, "round \(round): \(fault?.message ?? "")")
            #expect(OpenAIFixture.joined(read) == OpenAIFixture.joined(events), "round \(round)")
        }
    }

    @Test func `A stream that is cut before its end is never an answer`() {
        var random = SplitMix(seed: 5)
        for _ in 0..<60 {
            let events = Self.events(&random)
            var written = Self.stream(events, &random)
            guard let end = written.firstRange(of: #""finish_reason":""#)?.lowerBound else { continue }
            written = String(written[..<end])
            let bytes = Array(written.utf8)
            for _ in 0..<20 {
                let (read, fault) = OpenAIFixture.decode([bytes[..<random.below(bytes.count + 1)]])
                #expect(fault?.kind == .truncated || fault?.kind == .malformed)
                #expect(!read.contains { if case .finished = $0 { true } else { false } })
            }
        }
    }

    // MARK: - In one body

    @Test func `A whole answer reads as the sum of the same events`() throws {
        var random = SplitMix(seed: 4)
        for round in 0..<300 {
            let events = Self.events(&random)
            var text = ""
            var thoughts = ""
            var refusal = ""
            var calls: [ToolCall] = []
            var citations: [InferenceEvent] = []
            var tail: [InferenceEvent] = []
            for event in events {
                switch event {
                case .textDelta(let delta): text += delta
                case .reasoningDelta(let delta): thoughts += delta
                case .refusalDelta(let delta): refusal += delta
                case .citation: citations.append(event)
                case .toolCallDelta(let delta):
                    if let id = delta.id { calls.append(ToolCall(id: id, name: delta.name ?? "", argumentsJSON: "")) }
                    calls[delta.index].argumentsJSON += delta.argumentsFragment
                default: tail.append(event)
                }
            }
            var expected: [InferenceEvent] = []
            if !thoughts.isEmpty { expected.append(.reasoningDelta(thoughts)) }
            if !text.isEmpty { expected.append(.textDelta(text)) }
            if !refusal.isEmpty { expected.append(.refusalDelta(refusal)) }
            for (index, call) in calls.enumerated() {
                expected.append(
                    .toolCallDelta(
                        ToolCallDelta(index: index, id: call.id, name: call.name, argumentsFragment: call.argumentsJSON)
                    ))
            }
            expected += citations + tail
            let body = Self.body(text, thoughts, refusal, calls, citations, tail, &random)
            #expect(try OpenAIWholeDecoder.decode(body.span) == expected, "round \(round)")
        }
    }

    private static func body(
        _ text: String, _ thoughts: String, _ refusal: String, _ calls: [ToolCall], _ citations: [InferenceEvent],
        _ tail: [InferenceEvent], _ random: inout SplitMix
    ) -> [UInt8] {
        // Each citation is written as the only entry of its list: the lists become one.
        let lists = citations.map { citation in
            var json = JSONWriter()
            json.object { self.write(citation, &$0, &random) }
            return String(String(decoding: json.bytes, as: UTF8.self).dropFirst(#"{"annotations":["#.count).dropLast(2))
        }
        var reason = ""
        var usage: Usage?
        for event in tail {
            if case .usage(let sum) = event { usage = sum }
            if case .finished(let finish) = event { reason = self.name(finish, &random) }
        }
        var json = JSONWriter()
        json.object { json in
            json.array("choices") { json in
                json.object { json in
                    json.object("message") { json in
                        json.string("role", "assistant")
                        json.raw("annotations", "[\(lists.joined(separator: ","))]")
                        if text.isEmpty { json.null("content") } else { json.string("content", text) }
                        json.string("reasoning_content", thoughts)
                        json.string("refusal", refusal)
                        json.array("tool_calls") { json in
                            for call in calls {
                                json.object { json in
                                    json.string("id", call.id)
                                    json.object("function") { json in
                                        json.string("name", call.name)
                                        json.string("arguments", call.argumentsJSON)
                                    }
                                }
                            }
                        }
                    }
                    json.string("finish_reason", reason)
                }
            }
            if let usage { self.write(usage, &json) }
        }
        return json.bytes
    }

    // MARK: - OpenRouter's thoughts

    @Test func `OpenRouter gets its details back as they came, whatever they were`() throws {
        var random = SplitMix(seed: 77)
        for round in 0..<300 {
            var whole: [OpenAIJSON] = []
            var chunks: [String] = []
            for index in 0..<(1 + random.below(4)) {
                let (detail, pieces) = Self.detail(index, &random)
                whole.append(detail)
                chunks += pieces.map { OpenAIFixture.delta(#"{"reasoning_details":[\#($0)]}"#) }
            }
            let text = OpenAIFixture.sse(chunks + [Fixture.content("so"), Fixture.finish()])
            let (events, fault) = OpenAIFixture.decode(random.portions(of: Array(text.utf8)), .openrouter)
            #expect(fault == nil)
            let body = try OpenAIJSON(
                OpenAIFixture.body(
                    OpenAIFixture.request([Message(role: .assistant, parts: Self.parts(events))]), .openrouter))
            let back = body["messages"]?.elements.first?["reasoning_details"]?.elements
            #expect(back == whole, "round \(round)")
        }
    }

    /// A detail as a whole, and the pieces in which a stream brings it.
    private static func detail(_ index: Int, _ random: inout SplitMix) -> (OpenAIJSON, [String]) {
        var members: [String: OpenAIJSON] = ["index": .number(Double(index))]
        var common = #""index":\#(index)"#
        if random.below(2) == 0 {
            members["id"] = .text("rs_\(index)")
            common += #","id":"rs_\#(index)""#
        }
        if random.below(2) == 0 {
            members["format"] = .text("google-gemini-v1")
            common += #","format":"google-gemini-v1""#
        }
        if random.below(3) == 0 {
            members["type"] = .text("reasoning.encrypted")
            members["data"] = .text("e\(index)")
            return (.object(members), [#"{"type":"reasoning.encrypted","data":"e\#(index)",\#(common)}"#])
        }
        let isSummary = random.below(2) == 0
        let type = isSummary ? "reasoning.summary" : "reasoning.text"
        let key = isSummary ? "summary" : "text"
        var text = ""
        var pieces: [String] = []
        for _ in 0...random.below(3) {
            let piece = random.text()
            text += piece
            var json = JSONWriter()
            json.string(nil, piece)
            pieces.append(
                #"{"type":"\#(type)","\#(key)":\#(String(decoding: json.bytes, as: UTF8.self)),\#(common)}"#)
        }
        members["type"] = .text(type)
        members[key] = .text(text)
        if !isSummary, random.below(2) == 0 {
            members["signature"] = .text("s\(index)")
            pieces.append(#"{"type":"\#(type)","signature":"s\#(index)",\#(common)}"#)
        }
        return (.object(members), pieces)
    }

    /// The parts that a client makes of the events of a turn.
    private static func parts(_ events: [InferenceEvent]) -> [Message.Part] {
        var parts: [Message.Part] = []
        var thoughts = ""
        for event in events {
            switch event {
            case .reasoningDelta(let delta): thoughts += delta
            case .reasoningSignature(let signature):
                parts.append(.reasoning(Reasoning(thoughts, signature: signature)))
                thoughts = ""
            case .textDelta(let text): parts.append(.text(text))
            default: break
            }
        }
        return parts
    }
}
