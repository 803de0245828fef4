import Inference
import Synchronization

@testable import ModelLifecycle

/// A room for models with so many bytes: loads what fits, evicts what nobody uses, and does as it was told.
final class LoadingDouble: ModelLoading {
    private struct State {
        var models: [ModelID: ManagedModel] = [:]
        var sizes: [InstanceKey: Int64] = [:]
        var loaded: [InstanceKey: LoadedModel] = [:]
        /// Since when each is there: the smallest is evicted first.
        var order: [InstanceKey: Int] = [:]
        var leases: [InstanceKey: Int] = [:]
        var gates: [InstanceKey: Turnstile] = [:]
        var drainGates: [InstanceKey: Turnstile] = [:]
        var failures: [InstanceKey: LifecycleError] = [:]
        var plans: [InstanceKey: LoadPlan] = [:]
        var calls: [String] = []
        var count = 0
    }

    let capacity: Int64
    private let state = Mutex(State())

    init(capacity: Int64 = 100) {
        self.capacity = capacity
    }

    // MARK: - What tests tell it

    func add(_ model: ManagedModel, size: Int64 = 10) {
        self.state.withLock { state in
            state.models[model.id] = model
            for version in model.versions { state.sizes[version.key] = size }
        }
    }

    @discardableResult
    func add(
        _ name: String,
        size: Int64 = 10,
        category: ModelCategory = .text,
        isEnabled: Bool = true,
        isLazy: Bool = false,
        isLoaded: Bool = false
    ) -> ModelID {
        let id = ModelID.local(name)
        self.add(
            ManagedModel(
                id: id, category: category, versions: [RuntimeModel(id: id)], isEnabled: isEnabled, isLazy: isLazy),
            size: size
        )
        if isLoaded { self.put(InstanceKey(model: id)) }
        return id
    }

    /// In memory at once.
    func put(_ key: InstanceKey, state instanceState: InstanceState = .ready) {
        self.state.withLock { state in
            state.count += 1
            state.order[key] = state.count
            var model = LoadedModel(key: key, state: instanceState, engine: "double")
            model.memory = [.cpu: state.sizes[key] ?? 0]
            state.loaded[key] = model
        }
    }

    func lease(_ key: InstanceKey, _ count: Int) { self.state.withLock { $0.leases[key] = count } }
    func wait(for key: InstanceKey, _ count: Int) { self.state.withLock { $0.loaded[key]?.waiters = count } }
    /// Loads of it wait here, and unloads wait at the other.
    func hold(_ key: InstanceKey, at gate: Turnstile) { self.state.withLock { $0.gates[key] = gate } }
    func holdDrain(_ key: InstanceKey, at gate: Turnstile) { self.state.withLock { $0.drainGates[key] = gate } }
    func fail(_ key: InstanceKey, _ error: LifecycleError?) { self.state.withLock { $0.failures[key] = error } }
    func setPlan(_ plan: LoadPlan) { self.state.withLock { $0.plans[plan.key] = plan } }

    /// What was asked of it, in order: `plan local/a`, `load local/a`, `loaded local/a`, `unload local/a`.
    var calls: [String] { self.state.withLock { $0.calls } }
    func calls(_ verb: String) -> [String] {
        self.calls.filter { $0.hasPrefix(verb + " ") }.map { String($0.dropFirst(verb.count + 1)) }
    }
    func note(_ call: String) { self.state.withLock { $0.calls.append(call) } }
    func leases(_ key: InstanceKey) -> Int { self.state.withLock { $0.leases[key] ?? 0 } }

    // MARK: - ModelLoading

    func acquire(_ model: ModelID, progress: ProgressSink?) async throws(LifecycleError) -> Lease {
        let loaded = try await self.load(model, version: nil, warms: false, progress: progress)
        self.state.withLock { $0.leases[loaded.key, default: 0] += 1 }
        let isReleased = Mutex(false)
        return Lease(instance: RuntimeInstance(key: loaded.key, launch: 1)) {
            let isFirst = isReleased.withLock { released in
                defer { released = true }
                return !released
            }
            if isFirst { self.state.withLock { $0.leases[loaded.key, default: 0] -= 1 } }
        }
    }

    func load(
        _ model: ModelID,
        version: String?,
        warms: Bool,
        progress: ProgressSink?
    ) async throws(LifecycleError) -> LoadedModel {
        let key = try self.key(model, version)
        let plan = try await self.makePlan(key)
        if !plan.isLoaded {
            self.note("load \(key)\(warms ? "" : " cold")")
            guard plan.isFeasible else { throw self.insufficient(key) }
            self.state.withLock { state in
                for eviction in plan.evictions { state.loaded[eviction.key] = nil }
            }
            self.put(key, state: .loading)
            progress?.report(LoadProgress(model: model, phase: .queued, queuePosition: 1))
            progress?.report(LoadProgress(model: model, phase: .loading))
            await self.state.withLock { $0.gates[key] }?.pass()
        }
        if let failure = self.state.withLock({ $0.failures[key] }) {
            self.state.withLock { $0.loaded[key] = nil }
            throw failure
        }
        self.put(key)
        if !plan.isLoaded { self.note("loaded \(key)") }
        progress?.report(LoadProgress(model: model, phase: .ready))
        guard !Task.isCancelled else { throw .cancelled }
        guard let loaded = self.status(of: model) else { throw .unloaded(model, reason: "meanwhile") }
        return loaded
    }

    func unload(
        _ model: ModelID,
        version: String?,
        grace: Duration?,
        reason: String
    ) async throws(LifecycleError) -> UnloadOutcome {
        let key = try self.key(model, version)
        self.note("unload \(key)")
        await self.state.withLock { $0.drainGates[key] }?.pass()
        let gone = self.state.withLock { $0.loaded.removeValue(forKey: key) }
        self.note("unloaded \(key)")
        return UnloadOutcome(wasLoaded: gone != nil)
    }

    func plan(_ model: ModelID, version: String?, contextLength: Int?) async throws(LifecycleError) -> LoadPlan {
        let key = try self.key(model, version)
        self.note("plan \(key)")
        return try await self.makePlan(key)
    }

    func status(of model: ModelID) -> LoadedModel? {
        let loaded = self.loadedModels().filter { $0.key.model == model }
        return loaded.first { $0.state == .ready } ?? loaded.first
    }

    func loadedModels() -> [LoadedModel] {
        self.state.withLock { $0.loaded.values.sorted { $0.key < $1.key } }
    }

    func devices() -> [DeviceMemory] { [self.device(self.state.withLock { self.used($0) })] }

    func managedModels() -> [ManagedModel] {
        self.state.withLock { $0.models.values.sorted { $0.id < $1.id } }
    }

    // MARK: -

    private func key(_ model: ModelID, _ version: String?) throws(LifecycleError) -> InstanceKey {
        guard let managed = self.state.withLock({ $0.models[model] }) else { throw .notLoadable(model) }
        guard managed.isEnabled else { throw .disabled(model) }
        return InstanceKey(model: model, version: version ?? managed.activeVersion)
    }

    private func makePlan(_ key: InstanceKey) async throws(LifecycleError) -> LoadPlan {
        let need = self.state.withLock { $0.sizes[key] ?? 0 }
        let estimate = MemoryEstimate(weightBytes: need)
        return self.state.withLock { state in
            if let plan = state.plans[key] { return plan }
            var plan = LoadPlan(
                key: key, isFeasible: true, estimate: estimate, devices: [self.device(self.used(state))])
            if state.loaded[key]?.state == .ready {
                plan.isLoaded = true
                return plan
            }
            var free = self.capacity - self.used(state) + (state.loaded[key] == nil ? 0 : need)
            let victims = state.loaded.values.filter { $0.state == .ready && $0.key != key }
                .sorted { (state.order[$0.key] ?? 0) < (state.order[$1.key] ?? 0) }
            for victim in victims where free < need {
                let isBusy = (state.leases[victim.key] ?? 0) > 0
                let freed = state.sizes[victim.key] ?? 0
                plan.evictions.append(
                    LoadPlan.Eviction(key: victim.key, freedBytes: freed, idle: .zero, isBusy: isBusy))
                free += freed
            }
            if free < need {
                plan.isFeasible = false
                plan.evictions = []
                plan.reason = "it needs \(need) of \(self.capacity) bytes"
            }
            return plan
        }
    }

    private func insufficient(_ key: InstanceKey) -> LifecycleError {
        .insufficientMemory(
            key.model, device: .cpu, needed: 0, available: 0, evictable: 0, reason: "it is larger than the memory")
    }

    private func used(_ state: State) -> Int64 { state.loaded.keys.reduce(0) { $0 + (state.sizes[$1] ?? 0) } }

    private func device(_ used: Int64) -> DeviceMemory {
        DeviceMemory(
            device: .cpu, totalBytes: self.capacity, freeBytes: self.capacity - used, quotaBytes: self.capacity,
            actualBytes: used)
    }
}
