import Inference
import Testing

@testable import Providers

/// The requests as OpenAI's reference and the dialects' own document them.
@Suite struct OpenAIRequestTests {
    static let weather = Tool(
        name: "weather", description: "Says how it is outside",
        parametersJSON: #"{"type":"object","properties":{"city":{"type":"string"}}}"#)
    static let clock = Tool(name: "clock")
    static let image = Image(.bytes(Array("Man".utf8), mediaType: "image/png"))

    // MARK: - Messages

    @Test func `A picture goes as its bytes or its URL, with how closely to look`() throws {
        let message = Message(
            role: .user,
            parts: [
                .text("what?"), .image(Image(.bytes(Array("Ma".utf8), mediaType: "image/jpeg"), detail: .low)),
                .image(Image(.url("https://a.example/b.png?c=\"d\""))),
            ])
        #expect(
            try OpenAIFixture.messages([message])
                == #"{"role":"user","content":[{"type":"text","text":"what?"},{"type":"image_url","image_url":"#
                + #"{"url":"data:image/jpeg;base64,TWE=","detail":"low"}},{"type":"image_url","image_url":"#
                + #"{"url":"https://a.example/b.png?c=\"d\""}}]}"#)
    }

    @Test func `A picture makes parts of the content also where texts are joined`() throws {
        let message = Message(role: .user, parts: [.text("a"), .text("b"), .image(Self.image)])
        #expect(
            try OpenAIFixture.messages([message], .llamaCpp)
                == #"{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"},"#
                + #"{"type":"image_url","image_url":{"url":"data:image/png;base64,TWFu"}}]}"#)
    }

    @Test func `Calls and their results go back under their ids, a message for each result`() throws {
        let messages = [
            Message(
                role: .assistant,
                parts: [
                    .text("so"), .toolCall(ToolCall(id: "c1", name: "weather", argumentsJSON: #"{"city":"Bern"}"#)),
                    .toolCall(ToolCall(id: "c2", name: "clock", argumentsJSON: "")),
                ]),
            Message(
                role: .tool,
                parts: [
                    .toolResult(ToolResult(callID: "c1", name: "weather", content: "12 °C")),
                    .toolResult(ToolResult(callID: "c2", content: "broken", isError: true)),
                ]),
        ]
        #expect(
            try OpenAIFixture.messages(messages)
                == #"{"role":"assistant","content":"so","tool_calls":[{"id":"c1","type":"function","function":"#
                + #"{"name":"weather","arguments":"{\"city\":\"Bern\"}"}},{"id":"c2","type":"function","function":"#
                + #"{"name":"clock","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":"12 °C"},"#
                + #"{"role":"tool","tool_call_id":"c2","content":"broken"}"#)
    }

    @Test func `A message that only calls has no content`() throws {
        let call = Message(role: .assistant, parts: [.toolCall(ToolCall(id: "c", name: "f", argumentsJSON: "{}"))])
        #expect(try OpenAIFixture.messages([call]).hasPrefix(#"{"role":"assistant","content":null,"tool_calls":["#))
    }

    @Test(arguments: [ProviderKind.openai, .azureOpenAI, .vllm, .llamaCpp, .lmStudio, .ollama, .custom])
    func `Thoughts are not sent back to those who do not want them`(_ kind: ProviderKind) throws {
        let message = Message(
            role: .assistant,
            parts: [.reasoning(Reasoning("hm", signature: ReasoningSignature("s", origin: ""))), .text("so")])
        #expect(try OpenAIFixture.messages([message], kind) == #"{"role":"assistant","content":"so"}"#)
    }

    @Test func `OpenRouter gets its own thoughts back, and nobody else's`() throws {
        let parts: [Message.Part] = [
            .reasoning(Reasoning("plain")),
            .reasoning(
                Reasoning(
                    "shown",
                    signature: ReasoningSignature(
                        #"{"type":"reasoning.text","format":"f","index":0,"signature":"s"}"#, origin: "openrouter"))),
            .reasoning(
                Reasoning(
                    "short", signature: ReasoningSignature(#"{ "type": "reasoning.summary" }"#, origin: "openrouter"))),
            .reasoning(
                Reasoning(
                    "",
                    signature: ReasoningSignature(
                        #"{"type":"reasoning.encrypted","data":"e"}"#, origin: "openrouter", isRedacted: true))),
            .reasoning(Reasoning("theirs", signature: ReasoningSignature("a", origin: "anthropic"))),
            .reasoning(Reasoning("whose", signature: ReasoningSignature("b", origin: ""))),
            .reasoning(Reasoning("", signature: ReasoningSignature("c", origin: "", isRedacted: true))),
            .text("so"),
        ]
        #expect(
            try OpenAIFixture.messages([Message(role: .assistant, parts: parts)], .openrouter)
                == #"{"role":"assistant","content":"so","reasoning":"plain","reasoning_details":["#
                + #"{"text":"shown","type":"reasoning.text","format":"f","index":0,"signature":"s"},"#
                + #"{"summary":"short","type":"reasoning.summary"},{"type":"reasoning.encrypted","data":"e"},"#
                + #"{"type":"reasoning.text","text":"whose","signature":"b"},"#
                + #"{"type":"reasoning.encrypted","data":"c"}]}"#)
    }

    @Test(arguments: [
        #"{"type":"reasoning.text"}],"model":"dear","x":[{}"#, #"{"type":"reasoning.text"},"#, "{", #"{"a":1}{"#,
        "[1]", "\"", "",
    ])
    func `A signature that a client changed cannot become another request`(_ value: String) throws {
        let message = Message(
            role: .assistant,
            parts: [.reasoning(Reasoning("t", signature: ReasoningSignature(value, origin: "openrouter")))])
        let body = try OpenAIJSON(OpenAIFixture.body(OpenAIFixture.request([message]), .openrouter))
        #expect(body["model"] == .text("tiny"))
        #expect(body["x"] == nil)
        let details = body["messages"]?.elements.first?["reasoning_details"]?.elements
        #expect(
            details == [
                .object(["type": .text("reasoning.text"), "text": .text("t"), "signature": .text(value)])
            ])
    }

    // MARK: - Options

    @Test func `Tools are functions with their schema as it is`() throws {
        let request = OpenAIFixture.request {
            $0.tools = [Self.weather, Tool(name: "clock", isStrict: true)]
            $0.allowsParallelToolCalls = false
        }
        #expect(
            try OpenAIFixture.rest(request)
                == #""tools":[{"type":"function","function":{"name":"weather","description":"Says how it is outside","#
                + #""parameters":{"type":"object","properties":{"city":{"type":"string"}}}}},"#
                + #"{"type":"function","function":{"name":"clock","parameters":"#
                + #"{"type":"object","properties":{},"additionalProperties":false},"strict":true}}],"#
                + #""parallel_tool_calls":false"#)
    }

    @Test(
        arguments: [
            (.automatic, ""), (.none, #","tool_choice":"none""#), (.required, #","tool_choice":"required""#),
            (.tool("clock"), #","tool_choice":{"type":"function","function":{"name":"clock"}}"#),
        ] as [(ToolChoice, String)])
    func `A tool choice is a word or a name`(_ choice: ToolChoice, _ text: String) throws {
        let request = OpenAIFixture.request {
            $0.tools = [Self.clock]
            $0.toolChoice = choice
        }
        let tool =
            #"{"type":"function","function":{"name":"clock","parameters":"#
            + #"{"type":"object","properties":{},"additionalProperties":false}}}"#
        #expect(try OpenAIFixture.rest(request) == "\"tools\":[\(tool)]\(text)")
    }

    @Test func `Without tools nothing is said of them`() throws {
        let request = OpenAIFixture.request {
            $0.toolChoice = .none
            $0.allowsParallelToolCalls = false
        }
        #expect(try OpenAIFixture.rest(request).isEmpty)
        let required = OpenAIFixture.request { $0.toolChoice = .required }
        let error = #expect(throws: UpstreamFault.self) { try OpenAIFixture.body(required) }
        #expect(error?.kind == .invalidRequest)
    }

    @Test func `The form of an answer is JSON or a schema`() throws {
        #expect(
            try OpenAIFixture.rest(OpenAIFixture.request { $0.responseFormat = .jsonObject })
                == #""response_format":{"type":"json_object"}"#)
        let schema = JSONSchema(
            name: "city", description: "A city", schemaJSON: #"{"type": "object"}"#, isStrict: true)
        #expect(
            try OpenAIFixture.rest(OpenAIFixture.request { $0.responseFormat = .jsonSchema(schema) })
                == #""response_format":{"type":"json_schema","json_schema":{"name":"city","description":"A city","#
                + #""schema":{"type": "object"},"strict":true}}"#)
    }

    @Test(arguments: ["", "[]", "7", #"{"a":}"#, #"{},"model":"dear""#, "{"])
    func `A schema that is no JSON object is refused, whatever it would make of the request`(_ text: String) {
        let schema = OpenAIFixture.request {
            $0.responseFormat = .jsonSchema(JSONSchema(name: "s", schemaJSON: text))
        }
        let error = #expect(throws: UpstreamFault.self) { try OpenAIFixture.body(schema) }
        #expect(error?.kind == .invalidRequest)
        guard !text.isEmpty else { return }
        let tool = OpenAIFixture.request { $0.tools = [Tool(name: "f", parametersJSON: text)] }
        let other = #expect(throws: UpstreamFault.self) { try OpenAIFixture.body(tool) }
        #expect(other?.kind == .invalidRequest)
        #expect(other?.message.contains("tool 'f'") == true)
    }

    @Test(
        arguments: [
            (.openai, ReasoningOptions(effort: .high), #""reasoning_effort":"high""#),
            (.azureOpenAI, ReasoningOptions(effort: .minimal), #""reasoning_effort":"minimal""#),
            (.custom, ReasoningOptions(effort: .low), #""reasoning_effort":"low""#),
            (.llamaCpp, ReasoningOptions(effort: ReasoningOptions.Effort.none), #""reasoning_effort":"none""#),
            (
                .vllm, ReasoningOptions(effort: .medium, maxTokens: 99),
                #""reasoning_effort":"medium","thinking_token_budget":99"#
            ),
            (.openrouter, ReasoningOptions(effort: .high), #""usage":{"include":true},"reasoning":{"effort":"high"}"#),
            (.openrouter, ReasoningOptions(maxTokens: 7), #""usage":{"include":true},"reasoning":{"max_tokens":7}"#),
            (.openai, ReasoningOptions(), ""),
        ] as [(ProviderKind, ReasoningOptions, String)])
    func `How much to think is said in the dialect's words`(
        _ kind: ProviderKind, _ options: ReasoningOptions, _ text: String
    ) throws {
        #expect(try OpenAIFixture.rest(OpenAIFixture.request { $0.reasoning = options }, kind) == text)
    }

    @Test(
        arguments: [
            (.llamaCpp, #","chat_template_kwargs":{"enable_thinking":false}"#),
            (.vllm, #","continue_final_message":true,"add_generation_prompt":false"#),
            (.openrouter, #","usage":{"include":true}"#),
        ] as [(ProviderKind, String)])
    func `A begun answer is the last message`(_ kind: ProviderKind, _ fields: String) throws {
        #expect(
            try OpenAIFixture.body(OpenAIFixture.request(prefill: "Once \"upon\""), kind)
                == #"{"model":"tiny","messages":[{"role":"user","content":"hi"},"#
                + #"{"role":"assistant","content":"Once \"upon\""}]"# + fields + "}")
    }

    @Test func `OpenRouter is asked for its bill, streamed or not`() throws {
        #expect(
            try OpenAIFixture.rest(OpenAIFixture.request(delivery: .streamed), .openrouter)
                == #""stream":true,"stream_options":{"include_usage":true},"usage":{"include":true}"#)
        #expect(try OpenAIFixture.rest(OpenAIFixture.request(), .openrouter) == #""usage":{"include":true}"#)
    }

    // MARK: - What cannot be carried

    struct Refusal: Sendable, CustomTestStringConvertible {
        let kinds: [ProviderKind]
        let words: String
        let request: UpstreamRequest
        var testDescription: String { self.words }

        init(_ kinds: [ProviderKind], _ words: String, _ request: UpstreamRequest) {
            self.kinds = kinds
            self.words = words
            self.request = request
        }
    }

    static let everyKind: [ProviderKind] = [
        .openai, .azureOpenAI, .openrouter, .vllm, .llamaCpp, .lmStudio, .ollama, .custom,
    ]

    private static func message(_ role: Message.Role, _ part: Message.Part) -> UpstreamRequest {
        OpenAIFixture.request([Message(role: role, parts: [part])])
    }

    private static func tools(_ adjust: (inout InferenceRequest) -> Void) -> UpstreamRequest {
        OpenAIFixture.request {
            $0.tools = [Self.clock]
            adjust(&$0)
        }
    }

    static let refusals: [Refusal] = [
        Refusal([.lmStudio, .ollama], "images by URL", message(.user, .image(Image(.url("https://a.example"))))),
        Refusal(everyKind, "images in messages of role system", message(.system, .image(image))),
        Refusal(everyKind, "images in messages of role assistant", message(.assistant, .image(image))),
        Refusal(everyKind, "text beside the results", message(.tool, .text("a"))),
        Refusal(
            everyKind, "tool calls in messages of role user",
            message(.user, .toolCall(ToolCall(id: "c", name: "f", argumentsJSON: "")))),
        Refusal(
            everyKind, "tool results in messages of role user",
            message(.user, .toolResult(ToolResult(callID: "c", content: "")))),
        Refusal(everyKind, "reasoning in messages of role user", message(.user, .reasoning(Reasoning("a")))),
        Refusal([.ollama], "a tool choice", tools { $0.toolChoice = .required }),
        Refusal([.ollama], "a tool choice", tools { $0.toolChoice = .none }),
        Refusal([.ollama], "a tool choice", tools { $0.toolChoice = .tool("clock") }),
        Refusal([.llamaCpp, .lmStudio], "the choice of one tool", tools { $0.toolChoice = .tool("clock") }),
        Refusal([.lmStudio, .ollama], "one tool call at a time", tools { $0.allowsParallelToolCalls = false }),
        Refusal([.lmStudio], "JSON without a schema", OpenAIFixture.request { $0.responseFormat = .jsonObject }),
        Refusal(
            [.lmStudio], "an effort of reasoning",
            OpenAIFixture.request { $0.reasoning = ReasoningOptions(effort: .low) }),
        Refusal(
            [.lmStudio, .openai, .azureOpenAI, .llamaCpp, .ollama, .custom], "a limit on reasoning tokens",
            OpenAIFixture.request { $0.reasoning = ReasoningOptions(maxTokens: 9) }),
        Refusal(
            [.openrouter], "together",
            OpenAIFixture.request { $0.reasoning = ReasoningOptions(effort: .low, maxTokens: 9) }),
        Refusal(
            [.openai, .azureOpenAI, .lmStudio, .ollama, .custom], "begun answer", OpenAIFixture.request(prefill: "a")),
    ]

    @Test(arguments: refusals)
    func `What a dialect cannot carry is refused by its name, and nothing is sent`(_ refusal: Refusal) throws {
        for kind in refusal.kinds {
            let error = #expect(throws: UpstreamFault.self, "\(kind)") {
                try OpenAIFormat(dialect: kind.dialect).call(refusal.request)
            }
            #expect(error?.kind == .unsupported, "\(kind)")
            #expect(error?.message.contains(refusal.words) == true, "\(kind): \(error?.message ?? "")")
            #expect(error?.message.hasPrefix(kind.dialect.name) == true)
        }
    }

    @Test(arguments: [ProviderKind.lmStudio, .ollama])
    func `Leave for several calls needs no word where there is none`(_ kind: ProviderKind) throws {
        let request = Self.tools { $0.allowsParallelToolCalls = true }
        #expect(try !OpenAIFixture.body(request, kind).contains("parallel"))
    }

    // MARK: - Any request

    @Test func `Whatever is in the messages, the body is the JSON that says it`() throws {
        var random = SplitMix(seed: 11)
        for _ in 0..<200 {
            let texts = (0..<4).map { _ in random.text() }
            let bytes = (0..<random.below(40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let messages = [
                Message(.system, texts[0]),
                Message(role: .user, parts: [.text(texts[1]), .image(Image(.bytes(bytes, mediaType: texts[2])))]),
                Message(
                    role: .assistant,
                    parts: [.toolCall(ToolCall(id: texts[0], name: texts[1], argumentsJSON: texts[2]))]),
                Message(role: .tool, parts: [.toolResult(ToolResult(callID: texts[0], content: texts[3]))]),
            ]
            let body = try OpenAIJSON(OpenAIFixture.body(OpenAIFixture.request(messages)))
            let written = body["messages"]?.elements ?? []
            #expect(written.count == 4)
            #expect(written[0]["content"]?.string == texts[0])
            #expect(written[1]["content"]?.elements[0]["text"]?.string == texts[1])
            #expect(
                written[1]["content"]?.elements[1]["image_url"]?["url"]?.string
                    == "data:\(texts[2]);base64,\(Self.base64(bytes))")
            let call = written[2]["tool_calls"]?.elements[0]
            #expect(call?["id"]?.string == texts[0])
            #expect(call?["function"]?["name"]?.string == texts[1])
            #expect(call?["function"]?["arguments"]?.string == texts[2])
            #expect(written[3]["tool_call_id"]?.string == texts[0])
            #expect(written[3]["content"]?.string == texts[3])
        }
    }

    /// RFC 4648, bit by bit, with no thought for speed.
    static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        var bits = bytes.flatMap { byte in (0..<8).reversed().map { byte >> UInt8($0) & 1 } }
        while bits.count % 6 != 0 { bits.append(0) }
        for start in stride(from: 0, to: bits.count, by: 6) {
            text.append(alphabet[bits[start..<(start + 6)].reduce(0) { $0 * 2 + Int($1) }])
        }
        while text.count % 4 != 0 { text.append("=") }
        return text
    }
}
