import Inference
import ModelLifecycle
import ModelRegistry
import Routing

@testable import Roundhouse

// For gateways whose tests ask for what is registered and nothing else.

extension ServicePorts {
    /// Reads what is registered; everything else says that it is not joined yet.
    static func pending(registry: Registry, router: Router) -> ServicePorts {
        let parts = PendingParts()
        return ServicePorts(
            registry: registry,
            editor: parts,
            loading: parts,
            recorder: parts,
            availability: { router.availability(of: $0) },
            discovery: DiscoveryPort(
                lister: { _ in nil },
                detect: { _, _ in throw RuntimeUnavailable(PendingParts.reason) },
                problems: { _ in [] }
            ),
            files: parts,
            switching: parts,
            warmUp: WarmUp(loading: parts),
            profiling: ProfilingPort(
                profiler: Profiler(loading: parts, events: parts),
                measure: { _ in throw RuntimeUnavailable(PendingParts.reason) }
            ),
            events: parts,
            statistics: { StatisticsReport(models: [:], sinceMicroseconds: 0) },
            saveState: { throw RuntimeUnavailable(PendingParts.reason) }
        )
    }
}

private struct PendingParts {
    static let reason = "this part of the server is being built"
    private var blocked: RegistryEditError { .blocked(Self.reason) }
}

extension PendingParts: EventRecorder {
    func record(_ event: GatewayEvent) {}
}

extension PendingParts: RegistryEditing {
    func createModel(
        _ model: ModelDescription, validateOnly: Bool
    ) async throws(RegistryEditError) -> ModelDescription { throw self.blocked }

    func updateModel(
        _ id: ModelID, etag: String?, validateOnly: Bool,
        change: @Sendable (inout ModelDescription) throws(RegistryEditError) -> Void
    ) async throws(RegistryEditError) -> ModelDescription { throw self.blocked }

    func deleteModel(_ id: ModelID, etag: String?) async throws(RegistryEditError) { throw self.blocked }

    func addVersion(
        _ version: ModelVersion, to model: ModelDescription, activate: Bool
    ) async throws(RegistryEditError) -> (model: ModelDescription, dropped: [ModelVersion]) { throw self.blocked }

    func createProvider(
        _ provider: ProviderDescription, validateOnly: Bool
    ) async throws(RegistryEditError) -> ProviderDescription { throw self.blocked }

    func updateProvider(
        _ id: ProviderID, etag: String?, validateOnly: Bool,
        change: @Sendable (inout ProviderDescription) throws(RegistryEditError) -> Void
    ) async throws(RegistryEditError) -> ProviderDescription { throw self.blocked }

    func deleteProvider(_ id: ProviderID, etag: String?) async throws(RegistryEditError) { throw self.blocked }

    func updateAlias(
        _ name: String, targets: [Alias.Target], mode: Alias.Mode, etag: String?, allowMissing: Bool, reason: String,
        validateOnly: Bool
    ) async throws(RegistryEditError) -> Alias { throw self.blocked }

    func deleteAlias(_ name: String, etag: String?) async throws(RegistryEditError) { throw self.blocked }

    func switchAlias(
        _ name: String, to model: ModelID, etag: String?, reason: String
    ) async throws(RegistryEditError) -> Alias { throw self.blocked }

    func rollbackAlias(
        _ name: String, revision: String?, etag: String?, reason: String
    ) async throws(RegistryEditError) -> Alias { throw self.blocked }

    func takeDiscovery(
        _ listing: ModelListing, from provider: ProviderID, validateOnly: Bool
    ) async throws(RegistryEditError) -> DiscoveryReport { throw self.blocked }
}

extension PendingParts: ModelLoading {
    func acquire(_ model: ModelID, progress: ProgressSink?) async throws(LifecycleError) -> Lease {
        throw .notLoadable(model)
    }

    func load(
        _ model: ModelID, version: String?, warms: Bool, progress: ProgressSink?
    ) async throws(LifecycleError) -> LoadedModel { throw .notLoadable(model) }

    func unload(
        _ model: ModelID, version: String?, grace: Duration?, reason: String
    ) async throws(LifecycleError) -> UnloadOutcome { throw .notLoadable(model) }

    func plan(
        _ model: ModelID, version: String?, contextLength: Int?
    ) async throws(LifecycleError) -> LoadPlan { throw .notLoadable(model) }

    func status(of model: ModelID) -> LoadedModel? { nil }
    func loadedModels() -> [LoadedModel] { [] }
    func devices() -> [DeviceMemory] { [] }
    func managedModels() -> [ManagedModel] { [] }
}

extension PendingParts: ModelFiles {
    private var unavailable: ModelFileError { ModelFileError(kind: .failed, message: Self.reason) }

    func inspect(_ path: String) async throws(ModelFileError) -> ModelFileFacts { throw self.unavailable }

    func install(
        _ request: ModelFileRequest, report: @escaping @Sendable (InstallProgress) -> Void
    ) async throws(ModelFileError) -> InstalledFile { throw self.unavailable }

    func remove(_ path: String) async throws(ModelFileError) -> Int64 { throw self.unavailable }
}

extension PendingParts: ModelSwitching {
    func switchAlias(_ request: AliasSwitch) async throws -> SwitchOutcome { throw RuntimeUnavailable(Self.reason) }

    func rollBack(
        _ alias: String, to revision: String?, etag: String?, reason: String
    ) async throws -> SwitchOutcome { throw RuntimeUnavailable(Self.reason) }

    func switchVersion(
        of model: ModelID, to version: String,
        flip: @escaping @Sendable () async throws(RegistryEditError) -> ModelDescription
    ) async throws -> ModelDescription { throw RuntimeUnavailable(Self.reason) }
}

extension PendingParts: EventFeed {
    func list(before sequence: Int64?, limit: Int, filter: EventFilter) async throws -> [StoredEvent] {
        throw EventWatchError.storage(Self.reason)
    }

    func watch(
        after sequence: Int64?, filter: EventFilter, deliver: @Sendable (EventUpdate) async throws -> Void
    ) async throws { throw EventWatchError.storage(Self.reason) }
}
