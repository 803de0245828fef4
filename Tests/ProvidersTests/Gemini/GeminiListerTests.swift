import Inference
import Providers
import TestSupport
import Testing

/// Gemini's listing, page by page.
@Suite(.timeLimit(.minutes(1))) struct GeminiListerTests {
    static func model(_ name: String, _ methods: String..., more: String = "") -> String {
        let list = methods.map { "\"\($0)\"" }.joined(separator: ",")
        return
            #"{"name":"models/\#(name)","version":"001","displayName":"N","description":"d","inputTokenLimit":1048576,"#
            + #""outputTokenLimit":65536,"supportedGenerationMethods":[\#(list)],"temperature":1,"topP":0.95\#(more)}"#
    }

    static func list(_ pages: [String: String]) async throws -> (ModelListing, [FaultUpstream.Request]) {
        try await ScriptedJSONServer.run(pages) { upstream in
            let configuration = EndpointConfiguration(
                id: .local, kind: .gemini, baseURL: "http://127.0.0.1:\(upstream.port)/v1beta",
                apiKey: Secret("AIza-secret"))
            let lister = try ModelListers.lister(for: configuration, group: Fixture.group)
            return (try await lister.listModels(), upstream.requests.all)
        }
    }

    @Test func `All pages are one listing, asked for with the key in its own field`() async throws {
        let thinker = Self.model(
            "gemini-2.5-flash", "generateContent", "countTokens", "createCachedContent", more: #","thinking":true"#)
        let (found, requests) = try await Self.list([
            "/v1beta/models?pageSize=1000": #"{"models":[\#(thinker)],"nextPageToken":"a/b+c="}"#,
            "/v1beta/models?pageSize=1000&pageToken=a%2Fb%2Bc%3D":
                #"{"models":[\#(Self.model("gemini-embedding-001", "embedContent")),\#(thinker)]}"#,
        ])
        var flash = ListedModel(name: "gemini-2.5-flash")
        flash.displayName = "N"
        flash.category = .text
        flash.capabilities = [.chat, .streaming, .tools, .jsonSchema, .vision, .reasoning]
        flash.contextLength = 1_048_576
        flash.maxOutputTokens = 65_536
        var embedding = flash
        embedding.name = "gemini-embedding-001"
        embedding.category = .embedding
        embedding.capabilities = [.embeddings]
        #expect(found.models == [flash, embedding])
        #expect(found.skipped.count == 1 && found.skipped[0].contains("twice"))
        #expect(requests.allSatisfy { $0.method == "GET" && $0.headers["x-goog-api-key"] == "AIza-secret" })
        #expect(requests.allSatisfy { $0.headers["authorization"] == nil })
    }

    @Test(
        arguments: [
            (
                Self.model("gemma-3-27b-it", "generateContent"), ModelCategory.text,
                Set<Capability>([.chat, .streaming])
            ),
            (Self.model("gemini-flash-latest", "generateContent"), .text, [.chat, .streaming]),
            (Self.model("gemini-2.5-flash-image", "generateContent"), .image, nil),
            (Self.model("gemini-2.5-pro-preview-tts", "generateContent"), .voice, nil),
            (Self.model("imagen-4.0-generate-001", "predict"), .image, nil),
            (Self.model("veo-3.0-generate-001", "predictLongRunning"), .video, nil),
            (Self.model("aqa", "generateAnswer"), nil, nil), (#"{"name":"models/bare"}"#, nil, nil),
        ] as [(String, ModelCategory?, Set<Capability>?)])
    func `What comes out of a model is told by its methods and its name`(
        _ model: String, _ category: ModelCategory?, _ capabilities: Set<Capability>?
    ) async throws {
        let (found, _) = try await Self.list(["/v1beta/models?pageSize=1000": #"{"models":[\#(model)]}"#])
        #expect(found.models.map(\.category) == [category])
        #expect(found.models.map(\.capabilities) == [capabilities])
    }

    @Test func `No models are no models`() async throws {
        #expect(try await Self.list(["/v1beta/models?pageSize=1000": "{}"]).0.models.isEmpty)
    }

    @Test(
        arguments: [
            (#"{"models":{}}"#, "models: expected a list"), (#"{"models":[{}]}"#, "models[0].name: missing"),
            (
                #"{"models":[{"name":"models/a","inputTokenLimit":"x"}]}"#,
                "models[0].inputTokenLimit: expected a whole number"
            ),
            (
                #"{"models":[{"name":"models/a","supportedGenerationMethods":"x"}]}"#,
                "supportedGenerationMethods: expected a list"
            ),
            ("nonsense", "expected JSON"), (#"{"nextPageToken":"same"}"#, "nextPageToken leads nowhere"),
        ])
    func `A listing that departs from the format names the field`(_ text: String, _ words: String) async throws {
        let pages = ["/v1beta/models?pageSize=1000": text, "/v1beta/models?pageSize=1000&pageToken=same": text]
        let seen = await fault { _ = try await Self.list(pages) }
        #expect(seen?.kind == .malformed)
        #expect(seen?.message.hasPrefix("GET /") == true)
        #expect(seen?.message.contains(words) == true, "\(seen?.message ?? "")")
    }

    @Test func `An error in the place of a page is no page without models`() async throws {
        let error = GeminiFaultsTests.error("UNAVAILABLE", "The model is overloaded.", code: 503)
        let seen = await fault { _ = try await Self.list(["/v1beta/models?pageSize=1000": error]) }
        #expect(seen?.kind == .overloaded(retryAfter: nil))
        #expect(seen?.message.hasSuffix("(UNAVAILABLE): The model is overloaded.") == true, "\(seen?.message ?? "")")
    }

    @Test func `A wrong key is told as one, without showing it`() async throws {
        let seen = try await FaultUpstream.run { _ in
            .whole(
                GeminiFaultsTests.error(
                    "INVALID_ARGUMENT", "API key AIza-secret not valid",
                    details: GeminiFaultsTests.info("API_KEY_INVALID")), status: "400 Bad Request")
        } _: { upstream in
            let configuration = EndpointConfiguration(
                id: .local, kind: .gemini, baseURL: "http://127.0.0.1:\(upstream.port)/v1beta",
                apiKey: Secret("AIza-secret"))
            let lister = try ModelListers.lister(for: configuration, group: Fixture.group)
            return await fault { _ = try await lister.listModels() }
        }
        #expect(seen?.kind == .authenticationFailed)
        #expect(seen?.message.hasSuffix("(API_KEY_INVALID): API key [redacted] not valid") == true)
    }
}
