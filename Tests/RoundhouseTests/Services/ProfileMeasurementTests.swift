import Inference
import ModelLifecycle
import ModelRegistry
import Routing
import TestSupport
import Testing

@testable import Roundhouse

@Suite("What a run of a profile measures")
struct ProfileMeasurementTests {
    private func measurement(_ provider: ScriptedProvider, _ category: ModelCategory) throws -> ProfileMeasurement {
        let model = ModelDescription(
            id: try modelID("local/m"), category: category,
            capabilities: category == .embedding ? [.embeddings] : [.chat, .streaming])
        let snapshot = try RegistrySnapshot(
            providers: [ProviderDescription(id: .local, kind: "local")], models: [model], aliases: [])
        return ProfileMeasurement(router: Router(registry: Registry(snapshot), providers: [.local: provider]))
    }

    @Test(
        "Of an embedding model, the vector of one text; where nobody counts, tokens are estimated", arguments: [7, nil])
    func embeds(counted: Int?) async throws {
        let provider = ScriptedProvider(.local, saying: ["no"])
        provider.setEmbedding { _ in
            EmbeddingAnswer(
                vectors: [[1, 0]], usage: counted.map { Usage(inputTokens: $0, outputTokens: 0) })
        }
        let sample = try await self.measurement(provider, .embedding).measure(
            Profiler.Request(model: try modelID("local/m"), prompt: "12345678", isEmbedding: true))
        #expect(provider.embeddingRequests.map(\.inputs) == [["12345678"]] && provider.requests.isEmpty)
        #expect(provider.embeddingRequests.first?.model == "m")
        #expect(sample.inputTokens == counted ?? 2 && sample.outputTokens == 0 && sample.firstToken == nil)
        let rate = Double(sample.inputTokens) / (sample.latency / .seconds(1))
        #expect(sample.latency > .zero && sample.tokensPerSecond == rate)
    }

    @Test("Of any other, a streamed answer")
    func generates() async throws {
        let provider = ScriptedProvider(.local, saying: ["a", "b"])
        let sample = try await self.measurement(provider, .text).measure(
            Profiler.Request(model: try modelID("local/m"), prompt: "hi"))
        #expect(provider.requests.map(\.delivery) == [.streamed] && provider.embeddingRequests.isEmpty)
        #expect(sample.outputTokens == 2 && sample.inputTokens == 3 && sample.firstToken != nil)
    }

    @Test("A run that fails says why, whatever was asked for", arguments: [false, true])
    func fails(isEmbedding: Bool) async throws {
        let provider = ScriptedProvider(.local) { _ in .refuse(UpstreamFault(.serverError, "it broke")) }
        provider.setEmbedding { _ throws(UpstreamFault) in throw UpstreamFault(.serverError, "it broke") }
        let measurement = try self.measurement(provider, isEmbedding ? .embedding : .text)
        let request = Profiler.Request(model: try modelID("local/m"), isEmbedding: isEmbedding)
        let failure = await #expect(throws: ProfileRunFailure.self) { try await measurement.measure(request) }
        #expect(failure?.description.contains("it broke") == true)
    }
}
