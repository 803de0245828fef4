internal import Inference
internal import ModelLifecycle
internal import ModelRegistry

/// Switches aliases and versions: what the registry says of them, joined with ``ModelSwitcher``, which has the new one
/// loaded and the old one drained.
struct RegistrySwitcher: ModelSwitching {
    let registry: Registry
    let editor: any RegistryEditing
    let switcher: ModelSwitcher

    func switchAlias(_ change: AliasSwitch) async throws -> SwitchOutcome {
        let alias = try self.alias(change.alias, etag: change.etag)
        let request = self.request(
            alias, to: change.model, reason: change.reason, keepsPreviousLoaded: change.keepsPreviousLoaded)
        guard !change.isDryRun else {
            let plan = try await self.switcher.plan(request)
            return SwitchOutcome(
                alias: alias, previousModel: alias.activeModel, strategy: plan.strategy, plan: plan.load)
        }
        return try await self.perform(request, from: alias) { [editor] () throws(RegistryEditError) in
            try await editor.switchAlias(alias.name, to: change.model, etag: change.etag, reason: change.reason)
        }
    }

    func rollBack(
        _ name: String,
        to revision: String?,
        etag: String?,
        reason: String
    ) async throws -> SwitchOutcome {
        let alias = try self.alias(name, etag: etag)
        let wanted = revision.map { wanted in alias.history.first { $0.etag == wanted } } ?? alias.history.first
        guard let wanted, let model = wanted.targets.first?.model else {
            throw RegistryEditError.blocked("alias '\(name)' has no such revision to go back to")
        }
        let request = self.request(alias, to: model, reason: reason, keepsPreviousLoaded: false)
        return try await self.perform(request, from: alias) { [editor] () throws(RegistryEditError) in
            // The one that was found, also when the alias changes meanwhile: another one's model would not be loaded.
            try await editor.rollbackAlias(name, revision: wanted.etag, etag: etag, reason: reason)
        }
    }

    func switchVersion(
        of id: ModelID,
        to version: String,
        flip: @escaping @Sendable () async throws(RegistryEditError) -> ModelDescription
    ) async throws -> ModelDescription {
        guard let model = self.registry.snapshot.listedModel(id) else {
            throw RegistryEditError.modelNotFound(id.description)
        }
        let previous = model.activeVersion
        let request = ModelSwitcher.Request(
            subject: id.description,
            old: [InstanceKey(model: id, version: previous ?? "")],
            new: InstanceKey(model: id, version: version),
            reason: "version '\(version)' is to answer",
            isStillUsed: { [registry] key in
                registry.snapshot.listedModel(key.model)?.activeVersion ?? "" == key.version
            }
        )
        let outcome = try await self.switcher.perform(request, flip: flip) {
            [editor] flipped throws(RegistryEditError) in
            _ = try await editor.updateModel(id, etag: flipped.provenance.etag, validateOnly: false) {
                $0.activeVersion = previous
            }
        }
        return outcome.flipped
    }

    // MARK: - Steps

    /// - Throws: ``RegistryEditError``. An etag that is wrong now is told before minutes of loading.
    private func alias(_ name: String, etag: String?) throws(RegistryEditError) -> Alias {
        guard let alias = self.registry.snapshot.alias(name) else { throw .aliasNotFound(name) }
        if let etag, etag != alias.provenance.etag {
            throw .etagMismatch(entry: "alias '\(name)'", given: etag, current: alias.provenance.etag)
        }
        return alias
    }

    private func request(
        _ alias: Alias,
        to model: ModelID,
        reason: String,
        keepsPreviousLoaded: Bool
    ) -> ModelSwitcher.Request {
        let old = alias.activeModel.map { $0 == model ? [] : [self.key(of: $0)] } ?? []
        return ModelSwitcher.Request(
            subject: alias.name,
            alias: alias.name,
            old: old,
            new: self.key(of: model),
            reason: reason,
            keepPreviousLoaded: keepsPreviousLoaded,
            isStillUsed: { [registry] key in
                let now = registry.snapshot
                return now.model(key.model)?.isPinned == true || !now.aliasNames(of: key.model).isEmpty
            }
        )
    }

    private func perform(
        _ request: ModelSwitcher.Request,
        from old: Alias,
        flip: @escaping @Sendable () async throws(RegistryEditError) -> Alias
    ) async throws(SwitchError) -> SwitchOutcome {
        let outcome = try await self.switcher.perform(request, flip: flip) {
            [editor] flipped throws(RegistryEditError) in
            _ = try await editor.rollbackAlias(
                old.name, revision: old.provenance.etag, etag: flipped.provenance.etag,
                reason: "the new model could not be loaded")
        }
        return SwitchOutcome(
            alias: outcome.flipped,
            previousModel: old.activeModel,
            strategy: outcome.plan.strategy,
            plan: outcome.plan.load,
            loadDuration: outcome.loadDuration,
            flipDuration: outcome.flipDuration
        )
    }

    private func key(of model: ModelID) -> InstanceKey {
        InstanceKey(model: model, version: self.registry.snapshot.model(model)?.activeVersion ?? "")
    }
}
