// swift-format-ignore-file: OnlyOneTrailingClosureArgument
// What serves, and then what is asked of it.

import FoundationEssentials
import Inference
import ModelRegistry
import Routing
import TestSupport
import Testing

@testable import Roundhouse

/// `/v1/models` and `/v1/embeddings` on a port.
@Suite struct OpenAIRoutesTests {
    private static func snapshot() throws -> RegistrySnapshot {
        var off = ModelDescription(id: try #require(ModelID("up/off")))
        off.isEnabled = false
        return try RegistrySnapshot(
            providers: [ProviderDescription(id: try #require(ProviderID("up")), kind: "custom")],
            models: [
                ModelDescription(
                    id: try #require(ModelID("up/meta/llama-3:8b")), displayName: "Llama",
                    capabilities: [.chat, .tools], contextLength: 8192,
                    provenance: Provenance(createdAtMicroseconds: 1_700_000_000_000_001)),
                ModelDescription(
                    id: try #require(ModelID("up/vectors")), category: .embedding, capabilities: [.embeddings]),
                off,
            ],
            aliases: [
                Alias(name: "fast", targets: [try #require(ModelID("up/meta/llama-3:8b"))]),
                Alias(name: "words", targets: [try #require(ModelID("up/vectors"))]),
            ])
    }

    private static func models() throws -> OpenAIModelRoutes {
        let snapshot = try Self.snapshot()
        return OpenAIModelRoutes(registry: { snapshot }, canAnswer: { $0.name != "vectors" })
    }

    // MARK: - Models

    @Test func `Aliases and models are listed as OpenAI lists its own`() async throws {
        try await HTTPPort.with([Self.models()]) { http in
            let answer = try await http.ask("/v1/models", headers: ["x-request-id: q"])
            #expect(answer.status == 200 && answer.headers["x-request-id"] == "q")
            let list = try JSONText(answer.body).root
            #expect(list["object"]?.string == "list")
            let data = try #require(list["data"]).elements.map { $0 }
            // What is switched off cannot be asked for.
            #expect(data.map { $0["id"]?.string } == ["fast", "words", "up/meta/llama-3:8b", "up/vectors"])
            #expect(data.allSatisfy { $0["object"]?.string == "model" && $0["created"]?.integer != nil })
            #expect(data.map { $0["owned_by"]?.string } == ["roundhouse", "roundhouse", "up", "up"])
            #expect(data[2]["created"]?.integer == 1_700_000_000)
            let facts = try #require(data[2]["roundhouse"])
            #expect(facts["context_length"]?.integer == 8192 && facts["display_name"]?.string == "Llama")
            #expect(facts["capabilities"]?.raw == #"["chat","tools"]"# && facts["aliases"]?.raw == #"["fast"]"#)
            #expect(data.map { $0["roundhouse"]?["available"]?.boolean } == [true, false, true, false])
            #expect(data[0]["roundhouse"]?["targets"]?.raw == #"["up/meta/llama-3:8b"]"#)
        }
    }

    @Test(arguments: [
        ("up/meta/llama-3:8b", "up/meta/llama-3:8b"), ("up%2Fmeta%2fllama-3%3A8b", "up/meta/llama-3:8b"),
        ("fast", "fast"), ("up/off", "up/off"),
    ])
    func `One model is found with its slashes written either way`(_ path: String, _ id: String) async throws {
        try await HTTPPort.with([Self.models()]) { http in
            let answer = try await http.ask("/v1/models/\(path)")
            #expect(answer.status == 200)
            #expect(try JSONText(answer.body).root["id"]?.string == id)
        }
    }

    @Test(arguments: ["none", "up/none", "up", "auto", "a%20b", "%", "up/"])
    func `A model that is not there is not found`(_ path: String) async throws {
        try await HTTPPort.with([Self.models()]) { http in
            let answer = try await http.ask("/v1/models/\(path)")
            #expect(answer.status == 404, "\(answer)")
            #expect(try JSONText(answer.body).root["error"]?["code"]?.string == "model_not_found")
        }
    }

    // MARK: - Embeddings

    private static func embeddings(
        _ script: @escaping ScriptedProvider.EmbeddingScript,
        _ body: (HTTPPort, ScriptedProvider, RecordKeeper) async throws -> Void
    ) async throws {
        let provider = ScriptedProvider(try #require(ProviderID("up")), saying: [])
        provider.setEmbedding(script)
        let router = Router(registry: Registry(try Self.snapshot()), providers: [provider.id: provider])
        let records = RecordKeeper()
        let pipeline = Pipeline(router: router, recorder: records, counters: RequestCounters())
        let routes = OpenAIEmbeddingRoutes(pipeline: pipeline, limits: BodyLimits(bytes: 1 << 16, time: .seconds(60)))
        try await HTTPPort.with([routes]) { try await body($0, provider, records) }
    }

    private static func ask(_ http: HTTPPort, _ body: String, _ headers: [String] = []) async throws -> RawAnswer {
        try await http.ask(
            "/v1/embeddings", method: "POST", headers: ["Content-Type: application/json"] + headers, body: body)
    }

    private static func vectors(_ request: EmbeddingRequest) -> EmbeddingAnswer {
        EmbeddingAnswer(
            vectors: request.inputs.map { [Float($0.utf8.count), 0.1, -1.5e-7] },
            usage: Usage(inputTokens: 9, outputTokens: 0))
    }

    @Test func `Vectors come as numbers, with who made them`() async throws {
        try await Self.embeddings({ request throws(UpstreamFault) in Self.vectors(request) }) {
            http, provider, records in
            let answer = try await Self.ask(
                http, #"{"model":"words","input":["a","bc"],"dimensions":3,"user":"u","more":1}"#, ["x-request-id: q-1"]
            )
            #expect(
                answer.body
                    == #"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1.0,0.1,-1.5e-07]},"#
                    + #"{"object":"embedding","index":1,"embedding":[2.0,0.1,-1.5e-07]}],"model":"up/vectors","#
                    + #""usage":{"prompt_tokens":9,"total_tokens":9}}"#)
            #expect(answer.status == 200 && answer.headers["x-request-id"] == "q-1")
            #expect(
                answer.headers["x-roundhouse-model"] == "up/vectors" && answer.headers["x-roundhouse-attempts"] == "1")
            #expect(answer.headers["x-roundhouse-ignored-fields"] == "more")
            let asked = try #require(provider.embeddingRequests.first)
            #expect(
                asked.inputs == ["a", "bc"] && asked.dimensions == 3 && asked.id == "q-1" && asked.model == "vectors")
            #expect(records.records.map(\.id) == ["q-1"])
        }
    }

    @Test func `Vectors come in base64, as the official client asks for them`() async throws {
        try await Self.embeddings({ request throws(UpstreamFault) in Self.vectors(request) }) { http, _, _ in
            let answer = try await Self.ask(http, #"{"model":"up/vectors","input":"a","encoding_format":"base64"}"#)
            let text = try JSONText(answer.body).root["data"]?.elements.map { $0 }[0]["embedding"]?.string
            let data = try #require(text.flatMap { Data(base64Encoded: $0) })
            let numbers = stride(from: 0, to: data.count, by: 4).map { place in
                Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(data[place + $1]) << (8 * $1) })
            }
            #expect(numbers == [1, 0.1, -1.5e-7])
        }
    }

    @Test(arguments: [
        (#"{"model":"words"}"#, "input", "missing_required_parameter"),
        (#"{"model":"words","input":""}"#, "input", "invalid_value"),
        (#"{"model":"words","input":[]}"#, "input", "invalid_value"),
        (#"{"input":["a",""]}"#, "input[1]", "invalid_value"),
        (#"{"input":[1,2]}"#, "input", "unsupported_value"), (#"{"input":[[1],[2]]}"#, "input", "unsupported_value"),
        (#"{"input":7}"#, "input", "invalid_type"), (#"{"input":[true]}"#, "input[0]", "invalid_type"),
        (#"{"input":"a","encoding_format":"int8"}"#, "encoding_format", "invalid_value"),
        (#"{"input":"a","dimensions":0}"#, "dimensions", "invalid_value"),
        (#"{"input":"a","user":1}"#, "user", "invalid_type"),
    ])
    func `What is wrong is named with its path`(_ body: String, _ param: String, _ code: String) async throws {
        try await Self.embeddings({ request throws(UpstreamFault) in Self.vectors(request) }) { http, provider, _ in
            let answer = try await Self.ask(http, body)
            let error = try #require(try JSONText(answer.body).root["error"])
            #expect(
                answer.status == 400 && error["param"]?.string == param && error["code"]?.string == code, "\(answer)")
            #expect(provider.embeddingRequests.isEmpty)
        }
    }

    @Test func `What an upstream refuses is told as everywhere`() async throws {
        try await Self.embeddings({ _ throws(UpstreamFault) in
            throw UpstreamFault(.rateLimited(retryAfter: .seconds(3)), "slow down")
        }) { http, _, _ in
            let answer = try await Self.ask(http, #"{"model":"up/vectors","input":"a"}"#)
            #expect(answer.status == 429 && answer.headers["retry-after"] == "3", "\(answer)")
            let chat = try await Self.ask(http, #"{"model":"fast","input":"a"}"#)
            #expect(chat.status == 400 && chat.body.contains("capability_unsupported"), "\(chat)")
        }
    }
}
