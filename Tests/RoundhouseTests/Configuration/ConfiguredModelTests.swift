import FoundationEssentials
import Inference
import Logging
import ModelRegistry
import Testing

@testable import Roundhouse

@Suite("Models of the configuration, as they are registered")
struct ConfiguredModelTests {
    @Test("Local models have a version, their engine's settings, and what else was said of them")
    func local() throws {
        var fixture = try ConfigurationFixture()
        var root = URL(filePath: #filePath)
        for _ in 0..<4 { root.deleteLastPathComponent() }
        let file = root.appending(path: "Sources/LocalEngines/Resources/tiny-q8_0.gguf").path
        let size = try #require(try FileManager.default.attributesOfItem(atPath: file)[.size] as? UInt64)
        try FileManager.default.createSymbolicLink(
            atPath: "\(fixture.directory)/x.gguf", withDestinationPath: file)
        fixture.environment["AI_MODELS_LAZY_LOAD"] = "true"
        var configuration = try fixture.load(LifecycleConfigurationTests.whole).configuration
        let local = LocalModels(
            configuration.local, lifecycle: configuration.lifecycle, environment: fixture.environment,
            logger: Logger(label: "test")
        )
        #expect(local.descriptions.map(\.id.description) == ["local/mine", "local/late", "local/early"])
        let mine = local.descriptions[0]
        #expect(mine.engine == "llama.cpp")
        #expect(mine.activeVersion == "config")
        #expect(
            mine.versions == [
                ModelVersion(
                    version: "config", path: "\(fixture.directory)/x.gguf", sizeBytes: Int64(size))
            ])
        #expect(mine.sizeBytes == Int64(size))
        #expect(mine.engineSettings == EngineSettings(threads: 3, parallel: 1, gpuLayers: 12))
        #expect(mine.isPinned && mine.isEnabled && !mine.isLazy)
        #expect(mine.idleTTL == .zero)
        #expect(mine.qualityScore == 0.75)
        #expect(mine.tags == ["a", "b"])
        #expect(mine.provenance.source == .config)
        #expect(local.descriptions.map(\.isLazy) == [false, true, false])
        #expect(local.descriptions.map(\.isEnabled) == [true, false, true])
        #expect(local.preloaded.map(\.description) == ["local/mine"])

        configuration.lifecycle.lazyThresholdBytes = 1
        let small = LocalModels(
            configuration.local, lifecycle: configuration.lifecycle, environment: fixture.environment,
            logger: Logger(label: "test")
        )
        #expect(small.descriptions.map(\.isLazy) == [true, true, true])
        #expect(small.preloaded.isEmpty)
    }

    @Test("Models of providers have their category, prices and scores, and the engine of a provider that is managed")
    func provided() throws {
        let fixture = try ConfigurationFixture()
        let configuration = try fixture.load(LifecycleConfigurationTests.whole).configuration
        var models: [String: ModelDescription] = [:]
        for provider in configuration.providers {
            for model in provider.models {
                let description = try ConfiguredProviders.description(of: model, in: provider)
                models[description.id.description] = description
            }
        }
        let first = try #require(models["cloud/a"])
        #expect(first.category == .embedding)
        #expect(first.prices == ModelPrices(input: 37_500_000, output: 12_000_000_000, cachedInput: 1))
        #expect(first.qualityScore == 1 && first.safetyScore == 0)
        #expect(first.tags == ["y", "z"])
        #expect(!first.isEnabled)
        #expect(models["cloud/b"]?.prices == .free)
        #expect(models["cloud/c"]?.prices == nil)
        #expect(
            models.mapValues(\.engine) == [
                "cloud/a": nil, "cloud/b": nil, "cloud/c": nil, "here/m": "ollama", "theirs/m": nil,
            ])
    }

    @Test("An alias keeps its weights and its mode")
    func alias() throws {
        let fixture = try ConfigurationFixture()
        let configuration = try fixture.load(LifecycleConfigurationTests.whole).configuration
        let alias = Alias(configuration.aliases[3])
        #expect(alias.mode == .weighted)
        #expect(alias.weightedTargets.map(\.weight) == [9, 1, 0])
    }
}
