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
        var loaded: [ModelID: LoadedModel] = [:]
        var devices: [DeviceMemory] = []
        var progress: [LoadProgress] = []
        var outcome = UnloadOutcome(wasLoaded: true)
        var plan: LoadPlan?
        var failure: LifecycleError?
        var holdsLoads = false
    }

    private let state = Mutex(State())
    private let callStream: AsyncStream<Call>
    private let callArrival: AsyncStream<Call>.Continuation
    /// How many loads ended because their caller left.
    let abandoned = Mutex(0)

    init() {
        (self.callStream, self.callArrival) = AsyncStream.makeStream()
    }

    var calls: [Call] { self.state.withLock { $0.calls } }

    /// Waits for a call that may come from work that nobody waits for.
    func firstCall(where isWanted: (Call) -> Bool) async -> Call? {
        for await call in self.callStream where isWanted(call) { return call }
        return nil
    }

    func manage(_ models: ManagedModel...) { self.state.withLock { $0.managed += models } }
    func set(_ model: LoadedModel?, of id: ModelID) { self.state.withLock { $0.loaded[id] = model } }
    func set(devices: [DeviceMemory]) { self.state.withLock { $0.devices = devices } }
    func set(progress: [LoadProgress]) { self.state.withLock { $0.progress = progress } }
    func set(outcome: UnloadOutcome) { self.state.withLock { $0.outcome = outcome } }
    func set(plan: LoadPlan) { self.state.withLock { $0.plan = plan } }
    func fail(with error: LifecycleError?) { self.state.withLock { $0.failure = error } }
    /// Loads then report their progress and end only when their caller leaves.
    func holdLoads() { self.state.withLock { $0.holdsLoads = true } }

    private func note(_ call: Call) throws(LifecycleError) {
        let failure = self.state.withLock { state in
            state.calls.append(call)
            return state.failure
        }
        self.callArrival.yield(call)
        if let failure { throw failure }
    }

    func acquire(_ model: ModelID, progress: ProgressSink?) async throws(LifecycleError) -> Lease {
        throw .notLoadable(model)
    }

    func load(
        _ model: ModelID,
        version: String?,
        warms: Bool,
        progress: ProgressSink?
    ) async throws(LifecycleError) -> LoadedModel {
        for step in self.state.withLock({ $0.progress }) { progress?.report(step) }
        try self.note(.load(model, version: version, warms: warms))
        if self.state.withLock({ $0.holdsLoads }) {
            try? await Task.sleep(for: .seconds(3600))
            self.abandoned.withLock { $0 += 1 }
            throw .cancelled
        }
        var loaded = LoadedModel(
            key: InstanceKey(model: model, version: version ?? ""), state: .ready, engine: "llama.cpp")
        loaded.memory = [.cpu: 10]
        self.set(loaded, of: model)
        return loaded
    }

    func unload(
        _ model: ModelID,
        version: String?,
        grace: Duration?,
        reason: String
    ) async throws(LifecycleError) -> UnloadOutcome {
        try self.note(.unload(model, version: version, grace: grace, reason: reason))
        if version == nil { self.set(nil, of: model) }
        return self.state.withLock { $0.outcome }
    }

    func plan(
        _ model: ModelID,
        version: String?,
        contextLength: Int?
    ) async throws(LifecycleError) -> LoadPlan {
        try self.note(.plan(model, contextLength: contextLength))
        return self.state.withLock { $0.plan } ?? LoadPlan(key: InstanceKey(model: model), isFeasible: true)
    }

    func status(of model: ModelID) -> LoadedModel? { self.state.withLock { $0.loaded[model] } }
    func loadedModels() -> [LoadedModel] {
        self.state.withLock { $0.loaded.values.sorted { $0.key < $1.key } }
    }
    func devices() -> [DeviceMemory] { self.state.withLock { $0.devices } }
    func managedModels() -> [ManagedModel] { self.state.withLock { $0.managed } }
}
