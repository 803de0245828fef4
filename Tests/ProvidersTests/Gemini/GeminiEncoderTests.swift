import Inference
import Testing

@testable import Providers

/// A request of ours as Gemini's documentation says that it must look.
@Suite struct GeminiEncoderTests {
    static func body(_ request: UpstreamRequest) throws -> String {
        String(decoding: try GeminiFormat().call(request).body, as: UTF8.self)
    }

    static func fault(_ request: UpstreamRequest) -> UpstreamFault? {
        do throws(UpstreamFault) {
            _ = try GeminiFormat().call(request)
            return nil
        } catch {
            return error
        }
    }

    /// The body's members after `contents`.
    static func options(
        model: String = "gemini-2.5-flash", _ adjust: (inout InferenceRequest) -> Void
    ) throws -> String {
        let body = try Self.body(GeminiFixture.request(model: model, adjust))
        let contents = #"{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"#
        try #require(body.hasPrefix(contents), "\(body)")
        return "{" + body.dropFirst(contents.count)
    }

    // MARK: - Paths

    @Test(
        arguments: [
            ("gemini-2.5-flash", "/models/gemini-2.5-flash"), ("models/gemini-2.5-flash", "/models/gemini-2.5-flash"),
            ("tunedModels/mine-1", "/tunedModels/mine-1"), ("a?key=x#y", "/models/a%3Fkey%3Dx%23y"),
            ("a/b:countTokens", "/models/a%2Fb%3AcountTokens"), ("é\r\n", "/models/%C3%A9%0D%0A"),
            ("models/models/x", "/models/models%2Fx"),
        ])
    func `The model stands in the path, escaped, with its prefix or without`(_ name: String, _ path: String) throws {
        let streamed = try GeminiFormat().call(GeminiFixture.request(model: name))
        #expect(streamed.base == .url)
        #expect(streamed.path == path + ":streamGenerateContent?alt=sse")
        let whole = try GeminiFormat().call(GeminiFixture.request(model: name, delivery: .whole))
        #expect(whole.path == path + ":generateContent")
    }

    @Test(arguments: ["", "models/", "/"]) func `A model without a name is not found`(_ name: String) {
        #expect(Self.fault(GeminiFixture.request(model: name))?.kind == .modelNotFound)
    }

    @Test func `The key has a field of its own`() {
        #expect(GeminiFormat().keyField == .named("x-goog-api-key"))
    }

    // MARK: - Conversations

    @Test func `What was not said is not written`() throws {
        #expect(
            try Self.body(GeminiFixture.request()) == #"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#)
    }

    @Test func `System messages become instructions, and neighbours of one role one content`() throws {
        let request = GeminiFixture.request([
            Message(.system, "s1"), Message(.user, "u1"), Message(.user, "u2"), Message(.assistant, "a1"),
            Message(.system, "s2"), Message(.assistant, "a2"), Message(.user, "u\"3"),
        ])
        #expect(
            try Self.body(request)
                == #"{"contents":[{"role":"user","parts":[{"text":"u1"},{"text":"u2"}]},"#
                + #"{"role":"model","parts":[{"text":"a1"},{"text":"a2"}]},"#
                + #"{"role":"user","parts":[{"text":"u\"3"}]}],"#
                + #""systemInstruction":{"parts":[{"text":"s1"},{"text":"s2"}]}}"#)
    }

    @Test func `A begun answer is the model's last content`() throws {
        var request = GeminiFixture.request([Message(.user, "u")])
        request.prefill = "once"
        #expect(
            try Self.body(request)
                == #"{"contents":[{"role":"user","parts":[{"text":"u"}]},{"role":"model","parts":[{"text":"once"}]}]}"#)
        request.inference.messages.append(Message(.assistant, "a"))
        #expect(try Self.body(request).hasSuffix(#"{"role":"model","parts":[{"text":"a"},{"text":"once"}]}]}"#))
    }

    @Test func `Only instructions, and instructions that are no text, are refused`() {
        #expect(Self.fault(GeminiFixture.request([Message(.system, "s")]))?.kind == .unsupported)
        let picture = Message(role: .system, parts: [.image(Image(.url("https://a.example/b.png")))])
        let seen = Self.fault(GeminiFixture.request([Message(.user, "u"), picture]))
        #expect(seen?.kind == .unsupported)
        #expect(seen?.message.contains("messages[1]") == true)
    }

    // MARK: - Images

    @Test func `Images go as base64 or as the address that Gemini fetches`() throws {
        let parts: [Message.Part] = [
            .image(Image(.bytes([0xFF, 0xD8, 0xFF], mediaType: "image/jpeg"))),
            .image(Image(.url("https://a.example/b.PNG?x=1"))), .image(Image(.url("https://a.example/b"))),
            .image(Image(.url("https://generativelanguage.googleapis.com/v1beta/files/abc"))), .text("what?"),
        ]
        #expect(
            try Self.body(GeminiFixture.request([Message(role: .user, parts: parts)]))
                == #"{"contents":[{"role":"user","parts":["#
                + #"{"inlineData":{"mimeType":"image/jpeg","data":"/9j/"}},"#
                + #"{"fileData":{"mimeType":"image/png","fileUri":"https://a.example/b.PNG?x=1"}},"#
                + #"{"fileData":{"fileUri":"https://a.example/b"}},"#
                + #"{"fileData":{"fileUri":"https://generativelanguage.googleapis.com/v1beta/files/abc"}},"#
                + #"{"text":"what?"}]}]}"#)
    }

    @Test(
        arguments: [
            ("http://a.example/b.png", "gemini-2.5-flash"), ("https://a.example/b.png", "gemini-2.0-flash"),
            ("data:image/png;base64,AA", "gemini-2.5-flash"), ("file:///etc/passwd", "gemini-3-pro"),
        ])
    func `An address that Gemini would not fetch is refused, by name`(_ url: String, _ model: String) {
        let message = Message(role: .user, parts: [.image(Image(.url(url)))])
        let seen = Self.fault(GeminiFixture.request([message], model: model))
        #expect(seen?.kind == .unsupported)
        #expect(seen?.message.contains("image URLs") == true)
    }

    @Test func `How closely to look is said for all images at once`() throws {
        func details(_ details: Image.Detail?...) throws -> String {
            let parts = details.map { Message.Part.image(Image(.url("https://a.example/b"), detail: $0)) }
            return try Self.body(GeminiFixture.request([Message(role: .user, parts: parts)]))
        }
        #expect(
            try details(.low, .high, nil).hasSuffix(#""generationConfig":{"mediaResolution":"MEDIA_RESOLUTION_HIGH"}}"#)
        )
        #expect(try details(.low, .low).hasSuffix(#""generationConfig":{"mediaResolution":"MEDIA_RESOLUTION_LOW"}}"#))
        #expect(try !details(.low, nil).contains("mediaResolution"))
        #expect(try !details(.auto).contains("mediaResolution"))
    }

    @Test(arguments: 0..<70)
    func `Base64 is what a decoder of its own reads back`(_ count: Int) throws {
        var random = SplitMix(seed: UInt64(count))
        let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        var json = JSONWriter()
        json.base64(nil, bytes)
        let text = String(decoding: json.bytes.dropFirst().dropLast(), as: UTF8.self)
        #expect(text.utf8.count == (count + 2) / 3 * 4)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var bits = 0
        var held = 0
        var read: [UInt8] = []
        for letter in text where letter != "=" {
            bits = bits << 6 | (try #require(alphabet.firstIndex(of: letter)))
            held += 6
            if held >= 8 {
                held -= 8
                read.append(UInt8(bits >> held & 0xFF))
                bits &= 1 << held - 1
            }
        }
        #expect(read == bytes)
    }

    // MARK: - Calls and their results

    static func result(_ content: String, isError: Bool = false, name: String = "") -> Message {
        Message(
            role: .tool,
            parts: [.toolResult(ToolResult(callID: "abc", name: name, content: content, isError: isError))])
    }

    static func calls(_ calls: ToolCall...) -> Message {
        Message(role: .assistant, parts: calls.map { .toolCall($0) })
    }

    @Test func `Calls and results stand together, with names, ids and signatures`() throws {
        let request = GeminiFixture.request([
            Message(.user, "u"),
            Self.calls(
                ToolCall(
                    id: "abc", name: "f", argumentsJSON: #"{"a": [1, "é"]}"#,
                    signature: ReasoningSignature("c2ln", origin: "gemini")),
                ToolCall(id: "call_2", name: "g", argumentsJSON: " "),
                ToolCall(
                    id: "toolu_3", name: "h", argumentsJSON: "{}",
                    signature: ReasoningSignature("other", origin: "anthropic"))),
            Self.result(#"{"t": 1}"#),
            Message(role: .tool, parts: [.toolResult(ToolResult(callID: "call_2", content: "sunny"))]),
            Message(.user, "and?"),
        ])
        #expect(
            try Self.body(request)
                == #"{"contents":[{"role":"user","parts":[{"text":"u"}]},{"role":"model","parts":["#
                + #"{"functionCall":{"id":"abc","name":"f","args":{"a": [1, "é"]}},"thoughtSignature":"c2ln"},"#
                + #"{"functionCall":{"name":"g","args":{}}},"#
                + #"{"functionCall":{"id":"toolu_3","name":"h","args":{}}}]},{"role":"user","parts":["#
                + #"{"functionResponse":{"id":"abc","name":"f","response":{"t": 1}}},"#
                + #"{"functionResponse":{"name":"g","response":{"result":"sunny"}}},{"text":"and?"}]}]}"#)
    }

    @Test(
        arguments: [
            (#"{"a":1}"#, false, #"{"a":1}"#), (#"{"a":1}"#, true, #"{"error":{"a":1}}"#),
            ("[1,2]", false, #"{"result":[1,2]}"#), ("[1]", true, #"{"error":[1]}"#),
            ("12", false, #"{"result":"12"}"#), ("\"x\"", false, #"{"result":"\"x\""}"#),
            ("", false, #"{"result":""}"#), ("{", false, #"{"result":"{"}"#),
            ("no such file", true, #"{"error":"no such file"}"#),
            ("{\"a\":1}}", false, #"{"result":"{\"a\":1}}"}"#),
        ])
    func `A result is an object, wrapped when it is none`(_ content: String, _ isError: Bool, _ json: String) throws {
        let messages = [
            Message(.user, "u"), Self.calls(ToolCall(id: "abc", name: "f", argumentsJSON: "{}")),
            Self.result(content, isError: isError),
        ]
        #expect(
            try Self.body(GeminiFixture.request(messages))
                .hasSuffix(#"[{"functionResponse":{"id":"abc","name":"f","response":\#(json)}}]}]}"#))
    }

    @Test func `A result takes the name it brings, else that of the last call with its id`() throws {
        let call = Self.calls(ToolCall(id: "abc", name: "f", argumentsJSON: "{}"))
        let later = Self.calls(ToolCall(id: "abc", name: "g", argumentsJSON: "{}"))
        let named = [Message(.user, "u"), call, Self.result("x", name: "own")]
        #expect(try Self.body(GeminiFixture.request(named)).contains(#""functionResponse":{"id":"abc","name":"own""#))
        let twice = [Message(.user, "u"), call, Self.result("x"), later, Self.result("y")]
        let body = try Self.body(GeminiFixture.request(twice))
        #expect(body.contains(#""functionResponse":{"id":"abc","name":"f","response":{"result":"x"}}"#))
        #expect(body.contains(#""functionResponse":{"id":"abc","name":"g","response":{"result":"y"}}"#))
        let unknown = Self.fault(GeminiFixture.request([Message(.user, "u"), Self.result("x")]))
        #expect(unknown?.kind == .invalidRequest)
        #expect(unknown?.message.contains("messages[1].tool_result") == true)
    }

    @Test(arguments: ["{", "[1]", "7", "{} {}", "{\"a\":1}x", String(repeating: "[", count: 100_000)])
    func `Arguments that are no object are refused, for another upstream may take them`(_ arguments: String) {
        let call = Self.calls(ToolCall(id: "abc", name: "f", argumentsJSON: arguments))
        let seen = Self.fault(GeminiFixture.request([Message(.user, "u"), call]))
        #expect(seen?.kind == .unsupported)
        #expect(seen?.message.contains("messages[1].tool_call") == true)
    }

    @Test func `From Gemini 3 on the first of foreign calls is vouched for`() throws {
        let messages = [
            Message(.user, "u"),
            Self.calls(
                ToolCall(id: "x", name: "f", argumentsJSON: "{}"), ToolCall(id: "y", name: "g", argumentsJSON: "{}")),
        ]
        #expect(
            try Self.body(GeminiFixture.request(messages, model: "gemini-3-pro-preview")).hasSuffix(
                #"[{"functionCall":{"id":"x","name":"f","args":{}},"thoughtSignature":"skip_thought_signature_validator"},"#
                    + #"{"functionCall":{"id":"y","name":"g","args":{}}}]}]}"#))
        #expect(try !Self.body(GeminiFixture.request(messages)).contains("thoughtSignature"))
        let own = [
            Message(.user, "u"),
            Self.calls(
                ToolCall(
                    id: "x", name: "f", argumentsJSON: "{}", signature: ReasoningSignature("c2ln", origin: "gemini"))),
        ]
        let body = try Self.body(GeminiFixture.request(own, model: "gemini-3.1-flash"))
        #expect(body.contains(#""thoughtSignature":"c2ln""#) && !body.contains("skip_thought"))
    }

    @Test func `Thoughts go back only with a signature that Gemini made`() throws {
        let parts: [Message.Part] = [
            .reasoning(Reasoning("unsigned")),
            .reasoning(Reasoning("foreign", signature: ReasoningSignature("x", origin: "anthropic"))),
            .reasoning(Reasoning("hm", signature: ReasoningSignature("c2ln", origin: "gemini"))), .text("a"),
            .reasoning(Reasoning("", signature: ReasoningSignature("ZW5k", origin: ""))),
        ]
        #expect(
            try Self.body(GeminiFixture.request([Message(.user, "u"), Message(role: .assistant, parts: parts)]))
                .hasSuffix(
                    #"{"role":"model","parts":[{"text":"hm","thought":true,"thoughtSignature":"c2ln"},{"text":"a"},"#
                        + #"{"text":"","thoughtSignature":"ZW5k"}]}]}"#))
        // A turn of which nothing is left is no turn.
        let silent = Message(role: .assistant, parts: [.reasoning(Reasoning("unsigned"))])
        #expect(
            try Self.body(GeminiFixture.request([Message(.user, "u"), silent, Message(.user, "v")]))
                == #"{"contents":[{"role":"user","parts":[{"text":"u"},{"text":"v"}]}]}"#)
    }

    // MARK: - Options

    @Test func `Sampling has Gemini's names`() throws {
        let all = SamplingParameters(
            temperature: 0.7, topP: 1, maxOutputTokens: 64, stop: ["\n", "END"], seed: -5, presencePenalty: -0.5,
            frequencyPenalty: 1e-05)
        #expect(
            try Self.options { $0.sampling = all }
                == #"{"generationConfig":{"temperature":0.7,"topP":1.0,"maxOutputTokens":64,"#
                + #""stopSequences":["\n","END"],"seed":-5,"presencePenalty":-0.5,"frequencyPenalty":1e-05}}"#)
    }

    @Test func `What Gemini's sampling cannot do is refused, by name`() {
        func fault(_ sampling: SamplingParameters) -> UpstreamFault? {
            Self.fault(GeminiFixture.request { $0.sampling = sampling })
        }
        #expect(fault(SamplingParameters(stop: ["a", "b", "c", "d", "e"])) == nil)
        let stops = fault(SamplingParameters(stop: ["a", "b", "c", "d", "e", "f"]))
        #expect(stops?.kind == .unsupported && stops?.message.hasPrefix("stop: ") == true)
        let seed = fault(SamplingParameters(seed: 1 << 31))
        #expect(seed?.kind == .unsupported && seed?.message.hasPrefix("seed: ") == true)
        #expect(fault(SamplingParameters(seed: -(1 << 31))) == nil)
        let number = fault(SamplingParameters(topP: .infinity))
        #expect(number?.kind == .invalidRequest && number?.message.hasPrefix("top_p ") == true)
    }

    @Test func `Forms of answers`() throws {
        #expect(
            try Self.options { $0.responseFormat = .jsonObject }
                == #"{"generationConfig":{"responseMimeType":"application/json"}}"#)
        let schema = JSONSchema(name: "n", description: "d", schemaJSON: #"{"type": "object"}"#, isStrict: true)
        #expect(
            try Self.options { $0.responseFormat = .jsonSchema(schema) }
                == #"{"generationConfig":{"responseMimeType":"application/json","#
                + #""responseJsonSchema":{"type": "object"}}}"#)
        let wrong = Self.fault(
            GeminiFixture.request { $0.responseFormat = .jsonSchema(JSONSchema(name: "n", schemaJSON: "{},")) })
        #expect(wrong?.kind == .invalidRequest && wrong?.message.hasPrefix("response_format: ") == true)
    }

    static let tools = [
        Tool(name: "f", description: "does f", parametersJSON: #"{"type":"object","properties":{}}"#), Tool(name: "g"),
    ]
    static let declarations =
        #""tools":[{"functionDeclarations":[{"name":"f","description":"does f","#
        + #""parametersJsonSchema":{"type":"object","properties":{}}},{"name":"g"}]}]"#

    @Test(
        arguments: [
            (ToolChoice.automatic, ""), (.none, #"{"mode":"NONE"}"#), (.required, #"{"mode":"ANY"}"#),
            (.tool("g"), #"{"mode":"ANY","allowedFunctionNames":["g"]}"#),
        ])
    func `Tools and which of them must be called`(_ choice: ToolChoice, _ configuration: String) throws {
        let expected = configuration.isEmpty ? "" : #","toolConfig":{"functionCallingConfig":\#(configuration)}"#
        #expect(
            try Self.options {
                $0.tools = Self.tools
                $0.toolChoice = choice
            } == "{\(Self.declarations)\(expected)}")
    }

    @Test func `A tool whose schema binds makes Gemini check all of them`() throws {
        #expect(
            try Self.options { $0.tools = [Tool(name: "f", isStrict: true), Tool(name: "g")] }
                .hasSuffix(#""toolConfig":{"functionCallingConfig":{"mode":"VALIDATED"}}}"#))
    }

    @Test func `What cannot be asked of tools is refused`() throws {
        let single = Self.fault(
            GeminiFixture.request {
                $0.tools = Self.tools
                $0.allowsParallelToolCalls = false
            })
        #expect(single?.kind == .unsupported)
        #expect(
            try Self.options {
                $0.tools = Self.tools
                $0.allowsParallelToolCalls = true
            } == "{\(Self.declarations)}")
        let none = Self.fault(GeminiFixture.request { $0.toolChoice = .required })
        #expect(none?.kind == .invalidRequest && none?.message.hasPrefix("tool_choice: ") == true)
        #expect(Self.fault(GeminiFixture.request { $0.toolChoice = .none }) == nil)
        let schema = Self.fault(GeminiFixture.request { $0.tools = [Tool(name: "f", parametersJSON: "[]")] })
        #expect(schema?.kind == .invalidRequest && schema?.message.contains("'f'") == true)
    }

    @Test(
        arguments: [
            (ReasoningOptions(effort: ReasoningOptions.Effort.none), "gemini-2.5-flash", #"{"thinkingBudget":0}"#),
            (ReasoningOptions(effort: .minimal), "gemini-2.5-flash", #"{"includeThoughts":true,"thinkingBudget":512}"#),
            (
                ReasoningOptions(effort: .low), "models/gemini-2.5-pro",
                #"{"includeThoughts":true,"thinkingBudget":1024}"#
            ),
            (ReasoningOptions(effort: .medium), "other", #"{"includeThoughts":true,"thinkingBudget":8192}"#),
            (ReasoningOptions(effort: .high), "gemini-2.5-flash", #"{"includeThoughts":true,"thinkingBudget":24576}"#),
            (
                ReasoningOptions(effort: .high, maxTokens: 99), "gemini-2.5-flash",
                #"{"includeThoughts":true,"thinkingBudget":99}"#
            ),
            (
                ReasoningOptions(maxTokens: .max), "gemini-3-pro",
                #"{"includeThoughts":true,"thinkingBudget":2147483647}"#
            ),
            (ReasoningOptions(), "gemini-3-pro", #"{"includeThoughts":true}"#),
            (ReasoningOptions(effort: .high), "gemini-3-pro", #"{"includeThoughts":true,"thinkingLevel":"HIGH"}"#),
            (
                ReasoningOptions(effort: .low), "gemini-3.1-flash-lite",
                #"{"includeThoughts":true,"thinkingLevel":"LOW"}"#
            ),
            (ReasoningOptions(effort: ReasoningOptions.Effort.none), "gemini-4-flash", #"{"thinkingLevel":"MINIMAL"}"#),
        ])
    func `How much to think is a budget, and a level from Gemini 3 on`(
        _ options: ReasoningOptions, _ model: String, _ json: String
    ) throws {
        #expect(
            try Self.options(model: model) { $0.reasoning = options }
                == #"{"generationConfig":{"thinkingConfig":\#(json)}}"#)
    }
}
