import Inference
import NIOCore
import TestSupport
import Testing

@testable import Roundhouse

@Suite struct OpenAIWritersTests {
    private static let model = ModelID("p/m")
    private static let usage = Usage(
        inputTokens: 12, outputTokens: 5, cachedInputTokens: 4, reasoningTokens: 2)

    private static func completion(_ reason: FinishReason = .stop) -> PipelineOutput {
        .completed(
            Completion(
                finishReason: reason, usage: Self.usage, cost: Cost(nanoUSD: 12_345), model: Self.model, attempts: [],
                latency: .zero))
    }

    private static func started() throws -> PipelineOutput {
        .started(.init(model: try #require(Self.model), attempt: 1, continues: false))
    }

    private static func form(_ endpoint: OpenAIRequest.Endpoint = .chat) -> OpenAIAnswerForm {
        OpenAIAnswerForm(endpoint: endpoint, requestID: "r1", created: 1_700_000_000)
    }

    private static func whole(
        _ outputs: [PipelineOutput], _ endpoint: OpenAIRequest.Endpoint = .chat, echo: String? = nil
    ) throws -> String {
        var answer = OpenAIAnswer(Self.form(endpoint), echo: echo)
        answer.take(outputs)
        return String(buffer: try #require(answer.body))
    }

    private static func stream(
        _ outputs: [PipelineOutput], _ endpoint: OpenAIRequest.Endpoint = .chat, includesUsage: Bool = false,
        echo: String? = nil
    ) -> String {
        var writer = OpenAIChunkWriter(Self.form(endpoint), includesUsage: includesUsage, echo: echo)
        var buffer = ByteBuffer()
        writer.write(outputs, into: &buffer)
        return String(buffer: buffer)
    }

    @Test func `A whole answer is the object that is documented`() throws {
        let text = try Self.whole([try Self.started(), .delta(.textDelta("Say \"hi\"\n")), Self.completion()])
        #expect(
            text == #"{"id":"chatcmpl-r1","object":"chat.completion","created":1700000000,"model":"p/m","choices":"#
                + #"[{"index":0,"message":{"role":"assistant","content":"Say \"hi\"\n","refusal":null},"#
                + #""logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":5,"#
                + #""total_tokens":17,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},"#
                + #""completion_tokens_details":{"reasoning_tokens":2,"audio_tokens":0}}}"# + "\n")
    }

    @Test func `Everything that a model can say has its place in a whole answer`() throws {
        let text = try Self.whole([
            try Self.started(), .delta(.reasoningDelta("Hm")), .delta(.textDelta("A")), .delta(.textDelta("B")),
            .delta(.refusalDelta("No")), .delta(.logprobs(#"{"token":"A"}"#)), .delta(.logprobs(#"{"token":"B"}"#)),
            .delta(.toolCallDelta(ToolCallDelta(index: 1, id: "c2", name: "g", argumentsFragment: "{}"))),
            .delta(.toolCallDelta(ToolCallDelta(index: 0, id: "c1", name: "f", argumentsFragment: #"{"a""#))),
            .delta(.toolCallDelta(ToolCallDelta(index: 0, argumentsFragment: ":1}"))),
            .delta(.citation(Citation(url: "https://x", title: "X", startIndex: 1, endIndex: 2))),
            Self.completion(.toolCalls),
        ])
        let expected: [String] = [
            #"{"role":"assistant","content":"AB","refusal":"No","reasoning_content":"Hm","tool_calls":["#,
            #"{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},"#,
            #"{"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}],"#,
            #""annotations":[{"type":"url_citation","url_citation":{"start_index":1,"end_index":2,"#,
            #""url":"https://x","title":"X"}}]},"logprobs":{"content":[{"token":"A"},{"token":"B"}],"#,
            #""refusal":null},"finish_reason":"tool_calls""#,
        ]
        #expect(text.contains(expected.joined()))
    }

    @Test func `Content is null where tools are called and nothing is said`() throws {
        let call = PipelineOutput.delta(.toolCallDelta(ToolCallDelta(index: 0, id: "c", name: "f")))
        #expect(try Self.whole([try Self.started(), call, Self.completion(.toolCalls)]).contains(#""content":null"#))
        #expect(try Self.whole([try Self.started(), Self.completion()]).contains(#""content":"""#))
    }

    @Test func `A stream is the events that are documented`() throws {
        let outputs = [try Self.started(), .delta(.textDelta("Hé")), Self.completion(.length)]
        let begin =
            #"data: {"id":"chatcmpl-r1","object":"chat.completion.chunk","created":1700000000,"model":"p/m","choices":["#
        let end = #","logprobs":null,"finish_reason":"#
        let chunks = [
            #"{"index":0,"delta":{"role":"assistant","content":"","refusal":null}\#(end)null}]"#,
            #"{"index":0,"delta":{"content":"Hé"}\#(end)null}]"#,
            #"{"index":0,"delta":{}\#(end)"length"}]"#,
        ]
        #expect(Self.stream(outputs) == chunks.map { "\(begin)\($0)}\n\n" }.joined() + "data: [DONE]\n\n")
        let usage =
            #"],"usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17,"prompt_tokens_details":"#
            + #"{"cached_tokens":4,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":2,"audio_tokens":0}},"#
            + #""roundhouse":{"model":"p/m","attempts":0,"cost_usd":0.000012345,"estimated":false,"shared":false}}"#
        #expect(
            Self.stream(outputs, includesUsage: true)
                == chunks.map { "\(begin)\($0),\"usage\":null}\n\n" }.joined() + "\(begin)\(usage)\n\ndata: [DONE]\n\n")
    }

    @Test func `Fragments of tool calls keep their index, and name themselves once`() throws {
        let text = Self.stream([
            try Self.started(),
            .delta(.toolCallDelta(ToolCallDelta(index: 0, id: "c1", name: "f"))),
            .delta(.toolCallDelta(ToolCallDelta(index: 0, argumentsFragment: "{}"))),
        ])
        #expect(
            text.contains(
                #"{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}]}"#))
        #expect(text.contains(#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#))
        #expect(!text.contains("DONE") && !text.contains(#""finish_reason":""#))
    }

    @Test func `Probabilities go with the text that they are of, and wait for it`() throws {
        var writer = OpenAIChunkWriter(Self.form(), includesUsage: false)
        var buffer = ByteBuffer()
        writer.write([try Self.started(), .delta(.logprobs(#"{"token":"a"}"#))], into: &buffer)
        #expect(buffer.readableBytes == 0)
        writer.write([.delta(.textDelta("a"))], into: &buffer)
        #expect(
            String(buffer: buffer).contains(
                #"{"content":"a"},"logprobs":{"content":[{"token":"a"}],"refusal":null},"finish_reason":null"#))
    }

    @Test func `Completions have texts, the echo before them, and columns of probabilities`() throws {
        let row = #"{"token":"a","logprob":-0.5,"top_logprobs":[{"token":"a","logprob":-0.5}]}"#
        let outputs = [
            try Self.started(), .delta(.logprobs(row)), .delta(.textDelta("a")), Self.completion(),
        ]
        let columns =
            #""logprobs":{"text_offset":[0],"token_logprobs":[-0.5],"tokens":["a"],"top_logprobs":[{"a":-0.5}]}"#
        let whole = try Self.whole(outputs, .completion, echo: "Q ")
        #expect(
            whole.hasPrefix(
                #"{"id":"cmpl-r1","object":"text_completion","created":1700000000,"model":"p/m","choices":"#
                    + #"[{"index":0,"text":"Q a",\#(columns),"finish_reason":"stop"}],"usage":{"#))
        let stream = Self.stream(outputs, .completion, echo: "Q ")
        #expect(stream.contains(#"[{"index":0,"text":"Q ","logprobs":null,"finish_reason":null}]}"#))
        #expect(stream.contains(#"[{"index":0,"text":"a",\#(columns),"finish_reason":null}]}"#))
        #expect(
            stream.hasSuffix(
                #"[{"index":0,"text":"","logprobs":null,"finish_reason":"stop"}]}"# + "\n\ndata: [DONE]\n\n"))
    }

    @Test(arguments: [
        (FinishReason.stop, false, "stop"), (.length, false, "length"), (.toolCalls, false, "tool_calls"),
        (.contentFilter, false, "content_filter"), (.refusal, false, "content_filter"), (.refusal, true, "stop"),
        (.other, false, "stop"),
    ])
    func `Each end has one of the reasons that clients know`(_ reason: FinishReason, _ refuses: Bool, _ name: String)
        throws
    {
        let refusal: [PipelineOutput] = refuses ? [.delta(.refusalDelta("No"))] : []
        let outputs = [try Self.started()] + refusal + [Self.completion(reason)]
        #expect(try Self.whole(outputs).contains(#""finish_reason":"\#(name)""#))
        #expect(Self.stream(outputs).contains(#""finish_reason":"\#(name)""#))
    }

    @Test(
        arguments: [
            (0, "0"), (1, "0.000000001"), (12_345, "0.000012345"), (1_000_000_000, "1"), (1_500_000_000, "1.5"),
            (.max, "9223372036.854775807"),
        ] as [(Int64, String)])
    func `A cost is told to the last digit`(_ nanoUSD: Int64, _ text: String) {
        #expect(Cost(nanoUSD: nanoUSD).usd == text)
    }

    @Test func `Whatever is said is read again by a client, whole and in a stream`() throws {
        var random = SplitMix(0x6F)
        for _ in 0..<300 {
            let deltas = (0..<Int.random(in: 0...20, using: &random)).map { _ in Self.delta(using: &random) }
            var outputs = [try Self.started()]
            outputs += deltas.map { PipelineOutput.delta($0) }
            outputs.append(Self.completion())
            let message = try #require(try ChatChunk(try Self.whole(outputs)).choices?.first?.message)
            var streamed = Streamed()
            let text = Self.stream(outputs, includesUsage: .random(using: &random))
            for line in text.split(separator: "\n") where line != "data: [DONE]" {
                #expect(line.hasPrefix("data: "))
                for choice in try ChatChunk(String(line.dropFirst(6))).choices ?? [] { streamed.take(choice) }
            }
            let expected = Streamed(deltas)
            #expect(streamed == expected)
            #expect(message.content ?? "" == expected.text && message.refusal ?? "" == expected.refusal)
            #expect(message.reasoning_content ?? "" == expected.reasoning)
            let calls = (message.tool_calls ?? []).map { $0.function.arguments ?? "" }
            #expect(calls == expected.calls.keys.sorted().map { expected.calls[$0] ?? "" })
            #expect((message.annotations?.count ?? 0) == expected.citations)
        }
    }

    /// What a client puts together.
    private struct Streamed: Equatable {
        var text = ""
        var reasoning = ""
        var refusal = ""
        var calls: [Int: String] = [:]
        var tokens = ""
        var citations = 0

        init() {}

        init(_ deltas: [InferenceEvent]) {
            for delta in deltas {
                switch delta {
                case .textDelta(let text): self.text += text
                case .reasoningDelta(let text): self.reasoning += text
                case .refusalDelta(let text): self.refusal += text
                case .toolCallDelta(let call): self.calls[call.index, default: ""] += call.argumentsFragment
                case .logprobs: self.tokens += "t"
                case .citation: self.citations += 1
                default: break
                }
            }
        }

        mutating func take(_ choice: ChatChunk.Choice) {
            self.text += choice.delta?.content ?? ""
            self.reasoning += choice.delta?.reasoning_content ?? ""
            self.refusal += choice.delta?.refusal ?? ""
            for call in choice.delta?.tool_calls ?? [] {
                self.calls[call.index ?? -1, default: ""] += call.function.arguments ?? ""
            }
            for entry in choice.logprobs?.content ?? [] { self.tokens += entry.token }
            self.citations += choice.delta?.annotations?.count ?? 0
        }
    }

    private static func delta(using random: inout SplitMix) -> InferenceEvent {
        let scalars = (0..<Int.random(in: 0...12, using: &random)).compactMap { _ in
            Unicode.Scalar(
                [UInt32.random(in: 0..<0x80, using: &random), .random(in: 0..<0x1_0FFFF, using: &random)]
                    .randomElement(using: &random) ?? 0)
        }
        let text = String(String.UnicodeScalarView(scalars))
        switch Int.random(in: 0..<7, using: &random) {
        case 0, 1: return .textDelta(text)
        case 2: return .reasoningDelta(text)
        case 3: return .refusalDelta(text)
        case 4: return .logprobs(#"{"token":"t"}"#)
        case 5: return .citation(Citation(url: "https://x/\(text)", title: text))
        default:
            let isFirst = Bool.random(using: &random)
            return .toolCallDelta(
                ToolCallDelta(
                    index: .random(in: 0...3, using: &random), id: isFirst ? text : nil, name: isFirst ? text : nil,
                    argumentsFragment: text))
        }
    }
}
