import Inference

extension LifecycleScheduler {
    /// Puts an instance at the end of the queue.
    ///
    /// One that is still leaving memory keeps the place until it is gone.
    mutating func enqueue(_ key: InstanceKey, reason: String) {
        guard let state = self.instances[key]?.state else { return }
        switch state {
        case .queued, .loading, .warming, .ready: return
        case .unloaded, .failed:
            self.move(key, to: .queued, reason: reason)
            self.instances[key]?.retryAt = nil
            self.prepare(key)
        case .draining, .unloading: break
        }
        guard !self.queue.contains(key) else { return }
        self.update(key) { instance, now in
            instance.askedAt = now
            instance.toldPosition = 0
        }
        self.queue.append(key)
    }

    mutating func dequeue(_ key: InstanceKey) {
        self.queue.removeAll { $0 == key }
        self.update(key) { instance, _ in
            instance.notBefore = nil
            instance.waitsFor = ""
        }
    }

    /// Asks the runtime what a load would take, if it is not being asked.
    /// Whether every one of these models was asked of its runtime at least once, as far as it is to be loaded at all.
    func hasLooked(at models: [ModelID]) -> Bool {
        models.allSatisfy { id in
            guard let model = self.models[id], model.isEnabled,
                let instance = self.instances[InstanceKey(model: id, version: model.activeVersion)]
            else { return true }
            return instance.isPrepared || instance.state == .failed
        }
    }

    mutating func prepare(_ key: InstanceKey) {
        guard let instance = self.instances[key], instance.preparation == nil else { return }
        let number = self.nextNumber()
        self.preparations[number] = key
        let timeout = self.limits.prepareTimeout
        self.update(key) { instance, now in
            instance.preparation = number
            instance.preparationEnd = now + timeout
            instance.checkAt = nil
        }
        self.perform(.prepare(number: number, instance.model))
    }

    /// A runtime said what a load would take, or why there can be none.
    mutating func prepared(_ number: Int, _ result: Result<MemoryEstimate, RuntimeUnavailable>) {
        guard let key = self.preparations.removeValue(forKey: number), let instance = self.instances[key],
            instance.preparation == number
        else { return }
        self.instances[key]?.preparation = nil
        self.instances[key]?.preparationEnd = nil
        switch result {
        case .success(let estimate):
            self.instances[key]?.estimate = estimate
            if instance.state == .failed, instance.retryAt == nil {
                self.move(key, to: .unloaded, reason: LoadedModel.foundReason)
            }
        case .failure(let problem):
            switch instance.state {
            case .queued: self.fail(key, problem.reason, retryAt: nil)
            case .unloaded: self.move(key, to: .failed, reason: problem.reason)
            case .failed where instance.reason != problem.reason:
                self.move(key, to: .failed, reason: problem.reason)
            default: break
            }
            self.checkLater(key)
        }
    }

    /// What is missing may be brought by a person: looks again.
    mutating func checkLater(_ key: InstanceKey) {
        guard let interval = self.limits.recheckInterval else { return }
        self.update(key) { instance, now in instance.checkAt = now + interval }
    }

    /// Carries out what was decided on the queue: starts what can start, and makes room for what cannot.
    mutating func admit() {
        self.reconsiderAt = nil
        for (key, verdict) in self.survey().verdicts {
            switch verdict {
            case .start:
                self.launch(key)
            case .refuse(let error):
                self.refuse(key, error)
            case .wait(let words):
                self.instances[key]?.waitsFor = words
            case .waitUntil(let instant, let words):
                self.instances[key]?.waitsFor = words
                self.reconsiderAt = min(self.reconsiderAt ?? instant, instant)
            case .evict(let victims):
                let names = victims.map { "\($0.key)" }.joined(separator: ", ")
                self.instances[key]?.waitsFor = "\(names) makes room for it"
                for victim in victims { self.evict(victim.key, for: key) }
            }
        }
    }

    /// It cannot be loaded as things are. That is no failure of its own: the next request finds out anew.
    private mutating func refuse(_ key: InstanceKey, _ error: LifecycleError) {
        self.dequeue(key)
        let reason = error.reason
        if self.instances[key]?.lastRefusal != reason { self.perform(self.emit(.modelLoadError, key, reason)) }
        self.move(key, to: .unloaded, reason: reason)
        self.update(key) { instance, _ in
            instance.lastRefusal = reason
            instance.isWanted = false
        }
        self.refuseWaiters(key, error)
    }

    /// Takes out idle models when those in memory have grown beyond the quota: as many as it takes, or all.
    mutating func relieve() {
        let excess = (self.ledger.excess - self.coming).positive
        self.isOverfull = !excess.isEmpty
        guard self.isOverfull, !self.isStopping else { return }
        let idle = self.candidates().filter { !$0.isBusy }
        for victim in EvictionPolicy.victims(for: excess, among: idle) ?? idle {
            self.dismiss(victim.key, .evicted(for: nil), reason: "models take more memory than they may together")
        }
    }
}
