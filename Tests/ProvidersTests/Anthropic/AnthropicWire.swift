import Inference
import Providers

/// The Messages API as an upstream writes it: events, streams and whole messages for the tests.
enum AnthropicWire {
    /// One event of a stream, under the name that its data has.
    static func event(_ data: String) -> String {
        let name = data.split(separator: #""type":""#, maxSplits: 1).dropFirst().first?.prefix { $0 != "\"" }
        return "event: \(name ?? "nameless")\ndata: \(data)\n\n"
    }

    static func sse(_ data: String...) -> String { data.map(Self.event).joined() }

    static func start(_ usage: String = #"{"input_tokens":3,"output_tokens":1}"#) -> String {
        #"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"#
            + #""model":"claude-x","stop_reason":null,"stop_sequence":null,"usage":\#(usage)}}"#
    }

    static func begin(_ index: Int, _ block: String) -> String {
        #"{"type":"content_block_start","index":\#(index),"content_block":\#(block)}"#
    }

    static func delta(_ index: Int, _ delta: String) -> String {
        #"{"type":"content_block_delta","index":\#(index),"delta":\#(delta)}"#
    }

    static func end(_ index: Int) -> String { #"{"type":"content_block_stop","index":\#(index)}"# }

    static func text(_ index: Int, _ text: String) -> String {
        Self.delta(index, #"{"type":"text_delta","text":"\#(text)"}"#)
    }

    static func stop(_ reason: String = "end_turn", _ usage: String = #"{"output_tokens":2}"#) -> String {
        #"{"type":"message_delta","delta":{"stop_reason":"\#(reason)","stop_sequence":null},"usage":\#(usage)}"#
    }

    static let emptyText = #"{"type":"text","text":""}"#
    static let over = #"{"type":"message_stop"}"#
    static let ping = #"{"type":"ping"}"#

    /// `a` in one block of text, as the data of the events of a stream.
    static let short = [
        Self.start(), Self.begin(0, Self.emptyText), Self.text(0, "a"), Self.end(0), Self.stop(), Self.over,
    ]

    /// The same as one body.
    static let whole = #"""
        {"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"a"}],
        "stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":2}}
        """#

    /// What both mean.
    static let shortEvents: [InferenceEvent] = [
        .textDelta("a"), .usage(Usage(inputTokens: 3, outputTokens: 2)), .finished(.stop),
    ]

    static func decode(_ portions: [ArraySlice<UInt8>]) -> ([InferenceEvent], UpstreamFault?) {
        var decoder = AnthropicStreamDecoder()
        var events: [InferenceEvent] = []
        do throws(UpstreamFault) {
            for portion in portions { try decoder.decode(Array(portion).span, into: &events) }
            try decoder.finish(into: &events)
            return (events, nil)
        } catch {
            return (events, error)
        }
    }
}
