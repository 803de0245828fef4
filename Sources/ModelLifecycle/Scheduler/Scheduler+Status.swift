import Inference

extension LifecycleScheduler {
    // MARK: - Progress

    /// Tells those who want to know how far a load is.
    mutating func tellProgress(_ key: InstanceKey, to tickets: [Ticket]) {
        let numbers = tickets.filter(\.wantsProgress).map(\.number)
        guard let progress = self.progress(of: key) else { return }
        self.updateLife(of: key) { life, now in life.toldAt = now }
        if !numbers.isEmpty { self.perform(.progress(tickets: numbers, progress)) }
    }

    /// Tells those in the queue when their place changed or what they wait for.
    mutating func tellPositions() {
        for (index, key) in self.queue.enumerated() {
            guard let instance = self.instances[key] else { continue }
            guard instance.toldPosition != index + 1 || instance.toldWait != instance.waitsFor else { continue }
            self.update(key) { instance, _ in
                instance.toldPosition = index + 1
                instance.toldWait = instance.waitsFor
            }
            self.tellProgress(key, to: instance.waiters)
        }
    }

    /// How far a load is; `nil` when nobody waits for one.
    func progress(of key: InstanceKey) -> LoadProgress? {
        guard let instance = self.instances[key] else { return nil }
        var progress = LoadProgress(model: key.model, phase: .queued, elapsed: self.now - instance.askedAt)
        switch instance.state {
        case .queued, .draining, .unloading:
            guard let index = self.queue.firstIndex(of: key) else { return nil }
            progress.queuePosition = index + 1
            progress.message = instance.state == .queued ? instance.waitsFor : "it leaves memory first"
            return progress
        case .loading: progress.phase = instance.life?.isLoadingWeights == true ? .loading : .starting
        case .warming: progress.phase = .warming
        case .ready: progress.phase = .ready
        case .unloaded, .failed: return nil
        }
        progress.loadedBytes = instance.life?.loadedBytes ?? 0
        progress.totalBytes = instance.life?.totalBytes ?? 0
        return progress
    }

    // MARK: - What is asked

    /// Where an instance stands. `wall`: this moment in microseconds since 1970.
    func status(of key: InstanceKey, engine: String, at now: Instant, wall: Int64) -> LoadedModel? {
        guard let instance = self.instances[key] else { return nil }
        var status = LoadedModel(key: key, state: instance.state, engine: engine)
        status.reason = instance.reason
        status.sinceMicroseconds = wall - (now - instance.since).wholeMicroseconds
        status.waiters = instance.waiters.count
        status.isPinned = self.isPinned(key)
        status.restarts = instance.restarts
        if instance.state != .ready { status.progress = self.progress(of: key) }
        guard let life = instance.life else { return status }
        status.instance = life.instance
        status.memory = self.ledger.entries[life.launch]?.bytes ?? [:]
        status.isMemoryMeasured = life.isMeasured
        status.leases = life.leases
        if let readyAt = life.readyAt { status.loadDuration = readyAt - life.startedAt }
        if instance.state == .ready, life.leases == 0 { status.idle = now - life.idleSince }
        status.expiresIn = self.expiry(of: instance).map { max(.zero, $0 - now) }
        return status
    }

    /// Those whose health is looked at: whatever requests are under way on, or may be.
    var probed: [RuntimeInstance] {
        self.launches.values.compactMap { key in
            guard let instance = self.instances[key] else { return nil }
            return instance.state == .ready || instance.state == .draining ? instance.life?.instance : nil
        }
    }

    /// Whether a request sent now has a chance, and whether it would have to wait.
    func availability(of model: ModelID, at now: Instant) -> ProviderAvailability {
        guard !self.isStopping else { return .unavailable(reason: "the server is stopping") }
        if self.doors[model]?.isOpen == true { return .available }
        guard let managed = self.models[model] else {
            return .unavailable(reason: "\(model) is not served by this process")
        }
        guard managed.isEnabled else { return .unavailable(reason: "\(model) is disabled") }
        let key = InstanceKey(model: model, version: managed.activeVersion)
        guard let instance = self.instances[key] else { return .unloaded }
        switch instance.state {
        case .ready: return .available
        case .queued, .loading, .warming: return .loading
        case .draining, .unloading: return self.queue.contains(key) ? .loading : .unloaded
        case .unloaded: return .unloaded
        case .failed:
            if let retryAt = instance.retryAt, now >= retryAt { return .unloaded }
            return .unavailable(reason: instance.reason)
        }
    }

    /// What loading would take, by the judgement that admits loads.
    func plan(for key: InstanceKey, _ estimate: MemoryEstimate, at now: Instant) -> LoadPlan {
        var plan = LoadPlan(key: key, isFeasible: true, estimate: estimate, devices: self.ledger.devices)
        let state = self.instances[key]?.state ?? .unloaded
        plan.isLoaded = state == .ready
        guard !plan.isLoaded, state != .loading, state != .warming else { return plan }
        let demand = self.ledger.demand(of: estimate.devices)
        switch self.room(for: demand, of: key, beside: self.survey(upTo: key)) {
        case .enough: break
        case .later: plan.reason = "others that wait or are being loaded come first"
        case .after(let victims): plan.evictions = victims.map { LoadPlan.Eviction($0, at: now) }
        case .never(let error):
            plan.isFeasible = false
            plan.reason = error.reason
            plan.blockers = self.fixed(except: key).map { "\($0.key): it is pinned" }
        }
        return plan
    }
}

extension LoadPlan.Eviction {
    fileprivate init(_ victim: EvictionPolicy.Candidate, at now: ContinuousClock.Instant) {
        let bytes = victim.holds.amounts.filter { $0.key != .place }.values
        self.init(
            key: victim.key,
            freedBytes: bytes.reduce(0, +),
            idle: victim.isBusy ? .zero : max(.zero, now - victim.since),
            isBusy: victim.isBusy
        )
    }
}

extension Duration {
    fileprivate var wholeMicroseconds: Int64 {
        self.components.seconds * 1_000_000 + self.components.attoseconds / 1_000_000_000_000
    }
}
