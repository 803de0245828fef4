import Inference
import Testing

@testable import Providers

/// What goes through us without being ours: unknown fields, the user's name, the wish for probabilities.
@Suite struct OpenAIExtraFieldsTests {
    static let kinds: [ProviderKind] = [.openai, .azureOpenAI, .openrouter, .vllm, .llamaCpp, .lmStudio, .custom]

    static func request(
        _ fields: [ExtraField], prefill: String? = nil, _ adjust: (inout InferenceRequest) -> Void = { _ in }
    ) -> UpstreamRequest {
        OpenAIFixture.request(prefill: prefill) {
            $0.extraFields = fields
            adjust(&$0)
        }
    }

    static func fault(_ request: UpstreamRequest, _ kind: ProviderKind = .openai) -> UpstreamFault? {
        do throws(UpstreamFault) {
            _ = try OpenAIEncoder(dialect: kind.dialect).encode(request)
            return nil
        } catch {
            return error
        }
    }

    // MARK: - Unknown fields

    @Test(arguments: kinds)
    func `They end the request as they were said, to the letter`(_ kind: ProviderKind) throws {
        let fields = [
            ExtraField(name: "service_tier", json: #""flex""#),
            ExtraField(name: "logit_bias", json: #"{ "50256" : -1.0e2 }"#), ExtraField(name: "store", json: "false"),
            ExtraField(name: "reasoning_effort", json: #""xhigh""#),
            ExtraField(name: "big", json: "123456789012345678901234567890"),
            ExtraField(name: "nothing", json: " null "),
        ]
        let rest = try OpenAIFixture.rest(Self.request(fields) { $0.sampling.temperature = 1 }, kind)
        let ours = kind == .openrouter ? #""usage":{"include":true},"temperature":1.0,"# : #""temperature":1.0,"#
        #expect(
            rest == ours + #""service_tier":"flex","logit_bias":{ "50256" : -1.0e2 },"store":false,"#
                + #""reasoning_effort":"xhigh","big":123456789012345678901234567890,"nothing": null "#)
    }

    @Test func `Any name and any value make the JSON that says them`() throws {
        var random = SplitMix(seed: 31)
        for _ in 0..<200 {
            let (name, value) = (random.text(), random.text())
            var json = JSONWriter()
            json.array { $0.string(nil, value) }
            let field = ExtraField(name: name, json: String(decoding: json.bytes, as: UTF8.self))
            let body = try OpenAIJSON(OpenAIFixture.body(Self.request([field])))
            #expect(body[name] == .array([.text(value)]))
            #expect(body["model"] == .text("tiny"))
        }
    }

    @Test(arguments: [
        "model", "messages", "stream", "stream_options", "temperature", "top_p", "max_tokens", "max_completion_tokens",
        "stop", "seed", "presence_penalty", "frequency_penalty", "tools", "tool_choice", "parallel_tool_calls",
        "response_format", "logprobs", "top_logprobs", "user",
    ])
    func `What a request says itself is none, said or not`(_ name: String) {
        let fault = Self.fault(Self.request([ExtraField(name: name, json: "1")]))
        #expect(fault?.kind == .invalidRequest)
        #expect(fault?.message.contains("'\(name)'") == true)
    }

    @Test func `Nothing that the encoder writes can be written twice`() throws {
        let fullest = OpenAIFixture.request(delivery: .streamed, prefill: "a") {
            $0.sampling = OpenAIEncoderTests.everything
            $0.tools = [Tool(name: "f")]
            $0.toolChoice = .required
            $0.allowsParallelToolCalls = true
            $0.responseFormat = .jsonObject
            $0.reasoning = ReasoningOptions(effort: .low)
            $0.user = "u"
            $0.logprobs = LogprobOptions(topCount: 2)
        }
        for kind in Self.kinds {
            var dialect = kind.dialect
            // Everything at once, whatever the dialect refuses.
            dialect.toolChoice = .named
            dialect.takesParallelToolCalls = true
            dialect.takesJSONObject = true
            if dialect.reasoning == .nothing { dialect.reasoning = .effort }
            if dialect.prefill == .none { dialect.prefill = .lastMessage }
            dialect.logprobs = .asAsked
            let encoder = OpenAIEncoder(dialect: dialect)
            let whole = try OpenAIJSON(String(decoding: try encoder.encode(fullest), as: UTF8.self))
            guard case .object(let members) = whole else {
                Issue.record("\(kind): no object")
                continue
            }
            #expect(members.count > 14)
            for name in members.keys {
                var request = fullest
                request.inference.extraFields = [ExtraField(name: name, json: #"{"ours":false}"#)]
                let body = try? encoder.encode(request)
                #expect(body == (name == "usage" ? try encoder.encode(fullest) : nil), "\(kind): \(name)")
            }
        }
    }

    @Test(
        arguments: [
            (.vllm, "thinking_token_budget", ReasoningOptions(maxTokens: 9), nil),
            (.openai, "reasoning_effort", ReasoningOptions(effort: .low), nil),
            (.openrouter, "reasoning", ReasoningOptions(effort: .low), nil),
            (.llamaCpp, "chat_template_kwargs", nil, "Once"), (.vllm, "continue_final_message", nil, "Once"),
            (.vllm, "add_generation_prompt", nil, "Once"),
        ] as [(ProviderKind, String, ReasoningOptions?, String?)])
    func `What we must say ourselves this time is refused, and passed on at others`(
        _ kind: ProviderKind, _ name: String, _ reasoning: ReasoningOptions?, _ prefill: String?
    ) throws {
        let fields = [ExtraField(name: name, json: "{}")]
        let fault = Self.fault(Self.request(fields, prefill: prefill) { $0.reasoning = reasoning }, kind)
        #expect(fault?.kind == .unsupported)
        #expect(fault?.message.contains("'\(name)'") == true)
        #expect(try OpenAIFixture.body(Self.request(fields), kind).hasSuffix("\"\(name)\":{}}"))
    }

    @Test func `OpenRouter's bill is asked for once`() throws {
        let fields = [ExtraField(name: "usage", json: #"{"include":false}"#), ExtraField(name: "top_k", json: "5")]
        #expect(try OpenAIFixture.rest(Self.request(fields), .openrouter) == #""usage":{"include":true},"top_k":5"#)
        #expect(try OpenAIFixture.rest(Self.request(fields), .custom) == #""usage":{"include":false},"top_k":5"#)
    }

    @Test(arguments: ["", " ", "{", "nul", #"1,"model":"dear""#, #"1}"#, #""a"#, "1 2", "\u{FEFF}1"])
    func `A value that is no JSON is refused, whatever it would make of the request`(_ json: String) {
        let fault = Self.fault(Self.request([ExtraField(name: "x", json: json)]))
        #expect(fault?.kind == .invalidRequest)
        #expect(fault?.message.contains("'x'") == true)
    }

    @Test func `A field that comes twice is refused`() {
        let fault = Self.fault(Self.request([ExtraField(name: "x", json: "1"), ExtraField(name: "x", json: "1")]))
        #expect(fault?.kind == .invalidRequest)
    }

    @Test(arguments: ["n", "audio", "modalities"])
    func `What would bring an answer that we cannot read is refused`(_ name: String) {
        let fault = Self.fault(Self.request([ExtraField(name: name, json: "2")]))
        #expect(fault?.kind == .unsupported)
        #expect(fault?.message.contains("'\(name)'") == true)
    }

    @Test(arguments: [ProviderKind.vllm, .llamaCpp])
    func `A tokenizer is told what may change the prompt`(_ kind: ProviderKind) throws {
        let field = ExtraField(name: "chat_template_kwargs", json: #"{"enable_thinking":false}"#)
        let body = try OpenAIEncoder(dialect: kind.dialect).encodePrompt(Self.request([field]))
        #expect(String(decoding: body, as: UTF8.self).hasSuffix(#","chat_template_kwargs":{"enable_thinking":false}}"#))
    }

    // MARK: - The user

    @Test(arguments: kinds + [.ollama])
    func `The user is told to those who make use of it`(_ kind: ProviderKind) throws {
        let body = try OpenAIFixture.body(OpenAIFixture.request { $0.user = "a \"b\"" }, kind)
        let isTold = ![.llamaCpp, .lmStudio, .ollama].contains(kind)
        #expect(body.hasSuffix(#","user":"a \"b\""}"#) == isTold)
        #expect(body.contains("user\":\"a") == isTold)
    }

    // MARK: - Probabilities

    @Test(
        arguments: [
            (.openai, 0, #""logprobs":true"#), (.openai, 20, #""logprobs":true,"top_logprobs":20"#),
            (.azureOpenAI, 1, #""logprobs":true,"top_logprobs":1"#), (.vllm, 0, #""logprobs":true"#),
            (.custom, 3, #""logprobs":true,"top_logprobs":3"#),
            (.openrouter, 0, #""usage":{"include":true},"logprobs":true"#),
            // It would give 20 without a number, and none for 0.
            (.llamaCpp, 0, #""logprobs":true,"top_logprobs":1"#), (.llamaCpp, 5, #""logprobs":true,"top_logprobs":5"#),
        ] as [(ProviderKind, Int, String)])
    func `Probabilities are asked for in the dialect's words`(
        _ kind: ProviderKind, _ count: Int, _ text: String
    ) throws {
        let request = OpenAIFixture.request { $0.logprobs = LogprobOptions(topCount: count) }
        #expect(try OpenAIFixture.rest(request, kind) == text)
    }

    @Test func `llama_cpp gives them in a stream only without tools`() {
        func request(_ delivery: UpstreamRequest.Delivery, _ tools: [Tool]) -> UpstreamRequest {
            OpenAIFixture.request(delivery: delivery) {
                $0.logprobs = LogprobOptions()
                $0.tools = tools
            }
        }
        #expect(Self.fault(request(.streamed, [Tool(name: "f")]), .llamaCpp)?.kind == .unsupported)
        #expect(Self.fault(request(.whole, [Tool(name: "f")]), .llamaCpp) == nil)
        #expect(Self.fault(request(.streamed, []), .llamaCpp) == nil)
        #expect(Self.fault(request(.streamed, [Tool(name: "f")]), .openai) == nil)
    }

    @Test(arguments: ProviderKind.allCases)
    func `A kind that gives no probabilities refuses to be asked, naming them`(_ kind: ProviderKind) throws {
        let request = OpenAIFixture.request { $0.logprobs = LogprobOptions() }
        func call() throws -> WireCall {
            switch kind {
            case .anthropic: try AnthropicFormat().call(request)
            case .gemini: try GeminiFormat().call(request)
            case .ollama: try OllamaFormat().call(request)
            case .openai, .azureOpenAI, .openrouter, .lmStudio, .vllm, .llamaCpp, .custom:
                try OpenAIFormat(dialect: kind.dialect).call(request)
            }
        }
        if kind.givesLogprobs {
            #expect(String(decoding: try call().body, as: UTF8.self).contains(#""logprobs":true"#))
        } else {
            let error = #expect(throws: UpstreamFault.self) { try call() }
            #expect(error?.kind == .unsupported)
            #expect(error?.message.contains("logprobs") == true)
        }
    }

    @Test func `Models of our own engines are spoken to as llama_cpp's`() {
        #expect(ProviderKind(ofProvider: "local") == .llamaCpp)
        #expect(ProviderKind(ofProvider: "azure_openai") == .azureOpenAI)
        #expect(ProviderKind(ofProvider: "telepathy") == nil)
    }

    @Test(arguments: ProviderKind.allCases)
    func `A kind that does not pass unknown fields on answers without them`(_ kind: ProviderKind) throws {
        let request = Self.request([ExtraField(name: "zebra", json: "1")])
        let call: WireCall =
            switch kind {
            case .anthropic: try AnthropicFormat().call(request)
            case .gemini: try GeminiFormat().call(request)
            case .ollama: try OllamaFormat().call(request)
            case .openai, .azureOpenAI, .openrouter, .lmStudio, .vllm, .llamaCpp, .custom:
                try OpenAIFormat(dialect: kind.dialect).call(request)
            }
        #expect(String(decoding: call.body, as: UTF8.self).contains("zebra") == kind.passesExtraFields)
    }
}
