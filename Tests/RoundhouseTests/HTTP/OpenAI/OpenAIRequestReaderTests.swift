import Hummingbird
import Inference
import NIOCore
import Testing

@testable import Roundhouse

@Suite struct OpenAIRequestReaderTests {
    static func chat(_ body: String, _ headers: [String: String] = [:]) throws(OpenAIError) -> OpenAIRequest {
        try OpenAIRequestReader.chat(ByteBuffer(string: body), headers: Self.fields(headers), requestID: "r-1")
    }

    static func completion(_ body: String) throws(OpenAIError) -> OpenAIRequest {
        try OpenAIRequestReader.completion(ByteBuffer(string: body), headers: [:], requestID: "r-1")
    }

    static func fields(_ headers: [String: String]) -> HTTPFields {
        var fields = HTTPFields()
        for (name, value) in headers {
            if let name = HTTPFields.Element.Name(name) { fields[name] = value }
        }
        return fields
    }

    /// A chat with one message, and these fields besides.
    static func chat(with fields: String, _ headers: [String: String] = [:]) throws(OpenAIError) -> InferenceRequest {
        try self.chat(#"{"messages":[{"role":"user","content":"Hi"}],\#(fields)}"#, headers).inference
    }

    // MARK: - Fields

    @Test func `The smallest request means what gRPC's smallest means`() throws {
        let request = try Self.chat(#"{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}"#)
        #expect(
            request.inference
                == InferenceRequest(
                    id: "r-1", target: .alias("gpt-4o"), messages: [Message(.user, "Hi")],
                    routing: RoutingOptions(recovery: .restart)))
        #expect(request.endpoint == .chat && !request.isStreamed && !request.includesUsage && request.echo == nil)
        #expect(request.unknownFields.isEmpty && request.ignoredFields.isEmpty && !request.usesFunctions)
    }

    @Test func `Every field has its meaning`() throws {
        let request = try Self.chat(
            #"""
            {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.5, "top_p": 1,
             "max_completion_tokens": 7, "stop": ["a", "b"], "seed": -3, "presence_penalty": -2, "frequency_penalty": 0.25,
             "n": 1, "stream": true, "stream_options": {"include_usage": true}, "user": "u", "logprobs": true,
             "top_logprobs": 5, "parallel_tool_calls": false, "reasoning_effort": "low", "metadata": {"a": "b"},
             "tools": [{"type": "function", "function": {"name": "f", "description": "d", "strict": true,
             "parameters": {"type": "object", "x": 1.50}}}], "tool_choice": {"type": "function", "function": {"name": "f"}},
             "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {"a": [1, 2]}, "strict": false}}}
            """#)
        var expected = InferenceRequest(
            id: "r-1", target: .model(try #require(ModelID("openai/gpt-4o"))), messages: [Message(.user, "Hi")])
        expected.sampling = SamplingParameters(
            temperature: 0.5, topP: 1, maxOutputTokens: 7, stop: ["a", "b"], seed: -3, presencePenalty: -2,
            frequencyPenalty: 0.25)
        expected.user = "u"
        expected.logprobs = LogprobOptions(topCount: 5)
        expected.allowsParallelToolCalls = false
        expected.reasoning = ReasoningOptions(effort: .low)
        expected.metadata = ["a": "b"]
        expected.tools = [
            Tool(name: "f", description: "d", parametersJSON: #"{"type": "object", "x": 1.50}"#, isStrict: true)
        ]
        expected.toolChoice = .tool("f")
        expected.responseFormat = .jsonSchema(JSONSchema(name: "s", schemaJSON: #"{"a": [1, 2]}"#, isStrict: false))
        expected.routing.recovery = .align
        #expect(request.inference == expected)
        #expect(request.isStreamed && request.includesUsage)
    }

    @Test(arguments: [
        "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed", "presence_penalty",
        "frequency_penalty", "n", "stream", "stream_options", "user", "logprobs", "top_logprobs", "parallel_tool_calls",
        "reasoning_effort", "reasoning", "metadata", "tools", "tool_choice", "functions", "function_call",
        "response_format", "roundhouse", "model",
    ])
    func `Null is the same as nothing`(_ field: String) throws {
        #expect(try Self.chat(with: #""\#(field)":null"#) == Self.chat(with: #""model":"auto""#))
    }

    @Test(
        arguments: [
            (#""model":"auto""#, .automatic), (#""model":"""#, .automatic), (#""model":"x-1.5""#, .alias("x-1.5")),
        ] as [(String, InferenceRequest.Target)])
    func `Models are named as on gRPC`(_ field: String, _ target: InferenceRequest.Target) throws {
        #expect(try Self.chat(with: field).target == target)
    }

    @Test func `A stop may be a text, and both names of the limit are one`() throws {
        #expect(try Self.chat(with: #""stop":"END""#).sampling.stop == ["END"])
        #expect(try Self.chat(with: #""max_tokens":5"#).sampling.maxOutputTokens == 5)
        #expect(try Self.chat(with: #""max_tokens":5,"max_completion_tokens":5"#).sampling.maxOutputTokens == 5)
        #expect(try Self.chat(with: #""max_tokens":5.0"#).sampling.maxOutputTokens == 5)
    }

    @Test func `Thoughts are limited as OpenAI says it, or as OpenRouter does`() throws {
        #expect(try Self.chat(with: #""reasoning_effort":"minimal""#).reasoning == ReasoningOptions(effort: .minimal))
        #expect(
            try Self.chat(with: #""reasoning":{"effort":"high","max_tokens":9}"#).reasoning
                == ReasoningOptions(effort: .high, maxTokens: 9))
        #expect(
            try Self.chat(with: #""reasoning":{"enabled":false}"#).reasoning?.effort == ReasoningOptions.Effort.none)
    }

    @Test func `What means nothing to us is kept to the letter and in its order`() throws {
        let request = try Self.chat(
            #"""
            {"zeta": {"b":1, "a":[1.0, 1e2]}, "messages":[{"role":"user","content":"Hi","name":"Ann","cache_control":null}],
             "logit_bias":{"50256":-100},"service_tier" : "flex","store":null,
             "stream_options":{"include_usage":false,"more":1}}
            """#)
        #expect(
            request.inference.extraFields == [
                ExtraField(name: "zeta", json: #"{"b":1, "a":[1.0, 1e2]}"#),
                ExtraField(name: "logit_bias", json: #"{"50256":-100}"#),
                ExtraField(name: "service_tier", json: #""flex""#), ExtraField(name: "store", json: "null"),
            ])
        #expect(request.unknownFields == ["zeta", "logit_bias", "service_tier", "store"])
        #expect(Set(request.ignoredFields) == ["messages[0].name", "stream_options.more"])
    }

    // MARK: - Messages

    static let onePixel = "iVBORw0KGgo="

    @Test func `A conversation keeps its roles and its parts`() throws {
        let request = try Self.chat(
            #"""
            {"messages": [
             {"role": "developer", "content": "Be kind."}, {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
             {"role": "user", "content": [{"type": "text", "text": "What is it?"}, "And this?",
              {"type": "image_url", "image_url": {"url": "https://x.org/a.png", "detail": "low"}},
              {"type": "image_url", "image_url": {"url": "data:image/PNG;base64,\#(Self.onePixel)"}},
              {"type": "image_url", "image_url": "http://x.org/b.png"}]},
             {"role": "assistant", "content": "", "reasoning_content": "Hm.", "tool_calls": [
              {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"at\": 1}"}},
              {"id": "c2", "function": {"name": "see", "arguments": ""}}]},
             {"role": "tool", "tool_call_id": "c1", "content": "one"},
             {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "t"}, {"type": "text", "text": "wo"}]},
             {"role": "assistant", "content": [{"type": "text", "text": "A."}, {"type": "refusal", "refusal": "No."}]},
             {"role": "assistant", "content": null, "refusal": "Never."}]}
            """#)
        let bytes: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        #expect(
            request.inference.messages == [
                Message(.system, "Be kind."), Message(.system, "Be brief."),
                Message(
                    role: .user,
                    parts: [
                        .text("What is it?"), .text("And this?"),
                        .image(Image(.url("https://x.org/a.png"), detail: .low)),
                        .image(Image(.bytes(bytes, mediaType: "image/png"))), .image(Image(.url("http://x.org/b.png"))),
                    ]),
                Message(
                    role: .assistant,
                    parts: [
                        .reasoning(Reasoning("Hm.")),
                        .toolCall(ToolCall(id: "c1", name: "look", argumentsJSON: #"{"at": 1}"#)),
                        .toolCall(ToolCall(id: "c2", name: "see", argumentsJSON: "")),
                    ]),
                Message(role: .tool, parts: [.toolResult(ToolResult(callID: "c1", name: "look", content: "one"))]),
                Message(role: .tool, parts: [.toolResult(ToolResult(callID: "c2", name: "see", content: "two"))]),
                Message(role: .assistant, parts: [.text("A."), .text("No.")]), Message(.assistant, "Never."),
            ])
    }

    @Test func `Functions of before are tools, and their calls have names in the place of ids`() throws {
        let request = try Self.chat(
            #"""
            {"functions": [{"name": "f", "parameters": {}}], "function_call": {"name": "f"}, "messages": [
             {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
             {"role": "function", "name": "f", "content": "one"},
             {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
             {"role": "function", "name": "f", "content": "two"}]}
            """#)
        #expect(request.usesFunctions)
        #expect(request.inference.tools == [Tool(name: "f", parametersJSON: "{}")])
        #expect(request.inference.toolChoice == .tool("f"))
        let results = request.inference.messages.flatMap(\.parts).compactMap { part -> ToolResult? in
            if case .toolResult(let result) = part { result } else { nil }
        }
        #expect(results.map(\.callID) == ["call_1", "call_2"] && results.map(\.content) == ["one", "two"])
        #expect(
            try Self.chat(with: #""functions":[{"name":"f"}],"function_call":"none""#).toolChoice == ToolChoice.none)
    }

    // MARK: - Completions

    @Test func `A prompt is a message of the user`() throws {
        for prompt in [#""Once""#, #"["Once"]"#] {
            let request = try Self.completion(
                #"{"prompt":\#(prompt),"echo":true,"logprobs":2,"best_of":1,"suffix":null}"#)
            #expect(request.endpoint == .completion && request.echo == "Once")
            #expect(request.inference.messages == [Message(.user, "Once")])
            #expect(request.inference.logprobs == LogprobOptions(topCount: 2) && request.unknownFields.isEmpty)
        }
        #expect(try Self.completion(#"{"prompt":"x","echo":false}"#).echo == nil)
        // What only the other endpoint has is passed on.
        #expect(try Self.completion(#"{"prompt":"x","tools":[]}"#).unknownFields == ["tools"])
    }

    // MARK: - Routing

    @Test func `Requirements ride in an object`() throws {
        let request = try Self.chat(
            with: #"""
                "roundhouse": {"requirements": {"task": "text", "capabilities": ["tools", "vision"], "min_context_length": 8000,
                 "max_price_nano_usd": "150000000", "max_cost_nano_usd": 5, "min_quality_score": 0.5, "min_safety_score": 1,
                 "max_latency": "1.5s", "free_only": true, "local_only": true, "allowed_providers": ["a"],
                 "denied_providers": ["b"], "tags": ["t"]}, "strategy": "cheapest", "recovery": "RECOVERY_MODE_CONTINUE",
                 "hold_back": {"characters": 20, "milliseconds": 300}, "priority": "high", "tags": ["x"], "explain": true,
                 "share": false, "metadata": {"a": "2"}}, "metadata": {"a": "1", "b": "1"}
                """#)
        var requirements = ModelRequirements(
            task: .text, capabilities: [.tools, .vision], minContextLength: 8000, maxPricePerMillionTokens: 150_000_000,
            maxCostNanoUSD: 5, minQualityScore: 0.5, minSafetyScore: 1, maxLatency: .milliseconds(1500), freeOnly: true,
            localOnly: true, tags: ["t"])
        requirements.allowedProviders = [try #require(ProviderID("a"))]
        requirements.deniedProviders = [try #require(ProviderID("b"))]
        #expect(
            request.routing
                == RoutingOptions(
                    requirements: requirements, strategy: "cheapest", recovery: .continue,
                    holdBack: HoldBack(characters: 20, duration: .milliseconds(300)), priority: .high, tags: ["x"],
                    allowsSharing: false, wantsExplanation: true))
        #expect(request.metadata == ["a": "2", "b": "1"] && request.extraFields.isEmpty)
    }

    @Test func `Headers say the same, and the object wins`() throws {
        let headers = [
            "x-roundhouse-strategy": "fastest", "x-roundhouse-tags": "a, b ,c", "x-roundhouse-recovery": "fail",
            "X-Roundhouse-Priority": "low", "x-roundhouse-hold-back": "200, 500ms", "x-roundhouse-explain": "true",
            "x-roundhouse-share": "false", "x-roundhouse-requirements": #"{"local_only":true}"#, "x-other": "1",
        ]
        let expected = RoutingOptions(
            requirements: ModelRequirements(localOnly: true), strategy: "fastest", recovery: .fail,
            holdBack: HoldBack(characters: 200, duration: .milliseconds(500)), priority: .low, tags: ["a", "b", "c"],
            allowsSharing: false, wantsExplanation: true)
        #expect(try Self.chat(with: #""stream":true"#, headers).routing == expected)
        let both = try Self.chat(with: #""roundhouse":{"strategy":"cheapest","tags":[],"recovery":"align"}"#, headers)
            .routing
        #expect(both.strategy == "cheapest" && both.tags.isEmpty && both.recovery == .align && both.priority == .low)
    }

    @Test(
        arguments: [
            ("false", "null", .restart), ("true", "null", .align), ("true", #""restart""#, .align),
            ("true", #""fail""#, .fail),
            ("true", #""continue""#, .continue), ("false", #""restart""#, .restart), ("false", #""fail""#, .fail),
        ] as [(String, String, RecoveryMode)])
    func `What was sent as an event is never taken back`(_ stream: String, _ said: String, _ mode: RecoveryMode) throws
    {
        let request = try Self.chat(with: #""stream":\#(stream),"roundhouse":{"recovery":\#(said)}"#)
        #expect(request.routing.recovery == mode)
    }

    @Test func `The trace and the request's name come from headers`() throws {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let trace = try Self.chat(with: #""seed":1"#, ["traceparent": parent, "tracestate": "a=b"]).trace
        #expect(trace == TraceContext(traceparent: [parent], tracestate: ["a=b"]) && trace != nil)
        #expect(OpenAIRequestReader.requestID(Self.fields(["x-request-id": "mine-7"])) == "mine-7")
        for bad in ["", String(repeating: "x", count: 129), "a b"] {
            let made = OpenAIRequestReader.requestID(Self.fields(["x-request-id": bad]))
            #expect(made != bad && made.utf8.count == 36)
        }
    }

    @Test func `Hold-backs may be of one kind`() throws {
        #expect(
            try Self.chat(with: #""roundhouse":{"hold_back":{"duration":"0.25s"}}"#).routing.holdBack
                == HoldBack(duration: .milliseconds(250)))
        #expect(
            try Self.chat(with: #""seed":1"#, ["x-roundhouse-hold-back": "9"]).routing.holdBack
                == HoldBack(characters: 9))
        #expect(
            try Self.chat(with: #""seed":1"#, ["x-roundhouse-hold-back": "2s"]).routing.holdBack
                == HoldBack(duration: .seconds(2)))
    }

    @Test func `Every prefix of a request is an error with a place, and no change of a byte is more than one`() throws {
        let body = Array(
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"\u00e9"}]}],"tools":[],"n":1}"#
                .utf8)
        for count in 0..<body.count {
            #expect {
                _ = try OpenAIRequestReader.chat(ByteBuffer(bytes: body[..<count]), headers: [:], requestID: "r")
            } throws: { error in
                guard let error = error as? OpenAIError else { return false }
                return error.code == "invalid_json" && (count == 0 || error.message.contains("at byte "))
                    && error.param == nil
            }
        }
        var generator = SplitMix(11)
        for _ in 0..<10_000 {
            var changed = body
            changed[Int.random(in: changed.indices, using: &generator)] = UInt8.random(
                in: 0x20...0x7E, using: &generator)
            do throws(OpenAIError) {
                _ = try OpenAIRequestReader.chat(ByteBuffer(bytes: changed), headers: [:], requestID: "r")
            } catch {
                #expect(error.status == .badRequest && !error.message.isEmpty && error.requestID == "r")
            }
        }
    }
}
