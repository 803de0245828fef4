import Inference
import TestSupport
import Testing

@testable import Providers

@Suite struct OpenAIEmbeddingsTests {
    static func request(_ inputs: [String] = ["a", "b"], dimensions: Int? = nil) -> EmbeddingRequest {
        EmbeddingRequest(id: "request-1", model: "tiny", inputs: inputs, dimensions: dimensions)
    }

    static func read(
        _ text: String, _ inputs: [String] = ["a", "b"], _ kind: ProviderKind = .openai
    ) throws(UpstreamFault) -> EmbeddingAnswer {
        try OpenAIFormat(dialect: kind.dialect).embeddings(Array(text.utf8).span, for: Self.request(inputs))
    }

    @Test func `Texts go as a list, and vectors are wanted as numbers`() throws {
        let call = try OpenAIFormat(dialect: ProviderKind.openai.dialect)
            .embeddingCall(Self.request(["é\"", "b"], dimensions: 256))
        #expect(call.path == "/embeddings")
        #expect(
            String(decoding: call.body, as: UTF8.self)
                == #"{"model":"tiny","input":["é\"","b"],"encoding_format":"float","dimensions":256}"#)
    }

    @Test(arguments: [ProviderKind.llamaCpp, .lmStudio])
    func `Who cannot shorten vectors is not asked to`(_ kind: ProviderKind) throws {
        let format = OpenAIFormat(dialect: kind.dialect)
        let error = #expect(throws: UpstreamFault.self) { try format.embeddingCall(Self.request(dimensions: 2)) }
        #expect(error?.kind == .unsupported)
        #expect(error?.message.contains("dimensions") == true)
        #expect(try !String(decoding: format.embeddingCall(Self.request()).body, as: UTF8.self).contains("dimensions"))
    }

    @Test func `Vectors come in the order of the texts, whatever the order of the answer`() throws {
        let answer = try Self.read(
            #"{"object":"list","model":"m","data":[{"object":"embedding","index":1,"embedding":[3,-4.5e-1]},"#
                + #"{"object":"embedding","embedding":[1,2.25],"index":0}],"usage":{"prompt_tokens":5,"total_tokens":5}}"#
        )
        #expect(answer.vectors == [[1, 2.25], [3, -0.45]])
        #expect(answer.usage == Usage(inputTokens: 5, outputTokens: 0))
    }

    @Test func `Without indexes the order of the answer counts, and without usage there is none`() throws {
        let answer = try Self.read(#"{"data":[{"embedding":[1]},{"embedding":[2]}]}"#)
        #expect(answer == EmbeddingAnswer(vectors: [[1], [2]]))
    }

    @Test func `OpenRouter's bill is passed on`() throws {
        let text = #"{"data":[{"embedding":[1]}],"usage":{"prompt_tokens":5,"cost":0.0000001}}"#
        #expect(try Self.read(text, ["a"], .openrouter).usage?.reportedCostNanoUSD == 100)
        #expect(try Self.read(text, ["a"]).usage == Usage(inputTokens: 5, outputTokens: 0))
    }

    @Test(arguments: [
        ("", "expected JSON"), ("<html>", "expected JSON"), ("[]", "the text itself"), ("{}", "data"),
        (#"{"data":null}"#, "data"), (#"{"data":7}"#, "data"), (#"{"data":[]}"#, "data"),
        (#"{"data":[{"embedding":[1]}]}"#, "data"),
        (#"{"data":[{"embedding":[1]},{"embedding":[2]},{"embedding":[3]}]}"#, "data[].index"),
        (#"{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[2]}]}"#, "data[].index"),
        (#"{"data":[{"index":2,"embedding":[1]},{"index":0,"embedding":[2]}]}"#, "data[].index"),
        (#"{"data":[{"index":-1,"embedding":[1]},{"index":0,"embedding":[2]}]}"#, "data[].index"),
        (#"{"data":[{"index":9223372036854775807,"embedding":[1]},{"embedding":[2]}]}"#, "data[].index"),
        (#"{"data":[{"embedding":[1]},{"embedding":[2,3]}]}"#, "data[].embedding"),
        (#"{"data":[{"embedding":[1,2]},{"embedding":[2]}]}"#, "data[].embedding"),
        (#"{"data":[{"embedding":[]},{"embedding":[]}]}"#, "data[].embedding"),
        (#"{"data":[{"embedding":[1]},{"embedding":["x"]}]}"#, "data[].embedding"),
        (#"{"data":[{"embedding":[1]},{"embedding":[1e39]}]}"#, "data[].embedding"),
        (#"{"data":[{"embedding":"AACAPw=="},{"embedding":"AACAPw=="}]}"#, "data[].embedding"),
        (#"{"data":[{"embedding":[1]},{}]}"#, "data[].embedding"), (#"{"data":[7,8]}"#, "data[].embedding"),
    ])
    func `What is not one vector for each text is malformed, and says where`(_ text: String, _ words: String) {
        let error = #expect(throws: UpstreamFault.self) { try Self.read(text) }
        #expect(error?.kind == .malformed)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test func `A first vector of many numbers takes no memory for as many more`() {
        let numbers = Array(repeating: "1", count: 20_000).joined(separator: ",")
        let texts = Array(repeating: "a", count: 2048)
        let error = #expect(throws: UpstreamFault.self) {
            try Self.read(#"{"data":[{"embedding":[\#(numbers)]}]}"#, texts)
        }
        #expect(error?.kind == .malformed)
    }

    @Test func `An error in the place of vectors is the upstream's`() {
        let error = #expect(throws: UpstreamFault.self) {
            try Self.read(#"{"error":{"message":"no such model","code":"model_not_found"}}"#)
        }
        #expect(error?.kind == .modelNotFound)
    }

    @Test func `Bytes that make no sense never crash it`() {
        var random = SplitMix(seed: 13)
        let seed = Array(
            #"{"data":[{"index":1,"embedding":[3,-4.5e-1]},{"embedding":[1,2.25],"index":0}],"usage":{"prompt_tokens":5}}"#
                .utf8)
        for _ in 0..<2000 {
            var bytes = seed
            for _ in 0...random.below(3) {
                let place = random.below(bytes.count)
                if random.below(2) == 0 {
                    bytes[place] = UInt8(truncatingIfNeeded: random.next())
                } else {
                    bytes.remove(at: place)
                }
            }
            let answer = try? OpenAIFormat(dialect: OpenAIDialect()).embeddings(bytes.span, for: Self.request())
            #expect(answer.map { $0.vectors.count == 2 && $0.vectors[0].count == $0.vectors[1].count } ?? true)
        }
    }

    @Test(arguments: [ProviderKind.openai, .openrouter, .vllm, .llamaCpp, .lmStudio, .custom])
    func `Every kind is asked at its base URL`(_ kind: ProviderKind) async throws {
        try await FaultUpstream.run { _ in
            .whole(#"{"data":[{"embedding":[0.5],"index":0}],"usage":{"prompt_tokens":2}}"#)
        } _: { upstream in
            let provider = try Fixture.provider(upstream.baseURL, kind: kind, key: "key-1")
            let answer = try await provider.embed(Self.request(["a"]))
            #expect(answer.vectors == [[0.5]] && answer.usage == Usage(inputTokens: 2, outputTokens: 0))
            let timing = try #require(answer.timing)
            #expect(timing.connect > .zero && timing.firstByte ?? .zero > .zero, "the upstream's time is told apart")
            #expect(upstream.requests.all.map(\.path) == ["/v1/embeddings"])
        }
    }
}
