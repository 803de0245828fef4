internal import Inference
internal import ModelLifecycle
internal import ModelRegistry

/// Switches aliases and versions: the registry says what, the switcher in which order.
struct LiveSwitching: ModelSwitching {
    let registry: Registry
    let editor: any RegistryEditing
    let switcher: ModelSwitcher
    let loading: any ModelLoading

    func switchAlias(_ request: AliasSwitch) async throws -> SwitchOutcome {
        let alias = try self.alias(request.alias, etag: request.etag)
        let snapshot = self.registry.snapshot
        guard let model = snapshot.model(request.model) else {
            throw RegistryEditError.modelNotFound("\(request.model)")
        }
        guard model.isEnabled else { throw SwitchError.notLoaded(.disabled(model.id)) }
        var order = self.order(alias, to: model, reason: request.reason, in: snapshot)
        order.keepPreviousLoaded = request.keepsPreviousLoaded
        if request.isDryRun {
            let plan = try await self.switcher.plan(order)
            return SwitchOutcome(alias: alias, previousModel: alias.activeModel, plan)
        }
        let editor = self.editor
        return try await self.perform(order, from: alias) { () async throws(RegistryEditError) -> Alias in
            // What was planned holds for the alias as it was: a change meanwhile is somebody else's.
            try await editor.switchAlias(
                alias.name, to: model.id, etag: alias.provenance.etag, reason: request.reason)
        }
    }

    func rollBack(_ name: String, to revision: String?, etag: String?, reason: String) async throws -> SwitchOutcome {
        let alias = try self.alias(name, etag: etag)
        let snapshot = self.registry.snapshot
        let editor = self.editor
        let flip = { @Sendable () async throws(RegistryEditError) -> Alias in
            try await editor.rollbackAlias(
                name, revision: revision, etag: alias.provenance.etag, reason: reason)
        }
        let target = revision.map { etag in alias.history.first { $0.etag == etag } } ?? alias.history.first
        guard let first = target?.targets.first?.model, let model = snapshot.model(first) else {
            // Nothing to load: the editor says what is wrong with it, or does it.
            let previous = alias.activeModel
            let result = try await flip()
            return SwitchOutcome(alias: result, previousModel: previous, strategy: .loadFirst)
        }
        let order = self.order(alias, to: model, reason: reason, in: snapshot)
        return try await self.perform(order, from: alias, flip: flip)
    }

    func switchVersion(
        of model: ModelID,
        to version: String,
        flip: @escaping @Sendable () async throws(RegistryEditError) -> ModelDescription
    ) async throws -> ModelDescription {
        guard let before = self.registry.snapshot.model(model) else {
            throw RegistryEditError.modelNotFound("\(model)")
        }
        guard before.versions.contains(where: { $0.version == version }) else {
            throw SwitchError.notLoaded(.notFound("\(model)@\(version)"))
        }
        let old = InstanceKey(model: model, version: before.activeVersion ?? "")
        let order = ModelSwitcher.Request(
            subject: "\(model)",
            old: [old],
            new: InstanceKey(model: model, version: version),
            reason: "version \(version) became the active one"
        )
        let editor = self.editor
        let outcome = try await self.switcher.perform(order, flip: flip) { changed throws(RegistryEditError) in
            _ = try await editor.updateModel(model, etag: changed.provenance.etag, validateOnly: false) {
                $0.activeVersion = before.activeVersion
            }
        }
        return outcome.flipped
    }

    private func alias(_ name: String, etag: String?) throws(RegistryEditError) -> Alias {
        guard let alias = self.registry.snapshot.alias(name) else { throw .aliasNotFound(name) }
        guard let etag, etag != alias.provenance.etag else { return alias }
        throw .etagMismatch(entry: "alias '\(name)'", given: etag, current: alias.provenance.etag)
    }

    private func order(
        _ alias: Alias,
        to model: ModelDescription,
        reason: String,
        in snapshot: RegistrySnapshot
    ) -> ModelSwitcher.Request {
        let registry = self.registry
        let old = alias.activeModel.flatMap(snapshot.model).map { [Self.key($0)] } ?? []
        return ModelSwitcher.Request(
            subject: alias.name,
            alias: alias.name,
            old: old,
            new: Self.key(model),
            reason: reason,
            isStillUsed: { key in
                let now = registry.snapshot
                return now.model(key.model)?.isPinned == true || !now.aliasNames(of: key.model).isEmpty
            }
        )
    }

    private func perform(
        _ order: ModelSwitcher.Request,
        from alias: Alias,
        flip: @escaping @Sendable () async throws(RegistryEditError) -> Alias
    ) async throws -> SwitchOutcome {
        let editor = self.editor
        let outcome = try await self.switcher.perform(order, flip: flip) { flipped throws(RegistryEditError) in
            _ = try await editor.rollbackAlias(
                flipped.name,
                revision: nil,
                etag: flipped.provenance.etag,
                reason: "\(order.new) could not be loaded"
            )
        }
        var result = SwitchOutcome(alias: outcome.flipped, previousModel: alias.activeModel, outcome.plan)
        result.loadDuration = outcome.loadDuration
        result.flipDuration = outcome.flipDuration
        return result
    }

    private static func key(_ model: ModelDescription) -> InstanceKey {
        InstanceKey(model: model.id, version: model.versions.isEmpty ? "" : model.activeVersion ?? "")
    }
}

extension SwitchOutcome {
    fileprivate init(alias: Alias, previousModel: ModelID?, _ plan: SwitchPlan) {
        self.init(
            alias: alias,
            previousModel: previousModel,
            strategy: plan.strategy,
            plan: plan.load
        )
    }
}
