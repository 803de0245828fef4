import Inference

extension LifecycleScheduler {
    /// Someone wants a model out of memory.
    mutating func unload(
        _ ticket: Int,
        _ model: ModelID,
        version: String?,
        grace: Duration?,
        reason: String
    ) {
        do throws(LifecycleError) {
            let key = try self.resolve(model, version: version, isUsed: false)
            self.dismiss(key, .asked, reason: reason, grace: grace, ticket: ticket)
            self.refuseWaiters(key, .unloaded(model, reason: reason))
        } catch {
            self.perform(.refuse(ticket: ticket, error))
        }
    }

    /// Makes room for another. Those who want the victim now come after that one.
    mutating func evict(_ key: InstanceKey, for other: InstanceKey) {
        self.dismiss(key, .evicted(for: other), reason: "evicted to make room for \(other)")
    }

    /// Has an instance leave memory: at once when nobody uses it, else when its leases have ended.
    ///
    /// A load under way is given up. There is no way back: whoever asks for it again waits until it is gone.
    mutating func dismiss(
        _ key: InstanceKey,
        _ cause: Farewell.Cause,
        reason: String,
        grace: Duration? = nil,
        ticket: Int? = nil
    ) {
        guard let instance = self.instances[key] else { return }
        let graceEnd = grace.map { self.now + $0 }
        switch instance.state {
        case .unloaded, .queued, .failed:
            self.dequeue(key)
            if instance.state != .unloaded { self.move(key, to: .unloaded, reason: reason) }
            self.update(key) { instance, _ in
                instance.failuresInARow = 0
                instance.retryAt = nil
                instance.isWanted = false
            }
            if let ticket { self.perform(.unloaded(ticket: ticket, UnloadOutcome(wasLoaded: false))) }
            return
        case .draining, .unloading:
            self.dequeue(key)
            let sooner = [instance.farewell?.graceEnd, graceEnd].compactMap { $0 }.min()
            self.instances[key]?.farewell?.graceEnd = sooner
        case .loading, .warming, .ready:
            self.instances[key]?.farewell = Farewell(cause: cause, reason: reason, graceEnd: graceEnd)
        }
        if let ticket {
            self.tickets[ticket] = key
            self.instances[key]?.farewell?.tickets.append(ticket)
        }
        switch instance.state {
        case .ready where instance.isBusy && cause != .shutdown:
            self.instances[key]?.farewell?.drainedLeases = instance.life?.leases ?? 0
            self.move(key, to: .draining, reason: reason)
        case .loading, .warming, .ready:
            self.stop(key)
        case .draining where cause == .shutdown:
            self.cut(key)
        default: break
        }
    }

    /// Ends the leases that are left.
    mutating func cut(_ key: InstanceKey) {
        guard let life = self.instances[key]?.life else { return }
        let drained = self.instances[key]?.farewell?.drainedLeases ?? 0
        self.instances[key]?.farewell?.drainedLeases = max(0, drained - life.leases)
        self.instances[key]?.farewell?.cutLeases = life.leases
        self.stop(key)
    }

    /// Tells an instance to end.
    mutating func stop(_ key: InstanceKey) {
        guard let instance = self.instances[key], let life = instance.life else { return }
        let timeout = self.isStopping ? self.limits.shutdownTimeout : self.limits.stopTimeout
        self.update(key) { instance, now in instance.farewell?.killAt = now + timeout }
        self.move(key, to: .unloading, reason: instance.farewell?.reason ?? "")
        self.perform(.stop(launch: life.launch))
    }

    /// Nobody gets anything any more, and everything ends.
    mutating func shutDown() {
        guard !self.isStopping else { return }
        self.isStopping = true
        for key in self.instances.keys.sorted() {
            self.refuseWaiters(key, .shuttingDown)
            guard let state = self.instances[key]?.state, state != .failed else { continue }
            if state == .unloading {
                self.dequeue(key)
                let latest = self.now + self.limits.shutdownTimeout
                let killAt = self.instances[key]?.farewell?.killAt
                self.instances[key]?.farewell?.killAt = killAt.map { min($0, latest) }
            } else {
                self.dismiss(key, .shutdown, reason: "the server is stopping")
            }
        }
    }
}
