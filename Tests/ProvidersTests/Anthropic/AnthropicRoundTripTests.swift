import Inference
import Testing

@testable import Providers

/// Answers by chance, written as the wire has them, read back.
@Suite struct AnthropicRoundTripTests {
    /// A content block as a model makes it, in the pieces in which it arrives.
    enum Block {
        case text([String], Citation?)
        case thinking([String], signature: String)
        case redacted(String)
        case tool(id: String, name: String, arguments: [String])
        case unknown
    }

    @Test func `Any answer survives the stream, however it is cut`() {
        var random = SplitMix(seed: 20)
        for round in 0..<300 {
            let blocks = Self.blocks(&random)
            let usage = Self.usage(&random)
            let bytes = Array(Self.stream(blocks, usage, &random).utf8)
            let (events, fault) = AnthropicWire.decode(Self.portions(bytes, &random))
            #expect(fault == nil, "round \(round): \(fault?.message ?? "")")
            #expect(events == Self.events(blocks) + [.usage(usage), .finished(.stop)], "round \(round)")
        }
    }

    @Test func `The same answer as one body has the same parts`() throws {
        var random = SplitMix(seed: 21)
        for round in 0..<300 {
            // In one body a text is not cut.
            let blocks = Self.blocks(&random).map(Self.joined)
            let usage = Self.usage(&random)
            let body = Self.message(blocks, usage)
            #expect(
                try AnthropicWholeDecoder.decode(body.span) == Self.events(blocks) + [.usage(usage), .finished(.stop)],
                "round \(round)")
        }
    }

    // MARK: - Answers by chance

    private static func blocks(_ random: inout SplitMix) -> [Block] {
        (0..<Int(random.next() % 6)).map { place in
            switch random.next() % 5 {
            case 0:
                let citation =
                    random.next() % 2 == 0 ? Citation(url: self.text(&random), title: "t", documentIndex: 3) : nil
                return .text(self.texts(&random), citation)
            case 1: return .thinking(self.texts(&random), signature: self.text(&random))
            case 2: return .redacted(self.text(&random))
            case 3:
                // An object is written anew in one body, and control characters have more than one form.
                let text = String(
                    String.UnicodeScalarView(self.text(&random).unicodeScalars.filter { $0.value >= 0x20 }))
                var json = JSONWriter()
                json.object { $0.string("a", text) }
                let arguments = String(decoding: json.bytes, as: UTF8.self)
                let cut = arguments.index(
                    arguments.startIndex, offsetBy: Int(random.next() % UInt64(arguments.count + 1)))
                return .tool(
                    id: "toolu_\(place)", name: "f\(place)",
                    arguments: [String(arguments[..<cut]), String(arguments[cut...])])
            default: return .unknown
            }
        }
    }

    private static func texts(_ random: inout SplitMix) -> [String] {
        (0...Int(random.next() % 4)).map { _ in self.text(&random) }
    }

    private static func text(_ random: inout SplitMix) -> String {
        let scalars = (0...Int(random.next() % 12)).compactMap { _ in
            Unicode.Scalar(UInt32(random.next() % (random.next() % 2 == 0 ? 0x80 : 0x11_0000)))
        }
        return "x" + String(String.UnicodeScalarView(scalars))
    }

    private static func usage(_ random: inout SplitMix) -> Usage {
        let (plain, read, written) = (
            Int(random.next() % 1000) + 1, Int(random.next() % 1000), Int(random.next() % 1000)
        )
        return Usage(
            inputTokens: plain + read + written, outputTokens: Int(random.next() % 1000), cachedInputTokens: read,
            cacheWriteInputTokens: written)
    }

    // MARK: - What they mean

    private static func events(_ blocks: [Block]) -> [InferenceEvent] {
        var events: [InferenceEvent] = []
        var calls = 0
        for block in blocks {
            switch block {
            case .text(let texts, let citation):
                events += texts.map { .textDelta($0) }
                if let citation { events.append(.citation(citation)) }
            case .thinking(let texts, let signature):
                events += texts.map { .reasoningDelta($0) }
                events.append(.reasoningSignature(ReasoningSignature(signature, origin: "anthropic")))
            case .redacted(let data):
                events.append(
                    .reasoningSignature(ReasoningSignature(data, origin: "anthropic", isRedacted: true)))
            case .tool(let id, let name, let arguments):
                events.append(.toolCallDelta(ToolCallDelta(index: calls, id: id, name: name)))
                events += arguments.filter { !$0.isEmpty }
                    .map { .toolCallDelta(ToolCallDelta(index: calls, argumentsFragment: $0)) }
                calls += 1
            case .unknown: continue
            }
        }
        return events
    }

    private static func joined(_ block: Block) -> Block {
        switch block {
        case .text(let texts, let citation): .text([texts.joined()], citation)
        case .thinking(let texts, let signature): .thinking([texts.joined()], signature: signature)
        case .tool(let id, let name, let arguments): .tool(id: id, name: name, arguments: [arguments.joined()])
        case .redacted, .unknown: block
        }
    }

    // MARK: - As the wire has them

    private static func stream(_ blocks: [Block], _ usage: Usage, _ random: inout SplitMix) -> String {
        var data = [AnthropicWire.start(Self.json { self.write(usage, output: 0, &$0) })]
        for (index, block) in blocks.enumerated() {
            data.append(AnthropicWire.begin(index, Self.json { self.begin(block, &$0) }))
            data += Self.deltas(block).map { AnthropicWire.delta(index, $0) }
            data.append(AnthropicWire.end(index))
        }
        data.append(AnthropicWire.stop("end_turn", #"{"output_tokens":\#(usage.outputTokens)}"#))
        data.append(AnthropicWire.over)
        return data.map { text in
            let noise = [": a comment\n\n", AnthropicWire.event(AnthropicWire.ping), ""][Int(random.next() % 3)]
            return noise + AnthropicWire.event(text)
        }.joined()
    }

    private static func deltas(_ block: Block) -> [String] {
        switch block {
        case .text(let texts, let citation):
            texts.map { text in Self.delta("text_delta") { $0.string("text", text) } }
                + (citation.map { citation in
                    [Self.delta("citations_delta") { $0.object("citation") { Self.write(citation, &$0) } }]
                } ?? [])
        case .thinking(let texts, let signature):
            texts.map { text in Self.delta("thinking_delta") { $0.string("thinking", text) } }
                + [Self.delta("signature_delta") { $0.string("signature", signature) }]
        case .tool(_, _, let arguments):
            arguments.map { text in Self.delta("input_json_delta") { $0.string("partial_json", text) } }
        case .redacted: []
        case .unknown: [Self.delta("unknown_delta") { $0.integer("text", 7) }]
        }
    }

    private static func message(_ blocks: [Block], _ usage: Usage) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.string("stop_reason", "end_turn")
            json.array("content") { json in
                for block in blocks { json.object { self.whole(block, &$0) } }
            }
            json.object("usage") { self.write(usage, output: usage.outputTokens, &$0) }
            json.string("type", "message")
        }
        return json.bytes
    }

    private static func whole(_ block: Block, _ json: inout JSONWriter) {
        switch block {
        case .text(let texts, let citation):
            json.string("type", "text")
            json.string("text", texts.joined())
            if let citation { json.array("citations") { $0.object { self.write(citation, &$0) } } }
        case .thinking(let texts, let signature):
            json.string("type", "thinking")
            json.string("thinking", texts.joined())
            json.string("signature", signature)
        case .tool(let id, let name, let arguments):
            json.string("type", "tool_use")
            json.string("id", id)
            json.string("name", name)
            json.raw("input", arguments.joined())
        case .redacted, .unknown: self.begin(block, &json)
        }
    }

    private static func begin(_ block: Block, _ json: inout JSONWriter) {
        switch block {
        case .text:
            json.string("type", "text")
            json.string("text", "")
        case .thinking:
            json.string("type", "thinking")
            json.string("thinking", "")
        case .redacted(let data):
            json.string("data", data)
            json.string("type", "redacted_thinking")
        case .tool(let id, let name, _):
            json.string("name", name)
            json.string("id", id)
            json.raw("input", "{}")
            json.string("type", "tool_use")
        case .unknown:
            json.string("type", "unknown")
            json.integer("text", 7)
        }
    }

    private static func write(_ usage: Usage, output: Int, _ json: inout JSONWriter) {
        let plain = usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteInputTokens
        json.integer("input_tokens", Int64(plain))
        json.integer("cache_creation_input_tokens", Int64(usage.cacheWriteInputTokens))
        json.integer("cache_read_input_tokens", Int64(usage.cachedInputTokens))
        json.integer("output_tokens", Int64(output))
    }

    private static func write(_ citation: Citation, _ json: inout JSONWriter) {
        if let url = citation.url { json.string("url", url) }
        if let title = citation.title { json.string("title", title) }
        if let place = citation.documentIndex { json.integer("document_index", Int64(place)) }
    }

    private static func delta(_ type: String, _ body: (inout JSONWriter) -> Void) -> String {
        Self.json { json in
            json.string("type", type)
            body(&json)
        }
    }

    private static func json(_ body: (inout JSONWriter) -> Void) -> String {
        var json = JSONWriter()
        json.object { body(&$0) }
        return String(decoding: json.bytes, as: UTF8.self)
    }

    private static func portions(_ bytes: [UInt8], _ random: inout SplitMix) -> [ArraySlice<UInt8>] {
        var portions: [ArraySlice<UInt8>] = []
        var place = 0
        while place < bytes.count {
            let end = min(bytes.count, place + 1 + Int(random.next() % 200))
            portions.append(bytes[place..<end])
            place = end
        }
        return portions
    }
}
