import Inference
import ModelLifecycle
import Synchronization

/// Loads and unloads by script: every call is recorded, and what it does can be set.
final class ScriptedLoading: ModelLoading {
    enum Call: Sendable, Hashable {
        case load(ModelID, version: String?, warms: Bool)
        case unload(ModelID, version: String?, grace: Duration?, reason: String)
        case plan(ModelID, contextLength: Int?)
    }

    private struct State {
        var calls: [Call] = []
        var managed: [ManagedModel] = []
        var loaded: [InstanceKey: LoadedModel] = [:]
        var devices: [DeviceMemory] = []
        var progress: [LoadProgress] = []
        var outcome = UnloadOutcome(wasLoaded: true)
        var plan: LoadPlan?
        var failure: LifecycleError?
    }

    private let state = Mutex(State())
    private let callStream: AsyncStream<Call>
    private let callArrival: AsyncStream<Call>.Continuation

    init() {
        (self.callStream, self.callArrival) = AsyncStream.makeStream()
    }

    var calls: [Call] { self.state.withLock { $0.calls } }
    var loads: [Call] { self.calls.filter { if case .load = $0 { true } else { false } } }
    var unloads: [Call] { self.calls.filter { if case .unload = $0 { true } else { false } } }

    /// Waits for a call that may come from work that nobody waits for.
    func firstCall(where isWanted: (Call) -> Bool) async -> Call? {
        for await call in self.callStream where isWanted(call) { return call }
        return nil
    }

    func manage(_ models: ManagedModel...) { self.state.withLock { $0.managed += models } }
    func set(_ model: LoadedModel) { self.state.withLock { $0.loaded[model.key] = model } }
    func set(devices: [DeviceMemory]) { self.state.withLock { $0.devices = devices } }
    func set(progress: [LoadProgress]) { self.state.withLock { $0.progress = progress } }
    func set(outcome: UnloadOutcome) { self.state.withLock { $0.outcome = outcome } }
    func set(plan: LoadPlan) { self.state.withLock { $0.plan = plan } }
    func fail(with error: LifecycleError?) { self.state.withLock { $0.failure = error } }

    private func note(_ call: Call, of model: ModelID) throws(LifecycleError) {
        let (isManaged, failure) = self.state.withLock { state in
            state.calls.append(call)
            return (state.managed.contains { $0.id == model }, state.failure)
        }
        self.callArrival.yield(call)
        if let failure { throw failure }
        guard isManaged else { throw .notLoadable(model) }
    }

    func acquire(_ model: ModelID, progress: ProgressSink?) async throws(LifecycleError) -> Lease {
        let loaded = try await self.load(model, version: nil, warms: false, progress: progress)
        return Lease(instance: RuntimeInstance(key: loaded.key, launch: 1)) {}
    }

    func load(
        _ model: ModelID,
        version: String?,
        warms: Bool,
        progress: ProgressSink?
    ) async throws(LifecycleError) -> LoadedModel {
        for step in self.state.withLock({ $0.progress }) { progress?.report(step) }
        try self.note(.load(model, version: version, warms: warms), of: model)
        var loaded = LoadedModel(
            key: InstanceKey(model: model, version: version ?? ""), state: .ready, engine: "llama.cpp")
        loaded.memory = [.cpu: 10]
        self.set(loaded)
        return loaded
    }

    func unload(
        _ model: ModelID,
        version: String?,
        grace: Duration?,
        reason: String
    ) async throws(LifecycleError) -> UnloadOutcome {
        try self.note(.unload(model, version: version, grace: grace, reason: reason), of: model)
        return self.state.withLock { state in
            state.loaded = state.loaded.filter {
                $0.key.model != model || (version != nil && $0.key.version != version)
            }
            return state.outcome
        }
    }

    func plan(
        _ model: ModelID,
        version: String?,
        contextLength: Int?
    ) async throws(LifecycleError) -> LoadPlan {
        try self.note(.plan(model, contextLength: contextLength), of: model)
        let key = InstanceKey(model: model, version: version ?? "")
        return self.state.withLock { state in
            state.plan ?? LoadPlan(key: key, isFeasible: true, isLoaded: state.loaded[key] != nil)
        }
    }

    func status(of model: ModelID) -> LoadedModel? {
        self.loadedModels().first { $0.key.model == model }
    }

    func loadedModels() -> [LoadedModel] {
        self.state.withLock { $0.loaded.values.sorted { $0.key < $1.key } }
    }

    func devices() -> [DeviceMemory] { self.state.withLock { $0.devices } }
    func managedModels() -> [ManagedModel] { self.state.withLock { $0.managed } }
}
