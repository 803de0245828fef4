import Hummingbird
import NIOCore
import Testing

@testable import Roundhouse

/// What is refused, and how it is told.
@Suite struct OpenAIBadRequestTests {
    struct Bad: Sendable, CustomTestStringConvertible {
        var body: String
        var param: String?
        var code: String
        var words: String
        var headers: [String: String] = [:]

        init(_ body: String, _ param: String?, _ code: String, _ words: String, headers: [String: String] = [:]) {
            (self.body, self.param, self.code, self.words, self.headers) = (body, param, code, words, headers)
        }

        /// A chat with one message, and these fields besides.
        static func with(_ fields: String, _ param: String?, _ code: String, _ words: String) -> Bad {
            Bad(#"{"messages":[{"role":"user","content":"Hi"}],\#(fields)}"#, param, code, words)
        }

        static func message(_ message: String, _ param: String, _ code: String, _ words: String) -> Bad {
            Bad(#"{"messages":[{"role":"user","content":"Hi"},\#(message)]}"#, "messages[1]" + param, code, words)
        }

        static func header(_ name: String, _ value: String, _ words: String) -> Bad {
            Bad(
                #"{"messages":[{"role":"user","content":"Hi"}]}"#, name, "invalid_value", words, headers: [name: value])
        }

        var testDescription: String { self.body }
    }

    static let bodies: [Bad] = [
        Bad("", nil, "invalid_json", "the body is empty"), Bad("[1]", nil, "invalid_type", "is an array"),
        Bad(#"{"messages":[{"role":"user" "content":"x"}]}"#, nil, "invalid_json", "at byte 28 (line 1, column 29)"),
        Bad("{}", "messages", "missing_required_parameter", "messages is missing"),
        Bad(#"{"messages":[]}"#, "messages", "invalid_value", "is empty"),
        Bad(#"{"messages":"x"}"#, "messages", "invalid_type", "is a string; expected an array"),
        Bad(#"{"messages":[1]}"#, "messages[0]", "invalid_type", "is a number; expected an object"),
        Bad(#"{"messages":[],"messages":[]}"#, "messages", "invalid_value", "stands twice"),
        .with(#""model":7"#, "model", "invalid_type", "is a number"),
        .with(#""model":"a b""#, "model", "invalid_value", "'a b'"),
        .with(#""temperature":2.5"#, "temperature", "invalid_value", "from 0 to 2"),
        .with(#""temperature":"1""#, "temperature", "invalid_type", "is a string; expected a number"),
        .with(#""top_p":0"#, "top_p", "invalid_value", "above 0"),
        .with(#""max_tokens":0"#, "max_tokens", "invalid_value", "from 1"),
        .with(#""max_tokens":1.5"#, "max_tokens", "invalid_type", "a whole number"),
        .with(#""max_tokens":3000000000"#, "max_tokens", "invalid_value", "2147483647"),
        .with(#""max_tokens":3,"max_completion_tokens":4"#, "max_completion_tokens", "invalid_value", "one of the two"),
        .with(#""stop":[1]"#, "stop[0]", "invalid_type", "a string"),
        .with(#""stop":7"#, "stop", "invalid_type", "a number"),
        .with(#""stop":"""#, "stop[0]", "invalid_value", "is empty"),
        .with(#""seed":1e30"#, "seed", "invalid_type", "64 bits"),
        .with(#""n":2"#, "n", "unsupported_value", "expected 1"),
        .with(#""stream":"yes""#, "stream", "invalid_type", "true or false"),
        .with(
            #""stream_options":{"include_usage":1}"#, "stream_options.include_usage", "invalid_type", "true or false"),
        .with(#""top_logprobs":3"#, "top_logprobs", "invalid_value", "without logprobs"),
        .with(#""logprobs":true,"top_logprobs":21"#, "top_logprobs", "invalid_value", "from 0 to 20"),
        .with(#""user":{}"#, "user", "invalid_type", "an object"),
        .with(#""metadata":{"a":1}"#, "metadata.a", "invalid_type", "a string"),
        .with(#""metadata":{"":"x"}"#, "metadata", "invalid_value", "a key of 0 bytes"),
        .with(#""reasoning_effort":"huge""#, "reasoning_effort", "invalid_value", "none, minimal, low, medium, high"),
        .with(#""reasoning":{"max_tokens":0}"#, "reasoning.max_tokens", "invalid_value", "from 1"),
        .with(#""response_format":{}"#, "response_format.type", "missing_required_parameter", "json_schema"),
        .with(#""response_format":{"type":"xml"}"#, "response_format.type", "invalid_value", "'xml'"),
        .with(
            #""response_format":{"type":"json_schema"}"#, "response_format.json_schema", "missing_required_parameter",
            "a schema"),
        .with(
            #""response_format":{"type":"json_schema","json_schema":{"name":"a b","schema":{}}}"#,
            "response_format.json_schema.name", "invalid_value", "letters, digits"),
        .with(
            #""response_format":{"type":"json_schema","json_schema":{"schema":[]}}"#,
            "response_format.json_schema.schema",
            "invalid_type", "a JSON Schema"),
        .with(#""tools":[{"type":"web_search"}]"#, "tools[0].type", "unsupported_value", "expected function"),
        .with(#""tools":[{"type":"function"}]"#, "tools[0].function", "missing_required_parameter", "a function"),
        .with(#""tools":[{"function":{"name":"f g"}}]"#, "tools[0].function.name", "invalid_value", "1-64 characters"),
        .with(
            #""tools":[{"function":{"name":"f"}},{"function":{"name":"f"}}]"#, "tools[1].function.name",
            "invalid_value",
            "no other tool"),
        .with(
            #""tools":[{"function":{"name":"f","parameters":"{}"}}]"#, "tools[0].function.parameters", "invalid_type",
            "a string"),
        .with(#""tool_choice":"required""#, "tool_choice", "invalid_value", "at least one in tools"),
        .with(#""tool_choice":"any""#, "tool_choice", "invalid_value", "auto, none, required"),
        .with(
            #""tools":[{"function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"g"}}"#,
            "tool_choice.function.name", "invalid_value", "one of the tools"),
        .with(#""tool_choice":{"type":"allowed_tools"}"#, "tool_choice.type", "unsupported_value", "not supported"),
        .with(
            #""tools":[{"function":{"name":"f"}}],"functions":[{"name":"g"}]"#, "functions", "invalid_value",
            "one of the two"),
        .message(#"{"content":"x"}"#, ".role", "missing_required_parameter", "system, developer"),
        .message(#"{"role":"boss","content":"x"}"#, ".role", "invalid_value", "'boss'"),
        .message(#"{"role":7,"content":"x"}"#, ".role", "invalid_type", "a number"),
        .message(#"{"role":"user"}"#, ".content", "missing_required_parameter", "is missing"),
        .message(#"{"role":"user","content":[]}"#, ".content", "invalid_value", "is empty"),
        .message(#"{"role":"user","content":7}"#, ".content", "invalid_type", "a number"),
        .message(
            #"{"role":"user","content":[{"text":"x"}]}"#, ".content[0].type", "missing_required_parameter", "type"),
        .message(
            #"{"role":"user","content":[{"type":"text"}]}"#, ".content[0].text", "missing_required_parameter", "a text"),
        .message(
            #"{"role":"user","content":[{"type":"text","text":1}]}"#, ".content[0].text", "invalid_type", "a number"),
        .message(
            #"{"role":"user","content":[{"type":"input_audio"}]}"#, ".content[0].type", "unsupported_value",
            "input_audio"),
        .message(
            #"{"role":"system","content":[{"type":"image_url","image_url":{"url":"https://x"}}]}"#, ".content[0].type",
            "unsupported_value", "text in a message of this role"),
        .message(
            #"{"role":"user","content":[{"type":"image_url","image_url":{"url":"ftp://x"}}]}"#,
            ".content[0].image_url.url",
            "invalid_value", "https or http"),
        .message(
            #"{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/bmp;base64,AAAA"}}]}"#,
            ".content[0].image_url.url", "invalid_value", "image/png"),
        .message(
            #"{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,A?A="}}]}"#,
            ".content[0].image_url.url", "invalid_value", "without base64"),
        .message(
            #"{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x","detail":"4k"}}]}"#,
            ".content[0].image_url.detail", "invalid_value", "auto, low, high"),
        .message(#"{"role":"assistant"}"#, ".content", "missing_required_parameter", "tool_calls"),
        .message(
            #"{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}"#, ".tool_calls[0].id",
            "missing_required_parameter", "id"),
        .message(
            #"{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"[1"}}]}"#,
            ".tool_calls[0].function.arguments", "invalid_value", "no JSON object: at byte 2"),
        .message(
            #"{"role":"tool","content":"x"}"#, ".tool_call_id", "missing_required_parameter", "id of the tool call"),
        .message(
            #"{"role":"tool","tool_call_id":"z","content":"x"}"#, ".tool_call_id", "invalid_value", "earlier message"),
        .message(
            #"{"role":"function","name":"z","content":"x"}"#, ".name", "invalid_value", "function_call in an earlier"),
        .message(#"{"role":"user","role":"user","content":"x"}"#, ".role", "invalid_value", "stands twice"),
        .with(#""roundhouse":[]"#, "roundhouse", "invalid_type", "an array"),
        .with(#""roundhouse":{"stratgy":"x"}"#, "roundhouse.stratgy", "unknown_parameter", "strategy"),
        .with(
            #""roundhouse":{"recovery":"hope"}"#, "roundhouse.recovery", "invalid_value",
            "fail, restart, continue, align"),
        .with(#""roundhouse":{"priority":"urgent"}"#, "roundhouse.priority", "invalid_value", "critical"),
        .with(
            #""roundhouse":{"hold_back":{"characters":0}}"#, "roundhouse.hold_back.characters", "invalid_value",
            "from 1"),
        .with(
            #""roundhouse":{"hold_back":{"words":1}}"#, "roundhouse.hold_back.words", "unknown_parameter",
            "milliseconds"),
        .with(
            #""roundhouse":{"hold_back":{}}"#, "roundhouse.hold_back", "missing_required_parameter", "is empty"),
        .with(#""roundhouse":{"tags":["\u0001"]}"#, "roundhouse.tags[0]", "invalid_value", "control characters"),
        .with(
            #""roundhouse":{"requirements":{"capabilities":["fly"]}}"#, "roundhouse.requirements.capabilities[0]",
            "invalid_value", "vision"),
        .with(
            #""roundhouse":{"requirements":{"max_latency":"soon"}}"#, "roundhouse.requirements.max_latency",
            "invalid_value", "'1.5s'"),
        .with(
            #""roundhouse":{"requirements":{"max_cost_nano_usd":-1}}"#, "roundhouse.requirements.max_cost_nano_usd",
            "invalid_value", "at least 0"),
        .with(
            #""roundhouse":{"requirements":{"cheap":true}}"#, "roundhouse.requirements.cheap", "unknown_parameter",
            "ModelRequirements"),
        .with(
            #""roundhouse":{"requirements":{"allowed_providers":["A b"]}}"#,
            "roundhouse.requirements.allowed_providers[0]",
            "invalid_value", "provider's name"),
        .header("x-roundhouse-recovery", "hope", "align"), .header("x-roundhouse-hold-back", "some", "'200, 500ms'"),
        .header("x-roundhouse-explain", "perhaps", "true or false"),
        .header("x-roundhouse-requirements", "{", "no JSON at byte 1"),
    ]

    @Test(arguments: Self.bodies)
    func `What is wrong is named with its path`(_ bad: Bad) throws {
        let error = try #require(throws: OpenAIError.self) {
            _ = try OpenAIRequestReaderTests.chat(bad.body, bad.headers)
        }
        #expect(error.status == .badRequest && error.type == "invalid_request_error" && error.requestID == "r-1")
        #expect(error.param == bad.param && error.code == bad.code && error.message.contains(bad.words), "\(error)")
    }

    @Test(arguments: [
        Bad("{}", "prompt", "missing_required_parameter", "a text"),
        Bad(#"{"prompt":["a","b"]}"#, "prompt", "unsupported_value", "several texts"),
        Bad(#"{"prompt":[1,2]}"#, "prompt", "unsupported_value", "tokens"),
        Bad(#"{"prompt":[[1,2]]}"#, "prompt", "unsupported_value", "tokens"),
        Bad(#"{"prompt":[]}"#, "prompt", "invalid_type", "an array of one string"),
        Bad(#"{"prompt":{}}"#, "prompt", "invalid_type", "an object"),
        Bad(#"{"prompt":"x","suffix":"y"}"#, "suffix", "unsupported_parameter", "not supported"),
        Bad(#"{"prompt":"x","best_of":3}"#, "best_of", "unsupported_value", "expected 1"),
        Bad(#"{"prompt":"x","logprobs":true}"#, "logprobs", "invalid_type", "a boolean"),
    ])
    func `What is wrong with a completion is named, too`(_ bad: Bad) throws {
        let error = try #require(throws: OpenAIError.self) { _ = try OpenAIRequestReaderTests.completion(bad.body) }
        #expect(error.param == bad.param && error.code == bad.code && error.message.contains(bad.words), "\(error)")
    }

    @Test func `Everything that is wrong is told at once`() throws {
        let error = try #require(throws: OpenAIError.self) {
            _ = try OpenAIRequestReaderTests.chat(#"{"messages":[{"role":"x"}],"temperature":9,"n":3}"#)
        }
        for field in ["temperature is", "n is", "messages[0].role is"] { #expect(error.message.contains(field)) }
        #expect(error.param == "temperature" && error.code == "invalid_value")
    }
}
