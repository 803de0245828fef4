internal import Inference
internal import ModelLifecycle
internal import ModelRegistry

/// Which registered models are loaded and unloaded by us, and by what rules.
struct ManagedModels: Sendable {
    private let lifecycle: RoundhouseConfiguration.Lifecycle
    /// `local.threads`; 0 leaves it to the engine.
    private let threads: Int
    private let isManaged: @Sendable (ProviderID) -> Bool

    /// - Parameter isManaged: whether the models of a provider have a runtime.
    init(_ configuration: RoundhouseConfiguration, isManaged: @escaping @Sendable (ProviderID) -> Bool) {
        self.lifecycle = configuration.lifecycle
        self.threads = configuration.local.threads
        self.isManaged = isManaged
    }

    /// The managed ones among everything that is registered, by id.
    func models(in snapshot: RegistrySnapshot) -> [ManagedModel] {
        snapshot.models.compactMap { model in
            guard self.isManaged(model.id.provider) else { return nil }
            return self.managed(model, isProviderEnabled: snapshot.provider(model.id.provider)?.isEnabled ?? false)
        }
    }

    private func managed(_ model: ModelDescription, isProviderEnabled: Bool) -> ManagedModel {
        let versions =
            model.versions.isEmpty
            ? [self.runtimeModel(model, version: "", path: nil)]
            : model.versions.map { self.runtimeModel(model, version: $0.version, path: $0.path) }
        let ttl = model.idleTTL ?? self.lifecycle.idleTTL
        let size = model.active?.sizeBytes ?? model.sizeBytes ?? 0
        return ManagedModel(
            id: model.id,
            category: model.category,
            versions: versions,
            activeVersion: model.versions.isEmpty ? "" : model.activeVersion ?? "",
            isEnabled: model.isEnabled && isProviderEnabled,
            isLazy: self.isLazy(model, sizeBytes: size),
            isPinned: model.isPinned,
            idleTTL: ttl == .zero ? nil : ttl,
            sizeBytes: size
        )
    }

    /// The configuration's rule was applied to its own models when they were described; large ones are lazy whoever
    /// registered them.
    private func isLazy(_ model: ModelDescription, sizeBytes: Int64) -> Bool {
        let isConfigured = model.provenance.source == .config
        let chosen = isConfigured || model.isLazy ? model.isLazy : nil
        return self.lifecycle.isLazy(chosen: chosen, sizeBytes: sizeBytes)
    }

    private func runtimeModel(_ model: ModelDescription, version: String, path: String?) -> RuntimeModel {
        let settings = model.engineSettings
        let threads = settings.threads ?? self.threads
        return RuntimeModel(
            id: model.id,
            version: version,
            path: path,
            contextLength: settings.contextLength,
            threads: threads > 0 ? threads : nil,
            parallel: settings.parallel ?? 1,
            gpuLayers: settings.gpuLayers ?? 0
        )
    }
}
