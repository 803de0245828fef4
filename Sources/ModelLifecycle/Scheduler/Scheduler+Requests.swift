import Inference

extension LifecycleScheduler {
    // MARK: - The way of most requests

    /// Takes a lease of a model that is ready, at once; `nil` when there is none to take.
    mutating func lease(_ model: ModelID) -> RuntimeInstance? {
        guard !self.isStopping, let door = self.doors[model], door.isOpen,
            let index = self.instances.index(forKey: door.key)
        else { return nil }
        return self.instances.values[index].takeLease()
    }

    /// Gives a lease back when that has no further consequences.
    ///
    /// - Returns: Whether it did; if not, nothing has changed and the release is an event like others.
    mutating func releaseQuietly(_ key: InstanceKey, launch: Int, at now: Instant) -> Bool {
        guard let index = self.instances.index(forKey: key) else { return true }
        let mayIdle = self.isIndifferent(toIdle: key, at: now)
        return self.instances.values[index].giveBackLease(of: launch, mayIdle: mayIdle, at: now)
    }

    /// Whether nothing would be decided because a ready instance becomes idle.
    private func isIndifferent(toIdle key: InstanceKey, at now: Instant) -> Bool {
        guard self.queue.isEmpty, !self.isOverfull, let door = self.doors[key.model], door.isOpen, door.key == key
        else { return false }
        guard let ttl = door.idleTTL else { return true }
        return self.wakeAt.map { $0 <= now + ttl } ?? false
    }

    // MARK: - Those who wait

    /// Someone wants a model to be ready, and waits for it if need be.
    mutating func ask(
        _ number: Int,
        _ wish: Ticket.Wish,
        _ model: ModelID,
        version: String?,
        _ wantsProgress: Bool
    ) {
        do throws(LifecycleError) {
            let key = try self.resolve(model, version: version, isUsed: true)
            let ticket = Ticket(
                number: number, wish: wish, followsActive: version == nil, wantsProgress: wantsProgress)
            try self.admit(ticket, to: key)
        } catch {
            self.perform(.refuse(ticket: number, error))
        }
    }

    /// Which instance is meant; it has a record then.
    mutating func resolve(
        _ model: ModelID,
        version: String?,
        isUsed: Bool
    ) throws(LifecycleError) -> InstanceKey {
        guard !self.isStopping else { throw .shuttingDown }
        guard let managed = self.models[model] else { throw .notLoadable(model) }
        guard managed.isEnabled || !isUsed else { throw .disabled(model) }
        let wanted = version ?? managed.activeVersion
        guard let found = managed.versions.first(where: { $0.version == wanted }) else {
            throw .notFound("there is no version '\(wanted)' of \(model)")
        }
        if self.instances[found.key] == nil {
            let new = Instance(found, at: self.now)
            self.instances[found.key] = new
        }
        return found.key
    }

    private mutating func admit(_ ticket: Ticket, to key: InstanceKey) throws(LifecycleError) {
        guard let instance = self.instances[key] else { return }
        if instance.state == .ready { return self.serve(ticket, key) }
        if instance.state == .failed, let retryAt = instance.retryAt, self.now < retryAt {
            throw .loadFailed(key.model, reason: instance.reason, retryAfter: retryAt - self.now)
        }
        try self.wait(ticket, for: key)
        self.enqueue(key, reason: "requested")
    }

    private mutating func wait(_ ticket: Ticket, for key: InstanceKey) throws(LifecycleError) {
        guard (self.instances[key]?.waiters.count ?? 0) < self.limits.maxQueue else {
            throw .queueFull(key.model, limit: self.limits.maxQueue)
        }
        self.tickets[ticket.number] = key
        self.update(key) { instance, _ in
            instance.waiters.append(ticket)
            instance.isWanted = true
        }
        self.tellProgress(key, to: [ticket])
    }

    /// Gives someone what is ready.
    mutating func serve(_ ticket: Ticket, _ key: InstanceKey) {
        guard let life = self.instances[key]?.life, let instance = life.instance else { return }
        switch ticket.wish {
        case .lease:
            self.instances[key]?.life?.leases += 1
            self.close(ticket.number, .grant(ticket: ticket.number, instance))
        case .load(warms: true) where !life.isWarm && (life.leases == 0 || life.isWarmingUp):
            // Requests under way are as good as a warm-up, so this is for an instance that has none.
            self.tickets[ticket.number] = key
            self.instances[key]?.waiters.append(ticket)
            guard !life.isWarmingUp else { return }
            self.updateLife(of: key) { life, now in
                life.progressAt = now
                life.isWarmingUp = true
                life.leases += 1
            }
            self.perform(.warm(instance))
        case .load:
            self.close(ticket.number, .loaded(ticket: ticket.number, key))
        }
    }

    /// Answers all who wait: those with requests first, since theirs warm it for the others.
    mutating func serveWaiters(_ key: InstanceKey) {
        let waiters = self.takeWaiters(key)
        self.tellProgress(key, to: waiters)
        for ticket in waiters where ticket.wish == .lease { self.serve(ticket, key) }
        for ticket in waiters where ticket.wish != .lease { self.serve(ticket, key) }
    }

    mutating func refuseWaiters(_ key: InstanceKey, _ error: LifecycleError) {
        for ticket in self.takeWaiters(key) {
            self.close(ticket.number, .refuse(ticket: ticket.number, error))
        }
    }

    mutating func takeWaiters(_ key: InstanceKey) -> [Ticket] {
        let waiters = self.instances[key]?.waiters ?? []
        self.instances[key]?.waiters.removeAll()
        return waiters
    }

    /// The one answer of a ticket.
    mutating func close(_ number: Int, _ answer: Effect) {
        self.tickets[number] = nil
        self.perform(answer)
    }

    /// Who waited has left. The load, or the unloading, goes on: others may want it, and a retry will.
    mutating func abandon(_ number: Int) {
        guard let key = self.tickets.removeValue(forKey: number) else { return }
        self.update(key) { instance, _ in
            instance.waiters.removeAll { $0.number == number }
            instance.farewell?.tickets.removeAll { $0 == number }
        }
    }

    /// A request is over. Those of an earlier life are over since its end.
    mutating func release(_ key: InstanceKey, launch: Int) {
        guard let life = self.instances[key]?.life, life.launch == launch, life.leases > 0 else { return }
        self.updateLife(of: key) { life, now in
            life.leases -= 1
            life.wasLeased = true
            life.isWarm = true
            if life.leases == 0 { life.idleSince = now }
        }
        if life.leases == 1, self.instances[key]?.state == .draining { self.stop(key) }
    }
}

// In place: an instance is too large to be copied for every request.
extension Instance {
    fileprivate mutating func takeLease() -> RuntimeInstance? {
        self.life?.leases += 1
        return self.life?.instance
    }

    /// - Parameter mayIdle: Whether it may be the last one.
    /// - Returns: Whether it was given back, or belongs to a life that is over.
    fileprivate mutating func giveBackLease(of launch: Int, mayIdle: Bool, at now: Instant) -> Bool {
        guard self.life?.launch == launch, let leases = self.life?.leases, leases > 0 else { return true }
        guard leases > 1 || mayIdle else { return false }
        self.life?.leases = leases - 1
        self.life?.wasLeased = true
        self.life?.isWarm = true
        if leases == 1 { self.life?.idleSince = now }
        return true
    }
}
