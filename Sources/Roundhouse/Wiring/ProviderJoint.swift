internal import Inference
internal import LocalEngines
internal import Logging
internal import ModelLifecycle
internal import ModelRegistry
internal import Routing

/// Keeps those who speak to providers, and those who load models, in step with the registry.
struct ProviderJoint: Sendable {
    let directory: ProviderDirectory
    let catalog = ProviderCatalog()
    let manager: LifecycleManager
    let records: EngineRecords
    let rules: ManagedModels
    let logger: Logger

    /// Takes every later snapshot of `registry`, in order.
    func follow(_ registry: Registry) {
        registry.observe { snapshot in
            for problem in self.take(snapshot).values {
                self.logger.error("A provider cannot be used", metadata: ["problem": "\(problem)"])
            }
        }
    }

    /// - Returns: why a provider of `snapshot` cannot be used, by provider.
    func take(_ snapshot: RegistrySnapshot) -> [ProviderID: StartError] {
        var problems: [ProviderID: StartError] = [:]
        for (id, change) in self.directory.update(to: snapshot) {
            switch change {
            case .success(let parts): self.set(parts, for: id)
            case .failure(let problem):
                problems[id] = problem
                self.set(nil, for: id)
            case nil: self.set(nil, for: id)
            }
        }
        self.manager.apply(self.rules.models(in: snapshot))
        return problems
    }

    private func set(_ parts: ProviderDirectory.Parts?, for id: ProviderID) {
        self.manager.setRuntime(parts?.runtime, for: id)
        guard let parts else { return self.catalog.set(nil, for: id) }
        guard parts.runtime != nil else { return self.catalog.set(parts.adapter, for: id) }
        let adapter = parts.adapter
        self.catalog.set(LeasedProvider(id: id, manager: self.manager, fallback: adapter) { _ in adapter }, for: id)
    }
}
