import Inference

extension LifecycleScheduler {
    /// The registry changed. Pins, idle times and settings hold from now on; what is gone or disabled leaves memory; a
    /// new active version gets the requests that wait for the old one, which leaves memory too.
    mutating func apply(_ models: [ManagedModel]) {
        guard !self.isStopping else { return }
        let before = self.models
        self.models = Dictionary(models.map { ($0.id, $0) }, uniquingKeysWith: { _, last in last })
        self.doors = self.models.compactMapValues { self.door(of: $0) }
        for model in models.sorted(by: { $0.id < $1.id }) { self.takeNote(of: model) }
        for model in models.sorted(by: { $0.id < $1.id }) {
            guard let old = before[model.id], old.activeVersion != model.activeVersion else { continue }
            self.supersede(InstanceKey(model: model.id, version: old.activeVersion), by: model)
        }
        for key in self.instances.keys.sorted() where !self.isCurrent(key) { self.retire(key) }
    }

    private func door(of model: ManagedModel) -> Door? {
        let key = InstanceKey(model: model.id, version: model.activeVersion)
        let isOpen = self.instances[key]?.state == .ready
        return model.isEnabled ? Door(key: key, isOpen: isOpen, idleTTL: model.isPinned ? nil : model.idleTTL) : nil
    }

    private mutating func takeNote(of model: ManagedModel) {
        for version in model.versions {
            guard let known = self.instances[version.key] else { continue }
            guard known.model != version else { continue }
            // Another file or context: what was learnt of it before holds no longer.
            self.update(version.key) { instance, now in
                instance.model = version
                instance.measured = [:]
                instance.estimate = nil
                instance.preparation = nil
                instance.preparationEnd = nil
                if instance.state == .failed, instance.retryAt == nil { instance.checkAt = now }
            }
            if known.state == .queued { self.prepare(version.key) }
        }
        guard self.limits.recheckInterval != nil, model.isEnabled, let active = model.active,
            self.instances[active.key] == nil
        else { return }
        var new = Instance(active, at: self.now)
        new.checkAt = self.now
        self.instances[active.key] = new
    }

    /// Requests go to another version: those that wait for the old one go there as well.
    private mutating func supersede(_ old: InstanceKey, by model: ManagedModel) {
        guard let instance = self.instances[old], model.isEnabled, model.active != nil else { return }
        let moving = instance.waiters.filter(\.followsActive)
        self.instances[old]?.waiters.removeAll(where: \.followsActive)
        for ticket in moving {
            self.tickets[ticket.number] = nil
            self.ask(ticket.number, ticket.wish, model.id, version: nil, ticket.wantsProgress)
        }
        guard self.instances[old]?.waiters.isEmpty ?? true else { return }
        self.dismiss(old, .superseded, reason: "version '\(model.activeVersion)' is active now")
    }

    /// Whether requests may go to an instance, or someone may have loaded it on purpose.
    func isCurrent(_ key: InstanceKey) -> Bool {
        guard let model = self.models[key.model] else { return false }
        return model.isEnabled && model.versions.contains { $0.version == key.version }
    }

    /// Has what is gone from the registry, or was disabled, leave memory, and those who wait for it go.
    mutating func retire(_ key: InstanceKey) {
        guard let model = self.models[key.model] else {
            self.refuseWaiters(key, .notFound("\(key.model) was removed"))
            self.dismiss(key, .removed, reason: "it was removed from the registry")
            return self.forget(key)
        }
        if model.isEnabled {
            self.refuseWaiters(key, .notFound("version '\(key.version)' of \(key.model) was removed"))
            self.dismiss(key, .removed, reason: "this version was removed from the registry")
        } else {
            self.refuseWaiters(key, .disabled(key.model))
            self.dismiss(key, .disabled, reason: "it was disabled")
        }
        self.dequeue(key)
        self.forget(key)
    }

    /// Drops the record of what is gone from the registry and from memory.
    mutating func forget(_ key: InstanceKey) {
        guard let instance = self.instances[key], instance.life == nil, instance.waiters.isEmpty else { return }
        let isKnown = self.models[key.model]?.versions.contains { $0.version == key.version } ?? false
        if !isKnown { self.instances[key] = nil }
    }
}
