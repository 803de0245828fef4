internal import Inference
internal import ModelLifecycle
internal import ModelRegistry

/// Which registered models are loaded and unloaded by us, and by what rules.
struct ManagedModels: Sendable {
    /// `lifecycle.lazy_load`: every model is loaded by its first request only.
    var isEveryModelLazy = false
    /// With `AI_MODELS_LAZY_LOAD`: models of at least so many bytes are.
    var lazyFromBytes: Int64?
    /// `lifecycle.idle_ttl`; `nil` for never.
    var idleTTL: Duration?
    /// `local.threads`; 0 leaves it to the engine.
    var threads = 0
    /// Providers whose models have a runtime.
    var isManaged: @Sendable (ProviderID) -> Bool

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
        let ttl = model.idleTTL ?? self.idleTTL
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

    private func isLazy(_ model: ModelDescription, sizeBytes: Int64) -> Bool {
        if self.isEveryModelLazy || model.isLazy { return true }
        guard let threshold = self.lazyFromBytes else { return false }
        return sizeBytes >= threshold
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
