import Inference

extension LifecycleScheduler {
    /// Whether a launch has not been told to end.
    func mayAnswer(launch: Int) -> Bool {
        guard let key = self.launches[launch], let instance = self.instances[key] else { return false }
        return instance.state != .unloading && instance.life?.verdict == nil
    }

    /// Why a launch is told to end, for those whose answers are cut.
    func reasonOfEnd(launch: Int) -> String {
        guard let key = self.launches[launch], let instance = self.instances[key] else { return "" }
        if let verdict = instance.life?.verdict { return "the engine of \(key) was ended: \(verdict)" }
        return "\(key) was unloaded: \(instance.farewell?.reason ?? "")"
    }

    /// A life is over: nothing of the instance is left.
    mutating func ended(_ launch: Int, _ exit: RuntimeExit) {
        guard let key = self.launches.removeValue(forKey: launch), let instance = self.instances[key],
            let life = instance.life, life.launch == launch
        else { return }
        let freed = self.ledger.entries[launch]?.bytes.values.reduce(0, +) ?? 0
        self.ledger.end(launch, at: self.now)
        self.instances[key]?.life = nil
        if let readyAt = life.readyAt, self.now - readyAt >= self.limits.restart.stableAfter {
            self.instances[key]?.failuresInARow = 0
        }
        let exit = life.verdict.map { .crashed(reason: $0) } ?? exit
        if let farewell = instance.farewell {
            self.leave(key, farewell, life, exit, freed: freed)
        } else {
            self.fall(key, instance, life, exit, freed: freed)
        }
    }

    // MARK: - Ends that were wanted

    private mutating func leave(
        _ key: InstanceKey,
        _ farewell: Farewell,
        _ life: Life,
        _ exit: RuntimeExit,
        freed: Int64
    ) {
        self.instances[key]?.farewell = nil
        let reason = farewell.reason + Self.remark(on: exit, whileDraining: self.instances[key]?.state == .draining)
        var attributes = ["launch": "\(life.launch)", "freed_bytes": "\(freed)"]
        var kind = GatewayEvent.Kind.modelUnloaded
        if case .evicted(let other) = farewell.cause {
            kind = .modelEvicted
            attributes["for"] = other.map { "\($0)" }
        }
        self.perform(self.emit(kind, key, reason, attributes))
        let outcome = UnloadOutcome(
            wasLoaded: true, freedBytes: freed, drainedLeases: farewell.drainedLeases,
            cutLeases: max(farewell.cutLeases, life.leases))
        for ticket in farewell.tickets { self.close(ticket, .unloaded(ticket: ticket, outcome)) }
        self.goOn(key, reason: reason)
    }

    private static func remark(on exit: RuntimeExit, whileDraining: Bool) -> String {
        switch exit {
        case .stopped, .released: ""
        case .crashed(let reason), .refused(let reason), .unavailable(let reason):
            whileDraining ? "; it crashed while it drained: \(reason)" : ""
        }
    }

    /// After the end of a life: loaded again for those who came meanwhile, else out of memory.
    private mutating func goOn(_ key: InstanceKey, reason: String) {
        if self.queue.contains(key), !self.isStopping {
            self.move(key, to: .queued, reason: "requested while it was unloaded")
            self.prepare(key)
        } else {
            self.move(key, to: .unloaded, reason: reason)
            self.instances[key]?.isWanted = false
            self.forget(key)
        }
    }

    // MARK: - Ends that were not

    private mutating func fall(
        _ key: InstanceKey,
        _ instance: Instance,
        _ life: Life,
        _ exit: RuntimeExit,
        freed: Int64
    ) {
        switch exit {
        case .released(let reason) where instance.state == .ready:
            self.depart(key, reason, life, freed: freed)
        case .stopped:
            self.depart(key, "it was stopped", life, freed: freed)
        case .unavailable(let reason):
            self.fail(key, reason, retryAt: nil)
            self.checkLater(key)
        case .refused(let reason):
            let failures = max(instance.failuresInARow + 1, self.limits.restart.maximumFailures)
            self.instances[key]?.failuresInARow = failures
            self.fail(key, reason, retryAt: self.now + self.limits.restart.longestBackoff)
        case .crashed(let reason), .released(let reason):
            self.crash(key, life, reason)
        }
    }

    /// It went without our doing and without a failure.
    private mutating func depart(_ key: InstanceKey, _ reason: String, _ life: Life, freed: Int64) {
        self.perform(
            self.emit(
                .modelUnloaded, key, reason, ["launch": "\(life.launch)", "freed_bytes": "\(freed)"]))
        self.move(key, to: .unloaded, reason: reason)
        self.refuseWaiters(key, .unloaded(key.model, reason: reason))
        self.forget(key)
    }

    /// Starts it again after a while, if it was in use or anyone wants it, and gives up after too many times.
    private mutating func crash(_ key: InstanceKey, _ life: Life, _ reason: String) {
        guard let before = self.instances[key] else { return }
        let failures = before.failuresInARow + 1
        self.instances[key]?.failuresInARow = failures
        let backoff = self.limits.restart.backoff(afterFailures: failures)
        guard failures < self.limits.restart.maximumFailures else {
            return self.fail(key, "\(reason) (failure \(failures) in a row)", retryAt: self.now + backoff)
        }
        let isWanted = !before.waiters.isEmpty || life.leases > 0 || self.isPinned(key)
        guard isWanted || life.readyAt != nil else { return self.fail(key, reason, retryAt: self.now + backoff) }
        self.perform(
            self.emit(
                .modelLoadError, key, reason,
                ["failures": "\(failures)", "retry_milliseconds": "\(backoff.wholeMilliseconds)"]))
        self.move(key, to: .queued, reason: "restart: \(reason)")
        // In front: it was there before those that wait.
        self.queue.insert(key, at: 0)
        self.update(key) { instance, now in
            instance.isWanted = isWanted
            if instance.waiters.isEmpty { instance.askedAt = now }
            instance.restarts += 1
            instance.notBefore = now + backoff
            instance.waitsFor = "it is started again after a failure: \(reason)"
            instance.toldPosition = 0
        }
    }

    /// Gives it up until a request after `retryAt`, or until what is missing is there.
    mutating func fail(_ key: InstanceKey, _ reason: String, retryAt: Instant?) {
        let failures = self.instances[key]?.failuresInARow ?? 0
        self.dequeue(key)
        self.perform(self.emit(.modelLoadError, key, reason, ["failures": "\(failures)"]))
        self.update(key) { instance, _ in
            instance.retryAt = retryAt
            instance.isWanted = false
        }
        self.move(key, to: .failed, reason: reason)
        self.refuseWaiters(
            key, .loadFailed(key.model, reason: reason, retryAfter: retryAt.map { $0 - self.now }))
        self.forget(key)
    }
}
