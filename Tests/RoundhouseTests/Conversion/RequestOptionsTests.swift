import Inference
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

@Suite("Reading tools, pictures, forms of answers and requirements")
struct RequestOptionsTests {
    private static func read(
        _ edit: (inout Roundhouse_V1_GenerateRequest) -> Void
    ) throws(RequestError) -> InferenceRequest {
        try RequestReader.inferenceRequest(from: Roundhouse_V1_GenerateRequest.asking("Hi", edit: edit)) { "made" }
    }

    private static func violations(_ edit: (inout Roundhouse_V1_GenerateRequest) -> Void) -> [FieldViolation] {
        do {
            _ = try Self.read(edit)
            return []
        } catch .invalidRequest(let violations) {
            return violations
        } catch {
            return [FieldViolation("", "\(error)")]
        }
    }

    @Test("Everything that a request may say reaches the vocabulary as it was meant")
    func whole() throws {
        let request = try Self.read {
            $0.messages = [
                .with {
                    $0.role = .user
                    $0.parts = [
                        .with { $0.text = "What is it?" },
                        .with {
                            $0.image = .with {
                                $0.data = .init([1, 2, 3])
                                $0.mediaType = "image/png"
                                $0.detail = .high
                            }
                        },
                        .with { $0.image.url = "https://example.com/a.png" },
                    ]
                },
                .with {
                    $0.role = .assistant
                    $0.parts = [
                        .with {
                            $0.reasoning = .with {
                                $0.text = "hm"
                                $0.signature = "sig"
                                $0.origin = "anthropic"
                            }
                        },
                        .with {
                            $0.toolCall = .with {
                                $0.id = "c1"
                                $0.name = "look"
                                $0.argumentsJson = #"{"a":1}"#
                            }
                        },
                    ]
                },
                .with {
                    $0.role = .tool
                    $0.parts = [.with { $0.toolResult = .with { ($0.toolCallID, $0.content) = ("c1", "a cat") } }]
                },
            ]
            $0.tools = [.with { ($0.name, $0.parametersJson, $0.strict) = ("look", #"{"type":"object"}"#, true) }]
            $0.toolChoice = .with { $0.tool = "look" }
            $0.parallelToolCalls = false
            $0.responseFormat.jsonSchema = .with { $0.schemaJson = #"{"type":"object"}"# }
            $0.reasoning = .with { ($0.effort, $0.maxTokens) = (.high, 2000) }
            $0.strategy = "least_busy"
            $0.recovery = .continue
            $0.priority = .critical
            $0.tags = ["batch"]
            $0.shareIdentical = true
            $0.explain = true
            $0.requirements = .with {
                $0.task = "text"
                $0.capabilities = ["tools", "vision"]
                $0.minContextLength = 4096
                $0.maxPriceNanoUsd = 1_000_000_000
                $0.maxCostNanoUsd = 5
                $0.minQualityScore = 0.5
                $0.minSafetyScore = 0.25
                $0.maxLatency = .with { $0.seconds = 2 }
                $0.freeOnly = true
                $0.localOnly = true
                $0.allowedProviders = ["openai"]
                $0.deniedProviders = ["local"]
                $0.tags = ["eu"]
            }
        }
        #expect(
            request.messages == [
                Message(
                    role: .user,
                    parts: [
                        .text("What is it?"), .image(Image(.bytes([1, 2, 3], mediaType: "image/png"), detail: .high)),
                        .image(Image(.url("https://example.com/a.png"))),
                    ]),
                Message(
                    role: .assistant,
                    parts: [
                        .reasoning(Reasoning("hm", signature: ReasoningSignature("sig", origin: "anthropic"))),
                        .toolCall(ToolCall(id: "c1", name: "look", argumentsJSON: #"{"a":1}"#)),
                    ]),
                Message(role: .tool, parts: [.toolResult(ToolResult(callID: "c1", name: "look", content: "a cat"))]),
            ])
        #expect(
            request.tools == [Tool(name: "look", parametersJSON: #"{"type":"object"}"#, isStrict: true)])
        #expect(request.toolChoice == .tool("look"))
        #expect(request.allowsParallelToolCalls == false)
        #expect(
            request.responseFormat == .jsonSchema(JSONSchema(name: "answer", schemaJSON: #"{"type":"object"}"#)))
        #expect(request.reasoning == ReasoningOptions(effort: .high, maxTokens: 2000))
        #expect(
            request.routing
                == RoutingOptions(
                    requirements: ModelRequirements(
                        task: .text, capabilities: [.tools, .vision], minContextLength: 4096,
                        maxPricePerMillionTokens: 1_000_000_000, maxCostNanoUSD: 5, minQualityScore: 0.5,
                        minSafetyScore: 0.25, maxLatency: .seconds(2), freeOnly: true, localOnly: true,
                        allowedProviders: [try #require(ProviderID("openai"))], deniedProviders: [.local], tags: ["eu"]),
                    strategy: "least_busy", recovery: .continue, priority: .critical, tags: ["batch"],
                    allowsSharing: true, wantsExplanation: true))
        #expect(request.impliedCapabilities == [.tools, .jsonSchema, .vision])
    }

    struct Bad: Sendable, CustomTestStringConvertible {
        var field: String
        var words: String
        var edit: @Sendable (inout Roundhouse_V1_GenerateRequest) -> Void
        var testDescription: String { "\(self.field): \(self.words)" }
    }

    @Test(
        "What cannot be meant names its field and what was expected",
        arguments: [
            Bad(field: "tools[0].name", words: "letters, digits") { $0.tools = [.with { $0.name = "a b" }] },
            Bad(field: "tools[1].name", words: "no other tool has") {
                $0.tools = [.with { $0.name = "a" }, .with { $0.name = "a" }]
            },
            Bad(field: "tools[0].parameters_json", words: "no JSON object") {
                $0.tools = [.with { ($0.name, $0.parametersJson) = ("a", "[1]") }]
            },
            Bad(field: "tools[0].parameters_json", words: "no JSON object") {
                $0.tools = [.with { ($0.name, $0.parametersJson) = ("a", #"{"a":"#) }]
            },
            Bad(field: "tool_choice.tool", words: "one of the tools") { $0.toolChoice.tool = "b" },
            Bad(field: "tool_choice", words: "at least one in tools") { $0.toolChoice.mode = .required },
            Bad(field: "response_format.json_schema.schema_json", words: "no JSON object") {
                $0.responseFormat.jsonSchema.schemaJson = "yes"
            },
            Bad(field: "reasoning.max_tokens", words: "at least 1") { $0.reasoning.maxTokens = 0 },
            Bad(field: "messages[0].parts[0].image.media_type", words: "image/png") {
                $0.messages[0].parts = [.with { $0.image.data = .init([1]) }]
            },
            Bad(field: "messages[0].parts[0].image.url", words: "https or http") {
                $0.messages[0].parts = [.with { $0.image.url = "file:///etc/passwd" }]
            },
            Bad(field: "messages[0].parts[0].image", words: "data or url") {
                $0.messages[0].parts = [.with { $0.image = .init() }]
            },
            Bad(field: "messages[0].parts[0]", words: "ROLE_ASSISTANT") {
                $0.messages[0].parts = [.with { $0.toolCall = .with { ($0.id, $0.name) = ("c", "n") } }]
            },
            Bad(field: "messages[1].parts[0].tool_result.tool_call_id", words: "earlier message") {
                $0.messages.append(
                    .with {
                        $0.role = .tool
                        $0.parts = [.with { $0.toolResult.toolCallID = "none" }]
                    })
            },
            Bad(field: "requirements.capabilities[0]", words: "vision") { $0.requirements.capabilities = ["sight"] },
            Bad(field: "requirements.task", words: "embedding") { $0.requirements.task = "chatting" },
            Bad(field: "requirements.min_quality_score", words: "0 to 1") { $0.requirements.minQualityScore = 2 },
            Bad(field: "requirements.min_context_length", words: "at least 1") {
                $0.requirements.minContextLength = -1
            },
            Bad(field: "requirements.max_latency", words: "above 0") { $0.requirements.maxLatency = .init() },
            Bad(field: "requirements.allowed_providers[0]", words: "provider's name") {
                $0.requirements.allowedProviders = ["Open AI"]
            },
            Bad(field: "tags[0]", words: "1-63 bytes") { $0.tags = [""] },
            Bad(field: "recovery", words: "RecoveryMode") { $0.recovery = .UNRECOGNIZED(77) },
            Bad(field: "priority", words: "RequestPriority") { $0.priority = .UNRECOGNIZED(9) },
        ])
    func bad(_ example: Bad) throws {
        let violations = Self.violations(example.edit)
        let violation = try #require(violations.first { $0.field == example.field }, "\(violations)")
        #expect(violation.description.contains(example.words), "\(violation.description)")
    }

    @Test("A stream may keep its beginning back, by characters, by time or by both")
    func holdBack() throws {
        func read(_ edit: (inout Roundhouse_V1_HoldBack) -> Void) throws -> RoutingOptions {
            let message = Roundhouse_V1_StreamGenerateRequest.asking("Hi") {
                $0.recovery = .align
                $0.holdBack = .init()
                edit(&$0.holdBack)
            }
            return try RequestReader.inferenceRequest(from: message, makeID: { "" }).routing
        }
        #expect(try read { $0.characters = 1 }.holdBack == HoldBack(characters: 1))
        let both = try read {
            $0.characters = 200
            $0.duration = .with { $0.nanos = 5_000_000 }
        }
        #expect(both.holdBack == HoldBack(characters: 200, duration: .milliseconds(5)) && both.recovery == .align)
        for (field, edit) in [
            ("hold_back", { _ in }),
            ("hold_back.characters", { $0.characters = 0 }),
            ("hold_back.duration", { $0.duration = .init() }),
            ("hold_back.duration", { $0.duration = .with { $0.seconds = -1 } }),
        ] as [(String, (inout Roundhouse_V1_HoldBack) -> Void)] {
            let error = #expect(throws: RequestError.self) { _ = try read(edit) }
            guard case .invalidRequest(let violations) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(violations.map(\.field) == [field])
        }
    }

    @Test("Generate restarts unseen unless told otherwise, StreamGenerate fails")
    func recovery() throws {
        #expect(try Self.read { _ in }.routing.recovery == .restart)
        let streamed = try RequestReader.inferenceRequest(from: Roundhouse_V1_StreamGenerateRequest.asking("Hi")) { "" }
        #expect(streamed.routing.recovery == .fail)
    }
}
