import GRPCCore
import Inference
import ModelLifecycle
import ModelRegistry
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

@Suite("LifecycleService: the status of models")
struct ModelsStatusTests {
    @Test("Every registered model is told with how it stands with memory, by id, and summed up")
    func tellsAll() async throws {
        try await ServiceBench.with { bench in
            _ = try await bench.editor.updateModel(try modelID("local/a"), etag: nil, validateOnly: false) {
                $0.displayName = "Little A"
                $0.engine = "llama.cpp"
                $0.versions[1].sizeBytes = 1_234_567_890
            }
            let lazy = try modelID("local/lazy")
            _ = try await bench.editor.createModel(
                ModelDescription(
                    id: lazy, versions: [ModelVersion(version: "1", path: "/models/lazy.gguf", sizeBytes: 499_999)],
                    provenance: Provenance(source: .api)),
                validateOnly: false)
            bench.loading.manage(ManagedModel(id: lazy, versions: [RuntimeModel(id: lazy)], isLazy: true))
            try bench.setLoaded("local/b")
            _ = try await bench.registry.disableModel(.with { $0.model = "cloud/x" })
            let answer = try await bench.lifecycle.getModelsStatus(.init())
            let models = answer.installedModels
            #expect(models.map(\.name) == ["cloud/x", "conf/c", "local/a", "local/b", "local/lazy"])
            #expect(answer.totalModelsCount == 5 && answer.loadedModelsCount == 1)
            #expect(models.map(\.loaded) == [false, false, false, true, false])
            #expect(models.map(\.canLoad) == [false, false, true, true, true])
            #expect(models.map(\.enabled) == [false, true, true, true, true])
            #expect(models.map(\.lazyLoad) == [false, false, false, false, true])
            #expect(models.map(\.sizeBytes) == [0, 0, 1_234_567_890, 100, 499_999])
            #expect(models.map(\.sizeGb) == [0, 0, 1.235, 0, 0])
            #expect(models.map(\.inferenceEngine) == ["", "", "llama.cpp", "", ""])
            #expect(models.map(\.provider) == ["cloud", "conf", "local", "local", "local"])
            #expect(models.map(\.state) == [.ready, .ready, .ready, .ready, .ready])
            #expect(models[2].displayName == "Little A" && models.allSatisfy { $0.category == "text" })
            // The same judgement as that of the overview.
            #expect(try await bench.telemetry.getTelemetry(.init()).models.map(\.canLoad) == models.map(\.canLoad))
        }
    }

    @Test("A model too large for its share cannot be loaded, and where it stands is told")
    func tellsOfMemory() async throws {
        try await ServiceBench.with { bench in
            bench.loading.set(devices: [
                DeviceMemory(device: .cpu, totalBytes: 2000, freeBytes: 2000, quotaBytes: 1000)
            ])
            try bench.setLoaded("local/a") { $0.state = .failed }
            let models = try await bench.lifecycle.getModelsStatus(.with { $0.provider = "local" }).installedModels
            #expect(models.map(\.name) == ["local/a", "local/b"] && models.map(\.canLoad) == [false, false])
            #expect(models[0].state == .failed && !models[0].loaded)
        }
    }

    @Test("Only a category and only a provider can be asked for; what is none is named")
    func narrows() async throws {
        try await ServiceBench.with { bench in
            _ = try await bench.editor.createModel(
                ModelDescription(
                    id: try modelID("cloud/v"), category: .embedding, capabilities: [.embeddings],
                    provenance: Provenance(source: .api)), validateOnly: false)
            func names(_ category: String, _ provider: String = "") async throws -> [String] {
                let answer = try await bench.lifecycle.getModelsStatus(
                    .with { ($0.category, $0.provider) = (category, provider) })
                #expect(Int(answer.totalModelsCount) == answer.installedModels.count)
                return answer.installedModels.map(\.name)
            }
            #expect(try await names("embedding") == ["cloud/v"])
            #expect(try await names("text", "cloud") == ["cloud/x"])
            #expect(try await names("video").isEmpty)
            #expect(try await names("", "nobody").isEmpty)
            let refusal = try await refusal { try await names("words", "a/b") }
            #expect(refusal.code == .invalidArgument && refusal.fields == ["category", "provider"])
            #expect(refusal.message.contains("'words'") && refusal.message.contains("'embedding'"))
        }
    }
}
