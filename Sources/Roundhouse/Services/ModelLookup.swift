internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import RoundhouseAPI

/// Finds what requests name, and tells where it stands. Of one moment: made for each call.
struct ModelLookup {
    let snapshot: RegistrySnapshot
    private let ports: ServicePorts
    private let managed: [ModelID: ManagedModel]
    private let devices: [DeviceMemory]
    private let loaded: [LoadedModel]

    init(_ ports: ServicePorts) {
        self.ports = ports
        self.snapshot = ports.registry.snapshot
        self.managed = Dictionary(ports.loading.managedModels().map { ($0.id, $0) }) { first, _ in first }
        self.devices = ports.loading.devices()
        self.loaded = ports.loading.loadedModels()
    }

    // MARK: - Names

    /// The model that a text names: by id, or by an alias, which stands for its active model.
    ///
    /// - Throws: ``ServiceError``: INVALID_ARGUMENT for what cannot be a name, NOT_FOUND for what is none.
    func model(_ text: String, field: String = "model") throws(ServiceError) -> ModelDescription {
        let found: ModelDescription?
        switch InferenceRequest.Target(text) {
        case .model(let id): found = self.snapshot.model(id)
        case .alias(let name): found = self.snapshot.alias(name)?.activeModel.flatMap(self.snapshot.model)
        case .automatic, nil:
            throw .invalid(field, found: text, expected: "a model id (\(ModelID.expectation)) or an alias")
        }
        guard let found else { throw .modelNotFound(text) }
        return found
    }

    /// As ``model(_:field:)``, for what can be loaded only.
    func loadableModel(_ text: String, field: String = "model") throws(ServiceError) -> ModelDescription {
        let model = try self.model(text, field: field)
        guard self.managed[model.id] != nil else { throw ServiceError(LifecycleError.notLoadable(model.id)) }
        return model
    }

    /// A model that is registered, by its id: an alias or a name that is merely passed on cannot be changed.
    func registeredModel(_ text: String, field: String = "model") throws(ServiceError) -> ModelDescription {
        var reader = FieldReader()
        let id = reader.modelID(text, field)
        try reader.finish()
        guard let id, let model = self.snapshot.listedModel(id) else { throw .modelNotFound(text) }
        return model
    }

    func isManaged(_ model: ModelID) -> Bool { self.managed[model] != nil }

    // MARK: - Where models stand

    func message(_ model: ModelDescription) -> Roundhouse_V1_Model {
        Roundhouse_V1_Model(model, aliases: self.snapshot.aliasNames(of: model.id), standing: self.standing(of: model))
    }

    /// For filters.
    func facts(of model: ModelDescription, _ statistics: ModelStatistics?) -> RuntimeFacts {
        let standing = self.standing(of: model)
        return RuntimeFacts(
            state: standing.state.filterName,
            isLoaded: standing.isLoaded,
            useCount: statistics?.uses ?? 0,
            lastUsedAtMicroseconds: statistics?.lastUsedAtMicroseconds ?? 0
        )
    }

    func isLoaded(_ model: ModelID) -> Bool {
        self.managed[model] != nil && self.ports.loading.status(of: model)?.state == .ready
    }

    private func standing(of model: ModelDescription) -> ModelStanding {
        let availability = self.ports.availability(model.id)
        let (state, reason) = Roundhouse_V1_ModelState.of(availability)
        guard let managed = self.managed[model.id] else { return ModelStanding(state: state, reason: reason) }
        let status = self.ports.loading.status(of: model.id)
        var standing = ModelStanding(state: state, reason: reason)
        if let status {
            standing.sinceMicroseconds = status.sinceMicroseconds
            // Not loaded and not to be loaded either: the reason why counts for more.
            if status.state != .unloaded || availability.canAnswer {
                standing.state = .init(status.state)
                standing.reason = status.reason
            }
        }
        standing.isLoaded = status?.state == .ready
        standing.canLoad = standing.isLoaded || (availability.canAnswer && self.hasRoom(for: managed))
        return standing
    }

    /// Whether its file fits beside what cannot be evicted. A guess from memory: `PlanLoad` looks closer.
    private func hasRoom(for model: ManagedModel) -> Bool {
        guard model.isEnabled else { return false }
        guard model.sizeBytes > 0, !self.devices.isEmpty else { return true }
        let quota = self.devices.reduce(0) { $0 + $1.quotaBytes }
        let kept = self.loaded.filter { $0.isPinned || $0.leases > 0 }
        let keptBytes = kept.reduce(0) { sum, instance in
            sum + instance.memory.filter { $0.key != .remote }.values.reduce(0, +)
        }
        return model.sizeBytes <= quota - keptBytes
    }
}

extension Roundhouse_V1_ModelState {
    /// As filters write it: one of ``RuntimeFacts/states``.
    fileprivate var filterName: String {
        switch self {
        case .ready: "ready"
        case .loading: "loading"
        case .unloaded: "unloaded"
        case .queued: "queued"
        case .warming: "warming"
        case .draining: "draining"
        case .unloading: "unloading"
        case .failed, .unspecified, .UNRECOGNIZED: "failed"
        }
    }
}
