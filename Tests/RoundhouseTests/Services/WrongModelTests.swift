import GRPCCore
import GRPCInProcessTransport
import Inference
import ModelRegistry
import Providers
import RoundhouseAPI
import Routing
import SwiftProtobuf
import TestSupport
import Testing

@testable import Roundhouse

@Suite("A model that is named and cannot do what is asked")
struct WrongModelTests {
    /// A gateway with a provider of the kind that has `chat` and `vectors`, as `make` registers them.
    private func with(
        kind: String,
        _ make: (ProviderID) throws -> [ModelDescription],
        _ body: (Roundhouse_V1_GenerationService.Client<InProcessTransport.Client>, ProviderID) async throws -> Void
    ) async throws {
        let id = try #require(ProviderID(kind.replacing("_", with: "-")))
        let upstream = ScriptedProvider(id, saying: ["no"])
        upstream.setEmbedding { _ in EmbeddingAnswer(vectors: [[1]]) }
        let snapshot = try RegistrySnapshot(
            providers: [ProviderDescription(id: id, kind: kind)], models: try make(id), aliases: [])
        let router = Router(registry: Registry(snapshot), providers: [id: upstream])
        let pipeline = Pipeline(router: router, recorder: RecordKeeper(), counters: RequestCounters())
        let transport = InProcessTransport()
        let service = GenerationService(pipeline: pipeline, router: router)
        try await withGRPCServer(transport: transport.server, services: [service]) { _ in
            try await withGRPCClient(transport: transport.client) { client in
                try await body(.init(wrapping: client), id)
            }
        }
        #expect(upstream.requests.isEmpty && upstream.embeddingRequests.isEmpty)
    }

    private func check(_ call: () async throws -> some Sendable, _ model: String, lacks capability: String) async throws
    {
        let refusal = try await refusal(of: call)
        #expect(refusal.code == .invalidArgument && refusal.reason == "CAPABILITY_UNSUPPORTED")
        #expect(refusal.message.contains(model), "\(refusal.message)")
        #expect(refusal.message.contains("lacks capability '\(capability)'"), "\(refusal.message)")
        #expect(refusal.fields == ["requirements.task"] && refusal.retryDelay == nil)
    }

    private func check(
        kind: String, _ make: (ProviderID) throws -> [ModelDescription]
    ) async throws {
        try await self.with(kind: kind, make) { client, id in
            let (chat, vectors) = ("\(id)/chat", "\(id)/vectors")
            try await self.check({ try await client.generate(.asking("hi", model: vectors)) }, vectors, lacks: "chat")
            try await self.check(
                {
                    try await client.streamGenerate(.asking("hi", model: vectors)) { response in
                        try await response.messages.reduce(into: 0) { count, _ in count += 1 }
                    }
                }, vectors, lacks: "chat")
            try await self.check(
                {
                    try await client.embed(
                        .with {
                            $0.model = chat
                            $0.inputs = ["hi"]
                        })
                }, chat, lacks: "embeddings")
        }
    }

    static let kinds = ProviderKind.allCases.map(\.rawValue) + ["local"]

    @Test(
        "It is refused with its name and what it lacks, before anything is sent, at every kind of provider",
        arguments: kinds)
    func registered(kind: String) async throws {
        try await self.check(kind: kind) { id in
            [
                ModelDescription(id: try #require(ModelID(provider: id, name: "chat"))),
                ModelDescription(
                    id: try #require(ModelID(provider: id, name: "vectors")), category: .embedding,
                    capabilities: [.embeddings]),
            ]
        }
    }

    @Test(
        "Also where the configuration names capabilities and no category",
        arguments: RoundhouseConfiguration.Provider.Kind.allCases)
    func configured(kind: RoundhouseConfiguration.Provider.Kind) async throws {
        try await self.check(kind: kind.rawValue) { id in
            var chat = RoundhouseConfiguration.Model(name: "chat")
            chat.capabilities = [.chat, .streaming]
            var vectors = RoundhouseConfiguration.Model(name: "vectors")
            vectors.capabilities = [.embeddings]
            let provider = RoundhouseConfiguration.Provider(
                id: id, kind: kind, baseURL: "https://example.com/v1", models: [chat, vectors])
            return try provider.models.map { try ConfiguredProviders.description(of: $0, in: provider) }
        }
    }
}
