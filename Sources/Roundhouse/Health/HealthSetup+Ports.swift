internal import Inference
internal import ModelLifecycle
internal import ModelRegistry

extension HealthSetup {
    /// What is registered now. Answers at once, from memory.
    ///
    /// - Parameter engineDirectory: where an engine is, or would be, installed.
    init(_ ports: ServicePorts, report: SystemReport, engineDirectory: String) {
        let snapshot = ports.registry.snapshot
        let local = snapshot.provider(.local)
        let enabled = Set(snapshot.providers.filter(\.isEnabled).map(\.id))
        let loaded = Set(ports.loading.loadedModels().inMemory)
        self.init(
            isLocalEnabled: local?.isEnabled ?? false,
            providers: snapshot.providers.filter { $0.id != .local }.map(ProviderSetup.init),
            models: snapshot.models.filter { $0.isEnabled && enabled.contains($0.id.provider) }.map { model in
                ModelSetup(
                    id: model.id, category: model.category, availability: ports.availability(model.id),
                    isLoaded: loaded.contains(model.id))
            },
            isEngineRunning: report.engines().contains { $0.processID != nil },
            engineDirectory: engineDirectory,
            issues: report.issues()
        )
    }
}

extension [LoadedModel] {
    /// Models to which requests can be sent, or still are.
    var inMemory: [ModelID] {
        self.compactMap { model in
            switch model.state {
            case .ready, .draining: model.key.model
            case .unloaded, .queued, .loading, .warming, .unloading, .failed: nil
            }
        }
    }
}

extension HealthSetup.ProviderSetup {
    fileprivate init(_ provider: ProviderDescription) {
        self.init(
            id: provider.id, kind: provider.kind, address: provider.baseURL ?? "",
            hasKey: provider.hasCredentials || provider.credentials != nil, isEnabled: provider.isEnabled,
            acceptsAnyModel: provider.acceptsAnyModel)
        switch provider.credentials {
        case .environment(let name): self.keyPlace = "the environment variable \(name)"
        case .file(let path): self.keyPlace = "the file \(path)"
        case nil: break
        }
    }
}
