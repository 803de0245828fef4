import FoundationEssentials
import Inference

@testable import Providers

/// What the tests of OpenAI's format share.
enum OpenAIFixture {
    /// A request with everything that the vocabulary has for chat completions.
    static func request(
        _ messages: [Message] = [Message(.user, "hi")], delivery: UpstreamRequest.Delivery = .whole,
        prefill: String? = nil, _ adjust: (inout InferenceRequest) -> Void = { _ in }
    ) -> UpstreamRequest {
        var request = Fixture.request(delivery: delivery)
        request.inference.messages = messages
        adjust(&request.inference)
        request.prefill = prefill
        return request
    }

    static func body(_ request: UpstreamRequest, _ kind: ProviderKind = .openai) throws -> String {
        String(decoding: try OpenAIEncoder(dialect: kind.dialect).encode(request), as: UTF8.self)
    }

    /// What stands in the body beside the model and a lone user's greeting.
    static func rest(_ request: UpstreamRequest, _ kind: ProviderKind = .openai) throws -> String {
        let body = try self.body(request, kind)
        let start = #"{"model":"tiny","messages":[{"role":"user","content":"hi"}]"#
        guard body.hasPrefix(start) else { return body }
        return String(body.dropFirst(start.count).dropLast().drop { $0 == "," })
    }

    static func messages(_ messages: [Message], _ kind: ProviderKind = .openai, prefill: String? = nil) throws -> String
    {
        let body = try self.body(self.request(messages, prefill: prefill), kind)
        let start = #"{"model":"tiny","messages":["#
        guard body.hasPrefix(start), let end = body.lastIndex(of: "]") else { return body }
        return String(body[body.index(body.startIndex, offsetBy: start.count)..<end])
    }

    static func decode(
        _ portions: [ArraySlice<UInt8>], _ kind: ProviderKind = .custom
    ) -> ([InferenceEvent], UpstreamFault?) {
        var decoder = OpenAIStreamDecoder(dialect: kind.dialect, requestID: "request-1")
        var events: [InferenceEvent] = []
        do throws(UpstreamFault) {
            for portion in portions { try decoder.decode(Array(portion).span, into: &events) }
            try decoder.finish(into: &events)
            return (events, nil)
        } catch {
            return (events, error)
        }
    }

    static func sse(_ data: [String]) -> String { data.map { "data: \($0)\n\n" }.joined() }

    /// `{"choices":[{"index":0,"delta":…}]}`
    static func delta(_ delta: String) -> String { #"{"choices":[{"index":0,"delta":\#(delta)}]}"# }

    /// Neighbouring deltas of one kind joined: how the pieces are cut is the upstream's business.
    static func joined(_ events: [InferenceEvent]) -> [InferenceEvent] {
        var joined: [InferenceEvent] = []
        for event in events {
            switch (joined.last, event) {
            case (.textDelta(let head)?, .textDelta(let tail)): joined[joined.count - 1] = .textDelta(head + tail)
            case (.reasoningDelta(let head)?, .reasoningDelta(let tail)):
                joined[joined.count - 1] = .reasoningDelta(head + tail)
            case (.refusalDelta(let head)?, .refusalDelta(let tail)):
                joined[joined.count - 1] = .refusalDelta(head + tail)
            case (.toolCallDelta(var head)?, .toolCallDelta(let tail))
            where head.index == tail.index && tail.id == nil && tail.name == nil:
                head.argumentsFragment += tail.argumentsFragment
                joined[joined.count - 1] = .toolCallDelta(head)
            default: joined.append(event)
            }
        }
        return joined
    }
}

/// A JSON text, to compare by what it says.
enum OpenAIJSON: Decodable, Hashable {
    case object([String: OpenAIJSON])
    case array([OpenAIJSON])
    case text(String)
    case number(Double)
    case boolean(Bool)
    case null

    init(_ text: String) throws {
        self = try JSONDecoder().decode(OpenAIJSON.self, from: Data(text.utf8))
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .boolean(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([OpenAIJSON].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: OpenAIJSON].self))
        }
    }

    subscript(_ key: String) -> OpenAIJSON? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    var elements: [OpenAIJSON] {
        if case .array(let elements) = self { elements } else { [] }
    }

    var string: String? {
        if case .text(let text) = self { text } else { nil }
    }
}

extension SplitMix {
    mutating func below(_ limit: Int) -> Int { Int(self.next() % UInt64(limit)) }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[self.below(elements.count)] }

    /// Letters of all lengths of UTF-8, quotation marks, and what JSON escapes; never empty.
    mutating func text(upTo length: Int = 12) -> String {
        let letters = [
            "a", "Z", " ", "\"", "\\", "\n", "\t", "\u{1}", "{", "}", "[", ":", "é", "€", "😀", "data:", "\r",
        ]
        return (0...self.below(length)).map { _ in self.pick(letters) }.joined()
    }

    mutating func portions(of bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var portions: [ArraySlice<UInt8>] = []
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + 1 + self.below(60))
            portions.append(bytes[start..<end])
            start = end
        }
        return portions
    }
}
