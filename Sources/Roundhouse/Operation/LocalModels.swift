internal import FoundationEssentials
internal import Inference
internal import LocalEngines
internal import Logging
internal import ModelRegistry
internal import NIOCore
internal import Providers

/// The models that we run ourselves: what the configuration says of them, joined with what their files say.
struct LocalModels {
    private(set) var models: [LocalModel] = []
    private(set) var descriptions: [ModelDescription] = []

    init(_ configuration: RoundhouseConfiguration.Local, environment: [String: String], logger: Logger) {
        guard configuration.enabled else { return }
        for own in configuration.models {
            self.add(own, configuration, logger)
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
            self.add(model, displayName: "\(bundled.name) (bundled)", priority: bundled.priority)
        }
    }

    private mutating func add(
        _ own: RoundhouseConfiguration.LocalModel,
        _ configuration: RoundhouseConfiguration.Local,
        _ logger: Logger
    ) {
        var model = LocalModel(name: own.name, path: own.path, contextLength: own.contextLength, slots: own.parallel)
        let threads = own.threads ?? configuration.threads
        if threads > 0 { model.threads = threads }
        model.preload = configuration.preload
        self.add(model, displayName: own.displayName, priority: own.priority)
    }

    private mutating func add(_ model: LocalModel, displayName: String?, priority: Int) {
        guard let id = model.id else { return }
        // A file that is missing or broken is the supervisor's to report: the model is listed and says why it failed.
        let header = try? GGUFHeader.read(path: model.path)
        self.models.append(model)
        self.descriptions.append(
            ModelDescription(
                id: id,
                displayName: displayName,
                contextLength: header.map(model.effectiveContextLength) ?? model.contextLength,
                priority: priority,
                sizeBytes: header?.sizeBytes
            )
        )
    }

    private mutating func model(_ bundled: RoundhouseConfiguration.Local.BundledModel, missing logger: Logger) {
        logger.warning(
            "A bundled model's file was not found; set ROUNDHOUSE_MODELS_DIR to the folder that holds it",
            metadata: ["model": "local/\(bundled.name)"]
        )
        self.add(
            LocalModel(name: bundled.name, path: "\(bundled.name)-q8_0.gguf"),
            displayName: "\(bundled.name) (bundled)",
            priority: bundled.priority
        )
    }
}

extension LocalProvider {
    /// A provider that asks each engine by its OpenAI-compatible port.
    static func asking(
        _ supervisor: EngineSupervisor,
        over group: any EventLoopGroup
    ) -> LocalProvider {
        LocalProvider(supervisor: supervisor) { endpoint, model in
            do {
                return try OpenAIProvider(
                    localEngine: .local,
                    port: endpoint.port,
                    key: Secret(endpoint.apiKey),
                    group: group
                )
            } catch {
                return RefusingProvider(id: .local, reason: "\(error)")
            }
        }
    }
}

/// Stands in for an adapter that could not be made: refuses with the reason.
private struct RefusingProvider: Inference.Provider {
    let id: ProviderID
    let reason: String

    func start(_ request: UpstreamRequest) async throws(UpstreamFault) -> any UpstreamStream {
        throw UpstreamFault(.unreachable, self.reason)
    }
}
