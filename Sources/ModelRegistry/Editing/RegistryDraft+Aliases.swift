import Inference

extension RegistryDraft {
    mutating func updateAlias(
        _ name: String,
        targets: [Alias.Target],
        mode: Alias.Mode,
        etag: String?,
        allowMissing: Bool,
        reason: String
    ) throws(RegistryEditError) -> Alias {
        guard let current = self.snapshot.alias(name) else {
            // With an etag the caller means one that is there.
            guard allowMissing, etag == nil else { throw .aliasNotFound(name) }
            var created = Alias(name: name, weightedTargets: targets, mode: mode)
            try created.check(in: self.snapshot)
            created.provenance = self.stamp(nil)
            self.put(created)
            self.tell(.created, alias: created, reason: reason)
            return created
        }
        try self.check(etag: etag, of: "alias '\(name)'", current.provenance)
        return try self.lead(current, to: targets, mode: mode, reason: reason)
    }

    mutating func deleteAlias(_ name: String, etag: String?) throws(RegistryEditError) {
        guard let current = self.snapshot.alias(name) else { throw .aliasNotFound(name) }
        try self.check(etag: etag, of: "alias '\(name)'", current.provenance)
        guard current.provenance.source != .config else {
            throw .blocked("the configuration file holds alias '\(name)': remove it there")
        }
        self.remove(alias: name)
        self.tell(.deleted, alias: current)
    }

    mutating func switchAlias(
        _ name: String,
        to model: ModelID,
        etag: String?,
        reason: String
    ) throws(RegistryEditError) -> Alias {
        guard let current = self.snapshot.alias(name) else { throw .aliasNotFound(name) }
        try self.check(etag: etag, of: "alias '\(name)'", current.provenance)
        guard let description = self.snapshot.model(model) else { throw .modelNotFound(model.description) }
        if let why = self.snapshot.disabledReason(of: description) { throw .blocked("model '\(model)': \(why)") }
        return try self.lead(current, to: current.targets(switchedTo: model), mode: current.mode, reason: reason)
    }

    mutating func rollbackAlias(
        _ name: String,
        revision: String?,
        etag: String?,
        reason: String
    ) throws(RegistryEditError) -> Alias {
        guard let current = self.snapshot.alias(name) else { throw .aliasNotFound(name) }
        try self.check(etag: etag, of: "alias '\(name)'", current.provenance)
        guard let newest = current.history.first else {
            throw .blocked("alias '\(name)' was never changed: there is nothing to go back to")
        }
        let wanted = revision == nil ? newest : current.history.first { $0.etag == revision }
        guard let wanted else {
            let known = current.history.map(\.etag).joined(separator: ", ")
            let problem = FieldProblem(
                "revision",
                found: FieldChecks.quoted(revision ?? ""),
                expected: "the etag of a revision in the history: \(known)"
            )
            throw .invalid([problem])
        }
        let gone = wanted.targets.filter { self.snapshot.model($0.model) == nil }
        guard gone.isEmpty else {
            let names = gone.map { "'\($0.model)'" }.joined(separator: ", ")
            throw .blocked(
                "revision \(wanted.etag) of alias '\(name)' leads to \(names), which is no longer registered")
        }
        return try self.lead(current, to: wanted.targets, mode: wanted.mode, reason: reason)
    }

    /// Changes where an alias leads, and remembers where it led.
    private mutating func lead(
        _ current: Alias,
        to targets: [Alias.Target],
        mode: Alias.Mode,
        reason: String
    ) throws(RegistryEditError) -> Alias {
        guard current.weightedTargets != targets || current.mode != mode else { return current }
        var changed = current.replaced(by: targets, mode: mode, at: self.now, reason: reason)
        try changed.check(in: self.snapshot)
        changed.provenance = self.stamp(current.provenance)
        self.put(changed)
        self.tell(.updated, alias: changed, reason: reason)
        return changed
    }
}

extension Alias {
    /// The alias with other targets and the present ones in its history; provenance as it was.
    func replaced(by targets: [Target], mode: Mode, at now: Int64, reason: String) -> Alias {
        var changed = self
        changed.weightedTargets = targets
        changed.mode = mode
        let revision = Revision(
            targets: self.weightedTargets,
            mode: self.mode,
            etag: self.provenance.etag,
            replacedAtMicroseconds: now,
            reason: reason
        )
        changed.history = [revision] + self.history.prefix(Self.historyLimit - 1)
        return changed
    }

    /// The targets with `model` as the first. It takes the place of the first one; when it is a target already it comes
    /// to the front, and where requests are drawn by weight the two exchange their shares.
    fileprivate func targets(switchedTo model: ModelID) -> [Target] {
        var targets = self.weightedTargets
        guard let first = targets.first, first.model != model else { return targets }
        if let index = targets.firstIndex(where: { $0.model == model }) {
            if self.mode == .weighted {
                targets[0].weight = targets[index].weight
                targets[index].weight = first.weight
            }
            targets.insert(targets.remove(at: index), at: 0)
        } else {
            targets[0].model = model
        }
        // The active one takes part.
        if self.mode == .weighted { targets[0].weight = max(1, targets[0].weight) }
        return targets
    }
}
