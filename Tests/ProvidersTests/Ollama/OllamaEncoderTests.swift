import FoundationEssentials
import Inference
import Testing

@testable import Providers

@Suite struct OllamaEncoderTests {
    static func encode(_ request: UpstreamRequest) throws -> String {
        String(decoding: try OllamaEncoder.encode(request), as: UTF8.self)
    }

    /// A request that is changed before it is encoded.
    static func encode(
        model: String = "tiny", _ change: (inout InferenceRequest) throws -> Void
    ) throws -> String {
        var request = Fixture.request(delivery: .whole)
        request.model = model
        try change(&request.inference)
        return try self.encode(request)
    }

    static let end = #""truncate":false,"shift":false,"stream":false}"#

    @Test func `All that was said is written, under Ollama's names`() throws {
        let expected =
            #"{"model":"tiny","messages":[{"role":"user","content":"hi"}],"options":{"temperature":0.7,"#
            + #""top_p":1.0,"num_predict":64,"stop":["\n","END"],"seed":-5,"presence_penalty":-0.5,"#
            + #""frequency_penalty":1e-05},"truncate":false,"shift":false,"stream":true}"#
        #expect(try Self.encode(Fixture.request(sampling: OpenAIEncoderTests.everything)) == expected)
    }

    @Test func `What was not said is not written, and nothing of how long the model is kept`() throws {
        #expect(
            try Self.encode(Fixture.request(delivery: .whole))
                == #"{"model":"tiny","messages":[{"role":"user","content":"hi"}],"# + Self.end)
    }

    @Test func `Messages keep their order and roles, and parts of text are joined`() throws {
        let text = try Self.encode {
            $0.messages = [
                Message(.system, "s1"), Message(role: .user, parts: [.text("a"), .text("b")]), Message(.assistant, "c"),
                Message(.system, "s2"),
            ]
        }
        #expect(
            text.contains(
                #""messages":[{"role":"system","content":"s1"},{"role":"user","content":"ab"},"#
                    + #"{"role":"assistant","content":"c"},{"role":"system","content":"s2"}]"#))
    }

    @Test func `Pictures go as base64 beside the text`() throws {
        let text = try Self.encode {
            $0.messages = [
                Message(
                    role: .user,
                    parts: [
                        .text("what "), .image(Image(.bytes([0x89, 0x50, 0x4E, 0x47], mediaType: "image/png"))),
                        .text("is this"), .image(Image(.bytes([0xFF], mediaType: "image/jpeg"), detail: .high)),
                    ])
            ]
        }
        #expect(text.contains(#"{"role":"user","content":"what is this","images":["iVBORw==","/w=="]}"#))
    }

    @Test func `Base64 is what FoundationEssentials makes of the same bytes`() {
        var random = SplitMix(seed: 11)
        for length in 0..<200 {
            let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            var json = JSONWriter()
            json.base64(nil, bytes)
            #expect(String(decoding: json.bytes, as: UTF8.self) == "\"\(Data(bytes).base64EncodedString())\"")
        }
    }

    @Test func `Tool calls and their results go back as Ollama wants them`() throws {
        let text = try Self.encode {
            $0.messages = [
                Message(.user, "weather?"),
                Message(
                    role: .assistant,
                    parts: [
                        .reasoning(Reasoning("hm", signature: ReasoningSignature("s", origin: "anthropic"))),
                        .text("let me see"),
                        .toolCall(ToolCall(id: "call_0", name: "f", argumentsJSON: #"{"city": "Köln"}"#)),
                        .toolCall(ToolCall(id: "call_1", name: "g", argumentsJSON: "")),
                    ]),
                Message(
                    role: .tool,
                    parts: [
                        .toolResult(ToolResult(callID: "call_0", name: "f", content: "\"22°\"")),
                        .toolResult(ToolResult(callID: "call_1", content: "no", isError: true)),
                    ]),
            ]
        }
        let expected =
            #"{"role":"assistant","content":"let me see","thinking":"hm","tool_calls":[{"id":"call_0","#
            + #""type":"function","function":{"index":0,"name":"f","arguments":{"city": "Köln"}}},{"id":"call_1","#
            + #""type":"function","function":{"index":1,"name":"g","arguments":{}}}]},"#
            + #"{"role":"tool","content":"\"22°\"","tool_name":"f","tool_call_id":"call_0"},"#
            + #"{"role":"tool","content":"no","tool_call_id":"call_1"}]"#
        #expect(text.contains(expected), "\(text)")
    }

    @Test(arguments: ["{", "[1]", "7", #""text""#, "null", "{} {}", "{'a':1}", "not json", " "])
    func `Arguments that are no JSON object are refused before anything is sent`(_ arguments: String) {
        let error = #expect(throws: UpstreamFault.self) {
            try Self.encode {
                let call = ToolCall(id: "x", name: "find", argumentsJSON: arguments)
                $0.messages.append(Message(role: .assistant, parts: [.toolCall(call)]))
            }
        }
        #expect(error?.kind == .invalidRequest)
        #expect(error?.message.contains("'find'") == true)
    }

    static let tools = [
        Tool(
            name: "f", description: "finds", parametersJSON: #"{"type":"object","properties":{"q":{"type":"string"}}}"#),
        Tool(name: "now"),
    ]

    @Test func `Tools go with their schemas, and without them when none may be called`() throws {
        let text = try Self.encode { $0.tools = Self.tools }
        let expected =
            #""tools":[{"type":"function","function":{"name":"f","description":"finds","parameters":"#
            + #"{"type":"object","properties":{"q":{"type":"string"}}}}},{"type":"function","function":"#
            + #"{"name":"now","parameters":{"type":"object","properties":{}}}}]"#
        #expect(text.contains(expected), "\(text)")
        let without = try Self.encode {
            $0.tools = Self.tools
            $0.toolChoice = .none
            $0.allowsParallelToolCalls = false
        }
        #expect(!without.contains("tools"))
    }

    @Test func `The form of an answer is JSON or a schema`() throws {
        #expect(try Self.encode { $0.responseFormat = .jsonObject }.contains(#""format":"json""#))
        let schema = JSONSchema(name: "n", schemaJSON: #"{"type": "object"}"#, isStrict: true)
        #expect(try Self.encode { $0.responseFormat = .jsonSchema(schema) }.contains(#""format":{"type": "object"}"#))
        #expect(try !Self.encode { $0.responseFormat = .text }.contains("format"))
    }

    @Test(
        arguments: [
            ("qwen3", .none, "false"), ("qwen3", .minimal, "true"), ("qwen3", .low, "true"), ("qwen3", .high, "true"),
            ("gpt-oss:20b", .none, "false"), ("gpt-oss:20b", .minimal, #""low""#), ("gpt-oss", .medium, #""medium""#),
            ("someone/GPT-OSS-safeguard", .high, #""high""#),
        ] as [(String, ReasoningOptions.Effort, String)])
    func `Thinking is a switch, and a level where the model has levels`(
        _ model: String, _ effort: ReasoningOptions.Effort, _ think: String
    ) throws {
        let text = try Self.encode(model: model) { $0.reasoning = ReasoningOptions(effort: effort) }
        #expect(text.contains(#""think":\#(think),"#))
    }

    @Test func `Thinking that nobody spoke of is Ollama's to decide`() throws {
        #expect(try !Self.encode { $0.reasoning = ReasoningOptions() }.contains("think"))
    }

    @Test func `A begun answer is the last message`() throws {
        var request = Fixture.request()
        request.prefill = "Once upon"
        #expect(
            try Self.encode(request).contains(
                #"[{"role":"user","content":"hi"},{"role":"assistant","content":"Once upon"}]"#))
    }

    struct Unsupported: Sendable, CustomTestStringConvertible {
        let words: String
        let change: @Sendable (inout InferenceRequest) -> Void
        var testDescription: String { self.words }

        init(_ words: String, _ change: @escaping @Sendable (inout InferenceRequest) -> Void) {
            self.words = words
            self.change = change
        }
    }

    static let unsupported: [Unsupported] = [
        Unsupported("https://example.com/a.png") {
            let image = Image(.url("https://example.com/a.png"))
            $0.messages = [Message(role: .user, parts: [.text("see"), .image(image)])]
        },
        Unsupported("tool_choice 'required'") {
            $0.tools = Self.tools
            $0.toolChoice = .required
        },
        Unsupported("tool_choice of the tool 'f'") {
            $0.tools = Self.tools
            $0.toolChoice = .tool("f")
        },
        Unsupported("parallel_tool_calls false") {
            $0.tools = Self.tools
            $0.allowsParallelToolCalls = false
        },
        Unsupported("a limit on reasoning tokens") { $0.reasoning = ReasoningOptions(effort: .low, maxTokens: 9) },
        Unsupported("a strict tool, 'now'") {
            $0.tools = Self.tools
            $0.tools[1].isStrict = true
        },
    ]

    @Test(arguments: unsupported)
    func `What Ollama cannot do is named before anything is sent`(_ example: Unsupported) {
        let error = #expect(throws: UpstreamFault.self) { try Self.encode { example.change(&$0) } }
        #expect(error?.kind == .unsupported)
        #expect(error?.message.contains(example.words) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: ["{", "[]", "{},\"x\":{}", "true"]) func `A schema that is no JSON object is no request`(
        _ text: String
    ) {
        let tool = #expect(throws: UpstreamFault.self) {
            try Self.encode { $0.tools = [Tool(name: "f", parametersJSON: text)] }
        }
        #expect(tool?.kind == .invalidRequest && tool?.message.contains("tool 'f'") == true)
        let format = #expect(throws: UpstreamFault.self) {
            try Self.encode { $0.responseFormat = .jsonSchema(JSONSchema(name: "n", schemaJSON: text)) }
        }
        #expect(format?.kind == .invalidRequest && format?.message.contains("schema 'n'") == true)
    }

    @Test func `A number that JSON cannot carry is a fault`() {
        let error = #expect(throws: UpstreamFault.self) { try Self.encode { $0.sampling.topP = .infinity } }
        #expect(error?.kind == .invalidRequest)
        #expect(error?.message.contains("top_p") == true)
    }

    @Test func `Whatever is asked, the body is one JSON object`() throws {
        var request = Fixture.request("\"\\\n\u{0}é😀", sampling: OpenAIEncoderTests.everything)
        request.inference.tools = Self.tools
        request.inference.responseFormat = .jsonObject
        request.inference.reasoning = ReasoningOptions(effort: .high)
        request.prefill = "\t"
        let body = try OllamaEncoder.encode(request)
        #expect(JSONSyntax.isObject(String(decoding: body, as: UTF8.self)))
    }

    @Test func `Probabilities are asked for, with others than the taken token where that is wanted`() throws {
        let start = #"{"model":"tiny","messages":[{"role":"user","content":"hi"}],"logprobs":true,"#
        #expect(try Self.encode { $0.logprobs = LogprobOptions() } == start + Self.end)
        #expect(
            try Self.encode { $0.logprobs = LogprobOptions(topCount: 4) } == start + #""top_logprobs":4,"# + Self.end)
    }

    @Test func `The call goes to the API itself`() throws {
        let call = try OllamaFormat().call(Fixture.request())
        #expect(call.base == .native && call.path == "/api/chat")
    }
}
