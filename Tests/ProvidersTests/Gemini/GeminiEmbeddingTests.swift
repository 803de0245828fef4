import Inference
import Testing

@testable import Providers

/// Vectors and token counts.
@Suite struct GeminiEmbeddingTests {
    static func answer(_ body: String, inputs: [String] = ["a", "b"]) -> Result<EmbeddingAnswer, UpstreamFault> {
        let request = EmbeddingRequest(id: "r", model: "gemini-embedding-001", inputs: inputs)
        do throws(UpstreamFault) {
            return .success(try GeminiFormat().embeddings(Array(body.utf8).span, for: request))
        } catch {
            return .failure(error)
        }
    }

    @Test func `Many texts are one request`() throws {
        let call = try GeminiFormat().embeddingCall(
            EmbeddingRequest(id: "r", model: "models/gemini-embedding-001", inputs: ["a", "b\n"], dimensions: 256))
        #expect(call.path == "/models/gemini-embedding-001:batchEmbedContents")
        #expect(
            String(decoding: call.body, as: UTF8.self)
                == #"{"requests":[{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"a"}]},"#
                + #""outputDimensionality":256},{"model":"models/gemini-embedding-001","#
                + #""content":{"parts":[{"text":"b\n"}]},"outputDimensionality":256}]}"#)
        let plain = try GeminiFormat().embeddingCall(EmbeddingRequest(id: "r", model: "m", inputs: ["a"]))
        #expect(!String(decoding: plain.body, as: UTF8.self).contains("outputDimensionality"))
    }

    @Test func `More texts than Gemini takes are refused before they are sent`() {
        let request = EmbeddingRequest(id: "r", model: "m", inputs: Array(repeating: "a", count: 101))
        let seen = #expect(throws: UpstreamFault.self) { try GeminiFormat().embeddingCall(request) }
        #expect(seen?.kind == .unsupported)
        #expect(seen?.message.contains("100") == true)
    }

    @Test func `Vectors come in the order of the texts, with the usage if there is one`() throws {
        let body = #"{"embeddings":[{"values":[0.5,-1,2e-3]},{"values":[1e300,0,3]}]}"#
        let answer = try Self.answer(body).get()
        #expect(answer.vectors[0] == [0.5, -1, 0.002])
        #expect(answer.vectors[1][0].isFinite && answer.vectors[1][0] > 3e38)
        #expect(answer.usage == nil)
        let counted = #"{"usageMetadata":{"promptTokenCount":7},"embeddings":[{"values":[1],"shape":[]}]}"#
        #expect(
            try Self.answer(counted, inputs: ["a"]).get()
                == EmbeddingAnswer(vectors: [[1]], usage: Usage(inputTokens: 7, outputTokens: 0)))
    }

    @Test(
        arguments: [
            (#"{"embeddings":[{"values":[1]}]}"#, "expected 2 vectors, got 1"), ("{}", "embeddings has the wrong type"),
            (#"{"embeddings":{}}"#, "embeddings has the wrong type"),
            (#"{"embeddings":[{"values":[1]},{"values":[1,2]}]}"#, "vectors of one length"),
            (#"{"embeddings":[{"values":[]},{"values":[]}]}"#, "vectors of one length"),
            (#"{"embeddings":[{"values":[1]},{}]}"#, "embeddings[].values has the wrong type"),
            (#"{"embeddings":[{"values":[1]},{"values":["1"]}]}"#, "embeddings[].values[] has the wrong type"),
            (#"{"embeddings":[7,8]}"#, "embeddings[] has the wrong type"),
            (
                #"{"embeddings":[{"values":[1]},{"values":[2]}],"usageMetadata":{"promptTokenCount":-1}}"#,
                "promptTokenCount"
            ),
            ("nonsense", "expected JSON"), ("[]", "the text itself"), ("", "expected JSON"),
        ])
    func `What are no vectors is a fault that names the field`(_ body: String, _ words: String) {
        guard case .failure(let fault) = Self.answer(body) else {
            Issue.record("no fault")
            return
        }
        #expect(fault.kind == .malformed)
        #expect(fault.message.contains(words), "\(fault.message)")
    }

    struct Caller: WireCaller {
        let answer: String
        let expected: String

        func answer<Answer>(
            to call: WireCall, requestID: String, _ read: ([UInt8]) throws(UpstreamFault) -> Answer
        ) async throws(UpstreamFault) -> Answer {
            #expect(call.path == "/models/gemini-2.5-flash:countTokens")
            #expect(String(decoding: call.body, as: UTF8.self) == self.expected)
            #expect(requestID == "request-1")
            return try read(Array(self.answer.utf8))
        }
    }

    @Test func `Instructions and tools count`() async throws {
        let request = GeminiFixture.request([Message(.system, "s"), Message(.user, "u")]) {
            $0.tools = [Tool(name: "f")]
        }
        let body =
            #"{"generateContentRequest":{"model":"models/gemini-2.5-flash","contents":[{"role":"user","parts":["#
            + #"{"text":"u"}]}],"systemInstruction":{"parts":[{"text":"s"}]},"#
            + #""tools":[{"functionDeclarations":[{"name":"f"}]}]}}"#
        let caller = Caller(answer: #"{"totalTokens":31,"promptTokensDetails":[]}"#, expected: body)
        #expect(try await GeminiFormat().countTokens(request, calling: caller) == 31)
        for wrong in ["{}", #"{"totalTokens":-1}"#, #"{"totalTokens":null}"#, "[]", "x"] {
            let caller = Caller(answer: wrong, expected: body)
            let seen = await fault { _ = try await GeminiFormat().countTokens(request, calling: caller) }
            #expect(seen?.kind == .malformed)
        }
    }
}
