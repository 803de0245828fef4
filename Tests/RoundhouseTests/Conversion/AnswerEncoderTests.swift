import GRPCProtobuf
import GRPCTransport
import Inference
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

/// SplitMix64: the same answers in every run.
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var z = self.state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite("Answers that are encoded by hand")
struct AnswerEncoderTests {
    @Test("what is encoded by hand is read as the message that SwiftProtobuf would have sent", arguments: 0..<400)
    func whole(seed: Int) throws {
        var random = Seeded(state: UInt64(seed))
        let outputs = Self.outputs(textOnly: seed % 4 != 0, using: &random)
        var encoder = AnswerEncoder(requestID: "r-\(seed)")
        var collector = ResponseCollector(requestID: "r-\(seed)")
        var rest = outputs[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(Int.random(in: 1...3, using: &random)))
            rest = rest.dropFirst(piece.count)
            encoder.take(piece)
            collector.take(piece)
        }
        let read: Roundhouse_V1_GenerateResponse = try ProtobufDeserializer().deserialize(encoder.encoded())
        #expect(read == collector.response)
    }

    @Test("a stream's messages are the same, with the same numbers", arguments: 0..<200)
    func streamed(seed: Int) throws {
        var random = Seeded(state: UInt64(seed) &+ 1 << 40)
        let outputs = Self.outputs(textOnly: false, using: &random)
        var byHand = ResponseWriter(requestID: "r")
        var usual = ResponseWriter(requestID: "r")
        let messages = usual.messages(from: outputs)
        for (output, message) in zip(outputs, messages) {
            let read: Roundhouse_V1_StreamGenerateResponse = try ProtobufDeserializer()
                .deserialize(byHand.encoded(output))
            #expect(read == message)
        }
    }

    @Test(
        "lengths of nested messages at the edges of their size",
        arguments: [0, 1, 100, 123, 124, 125, 126, 127, 128, 16_380, 16_384, 3_000_000])
    func lengths(count: Int) throws {
        var encoder = AnswerEncoder(requestID: "")
        encoder.take([.delta(.textDelta(String(repeating: "ä", count: count)))])
        let read: Roundhouse_V1_GenerateResponse = try ProtobufDeserializer().deserialize(encoder.encoded())
        #expect(read.text.utf8.count == 2 * count)
        #expect(read.message.parts.count == 1)
    }

    // MARK: - Made-up answers

    private static func outputs(textOnly: Bool, using random: inout Seeded) -> [PipelineOutput] {
        var outputs: [PipelineOutput] = [
            .started(.init(model: Self.id(&random), attempt: 1, continues: false, explanation: nil))
        ]
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            switch Int.random(in: 0...(textOnly ? 7 : 14), using: &random) {
            case 0:
                outputs.append(
                    .superseded(attempt: 1, fault: UpstreamFault(.truncated, Self.text(&random), httpStatus: 200)))
                outputs.append(
                    .started(.init(model: Self.id(&random), attempt: 2, continues: false, explanation: nil)))
            case 1...7: outputs.append(.delta(.textDelta(Self.text(&random))))
            case 8: outputs.append(.delta(.reasoningDelta(Self.text(&random))))
            case 9: outputs.append(.delta(.refusalDelta(Self.text(&random))))
            case 10: outputs.append(.delta(.citation(Citation(url: "https://x", citedText: Self.text(&random)))))
            case 11: outputs.append(.delta(.reasoningSignature(ReasoningSignature("s", origin: "anthropic"))))
            default:
                outputs.append(
                    .delta(
                        .toolCallDelta(
                            ToolCallDelta(index: 0, id: "a", name: "look", argumentsFragment: Self.text(&random)))))
            }
        }
        if Bool.random(using: &random) { outputs.append(.completed(Self.completion(&random))) }
        return outputs
    }

    private static func completion(_ random: inout Seeded) -> Completion {
        let reasons: [Inference.FinishReason] = [.stop, .length, .toolCalls, .contentFilter, .refusal, .other]
        var completion = Completion(
            finishReason: reasons.randomElement(using: &random) ?? .stop,
            usage: Self.usage(&random),
            attempts: (0..<Int.random(in: 0...4, using: &random)).map { _ in Self.attempt(&random) },
            latency: Self.duration(&random)
        )
        if Bool.random(using: &random) { completion.cost = Cost(nanoUSD: Self.number(&random), isEstimated: true) }
        if Bool.random(using: &random) { completion.model = Self.id(&random) }
        if Bool.random(using: &random) { completion.firstTokenLatency = Self.duration(&random) }
        completion.isShared = Bool.random(using: &random)
        return completion
    }

    private static func attempt(_ random: inout Seeded) -> Attempt {
        var attempt = Attempt(model: Self.id(&random), duration: Self.duration(&random))
        if Bool.random(using: &random) {
            let kinds: [UpstreamFault.Kind] = [.rateLimited(retryAfter: .seconds(1)), .truncated, .serverError]
            attempt.fault = UpstreamFault(
                kinds.randomElement(using: &random) ?? .truncated, Self.text(&random),
                httpStatus: Bool.random(using: &random) ? Int.random(in: 100...599, using: &random) : nil)
        }
        if Bool.random(using: &random) { attempt.usage = Self.usage(&random) }
        if Bool.random(using: &random) { attempt.cost = Cost(nanoUSD: Self.number(&random), isEstimated: false) }
        attempt.isHedge = Bool.random(using: &random)
        return attempt
    }

    private static func usage(_ random: inout Seeded) -> Inference.Usage {
        Usage(
            inputTokens: Int(Self.number(&random)), outputTokens: Int(Self.number(&random)),
            cachedInputTokens: Int(Self.number(&random)), cacheWriteInputTokens: Int(Self.number(&random)),
            reasoningTokens: Int(Self.number(&random)), audioInputTokens: Int(Self.number(&random)),
            audioOutputTokens: Int(Self.number(&random)), isEstimated: Bool.random(using: &random))
    }

    /// 0, small and large, for every length of a number.
    private static func number(_ random: inout Seeded) -> Int64 {
        Int64(bitPattern: random.next() >> UInt64(Int.random(in: 1...63, using: &random)))
    }

    private static func duration(_ random: inout Seeded) -> Duration { .nanoseconds(Self.number(&random)) }

    private static func id(_ random: inout Seeded) -> ModelID {
        let names = ["local/tiny", "openai/gpt-4o-mini", "openrouter/meta-llama/llama-3.1-8b:free"]
        let ids = names.compactMap { ModelID($0) }
        return ids[Int.random(in: ids.indices, using: &random)]
    }

    private static func text(_ random: inout Seeded) -> String {
        let texts = ["", "a", "Grüße \u{1F642}", "\u{0}", String(repeating: "x", count: 200), "line\nline"]
        return texts.randomElement(using: &random) ?? ""
    }
}
