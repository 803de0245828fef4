import Inference
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

@Suite("An answer as the next turn's message")
struct AnswerMessageTests {
    @Test("Parts keep their order, thoughts their signatures, calls their arguments")
    func assembling() {
        var message = AnswerMessage()
        let events: [InferenceEvent] = [
            .reasoningDelta("let me "), .reasoningDelta("see"),
            .reasoningSignature(ReasoningSignature("s1", origin: "anthropic")),
            .reasoningSignature(ReasoningSignature("hidden", origin: "anthropic", isRedacted: true)),
            .reasoningDelta("again"), .textDelta("It "), .textDelta("is"),
            .toolCallDelta(ToolCallDelta(index: 0, id: "a", name: "look", argumentsFragment: "{\"x\":")),
            .toolCallDelta(
                ToolCallDelta(
                    index: 1, id: "b", name: "hear", argumentsFragment: "{}",
                    signature: ReasoningSignature("s2", origin: "gemini"))),
            .toolCallDelta(ToolCallDelta(index: 0, argumentsFragment: "1}")),
            .usage(Usage(inputTokens: 1, outputTokens: 1)), .finished(.toolCalls),
        ]
        for event in events { message.take(event) }
        let expected: [Roundhouse_V1_Part] = [
            .with {
                $0.reasoning = .with { ($0.text, $0.signature, $0.origin) = ("let me see", "s1", "anthropic") }
            },
            .with {
                $0.reasoning = .with { ($0.signature, $0.origin, $0.redacted) = ("hidden", "anthropic", true) }
            },
            .with { $0.reasoning.text = "again" },
            .with { $0.text = "It is" },
            .with { $0.toolCall = .with { ($0.id, $0.name, $0.argumentsJson) = ("a", "look", "{\"x\":1}") } },
            .with {
                $0.toolCall = .with {
                    ($0.id, $0.name, $0.argumentsJson) = ("b", "hear", "{}")
                    ($0.signature, $0.origin) = ("s2", "gemini")
                }
            },
        ]
        #expect(message.parts == expected)
    }
}
