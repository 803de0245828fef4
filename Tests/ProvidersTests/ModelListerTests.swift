import Inference
import Providers
import TestSupport
import Testing

/// What each kind of provider lists, and that every departure from its format is an error.
@Suite(.timeLimit(.minutes(1))) struct ModelListerTests {
    // MARK: - OpenAI and its like

    @Test func `OpenAI's listing is names and nothing more`() async throws {
        let listing = #"""
            {"object":"list","data":[
              {"id":"gpt-4o","object":"model","created":1686935002,"owned_by":"openai"},
              {"id":"has space","object":"model"},{"id":"gpt-4o","object":"model"}]}
            """#
        try await ScriptedJSONServer.run(["/v1/models": listing]) { upstream in
            let found = try await Fixture.lister(upstream.baseURL, kind: .openai).listModels()
            #expect(found.models == [ListedModel(name: "gpt-4o")])
            #expect(found.skipped.count == 2)
            #expect(found.skipped[0].contains("white space") && found.skipped[1].contains("twice"))
            let request = try #require(upstream.requests.all.first)
            #expect(request.method == "GET" && request.headers["authorization"] == "Bearer sk-test-key")
            #expect(request.headers["content-length"] == nil && request.headers["accept"] == "application/json")
        }
    }

    @Test func `vLLM adds the context length, llama_cpp its metadata`() async throws {
        let vllm = #"{"object":"list","data":[{"id":"Qwen/Qwen3-8B","object":"model","max_model_len":40960}]}"#
        try await ScriptedJSONServer.run(["/v1/models": vllm]) { upstream in
            let found = try await Fixture.lister(upstream.baseURL, kind: .vllm).listModels()
            #expect(found.models.map(\.name) == ["Qwen/Qwen3-8B"])
            #expect(found.models.map(\.contextLength) == [40_960])
        }
        let llama = #"""
            {"object":"list","data":[
              {"id":"a.gguf","object":"model","meta":{"vocab_type":2,"n_vocab":128256,"n_ctx_train":131072,"n_embd":4096,
              "n_params":8030261312,"size":4912898304}},
              {"id":"b","object":"model","meta":null,"status":{"value":"loaded"}},
              {"id":"c","object":"model","meta":null,"status":{"value":"unloaded"}}]}
            """#
        try await ScriptedJSONServer.run(["/v1/models": llama]) { upstream in
            let found = try await Fixture.lister(upstream.baseURL, kind: .llamaCpp).listModels()
            #expect(found.models.map(\.contextLength) == [131_072, nil, nil])
            #expect(found.models.map(\.sizeBytes) == [4_912_898_304, nil, nil])
            #expect(found.models.map(\.isLoaded) == [nil, true, false])
        }
    }

    @Test(
        arguments: [
            (#"{"object":"list"}"#, "data: missing"), (#"{"data":{}}"#, "data: expected a list"),
            (#"{"data":[{"object":"model"}]}"#, "data[0].id: missing"),
            (#"{"data":[{"id":"a"},{"id":7}]}"#, "data[1].id: expected text"),
            (#"{"data":[{"id":null}]}"#, "data[0].id: expected text, got null"),
            (#"{"data":[{"id":"a","max_model_len":"4096"}]}"#, "data[0].max_model_len: expected a whole number"),
            (#"{"data":[{"id":"a","meta":{"size":1e99}}]}"#, "data[0].meta.size: "), ("[]", "the answer: expected"),
            ("nonsense", "expected JSON, got: nonsense"), ("", "expected JSON, got: "),
        ])
    func `A listing that departs from the format names the field`(_ text: String, _ words: String) async throws {
        try await ScriptedJSONServer.run(["/v1/models": text]) { upstream in
            let lister = try Fixture.lister(upstream.baseURL, kind: .vllm)
            let seen = await fault { _ = try await lister.listModels() }
            #expect(seen?.kind == .malformed)
            #expect(seen?.message.hasPrefix("GET /v1/models: \(words)") == true, "\(seen?.message ?? "")")
        }
    }

    // MARK: - Ollama

    @Test func `Ollama's models come with what they can do and whether they are loaded`() async throws {
        var thinker = FakeOllama.Model("qwen3:8b")
        thinker.capabilities = ["completion", "tools", "thinking", "vision", "insert", "something-new"]
        thinker.architecture = "qwen3"
        thinker.contextLength = 40_960
        var embedder = FakeOllama.Model("nomic-embed-text")
        embedder.capabilities = ["embedding"]
        try await FakeOllama.run([FakeOllama.Model("llama3.2"), thinker, embedder]) { fake in
            fake.preload("qwen3:8b")
            let found = try await Fixture.lister(fake.baseURL, kind: .ollama).listModels()
            #expect(found.skipped.isEmpty)
            #expect(found.models.map(\.name) == ["llama3.2", "qwen3:8b", "nomic-embed-text"])
            #expect(found.models.map(\.contextLength) == [131_072, 40_960, 131_072])
            #expect(found.models.map(\.isLoaded) == [false, true, false])
            #expect(found.models.map(\.category) == [.text, .text, .embedding])
            #expect(found.models.map(\.sizeBytes) == [2_019_393_189, 2_019_393_189, 2_019_393_189])
            #expect(
                found.models[1].capabilities == [.chat, .completion, .streaming, .tools, .reasoning, .vision])
            #expect(found.models[2].capabilities == [.embeddings])
        }
    }

    @Test func `An older Ollama that does not tell capabilities leaves them unknown`() async throws {
        try await FakeOllama.run { fake in
            fake.diverge(at: "/api/show", .missing("capabilities"))
            let found = try await Fixture.lister(fake.baseURL, kind: .ollama).listModels()
            #expect(found.models.map(\.capabilities) == [nil])
            #expect(found.models.map(\.contextLength) == [131_072])
        }
    }

    @Test(
        arguments: [
            (
                "503 Busy", "server busy, please try again. maximum pending requests exceeded",
                .overloaded(retryAfter: nil)
            ),
            (
                "500 Oh", "server busy, please try again. maximum pending requests exceeded",
                .overloaded(retryAfter: nil)
            ),
            (
                "200 OK", "server busy, please try again. maximum pending requests exceeded",
                .overloaded(retryAfter: nil)
            ),
            ("500 Oh", "model requires more system memory than is available", .insufficientMemory),
            ("404 No", "model 'x' not found, try pulling it first", .modelNotFound), ("500 Oh", "oh", .serverError),
        ] as [(String, String, UpstreamFault.Kind)])
    func `Ollama's errors mean the same in a listing as in an answer`(
        _ status: String, _ words: String, _ kind: UpstreamFault.Kind
    ) async throws {
        try await FaultUpstream.run { _ in
            .whole(#"{"error":"\#(words)"}"#, status: status)
        } _: { upstream in
            let lister = try Fixture.lister(upstream.baseURL, kind: .ollama)
            let seen = await fault { _ = try await lister.listModels() }
            #expect(seen?.kind == kind, "\(seen?.message ?? "no fault")")
        }
    }

    @Test func `A model deleted while it was listed is skipped`() async throws {
        try await FakeOllama.run { fake in
            fake.diverge(at: "/api/show", .notFound)
            let found = try await Fixture.lister(fake.baseURL, kind: .ollama).listModels()
            #expect(found.models.isEmpty)
            #expect(found.skipped == ["llama3.2:latest: it was deleted while it was being listed"])
        }
    }

    @Test func `Many models are asked about a few at a time`() async throws {
        let names = (0..<40).map { "model-\($0)" }
        try await FakeOllama.run(names.map { FakeOllama.Model($0) }) { fake in
            let found = try await Fixture.lister(fake.baseURL, kind: .ollama).listModels()
            #expect(found.models.map(\.name) == names)
            #expect((fake.upstream?.connections.all.count ?? 99) <= 4)
        }
    }

    // MARK: - LM Studio

    @Test func `LM Studio's models come with type, size and instances`() async throws {
        var seer = FakeLMStudio.Model("google/gemma-3-4b")
        seer.vision = true
        seer.trainedForToolUse = false
        var embedder = FakeLMStudio.Model("text-embedding-nomic")
        embedder.kind = "embedding"
        try await FakeLMStudio.run([FakeLMStudio.Model("openai/gpt-oss-20b"), seer, embedder]) { fake in
            fake.preload("google/gemma-3-4b")
            let found = try await Fixture.lister(fake.baseURL, kind: .lmStudio).listModels()
            #expect(found.models.map(\.name) == ["openai/gpt-oss-20b", "google/gemma-3-4b", "text-embedding-nomic"])
            #expect(found.models.map(\.isLoaded) == [false, true, false])
            #expect(found.models[0].capabilities == [.chat, .completion, .streaming, .tools])
            #expect(found.models[1].capabilities == [.chat, .completion, .streaming, .vision])
            #expect(found.models[2].capabilities == [.embeddings] && found.models[2].category == .embedding)
            #expect(found.models[0].displayName == "The openai/gpt-oss-20b")
            #expect(found.models[0].contextLength == 131_072 && found.models[0].sizeBytes == 12_109_566_560)
        }
    }

    @Test(arguments: [true, false])
    func `An older LM Studio is asked in its own way`(_ with200: Bool) async throws {
        try await FakeLMStudio.run { fake in
            fake.forgetVersion1(with200: with200)
            fake.preload("openai/gpt-oss-20b")
            let found = try await Fixture.lister(fake.baseURL, kind: .lmStudio).listModels()
            #expect(found.models.map(\.name) == ["openai/gpt-oss-20b"])
            #expect(found.models.map(\.isLoaded) == [true])
            #expect(found.models.map(\.sizeBytes) == [nil])
            #expect(fake.calls == ["GET /api/v1/models", "GET /api/v0/models"])
        }
    }

    // MARK: - Departures

    static let departures: [(ProviderKind, String, Divergence, UpstreamFault.Kind, String)] = [
        (.ollama, "/api/tags", .missing("name"), .malformed, "models[0].name: missing"),
        (.ollama, "/api/tags", .changed("size", .text("2 GB")), .malformed, "models[0].size: expected a whole number"),
        (.ollama, "/api/tags", .changed("size", .raw("1.5")), .malformed, "models[0].size: "),
        (.ollama, "/api/tags", .html, .malformed, "got text/html"),
        (.ollama, "/api/tags", .busy, .overloaded(retryAfter: nil), "HTTP 503"),
        (.ollama, "/api/tags", .truncated, .truncated, "middle of the answer"),
        (.ollama, "/api/tags", .error("broken", status: "200 OK"), .serverError, "broken"),
        (.ollama, "/api/ps", .missing("size_vram"), .malformed, "models[0].size_vram: missing"),
        (.ollama, "/api/show", .changed("capabilities", .text("tools")), .malformed, "capabilities: expected a list"),
        (.ollama, "/api/show", .changed("capabilities", .array([.integer(1)])), .malformed, "capabilities[0]: "),
        (
            .ollama, "/api/show", .changed("llama.context_length", .text("long")), .malformed,
            "model_info.llama.context_length: expected a whole number"
        ),
        (.ollama, "/api/show", .error("boom", status: "500 Internal Server Error"), .serverError, "boom"),
        (.lmStudio, "/api/v1/models", .missing("key"), .malformed, "models[0].key: missing"),
        (.lmStudio, "/api/v1/models", .missing("capabilities"), .malformed, "models[0].capabilities: missing"),
        (.lmStudio, "/api/v1/models", .missing("vision"), .malformed, "models[0].capabilities.vision: missing"),
        (
            .lmStudio, "/api/v1/models", .changed("type", .text("robot")), .malformed,
            #"models[0].type: expected "llm" or "embedding", got "robot""#
        ),
        (
            .lmStudio, "/api/v1/models", .changed("context_length", .null), .malformed,
            "models[0].loaded_instances[0].config.context_length: expected a whole number, got null"
        ),
        (.lmStudio, "/api/v1/models", .html, .malformed, "got text/html"),
        (
            .lmStudio, "/api/v1/models", .error("no key", status: "401 Unauthorized"), .authenticationFailed,
            "HTTP 401"
        ),
    ]

    @Test(arguments: Self.departures.indices)
    func `A departure from the documented format is an error that names it`(_ place: Int) async throws {
        let (kind, path, divergence, expected, words) = Self.departures[place]
        let check = { (lister: any ModelLister) in
            let seen = await fault { _ = try await lister.listModels() }
            #expect(seen?.kind == expected, "\(seen.map { "\($0)" } ?? "no fault")")
            #expect(seen?.message.contains(words) == true, "\(seen?.message ?? "")")
            #expect(seen?.message.contains(path) == true)
        }
        if kind == .ollama {
            try await FakeOllama.run { fake in
                fake.preload("llama3.2")
                fake.diverge(at: path, divergence)
                await check(try Fixture.lister(fake.baseURL, kind: kind))
            }
        } else {
            try await FakeLMStudio.run { fake in
                fake.preload("openai/gpt-oss-20b")
                fake.diverge(at: path, divergence)
                await check(try Fixture.lister(fake.baseURL, kind: kind))
            }
        }
    }
}
