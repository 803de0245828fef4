import Inference
import TestSupport
import Testing

@testable import Providers

/// Any answer that Ollama could give survives being written as it writes it and read as we read it.
@Suite struct OllamaRoundTripTests {
    static func text(_ random: inout SplitMix) -> String {
        let scalars = (0..<Int(1 + random.next() % 12)).compactMap { _ in
            Unicode.Scalar(UInt32(random.next() % (random.next() % 2 == 0 ? 0x80 : 0x11_0000)))
        }
        return scalars.isEmpty ? "a" : String(String.UnicodeScalarView(scalars))
    }

    /// An object as simdjson writes it: of controls only those that everybody escapes in one way.
    static func arguments(_ random: inout SplitMix) -> String {
        let texts = (0..<2).map { _ in
            let text = self.text(&random)
            return String(text.unicodeScalars.filter { $0.value >= 0x20 || $0 == "\n" })
        }
        return JSONText.object([.init(texts[0], .text(texts[1]))]).encoded
    }

    /// An answer: deltas in any order, usage or none, one end.
    static func answer(_ random: inout SplitMix) -> [InferenceEvent] {
        var events: [InferenceEvent] = []
        var calls = 0
        for _ in 0..<random.next() % 12 {
            switch random.next() % 4 {
            case 0: events.append(.reasoningDelta(self.text(&random)))
            case 1:
                let arguments = self.arguments(&random)
                let delta = ToolCallDelta(
                    index: calls, id: "call_\(calls)", name: "f\(calls)", argumentsFragment: arguments)
                events.append(.toolCallDelta(delta))
                calls += 1
            default: events.append(.textDelta(self.text(&random)))
            }
        }
        if random.next() % 3 > 0 {
            let input = Int(random.next() % 100_000)
            events.append(
                .usage(
                    Usage(
                        inputTokens: input, outputTokens: Int(random.next() % 100_000),
                        cachedInputTokens: Int(random.next() % 2) * (input / 2))))
        }
        let reasons: [FinishReason] = calls > 0 ? [.toolCalls, .length] : [.stop, .length, .other]
        return events + [.finished(reasons[Int(random.next() % UInt64(reasons.count))])]
    }

    /// As Ollama writes it: a line for each delta, usage with the last. Neighbours of different kinds may share one.
    static func lines(_ events: [InferenceEvent], _ random: inout SplitMix) -> [String] {
        var lines: [String] = []
        var message: [JSONText.Field] = []
        var last: [JSONText.Field] = []
        var rank = 0
        func flush() {
            guard !message.isEmpty else { return }
            lines.append(JSONText.fields(["message": .object(message), "done": .boolean(false)]).encoded)
            message = []
        }
        func add(_ name: String, _ value: JSONText, rank next: Int, alone: Bool) {
            if alone || next <= rank { flush() }
            rank = next
            message.append(.init(name, value))
        }
        for event in events {
            let alone = random.next() % 2 == 0
            switch event {
            case .reasoningDelta(let text): add("thinking", .text(text), rank: 1, alone: alone)
            case .textDelta(let text): add("content", .text(text), rank: 2, alone: alone)
            case .toolCallDelta(let call):
                let function = JSONText.fields([
                    "index": .integer(0), "name": .text(call.name ?? ""), "arguments": .raw(call.argumentsFragment),
                ])
                add("tool_calls", .array([.fields(["function": function])]), rank: 3, alone: alone)
            case .usage(let usage):
                last += [
                    .init("prompt_eval_count", .integer(Int64(usage.inputTokens))),
                    .init("eval_count", .integer(Int64(usage.outputTokens))),
                    .init("prompt_eval_cached_count", .integer(Int64(usage.cachedInputTokens))),
                ]
            case .finished(let reason):
                flush()
                let word = reason == .other ? "weary" : reason == .length ? "length" : "stop"
                last += [.init("done", .boolean(true)), .init("done_reason", .text(word))]
                lines.append(JSONText.object(last).encoded)
            case .reasoningSignature, .refusalDelta, .citation, .logprobs: Issue.record("Ollama has no \(event)")
            }
        }
        return lines
    }

    @Test func `Any sequence of events comes back, however it is cut into lines and portions`() {
        var random = SplitMix(seed: 2026)
        for _ in 0..<600 {
            let events = Self.answer(&random)
            let bytes = Array(Self.lines(events, &random).joined(separator: "\n").utf8)
            var portions: [ArraySlice<UInt8>] = []
            var start = 0
            while start < bytes.count {
                let next = min(bytes.count, start + 1 + Int(random.next() % 60))
                portions.append(bytes[start..<next])
                start = next
            }
            let (decoded, fault) = OllamaDecoderTests.decode(portions)
            #expect(decoded == events, "\(String(decoding: bytes, as: UTF8.self))")
            #expect(fault == nil, "\(fault?.message ?? "")")
        }
    }

    @Test func `What a model called can be told to it again`() throws {
        var random = SplitMix(seed: 9)
        for _ in 0..<200 {
            let arguments = Self.arguments(&random)
            var request = Fixture.request()
            let call = ToolCall(id: "call_0", name: "f", argumentsJSON: arguments)
            request.inference.messages.append(Message(role: .assistant, parts: [.toolCall(call)]))
            let body = String(decoding: try OllamaEncoder.encode(request), as: UTF8.self)
            #expect(body.contains(#""arguments":\#(arguments)}"#))
        }
    }
}
