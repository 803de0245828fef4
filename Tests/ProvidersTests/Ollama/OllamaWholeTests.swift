import Inference
import Testing

@testable import Providers

/// Answers that come whole, vectors, and failures.
@Suite struct OllamaWholeTests {
    static let whole = #"""
        {"model":"tiny","created_at":"2026-01-02T03:04:05.678Z","message":{"role":"assistant","content":"a",
        "thinking":"h","tool_calls":[{"function":{"name":"f","arguments":{"x":1}}}]},"done_reason":"stop","done":true,
        "total_duration":5191566416,"prompt_eval_count":3,"eval_count":2}
        """#

    static func decode(
        _ portions: [ArraySlice<UInt8>], length: Int? = nil, end: ResponseEnd = .complete,
        delivery: UpstreamRequest.Delivery = .whole, limits: DecoderLimits = DecoderLimits()
    ) throws(UpstreamFault) -> [InferenceEvent] {
        var decoder = OllamaResponseDecoder(delivery: delivery, limits: limits)
        var events: [InferenceEvent] = []
        var head = HTTPResponseHead(status: 200)
        head.mediaType = .json
        head.contentLength = length
        _ = try decoder.receive(head)
        for portion in portions { try decoder.receive(Array(portion).span, into: &events) }
        try decoder.end(end, into: &events)
        return events
    }

    @Test(arguments: [UpstreamRequest.Delivery.whole, .streamed])
    func `A whole answer has the events of a stream, in pieces or not, asked for or not`(
        _ delivery: UpstreamRequest.Delivery
    ) throws {
        let bytes = Array(Self.whole.utf8)
        let expected: [InferenceEvent] = [
            .reasoningDelta("h"), .textDelta("a"),
            .toolCallDelta(ToolCallDelta(index: 0, id: "call_0", name: "f", argumentsFragment: #"{"x":1}"#)),
            .usage(Usage(inputTokens: 3, outputTokens: 2)), .finished(.toolCalls),
        ]
        #expect(try Self.decode([bytes[...]], length: bytes.count, delivery: delivery) == expected)
        #expect(try Self.decode([bytes[...]], delivery: delivery) == expected)
        #expect(try Self.decode(bytes.indices.map { bytes[$0...$0] }, length: bytes.count) == expected)
    }

    @Test(arguments: [
        (#"{"message":{"content":"a"},"done":false}"#, UpstreamFault.Kind.truncated), (#"{}"#, .truncated),
        ("", .malformed), (#"{"error":"server busy, please try again"}"#, .overloaded(retryAfter: nil)),
        (#"{"message":{"content":["a"]},"done":true}"#, .malformed),
        (#"{"message":{"content":"a"},"done":true"#, .malformed),
        (#"{"message":{"content":""},"done":true,"done_reason":"load"}"#, .serverError),
    ])
    func `What is no answer is a fault`(_ text: String, _ kind: UpstreamFault.Kind) {
        let error = #expect(throws: UpstreamFault.self) { try Self.decode([Array(text.utf8)[...]]) }
        #expect(error?.kind == kind)
    }

    @Test func `A body that ends too soon is truncated, and one too long is a fault`() {
        let bytes = Array(Self.whole.utf8)
        let cut = #expect(throws: UpstreamFault.self) { try Self.decode([bytes[..<20]], end: .cut) }
        #expect(cut?.kind == .truncated)
        let long = #expect(throws: UpstreamFault.self) {
            try Self.decode([bytes[...]], limits: DecoderLimits(maximumBodyBytes: 100))
        }
        #expect(long?.kind == .malformed)
    }

    @Test func `Our key is taken out of what the upstream says`() {
        let error = #expect(throws: UpstreamFault.self) {
            try Self.decode(
                [Array(#"{"error":"bad key sk-secret"}"#.utf8)[...]], limits: DecoderLimits(secret: Secret("sk-secret"))
            )
        }
        #expect(error?.message.contains("bad key [redacted]") == true)
    }

    // MARK: - Vectors

    static func embed(_ body: String, inputs: [String] = ["a", "b"], dimensions: Int? = nil) throws -> EmbeddingAnswer {
        try OllamaFormat().embeddings(
            Array(body.utf8).span,
            for: EmbeddingRequest(id: "r", model: "minilm", inputs: inputs, dimensions: dimensions))
    }

    @Test func `The request for vectors asks that no text is cut`() throws {
        let request = EmbeddingRequest(id: "r", model: "minilm", inputs: ["a\n", "é"], dimensions: 256)
        let call = try OllamaFormat().embeddingCall(request)
        #expect(call.base == .native && call.path == "/api/embed")
        #expect(
            String(decoding: call.body, as: UTF8.self)
                == #"{"model":"minilm","input":["a\n","é"],"dimensions":256,"truncate":false}"#)
        let plain = OllamaEncoder.encode(EmbeddingRequest(id: "r", model: "m", inputs: ["a"]))
        #expect(!String(decoding: plain, as: UTF8.self).contains("dimensions"))
    }

    @Test func `Vectors come in order, with their tokens`() throws {
        let answer = try Self.embed(
            #"{"model":"minilm","embeddings":[[0.5,-1,2e-3],[1.5,0,-0.25]],"total_duration":14,"prompt_eval_count":8}"#)
        #expect(answer.vectors == [[0.5, -1, 0.002], [1.5, 0, -0.25]])
        #expect(answer.usage == Usage(inputTokens: 8, outputTokens: 0))
        #expect(try Self.embed(#"{"embeddings":[[1],[2]]}"#).usage == nil)
        #expect(try Self.embed(#"{"embeddings":[[1],[2]]}"#, dimensions: 1).vectors == [[1], [2]])
    }

    @Test(arguments: [
        (#"{"embeddings":[[1,2]]}"#, "expected 2 vectors, got 1"), (#"{"embeddings":[]}"#, "expected 2 vectors, got 0"),
        (#"{"embeddings":null}"#, "expected 2 vectors, got 0"), ("{}", "expected 2 vectors, got 0"),
        (#"{"embeddings":[[1,2],[1]]}"#, "the length of embeddings[]"),
        (#"{"embeddings":[[],[]]}"#, "the length of embeddings[]"),
        (#"{"embeddings":[[1],[null]]}"#, "embeddings[][]"), (#"{"embeddings":[[1],["1"]]}"#, "embeddings[][]"),
        (#"{"embeddings":[[1],[1e39]]}"#, "embeddings[][]"), (#"{"embeddings":[1,2]}"#, "embeddings[]"),
        (#"{"embeddings":7}"#, "embeddings has the wrong type"), ("<html>", "expected JSON"),
        (#"{"embeddings":[[1],[2]],"prompt_eval_count":-1}"#, "prompt_eval_count"),
    ])
    func `Vectors that are none are named`(_ body: String, _ words: String) {
        let error = #expect(throws: UpstreamFault.self) { try Self.embed(body) }
        #expect(error?.kind == .malformed)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test func `Two lists of vectors under one name do no harm`() throws {
        #expect(try Self.embed(#"{"embeddings":[[1],[2]],"embeddings":[[3,4,5],[6,7,8]]}"#).vectors == [[1], [2]])
        let many = "[" + repeatElement("9", count: 5000).joined(separator: ",") + "]"
        let answer = try Self.embed(#"{"embeddings":[\#(many),\#(many)],"embeddings":[[1],[2]]}"#)
        #expect(answer.vectors.map(\.count) == [5000, 5000])
    }

    @Test func `Vectors of another length than was asked for are another upstream's chance`() {
        let error = #expect(throws: UpstreamFault.self) {
            try Self.embed(#"{"embeddings":[[1,2],[3,4]]}"#, dimensions: 1)
        }
        #expect(error?.kind == .unsupported)
        #expect(error?.message.contains("from 2 to 1") == true)
    }

    @Test func `Any vectors come back as they were`() throws {
        var random = SplitMix(seed: 4)
        for _ in 0..<50 {
            let length = 1 + Int(random.next() % 40)
            let vectors = (0..<3).map { _ in
                (0..<length).map { _ in Float.random(in: -10...10, using: &random) }
            }
            let text = vectors.map { "[" + $0.map(\.description).joined(separator: ",") + "]" }.joined(separator: ",")
            #expect(try Self.embed(#"{"embeddings":[\#(text)]}"#, inputs: ["a", "b", "c"]).vectors == vectors)
        }
    }

    // MARK: - Failures

    struct Failure: Sendable, CustomTestStringConvertible {
        let status: Int
        let body: String
        let kind: UpstreamFault.Kind
        var testDescription: String { "\(self.status) \(self.body.prefix(60))" }

        init(_ status: Int, _ error: String, _ kind: UpstreamFault.Kind) {
            self.status = status
            self.body = error.hasPrefix("<") || error.isEmpty ? error : #"{"error":"\#(error)"}"#
            self.kind = kind
        }
    }

    static let failures: [Failure] = [
        Failure(404, "model 'nope' not found", .modelNotFound),
        Failure(404, #"model \"nope\" not found, try pulling it first"#, .modelNotFound),
        Failure(404, "<html>404</html>", .modelNotFound),
        Failure(400, "missing request body", .invalidRequest),
        Failure(400, "invalid options: temperature", .invalidRequest),
        Failure(400, "the input length exceeds the context length", .contextLengthExceeded),
        Failure(413, "too large", .contextLengthExceeded),
        Failure(500, "input length exceeds the context length", .contextLengthExceeded),
        Failure(500, "request (5000 tokens) exceeds the available context size (4096 tokens)", .contextLengthExceeded),
        Failure(400, #"\"llama2\" does not support thinking"#, .unsupported),
        Failure(400, "registry.ollama.ai/library/llama2:latest does not support tools", .unsupported),
        Failure(500, "this model is missing data required for image input", .unsupported),
        Failure(401, "unauthorized", .authenticationFailed), Failure(403, "", .authenticationFailed),
        Failure(429, "too many requests", .rateLimited(retryAfter: nil)),
        Failure(503, "server busy, please try again.  maximum pending requests exceeded", .overloaded(retryAfter: nil)),
        Failure(500, "server busy, please try again", .overloaded(retryAfter: nil)),
        Failure(500, "model requires more system memory (9.9 GiB) than is available (7.6 GiB)", .insufficientMemory),
        Failure(500, "llama runner process has terminated: cudaMalloc failed: out of memory", .insufficientMemory),
        Failure(500, "context canceled", .serverError),
        Failure(500, "llama runner process no longer running", .serverError),
        Failure(502, "", .serverError),
    ]

    @Test(arguments: failures)
    func `A status and its words have one meaning`(_ example: Failure) {
        let fault = OllamaFormat().fault(
            HTTPResponseHead(status: example.status), body: Array(example.body.utf8).span, now: 0)
        #expect(fault.kind == example.kind, "\(fault.message)")
        #expect(fault.httpStatus == example.status)
        #expect(fault.message.hasPrefix("HTTP \(example.status)"))
    }

    @Test func `Retry-After is honoured`() {
        var head = HTTPResponseHead(status: 503)
        head.retryAfter = "7"
        let fault = OllamaFormat().fault(head, body: Array(#"{"error":"server busy"}"#.utf8).span, now: 0)
        #expect(fault.kind == .overloaded(retryAfter: .seconds(7)))
    }
}
