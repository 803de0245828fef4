import Inference
import ModelRegistry
import Testing

@testable import Roundhouse

@Suite("Lifecycle and model settings")
struct LifecycleConfigurationTests {
    static let whole = """
        local:
          bundled_models: false
          preload: true
          threads: 3
          model_folders: [models, ~/more]
          models:
            - name: mine
              path: x.gguf
              gpu_layers: 12
              pinned: true
              idle_ttl: 0s
              quality_score: 0.75
              tags: [b, a]
            - { name: late, path: x.gguf, lazy: true, enabled: false }
            - { name: early, path: x.gguf, lazy: false, preload: false }
        lifecycle:
          lazy_load: false
          lazy_threshold_bytes: 500MB
          memory_share: 0.65
          memory_quota: { cpu: 8GB, gpu: 20GiB }
          max_loaded_models: 4
          max_concurrent_loads: 1
          max_queue: 64
          min_residency: 500ms
          idle_ttl: 30m
          preload_pattern: true
          keep_warm: 2
          versions_kept: 5
          max_restarts: 0
          probe_interval: 1s
          unload_grace: 0s
          events_kept: 5000
        providers:
          - id: cloud
            kind: custom
            base_url: https://cloud.example/v1
            discover: true
            models:
              - name: a
                category: embedding
                price_input: 0.0375
                price_output: 12
                price_cached_input: 0.000000001
                quality_score: 1
                safety_score: 0
                tags: [z, y]
                enabled: false
              - { name: b, price_input: 0, price_output: 0 }
              - { name: c }
          - { id: here, kind: ollama, models: [{ name: m }] }
          - { id: theirs, kind: lm_studio, managed: false, models: [{ name: m }] }
        aliases:
          one: local/mine
          row: [local/mine, cloud/b]
          split: { mode: weighted, targets: [{ model: cloud/b, weight: 9 }, local/mine, { model: cloud/c, weight: 0 }] }
          plain: { targets: [cloud/b, { model: cloud/c }] }
        """

    @Test("A whole file is read as it is meant")
    func whole() throws {
        let fixture = try ConfigurationFixture()
        let configuration = try fixture.load(Self.whole).configuration
        var lifecycle = RoundhouseConfiguration.Lifecycle()
        lifecycle.lazyThresholdBytes = 500_000_000
        lifecycle.memoryShare = 0.65
        lifecycle.memoryQuota.cpu = 8_000_000_000
        lifecycle.memoryQuota.gpu = 20 << 30
        lifecycle.maxLoadedModels = 4
        lifecycle.maxConcurrentLoads = 1
        lifecycle.maxQueue = 64
        lifecycle.minResidency = .milliseconds(500)
        lifecycle.idleTTL = .seconds(1800)
        lifecycle.preloadPattern = true
        lifecycle.keepWarm = 2
        lifecycle.versionsKept = 5
        lifecycle.maxRestarts = 0
        lifecycle.probeInterval = .seconds(1)
        lifecycle.unloadGrace = .zero
        lifecycle.eventsKept = 5000
        #expect(configuration.lifecycle == lifecycle)
        #expect(configuration.local.modelFolders == ["models", "more"].map { "\(fixture.directory)/\($0)" })
        #expect(configuration.providers.map(\.discover) == [true, false, false])
        #expect(configuration.providers.map(\.isManaged) == [false, true, false])
        let aliases = configuration.aliases
        #expect(aliases.map(\.name) == ["default", "one", "row", "split", "plain"])
        #expect(aliases.map(\.mode) == [.ordered, .ordered, .ordered, .weighted, .ordered])
        #expect(
            aliases[3].weightedTargets.map { "\($0.model) \($0.weight)" } == ["cloud/b 9", "local/mine 1", "cloud/c 0"])
        #expect(aliases[4].targets.map(\.description) == ["cloud/b", "cloud/c"])
        // Those that are not enabled are not what 'default' stands for.
        #expect(
            aliases[0].targets.map(\.description)
                == ["local/mine", "local/early", "cloud/b", "cloud/c", "here/m", "theirs/m"])
    }

    @Test("What show prints is YAML that means the same again")
    func show() throws {
        let fixture = try ConfigurationFixture()
        let first = try fixture.load(Self.whole)
        let second = try fixture.load(first.render())
        #expect(second.configuration == first.configuration)
        #expect(first.render().contains("price_cached_input: 0.000000001\n"))
        #expect(first.render().contains("lazy_threshold_bytes: 500MB\n"))
    }

    @Test("Without a word of it the defaults hold, and models lie in the data directory")
    func defaults() throws {
        let fixture = try ConfigurationFixture()
        let configuration = try fixture.load("").configuration
        #expect(configuration.lifecycle == RoundhouseConfiguration.Lifecycle())
        #expect(configuration.lifecycle.lazyThresholdBytes == 10_000_000_000)
        #expect(configuration.local.modelFolders == ["\(fixture.directory)/models"])
    }

    @Test("A folder that is not there yet is a warning")
    func missingFolder() throws {
        let fixture = try ConfigurationFixture()
        let loaded = try fixture.load("local: { model_folders: [/nonexistent/models] }")
        #expect(
            loaded.warnings.map(\.description) == [
                "roundhouse.yaml:1:26: key 'local.model_folders[0]': found '/nonexistent/models' "
                    + "(No such file or directory); no models are found in it until it is made"
            ]
        )
    }

    // MARK: - AI_MODELS_LAZY_LOAD

    @Test(
        "AI_MODELS_LAZY_LOAD turns it on, or leaves it to the configuration",
        arguments: [
            ("true", false, true), ("1", false, true), ("YES", false, true), ("On", true, true),
            ("false", false, false),
            ("0", true, true), ("no", true, true), ("off", false, false),
        ])
    func lazyVariable(value: String, configured: Bool, expected: Bool) throws {
        var fixture = try ConfigurationFixture()
        fixture.environment["AI_MODELS_LAZY_LOAD"] = value
        let loaded = try fixture.load("lifecycle: { lazy_large_models: \(configured) }")
        #expect(loaded.configuration.lifecycle.lazyLargeModels == expected)
        #expect(!loaded.configuration.lifecycle.lazyLoad)
        #expect(loaded.render().contains("# from AI_MODELS_LAZY_LOAD") == ["true", "1", "YES", "On"].contains(value))
    }

    @Test("The variable of the key itself is stronger")
    func ownVariable() throws {
        var fixture = try ConfigurationFixture()
        fixture.environment["AI_MODELS_LAZY_LOAD"] = "true"
        fixture.environment["ROUNDHOUSE_LIFECYCLE_LAZY_LARGE_MODELS"] = "false"
        #expect(try !fixture.load("").configuration.lifecycle.lazyLargeModels)
    }

    @Test(
        "Which models are lazy",
        arguments: [
            // lazy_load, lazy_large_models, the model's own, its size, expected
            (false, false, nil, 200, false), (true, false, nil, 1, true), (true, false, false, 1, false),
            (false, false, true, 1, true), (false, true, nil, 100, false), (false, true, nil, 101, true),
            (false, true, false, 101, true), (false, true, nil, nil, false), (true, true, nil, nil, true),
        ] as [(Bool, Bool, Bool?, Int64?, Bool)])
    func lazy(all: Bool, large: Bool, own: Bool?, size: Int64?, expected: Bool) {
        var lifecycle = RoundhouseConfiguration.Lifecycle()
        lifecycle.lazyLoad = all
        lifecycle.lazyLargeModels = large
        lifecycle.lazyThresholdBytes = 100
        #expect(lifecycle.isLazy(chosen: own, sizeBytes: size) == expected)
    }

    // MARK: - Figures

    @Test(
        "Prices are taken to the last digit, and written as they were",
        arguments: [
            ("0", 0), ("0.15", 150_000_000), ("0.0375", 37_500_000), ("2.5", 2_500_000_000), ("0.000000001", 1),
            ("0.1", 100_000_000), ("1000000", 1_000_000_000_000_000), ("123456.789012345", 123_456_789_012_345),
        ] as [(String, Int64)])
    func prices(_ text: String, _ nano: Int64) {
        #expect(DecimalText.nano(text) == nano)
        #expect(DecimalText.render(nano: nano) == text)
    }

    @Test(
        "Sizes count by 1024 or by 1000, as they are written",
        arguments: [
            ("8GB", 8_000_000_000), ("8GiB", 8 << 30), ("10GB", 10_000_000_000), ("500MB", 500_000_000), ("3KB", 3000),
            ("1TB", 1_000_000_000_000), ("2TiB", 2 << 40), ("1023", 1023),
        ])
    func sizes(_ text: String, _ bytes: Int) {
        #expect(ByteSize.parse(text) == bytes)
        #expect(ByteSize.render(bytes) == text)
    }

    @Test("What looks like a size and is none", arguments: ["8gb", "8 GB", "8G", "8.5GB", "GB", "", "8GBs", "-8GB"])
    func badSizes(_ text: String) {
        #expect(ByteSize.parse(text) == nil)
    }
}
