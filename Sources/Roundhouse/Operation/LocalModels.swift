internal import FoundationEssentials
internal import Inference
internal import LocalEngines
internal import Logging
internal import ModelRegistry

/// The models that we run ourselves: what the configuration says of them, joined with what their files say.
struct LocalModels {
    private(set) var descriptions: [ModelDescription] = []
    /// Those that are loaded with the server.
    private(set) var preloaded: [ModelID] = []

    private let lifecycle: RoundhouseConfiguration.Lifecycle

    /// ``ModelVersion/version`` of the file that the configuration names.
    static let configuredVersion = "config"
    /// ``ModelVersion/version`` of a file that ships with Roundhouse.
    static let bundledVersion = "bundled"

    init(
        _ configuration: RoundhouseConfiguration.Local,
        lifecycle: RoundhouseConfiguration.Lifecycle = RoundhouseConfiguration.Lifecycle(),
        environment: [String: String],
        logger: Logger
    ) {
        self.lifecycle = lifecycle
        guard configuration.enabled else { return }
        for own in configuration.models {
            self.add(own, configuration)
        }
        guard configuration.bundledModels else { return }
        let found = BundledModels.find(environment: environment)
        for bundled in configuration.servedBundledModels {
            guard var model = found.first(where: { $0.name == bundled.name }) else {
                // The provider then says that it has no such model; aliases to it stay valid.
                model(bundled, missing: logger)
                continue
            }
            model.preload = configuration.preload
            if configuration.threads > 0 { model.threads = configuration.threads }
            self.add(model, bundled, EngineSettings(threads: configuration.threads > 0 ? configuration.threads : nil))
        }
    }

    /// A model of the configuration.
    private mutating func add(
        _ own: RoundhouseConfiguration.LocalModel,
        _ configuration: RoundhouseConfiguration.Local
    ) {
        var model = LocalModel(name: own.name, path: own.path, contextLength: own.contextLength, slots: own.parallel)
        let threads = own.threads ?? configuration.threads
        if threads > 0 { model.threads = threads }
        model.preload = own.enabled && (own.preload ?? configuration.preload)
        let settings = EngineSettings(
            contextLength: own.contextLength,
            threads: threads > 0 ? threads : nil,
            parallel: own.parallel,
            gpuLayers: own.gpuLayers
        )
        self.add(model, version: Self.configuredVersion, settings, lazy: own.lazy) { description in
            description.displayName = own.displayName ?? own.name
            description.priority = own.priority
            description.isEnabled = own.enabled
            description.isPinned = own.pinned
            description.idleTTL = own.idleTTL
            description.qualityScore = own.qualityScore
            description.safetyScore = own.safetyScore
            description.tags = own.tags.sorted()
        }
    }

    /// A model that ships with Roundhouse.
    private mutating func add(
        _ model: LocalModel,
        _ bundled: RoundhouseConfiguration.Local.BundledModel,
        _ settings: EngineSettings = EngineSettings()
    ) {
        self.add(model, version: Self.bundledVersion, settings, lazy: nil) { description in
            description.displayName = "\(bundled.name) (bundled)"
            description.priority = bundled.priority
        }
    }

    private mutating func add(
        _ model: LocalModel,
        version: String,
        _ settings: EngineSettings,
        lazy: Bool?,
        _ describe: (inout ModelDescription) -> Void
    ) {
        guard let id = model.id else { return }
        // A file that is missing or broken is the runtime's to report: the model is listed and says why it failed.
        let header = try? GGUFHeader.read(path: model.path)
        var description = ModelDescription(
            id: id,
            category: header?.category ?? .text,
            capabilities: Self.capabilities(header),
            contextLength: header.map(model.effectiveContextLength) ?? model.contextLength,
            sizeBytes: header?.sizeBytes,
            engine: "llama.cpp",
            versions: [ModelVersion(version: version, path: model.path, sizeBytes: header?.sizeBytes ?? 0)],
            engineSettings: settings,
            isLazy: self.lifecycle.isLazy(chosen: lazy, sizeBytes: header?.sizeBytes)
        )
        describe(&description)
        if model.preload, !description.isLazy { self.preloaded.append(id) }
        self.descriptions.append(description)
    }

    /// What the file says. A model that makes text is asked to chat also when its file brings no template: the engine has
    /// one of its own.
    private static func capabilities(_ header: GGUFHeader?) -> Set<Capability> {
        guard let header else { return [.chat, .streaming] }
        return header.category == .text ? header.capabilities.union([.chat]) : header.capabilities
    }

    private mutating func model(_ bundled: RoundhouseConfiguration.Local.BundledModel, missing logger: Logger) {
        logger.warning(
            "A bundled model's file was not found; set ROUNDHOUSE_MODELS_DIR to the folder that holds it",
            metadata: ["model": "local/\(bundled.name)"]
        )
        self.add(LocalModel(name: bundled.name, path: "\(bundled.name)-q8_0.gguf"), bundled)
    }
}

extension Alias {
    /// An alias of the configuration.
    init(_ configured: RoundhouseConfiguration.Alias) {
        self.init(name: configured.name, weightedTargets: configured.weightedTargets, mode: configured.mode)
    }
}
