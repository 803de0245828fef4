import Inference
import Synchronization
import Testing

@testable import Providers

/// Requests, to the letter.
@Suite struct AnthropicEncoderTests {
    static func request(
        _ messages: [Message] = [Message(.user, "hi")], delivery: UpstreamRequest.Delivery = .whole,
        _ adjust: (inout UpstreamRequest) -> Void = { _ in }
    ) -> UpstreamRequest {
        var request = UpstreamRequest(
            inference: InferenceRequest(id: "r", messages: messages), model: "claude-sonnet-4-5", delivery: delivery)
        adjust(&request)
        return request
    }

    static func encode(_ request: UpstreamRequest) throws -> String {
        let call = try AnthropicFormat().call(request)
        #expect(call.path == "/messages" && call.base == .url)
        return String(decoding: call.body, as: UTF8.self)
    }

    /// The entries of `messages`, with what the system says before them.
    static func messages(_ messages: Message...) throws -> String {
        let text = try Self.encode(Self.request(messages))
        let prefix = #"{"model":"claude-sonnet-4-5","max_tokens":4096,"#
        #expect(text.hasPrefix(prefix))
        return String(text.dropFirst(prefix.count).dropLast())
    }

    // MARK: - The whole

    @Test func `What was not said is not written, but for max_tokens`() throws {
        #expect(
            try Self.encode(Self.request())
                == #"{"model":"claude-sonnet-4-5","max_tokens":4096,"messages":[{"role":"user","content":"hi"}]}"#)
    }

    @Test func `All that was said is written`() throws {
        let request = Self.request([Message(.system, "s"), Message(.user, "hi")], delivery: .streamed) { request in
            request.inference.sampling = SamplingParameters(
                temperature: 0.7, topP: 1, maxOutputTokens: 64, stop: ["END", "\n."], seed: 5, presencePenalty: 0)
            request.inference.tools = [
                Tool(
                    name: "f", description: "does", parametersJSON: #"{ "type": "object", "x": 1e400 }"#, isStrict: true
                ),
                Tool(name: "g", isStrict: false),
            ]
            request.inference.toolChoice = .tool("f")
            request.inference.allowsParallelToolCalls = false
            request.inference.responseFormat = .jsonSchema(
                JSONSchema(name: "n", schemaJSON: #"{"type":"object"}"#, isStrict: true))
        }
        #expect(
            try Self.encode(request)
                == #"{"model":"claude-sonnet-4-5","max_tokens":64,"system":"s","#
                + #""messages":[{"role":"user","content":"hi"}],"#
                + #""tools":[{"name":"f","description":"does","input_schema":{ "type": "object", "x": 1e400 },"strict":true},"#
                + #"{"name":"g","input_schema":{"type":"object"}}],"#
                + #""tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":true},"#
                + #""output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}},"#
                + #""stream":true,"temperature":0.7,"top_p":1.0,"stop_sequences":["END","\n."]}"#)
    }

    @Test(arguments: [
        (ToolChoice.automatic, nil as Bool?, nil as String?), (.automatic, true, nil),
        (.automatic, false, #"{"type":"auto","disable_parallel_tool_use":true}"#), (.none, nil, #"{"type":"none"}"#),
        (.none, false, #"{"type":"none"}"#), (.required, nil, #"{"type":"any"}"#),
        (.required, false, #"{"type":"any","disable_parallel_tool_use":true}"#),
        (.tool("f"), true, #"{"type":"tool","name":"f"}"#),
    ])
    func `Every choice of tools has its words`(_ choice: ToolChoice, _ parallel: Bool?, _ json: String?) throws {
        let text = try Self.encode(
            Self.request {
                $0.inference.tools = [Tool(name: "f")]
                $0.inference.toolChoice = choice
                $0.inference.allowsParallelToolCalls = parallel
            })
        #expect(text.contains(#""tool_choice""#) == (json != nil))
        if let json { #expect(text.contains(#","tool_choice":\#(json)}"#)) }
    }

    @Test func `Without tools nothing is said of them`() throws {
        let text = try Self.encode(
            Self.request {
                $0.inference.toolChoice = .none
                $0.inference.allowsParallelToolCalls = false
            })
        #expect(!text.contains("tool"))
    }

    // MARK: - Messages

    @Test func `What the system says is joined, wherever it was said`() throws {
        #expect(
            try Self.messages(
                Message(.system, "one"), Message(.user, "u"), Message(.assistant, "a"), Message(.system, "two"),
                Message(.user, "v"))
                == #""system":"one\n\ntwo","messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a"},"#
                + #"{"role":"user","content":"v"}]"#)
    }

    @Test func `Neighbours of one side are one turn`() throws {
        #expect(
            try Self.messages(
                Message(.user, "u"), Message(role: .user, parts: [.text("v"), .text("w")]), Message(.assistant, "a"),
                Message(.assistant, "b"), Message(.user, "x"))
                == #""messages":[{"role":"user","content":[{"type":"text","text":"u"},{"type":"text","text":"v"},"#
                + #"{"type":"text","text":"w"}]},{"role":"assistant","content":[{"type":"text","text":"a"},"#
                + #"{"type":"text","text":"b"}]},{"role":"user","content":"x"}]"#)
    }

    @Test func `Calls and results of tools, those in one turn and at its front`() throws {
        #expect(
            try Self.messages(
                Message(.user, "u"),
                Message(
                    role: .assistant,
                    parts: [
                        .text("a"),
                        .toolCall(
                            ToolCall(id: "x", name: "f", argumentsJSON: #"{"n": 12345678901234567890123, "e":"é"}"#)),
                        .toolCall(ToolCall(id: "y", name: "g", argumentsJSON: "")),
                    ]), Message(.user, "and?"),
                Message(role: .tool, parts: [.toolResult(ToolResult(callID: "x", content: #"{"ok":1}"#))]),
                Message(role: .tool, parts: [.toolResult(ToolResult(callID: "y", content: "", isError: true))]))
                == #""messages":[{"role":"user","content":"u"},{"role":"assistant","content":[{"type":"text","text":"a"},"#
                + #"{"type":"tool_use","id":"x","name":"f","input":{"n": 12345678901234567890123, "e":"é"}},"#
                + #"{"type":"tool_use","id":"y","name":"g","input":{}}]},"#
                + #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"x","content":"{\"ok\":1}"},"#
                + #"{"type":"tool_result","tool_use_id":"y","is_error":true},{"type":"text","text":"and?"}]}]"#)
    }

    @Test func `Identifiers of other models' calls are put into what the API takes, and stay apart`() throws {
        #expect(AnthropicBlocks.wireID("call_A-9") == "call_A-9")
        let ids = ["functions.f:0", "functions.f:1", "functions_f_0", "é", ""].map(AnthropicBlocks.wireID)
        #expect(ids == ["functions_2ef_3a0", "functions_2ef_3a1", "functions_f_0", "_c3_a9", ""])
        let text = try Self.messages(
            Message(.user, "u"),
            Message(role: .assistant, parts: [.toolCall(ToolCall(id: "f:0", name: "f", argumentsJSON: "{}"))]),
            Message(role: .tool, parts: [.toolResult(ToolResult(callID: "f:0", content: "r"))]))
        #expect(text.contains(#""id":"f_3a0""#) && text.contains(#""tool_use_id":"f_3a0""#))
    }

    @Test func `Pictures go as bytes or as an address`() throws {
        #expect(
            try Self.messages(
                Message(
                    role: .user,
                    parts: [
                        .image(Image(.bytes([0, 255, 128, 1], mediaType: "image/png"), detail: .low)),
                        .image(Image(.url("https://x/y.png"))), .text("what?"),
                    ]))
                == #""messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","#
                + #""media_type":"image/png","data":"AP+AAQ=="}},{"type":"image","source":{"type":"url","#
                + #""url":"https://x/y.png"}},{"type":"text","text":"what?"}]}]"#)
    }

    @Test func `Thoughts go back in their place and to the letter, if they are Anthropic's and signed`() throws {
        let thoughts: [Message.Part] = [
            .reasoning(Reasoning("mine", signature: ReasoningSignature("EqQB/+==", origin: "anthropic"))),
            .reasoning(Reasoning("", signature: ReasoningSignature("EmwK", origin: "anthropic", isRedacted: true))),
            .reasoning(Reasoning("of whom?", signature: ReasoningSignature("s", origin: ""))),
            .reasoning(Reasoning("Gemini's", signature: ReasoningSignature("g", origin: "gemini"))),
            .reasoning(Reasoning("unsigned")),
        ]
        #expect(
            try Self.messages(
                Message(.user, "u"),
                Message(
                    role: .assistant,
                    parts: thoughts + [.toolCall(ToolCall(id: "x", name: "f", argumentsJSON: "{}"))]),
                Message(role: .tool, parts: [.toolResult(ToolResult(callID: "x", content: "r"))]))
                == #""messages":[{"role":"user","content":"u"},{"role":"assistant","content":["#
                + #"{"type":"thinking","thinking":"mine","signature":"EqQB/+=="},"#
                + #"{"type":"redacted_thinking","data":"EmwK"},"#
                + #"{"type":"thinking","thinking":"of whom?","signature":"s"},"#
                + #"{"type":"tool_use","id":"x","name":"f","input":{}}]},"#
                + #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"x","content":"r"}]}]"#)
    }

    @Test func `A turn of nothing that can be sent is left out, and its neighbours become one`() throws {
        #expect(
            try Self.messages(
                Message(.system, " "), Message(.user, "u"),
                Message(role: .assistant, parts: [.reasoning(Reasoning("r"))]),
                Message(role: .user, parts: [.text("\n"), .text(""), .text("v")]))
                == #""messages":[{"role":"user","content":[{"type":"text","text":"u"},{"type":"text","text":"v"}]}]"#)
    }

    @Test func `A begun answer is the last turn, without white space at its end`() throws {
        let begun = try Self.encode(Self.request { $0.prefill = "Once \n upon \t\n" })
        #expect(begun.hasSuffix(#"{"role":"user","content":"hi"},{"role":"assistant","content":"Once \n upon"}]}"#))
        let own = try Self.encode(
            Self.request([Message(.user, "hi"), Message(.assistant, "a ")]) { $0.prefill = "b " })
        #expect(
            own.hasSuffix(#"{"role":"assistant","content":[{"type":"text","text":"a "},{"type":"text","text":"b"}]}]}"#)
        )
        let empty = try Self.encode(Self.request { $0.prefill = " \n" })
        #expect(empty.hasSuffix(#""messages":[{"role":"user","content":"hi"}]}"#))
    }

    // MARK: - The user

    @Test(
        arguments: [
            ("u-1", true), ("4f1c \"é\"", true), ("ab-12@", false), (String(repeating: "é", count: 256), true),
            (String(repeating: "a", count: 257), false), ("", false), ("a@b.example", false),
            ("+41 44 123-45-67", false),
            ("(044) 123.45.67", false), ("12345", false), ("user 12345", true),
        ] as [(String, Bool)])
    func `The user is told unless the API would answer 400 to the name`(_ user: String, _ isTold: Bool) throws {
        let text = try Self.encode(Self.request { $0.inference.user = user })
        let end = user.replacing("\"", with: "\\\"")
        #expect(text.hasSuffix(#","metadata":{"user_id":"\#(end)"}}"#) == isTold)
        #expect(text.contains("metadata") == isTold)
    }

    @Test func `Counting tokens takes no user`() async throws {
        let body = try AnthropicEncoder(Self.request { $0.inference.user = "u" }).countBody()
        #expect(!String(decoding: body, as: UTF8.self).contains("metadata"))
    }

    // MARK: - What is refused

    struct Refusal: Sendable, CustomTestStringConvertible {
        let words: String
        let kind: UpstreamFault.Kind
        let adjust: @Sendable (inout UpstreamRequest) -> Void
        var testDescription: String { self.words }

        init(
            _ words: String, _ kind: UpstreamFault.Kind = .unsupported,
            _ adjust: @escaping @Sendable (inout UpstreamRequest) -> Void
        ) {
            self.words = words
            self.kind = kind
            self.adjust = adjust
        }
    }

    static let refusals: [Refusal] = [
        Refusal("temperature is 1.5; the Messages API takes 0...1") { $0.inference.sampling.temperature = 1.5 },
        Refusal("temperature is nan", .invalidRequest) { $0.inference.sampling.temperature = .nan },
        Refusal("top_p is inf", .invalidRequest) { $0.inference.sampling.topP = .infinity },
        Refusal("presence_penalty") { $0.inference.sampling.presencePenalty = 0.5 },
        Refusal("frequency_penalty") { $0.inference.sampling.frequencyPenalty = -0.5 },
        Refusal("stop: ") { $0.inference.sampling.stop = ["END", "\n"] },
        Refusal("logprobs: ") { $0.inference.logprobs = LogprobOptions() },
        Refusal("response_format json_object") { $0.inference.responseFormat = .jsonObject },
        Refusal("the schema 'n'", .invalidRequest) {
            $0.inference.responseFormat = .jsonSchema(JSONSchema(name: "n", schemaJSON: "[]"))
        },
        Refusal("the parameters of tool 'f'", .invalidRequest) {
            $0.inference.tools = [Tool(name: "f", parametersJSON: #"{"a":1}}"#)]
        },
        Refusal("tool_choice: a tool is required", .invalidRequest) { $0.inference.toolChoice = .required },
        Refusal("tool_choice: there is no tool 'g'", .invalidRequest) {
            $0.inference.tools = [Tool(name: "f")]
            $0.inference.toolChoice = .tool("g")
        },
        Refusal("messages[0]: the arguments of tool call 'x' are no JSON object: [1]", .invalidRequest) {
            $0.inference.messages = [
                Message(role: .assistant, parts: [.toolCall(ToolCall(id: "x", name: "f", argumentsJSON: "[1]"))])
            ]
        },
        Refusal("messages[0]: an image of type 'image/bmp'") {
            $0.inference.messages = [
                Message(role: .user, parts: [.image(Image(.bytes([1], mediaType: "image/bmp")))])
            ]
        },
        Refusal("messages[1]: an image has no place in a message of role system", .invalidRequest) {
            $0.inference.messages.append(Message(role: .system, parts: [.image(Image(.url("https://x")))]))
        },
        Refusal("messages[1]: reasoning has no place in a message of role user", .invalidRequest) {
            $0.inference.messages.append(Message(role: .user, parts: [.reasoning(Reasoning("r"))]))
        },
        Refusal("messages: the Messages API needs a message of a user") {
            $0.inference.messages = [Message(.system, "s")]
        },
        Refusal("prefill together with a JSON schema") {
            $0.inference.responseFormat = .jsonSchema(JSONSchema(name: "n", schemaJSON: "{}"))
            $0.prefill = "{"
        },
        Refusal("prefill together with reasoning") {
            $0.inference.reasoning = ReasoningOptions(effort: .low)
            $0.prefill = "a"
        },
        Refusal("temperature together with reasoning") {
            $0.inference.reasoning = ReasoningOptions(effort: .low)
            $0.inference.sampling.temperature = 0.5
        },
        Refusal("top_p below 0.95 together with reasoning") {
            $0.inference.reasoning = ReasoningOptions(effort: .low)
            $0.inference.sampling.topP = 0.5
        },
        Refusal("a forced tool_choice together with reasoning") {
            $0.inference.reasoning = ReasoningOptions(effort: .low)
            $0.inference.tools = [Tool(name: "f")]
            $0.inference.toolChoice = .required
        },
    ]

    @Test(arguments: refusals)
    func `What the API cannot carry is refused by name`(_ refusal: Refusal) {
        var request = Self.request()
        refusal.adjust(&request)
        let error = #expect(throws: UpstreamFault.self) { try AnthropicFormat().call(request) }
        #expect(error?.kind == refusal.kind)
        #expect(error?.message.hasPrefix(refusal.words) == true, "\(error?.message ?? "")")
    }

    @Test(
        arguments: [
            (nil, .streamed, 4096), (nil, .whole, 4096), (64_000, .streamed, 32_000), (64_000, .whole, 8192),
            (8192, .streamed, 8192), (8192, .whole, 8192), (4096, .whole, 4096), (1000, .streamed, 1000),
            (0, .whole, 4096),
            (-1, .streamed, 4096),
        ] as [(Int?, UpstreamRequest.Delivery, Int)])
    func `Where the client set no limit, the model's longest answer is one, within bounds`(
        _ longest: Int?, _ delivery: UpstreamRequest.Delivery, _ expected: Int
    ) throws {
        let text = try Self.encode(Self.request(delivery: delivery) { $0.longestAnswer = longest })
        #expect(text.contains(#""max_tokens":\#(expected),"#), "\(text)")
        let limited = Self.request(delivery: delivery) {
            $0.longestAnswer = longest
            $0.inference.sampling.maxOutputTokens = 50_000
        }
        #expect(try Self.encode(limited).contains(#""max_tokens":50000,"#))
    }

    @Test func `Numbers are written as JSON has them, whatever they are`() throws {
        let text = try Self.encode(Self.request { $0.inference.sampling.maxOutputTokens = .max })
        #expect(text.contains(#""max_tokens":9223372036854775807"#))
    }

    @Test func `A count is asked for all that becomes input, and nothing of how to answer`() async throws {
        let request = Self.request([Message(.system, "s"), Message(.user, "hi")], delivery: .streamed) {
            $0.inference.sampling = SamplingParameters(temperature: 0.5, maxOutputTokens: 7, stop: ["x"])
            $0.inference.tools = [Tool(name: "f")]
        }
        let caller = Caller(answer: #"{"input_tokens":2095}"#)
        #expect(try await AnthropicFormat().countTokens(request, calling: caller) == 2095)
        let call = caller.call
        #expect(call?.path == "/messages/count_tokens" && call?.base == .url)
        #expect(
            String(decoding: call?.body ?? [], as: UTF8.self)
                == #"{"model":"claude-sonnet-4-5","system":"s","messages":[{"role":"user","content":"hi"}],"#
                + #""tools":[{"name":"f","input_schema":{"type":"object"}}]}"#)
    }

    @Test(arguments: [
        (#"{"input_tokens":"7"}"#, "input_tokens: expected a whole number"), ("{}", "input_tokens: missing"),
        ("hello", "expected JSON, got: hello"),
    ])
    func `A count that is none is a fault`(_ answer: String, _ words: String) async {
        let seen = await fault {
            _ = try await AnthropicFormat().countTokens(Self.request(), calling: Caller(answer: answer))
        }
        #expect(seen?.kind == .malformed)
        #expect(seen?.message.hasPrefix(words) == true, "\(seen?.message ?? "")")
    }

    /// Answers one call and keeps it.
    final class Caller: WireCaller {
        private let text: String
        private let kept = Mutex<WireCall?>(nil)

        init(answer: String) {
            self.text = answer
        }

        var call: WireCall? { self.kept.withLock { $0 } }

        func answer<Answer>(
            to call: WireCall, requestID: String, _ read: ([UInt8]) throws(UpstreamFault) -> Answer
        ) async throws(UpstreamFault) -> Answer {
            self.kept.withLock { $0 = call }
            return try read(Array(self.text.utf8))
        }
    }
}
