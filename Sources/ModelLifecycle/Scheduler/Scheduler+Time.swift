import Inference

extension LifecycleScheduler {
    /// How often waiters are told of bytes.
    static let progressInterval = Duration.milliseconds(250)
    /// How often the memory is read while some of it is being released.
    static let releaseInterval = Duration.milliseconds(250)
    /// Looks at what could be loaded, at the same time.
    private static let maximumChecks = 4

    /// Does what is due at this time.
    mutating func enforceDeadlines() {
        let due = self.instances.values.filter { self.deadline(of: $0).map { $0 <= self.now } ?? false }
        for instance in due.sorted(by: { $0.key < $1.key }) { self.enforceDeadline(of: instance) }
        self.check()
        guard self.ledger.releaseDeadline != nil else {
            self.memoryAskedAt = nil
            return
        }
        guard self.memoryAskedAt.map({ self.now - $0 >= Self.releaseInterval }) ?? true else { return }
        self.memoryAskedAt = self.now
        self.perform(.readMemory)
    }

    /// Asks to be woken when time will change something.
    mutating func arm() {
        var next = self.instances.values.compactMap { self.deadline(of: $0) }.min()
        func include(_ instant: Instant?) {
            guard let instant else { return }
            next = min(next ?? instant, instant)
        }
        include(self.instances.values.compactMap(\.checkAt).filter { $0 > self.now }.min())
        include(self.reconsiderAt)
        include(self.ledger.releaseDeadline)
        include(self.memoryAskedAt.map { $0 + Self.releaseInterval })
        guard next != self.wakeAt else { return }
        self.wakeAt = next
        self.perform(.wake(at: next))
    }

    /// When time alone changes something for an instance.
    private func deadline(of instance: Instance) -> Instant? {
        guard let life = instance.life else {
            return instance.preparationEnd ?? (instance.state == .queued ? instance.notBefore : nil)
        }
        switch instance.state {
        case .loading, .warming: return life.verdict == nil ? self.loadDeadline(instance, life) : nil
        case .ready where life.isWarmingUp: return life.verdict == nil ? self.loadDeadline(instance, life) : nil
        case .ready: return self.expiry(of: instance)
        case .draining: return instance.farewell?.graceEnd
        case .unloading: return instance.farewell?.killAt
        case .unloaded, .queued, .failed: return nil
        }
    }

    private func loadDeadline(_ instance: Instance, _ life: Life) -> Instant {
        let bytes = max(instance.estimate?.totalBytes ?? 0, instance.prediction.values.reduce(0, +))
        return life.progressAt + self.limits.loadBudget.duration(forBytes: bytes)
    }

    /// When a ready instance is unloaded for idleness.
    func expiry(of instance: Instance) -> Instant? {
        guard instance.state == .ready, let life = instance.life, life.leases == 0, instance.waiters.isEmpty,
            let ttl = self.models[instance.key.model]?.idleTTL, !self.isPinned(instance.key)
        else { return nil }
        return life.idleSince + ttl
    }

    private mutating func enforceDeadline(of instance: Instance) {
        let key = instance.key
        if let number = instance.preparation {
            let seconds = self.limits.prepareTimeout.components.seconds
            let silence = RuntimeUnavailable("its runtime did not say within \(seconds) s what it would take")
            return self.prepared(number, .failure(silence))
        }
        switch instance.state {
        case .queued:
            self.instances[key]?.notBefore = nil
        case .loading, .warming:
            self.endStalled(instance)
        case .ready where instance.life?.isWarmingUp == true:
            self.endStalled(instance)
        case .ready:
            let ttl = self.models[key.model]?.idleTTL ?? .zero
            self.dismiss(key, .idle, reason: "idle for \(ttl.components.seconds) s")
        case .draining:
            self.cut(key)
        case .unloading:
            self.instances[key]?.farewell?.killAt = nil
            if let launch = instance.life?.launch { self.perform(.kill(launch: launch)) }
        case .unloaded, .failed: break
        }
    }

    private mutating func endStalled(_ instance: Instance) {
        guard let life = instance.life else { return }
        let seconds = (self.now - life.progressAt).components.seconds
        let doing = life.isWarmingUp ? "warming up" : "loading"
        self.end(instance.key, because: "it made no progress for \(seconds) s while \(doing)")
    }

    /// Looks whether what nobody has asked for yet could be loaded, so that status tells what is missing before anyone
    /// needs it.
    private mutating func check() {
        guard !self.isStopping else { return }
        var free = Self.maximumChecks - self.preparations.count
        let due = self.instances.values.filter { $0.checkAt.map { $0 <= self.now } ?? false }
        for instance in due.sorted(by: { $0.key < $1.key }) where free > 0 {
            let isMissing = instance.state == .failed && instance.retryAt == nil
            if isMissing || instance.state == .unloaded {
                self.prepare(instance.key)
                free -= 1
            } else {
                self.instances[instance.key]?.checkAt = nil
            }
        }
    }
}
