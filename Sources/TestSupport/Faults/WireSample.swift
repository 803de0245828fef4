/// How an upstream of one wire format writes an answer: what a ``Fault`` spoils.
package struct WireSample: Sendable, Hashable, CustomStringConvertible {
    /// `openai`, `anthropic`, `gemini`, `ollama`.
    package let name: String
    package var description: String { self.name }
    /// Of a streamed answer.
    package let streamType: String
    /// What comes before the first token.
    package let opening: [String]
    /// What comes after the last token; without it the answer is not whole.
    package let closing: [String]
    private let token: @Sendable (String) -> String
    private let wholeBody: @Sendable (String) -> String
    /// A frame that says that the upstream failed.
    package let errorFrame: String
    /// A frame that is none.
    package let garbage: String
    /// A frame of more than a mebibyte.
    package let hugeFrame: String
    /// The body of a failure with a status.
    package let errorBody: @Sendable (_ status: Int, _ message: String) -> String

    package static func == (left: WireSample, right: WireSample) -> Bool { left.name == right.name }
    package func hash(into hasher: inout Hasher) { hasher.combine(self.name) }

    /// A frame with a piece of text, which must need no escaping in JSON.
    package func frame(_ text: String) -> String { self.token(text) }

    /// An answer that comes whole.
    package func whole(_ text: String) -> String { self.wholeBody(text) }

    /// Every frame of a healthy stream.
    package func stream(_ tokens: [String]) -> [String] { self.opening + tokens.map(self.token) + self.closing }

    package static let all = [Self.openAI, .anthropic, .gemini, .ollama]

    private static let huge = String(repeating: "x", count: (1 << 20) + 1024)

    package static let openAI = WireSample(
        name: "openai",
        streamType: "text/event-stream",
        opening: [#"data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}"# + "\n\n"],
        closing: [
            #"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"# + "\n\n",
            #"data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7}}"# + "\n\n", "data: [DONE]\n\n",
        ],
        token: { #"data: {"choices":[{"index":0,"delta":{"content":"\#($0)"}}]}"# + "\n\n" },
        wholeBody: {
            #"{"choices":[{"index":0,"message":{"role":"assistant","content":"\#($0)"},"finish_reason":"stop"}],"#
                + #""usage":{"prompt_tokens":5,"completion_tokens":7}}"#
        },
        errorFrame: #"data: {"error":{"message":"the boiler has burst","type":"server_error"}}"# + "\n\n",
        garbage: "data: {{{ not json\n\n",
        hugeFrame: #"data: {"choices":[{"index":0,"delta":{"content":"\#(Self.huge)"}}]}"# + "\n\n",
        errorBody: { #"{"error":{"message":"\#($1)","type":"e\#($0)"}}"# }
    )

    package static let anthropic = WireSample(
        name: "anthropic",
        streamType: "text/event-stream",
        opening: [
            Self.event(
                "message_start",
                #""message":{"id":"m","type":"message","role":"assistant","model":"c","content":[],"stop_reason":null,"#
                    + #""usage":{"input_tokens":5,"output_tokens":1}}"#),
            Self.event("content_block_start", #""index":0,"content_block":{"type":"text","text":""}"#),
        ],
        closing: [
            Self.event("content_block_stop", #""index":0"#),
            Self.event(
                "message_delta", #""delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7}"#
            ),
            Self.event("message_stop", nil),
        ],
        token: { Self.event("content_block_delta", #""index":0,"delta":{"type":"text_delta","text":"\#($0)"}"#) },
        wholeBody: {
            #"{"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"\#($0)"}],"#
                + #""stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":7}}"#
        },
        errorFrame: Self.event("error", #""error":{"type":"api_error","message":"the boiler has burst"}"#),
        garbage: "event: content_block_delta\ndata: {{{ not json\n\n",
        hugeFrame: Self.event(
            "content_block_delta", #""index":0,"delta":{"type":"text_delta","text":"\#(Self.huge)"}"#),
        errorBody: { #"{"type":"error","error":{"type":"e\#($0)","message":"\#($1)"}}"# }
    )

    package static let gemini = WireSample(
        name: "gemini",
        streamType: "text/event-stream",
        opening: [],
        closing: [
            #"data: {"candidates":[{"content":{"role":"model","parts":[{"text":""}]},"finishReason":"STOP","index":0}],"#
                + #""usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":7,"totalTokenCount":12}}"# + "\r\n\r\n"
        ],
        token: {
            #"data: {"candidates":[{"content":{"role":"model","parts":[{"text":"\#($0)"}]},"index":0}]}"# + "\r\n\r\n"
        },
        wholeBody: {
            #"{"candidates":[{"content":{"role":"model","parts":[{"text":"\#($0)"}]},"finishReason":"STOP","index":0}],"#
                + #""usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":7,"totalTokenCount":12}}"#
        },
        errorFrame: #"data: {"error":{"code":500,"message":"the boiler has burst","status":"INTERNAL"}}"#
            + "\r\n\r\n",
        garbage: "data: {{{ not json\r\n\r\n",
        hugeFrame: #"data: {"candidates":[{"content":{"role":"model","parts":[{"text":"\#(Self.huge)"}]},"index":0}]}"#
            + "\r\n\r\n",
        errorBody: { #"{"error":{"code":\#($0),"message":"\#($1)","status":"E\#($0)"}}"# }
    )

    package static let ollama = WireSample(
        name: "ollama",
        streamType: "application/x-ndjson",
        opening: [],
        closing: [
            #"{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","#
                + #""prompt_eval_count":5,"eval_count":7}"# + "\n"
        ],
        token: { #"{"model":"m","message":{"role":"assistant","content":"\#($0)"},"done":false}"# + "\n" },
        wholeBody: {
            #"{"model":"m","message":{"role":"assistant","content":"\#($0)"},"done":true,"done_reason":"stop","#
                + #""prompt_eval_count":5,"eval_count":7}"#
        },
        errorFrame: #"{"error":"the boiler has burst"}"# + "\n",
        garbage: "{{{ not json\n",
        hugeFrame: #"{"model":"m","message":{"role":"assistant","content":"\#(Self.huge)"},"done":false}"# + "\n",
        errorBody: { #"{"error":"\#($1)"}"# }
    )

    private static func event(_ name: String, _ fields: String?) -> String {
        "event: \(name)\ndata: {\"type\":\"\(name)\"\(fields.map { ",\($0)" } ?? "")}\n\n"
    }
}
