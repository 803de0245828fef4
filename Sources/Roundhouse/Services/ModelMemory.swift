internal import Inference
internal import ModelLifecycle
internal import ModelRegistry

/// Which models are in memory, and which could be. Of one moment: made for each call.
struct ModelMemory {
    let snapshot: RegistrySnapshot
    private let managed: [ModelID: ManagedModel]
    private let loaded: Set<ModelID>
    /// What each takes in memory, in bytes; not there when that is not known.
    private let bytes: [ModelID: Int64]
    private let fit: MemoryFit

    init(_ ports: ServicePorts) {
        self.snapshot = ports.registry.snapshot
        self.managed = Dictionary(ports.loading.managedModels().map { ($0.id, $0) }) { first, _ in first }
        let loaded = ports.loading.loadedModels()
        self.loaded = Set(loaded.lazy.filter { $0.state == .ready }.map(\.key.model))
        self.bytes = loaded.memoryByModel
        self.fit = MemoryFit(devices: ports.loading.devices())
    }

    func isLoaded(_ model: ModelID) -> Bool { self.managed[model] != nil && self.loaded.contains(model) }

    /// Whether the gateway loads and unloads it, and it fits into the memory that models may take.
    func canLoad(_ model: ModelDescription) -> Bool {
        guard self.managed[model.id] != nil else { return false }
        return self.loaded.contains(model.id)
            || self.fit.allows(Self.fileSize(of: model), at: self.snapshot.place(of: model.id.provider))
    }

    /// Whether only a request for it loads it, as the configuration's rules for large models have it, too.
    func isLazy(_ model: ModelDescription) -> Bool { self.managed[model.id]?.isLazy ?? model.isLazy }

    /// What it takes in memory, or its file while it takes nothing or that is not known; 0 when neither is.
    func size(of model: ModelDescription) -> Int64 { self.bytes[model.id] ?? Self.fileSize(of: model) }

    /// In bytes; 0 when it is not known.
    static func fileSize(of model: ModelDescription) -> Int64 { model.active?.sizeBytes ?? model.sizeBytes ?? 0 }
}
