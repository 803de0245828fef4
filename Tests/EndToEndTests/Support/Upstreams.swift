import TestSupport

/// What upstreams say, and the configuration that leads to them.
enum Chunk {
    static func text(_ text: String) -> String {
        #"{"choices":[{"index":0,"delta":{"content":"\#(text)"},"finish_reason":null}]}"#
    }

    static let finish = #"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#

    static func usage(_ input: Int, _ output: Int) -> String {
        #"{"choices":[],"usage":{"prompt_tokens":\#(input),"completion_tokens":\#(output)}}"#
    }

    static let error = #"{"error":{"message":"the boiler has burst","type":"server_error","code":500}}"#
}

extension [FaultUpstream.Step] {
    /// An answer as it should be: to `Generate` whole, to `StreamGenerate` as a stream.
    static func answer(to request: FaultUpstream.Request, _ words: [String]) -> [FaultUpstream.Step] {
        if request.text.contains(#""stream":true"#) {
            return .stream(words.map(Chunk.text) + [Chunk.finish, Chunk.usage(3, words.count)])
        }
        return .whole(
            #"{"choices":[{"index":0,"message":{"role":"assistant","content":"\#(words.joined())"},"#
                + #""finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":\#(words.count)}}"#
        )
    }

    /// One event of a stream.
    static func event(_ data: String) -> [FaultUpstream.Step] { .chunk("data: \(data)\n\n") }
}

/// A configuration without local models, with the providers `first`, `second`, …, each with the model `m`, and the
/// alias `all` for them in this order.
func providers(_ baseURLs: String..., settings: String = "", timeouts: String = "{ connect: 5s }") -> String {
    let names = ["first", "second", "third"]
    var yaml = "local: { enabled: false }\n\(settings)\nproviders:\n"
    for (name, url) in zip(names, baseURLs) {
        yaml += "  - { id: \(name), kind: custom, base_url: '\(url)', timeouts: \(timeouts), models: [{ name: m }] }\n"
    }
    let targets = names.prefix(baseURLs.count).map { "\($0)/m" }.joined(separator: ", ")
    return yaml + "aliases: { all: [\(targets)] }\n"
}
