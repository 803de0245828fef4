import Inference
import Testing

@testable import Providers

/// Any answer that is written as Gemini writes it comes back as it was, however it is cut into chunks and portions.
@Suite struct GeminiPropertyTests {
    /// What the model says, piece by piece, and the chunk texts that a server would make of it.
    struct Answer {
        var events: [InferenceEvent] = []
        var chunks: [String] = []
    }

    static func word(_ random: inout SplitMix) -> String {
        let scalars = (0..<Int(1 + random.next() % 12)).compactMap { _ in
            Unicode.Scalar(UInt32(random.next() % (random.next() % 2 == 0 ? 0x80 : 0x11_0000)))
        }
        let text = String(String.UnicodeScalarView(scalars))
        return text.isEmpty ? "x" : text
    }

    static func part(_ events: inout [InferenceEvent], _ calls: inout Int, _ random: inout SplitMix) -> String {
        let signature = random.next() % 4 == 0 ? "sig+/=\(random.next())" : nil
        var json = JSONWriter()
        json.object { json in
            let text = Self.word(&random)
            switch random.next() % 3 {
            case 0:
                json.string("text", text)
                events.append(.textDelta(text))
            case 1:
                json.boolean("thought", true)
                json.string("text", text)
                events.append(.reasoningDelta(text))
            default:
                var arguments = JSONWriter()
                arguments.object { arguments in
                    // Compact JSON writes \b and \f, we \u0008 and \u000c: the same, in other letters.
                    arguments.string("word", text.filter { $0 != "\u{8}" && $0 != "\u{C}" })
                    arguments.array("list") { $0.integer(nil, Int64(bitPattern: random.next())) }
                    arguments.object("inner") { $0.boolean("flag", random.next() % 2 == 0) }
                }
                let id = random.next() % 2 == 0 ? "theirs-\(calls)" : nil
                json.object("functionCall") { json in
                    if let id { json.string("id", id) }
                    json.string("name", "f\(calls)")
                    json.raw("args", String(decoding: arguments.bytes, as: UTF8.self))
                }
                if let signature { json.string("thoughtSignature", signature) }
                events.append(
                    .toolCallDelta(
                        ToolCallDelta(
                            index: calls, id: id, name: "f\(calls)",
                            argumentsFragment: String(decoding: arguments.bytes, as: UTF8.self),
                            signature: signature.map { ReasoningSignature($0, origin: "gemini") })))
                calls += 1
                return
            }
            if let signature {
                json.string("thoughtSignature", signature)
                events.append(.reasoningSignature(ReasoningSignature(signature, origin: "gemini")))
            }
        }
        return String(decoding: json.bytes, as: UTF8.self)
    }

    static func answer(_ random: inout SplitMix) -> Answer {
        var answer = Answer()
        var calls = 0
        for _ in 0..<(random.next() % 5) {
            let parts = (0..<(random.next() % 4)).map { _ in Self.part(&answer.events, &calls, &random) }
            let usage = random.next() % 2 == 0 ? GeminiFixture.running : nil
            answer.chunks.append(Self.chunk(parts, nil, usage))
        }
        let parts = (0..<(random.next() % 3)).map { _ in Self.part(&answer.events, &calls, &random) }
        let counts = (0..<4).map { _ in Int(random.next() % 1000) + 1 }
        let usage =
            #"{"promptTokenCount":\#(counts[0]),"cachedContentTokenCount":\#(counts[1]),"#
            + #""candidatesTokenCount":\#(counts[2]),"thoughtsTokenCount":\#(counts[3])}"#
        let isLong = random.next() % 3 == 0
        answer.chunks.append(Self.chunk(parts, isLong ? "MAX_TOKENS" : "STOP", usage))
        answer.events += [
            .usage(
                Usage(
                    inputTokens: counts[0], outputTokens: counts[2] + counts[3], cachedInputTokens: counts[1],
                    reasoningTokens: counts[3])),
            .finished(isLong ? .length : calls > 0 ? .toolCalls : .stop),
        ]
        return answer
    }

    static func chunk(_ parts: [String], _ finish: String?, _ usage: String?) -> String {
        let content = #""content":{"parts":[\#(parts.joined(separator: ","))],"role":"model"}"#
        let reason = finish.map { #","finishReason":"\#($0)""# } ?? ""
        return #"{"candidates":[{\#(content)\#(reason)}]\#(usage.map { #","usageMetadata":\#($0)"# } ?? "")}"#
    }

    static func portions(_ text: String, _ random: inout SplitMix) -> [ArraySlice<UInt8>] {
        let bytes = Array(text.utf8)
        var portions: [ArraySlice<UInt8>] = []
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + 1 + Int(random.next() % 90))
            portions.append(bytes[start..<end])
            start = end
        }
        return portions
    }

    /// Made-up ids are made up: where none was written, there must be one, and all must differ.
    static func expectSame(_ seen: [InferenceEvent], _ expected: [InferenceEvent], _ form: Comment) {
        var ids: Set<String> = []
        #expect(seen.count == expected.count, form)
        for (seen, expected) in zip(seen, expected) {
            guard case .toolCallDelta(var call) = seen, case .toolCallDelta(let other) = expected else {
                #expect(seen == expected, form)
                continue
            }
            #expect(call.id.map { ids.insert($0).inserted } == true, form)
            if other.id == nil { call.id = nil }
            #expect(call == other, form)
        }
    }

    @Test(arguments: 0..<8) func `Any answer survives every form that Gemini has for it`(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        for _ in 0..<60 {
            let answer = Self.answer(&random)
            let end = ["\n", "\r", "\r\n"][Int(random.next() % 3)]
            let stream = GeminiFixture.decode(
                Self.portions(GeminiFixture.sse(answer.chunks, lineEnd: end), &random))
            #expect(stream.1 == nil)
            Self.expectSame(stream.0, answer.events, "a stream")
            let array = GeminiFixture.decode(
                Self.portions("[\(answer.chunks.joined(separator: ",\r\n"))]", &random), type: .json)
            #expect(array.1 == nil)
            Self.expectSame(array.0, answer.events, "an array")
        }
    }

    @Test(arguments: 0..<8) func `Whatever is cut off an answer is never called finished`(_ seed: UInt64) {
        var random = SplitMix(seed: 100 + seed)
        for _ in 0..<20 {
            let chunks = Self.answer(&random).chunks.dropLast()
            let text = Array(GeminiFixture.sse(Array(chunks)).utf8)
            let seen = GeminiFixture.decode([text[..<Int(random.next() % UInt64(text.count + 1))]])
            #expect(seen.1 != nil)
            #expect(!seen.0.contains { if case .finished = $0 { true } else { false } })
        }
    }
}
