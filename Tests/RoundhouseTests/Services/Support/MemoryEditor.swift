import Inference
import ModelRegistry
import Synchronization

/// A registry editor that keeps everything in memory, with the checks that a service can run into.
final class MemoryEditor: RegistryEditing {
    let registry: Registry
    /// Thrown by the next edits, for errors that take a broken disk or a race.
    private let failure = Mutex<RegistryEditError?>(nil)
    private let clock = Mutex<Int64>(1_000_000)

    init(_ registry: Registry) {
        self.registry = registry
    }

    func fail(with error: RegistryEditError?) { self.failure.withLock { $0 = error } }

    // MARK: - Models

    func createModel(
        _ model: ModelDescription,
        validateOnly: Bool
    ) async throws(RegistryEditError) -> ModelDescription {
        try self.check()
        var models = self.registry.snapshot.models
        guard !models.contains(where: { $0.id == model.id }) else { throw .alreadyExists("model '\(model.id)'") }
        guard self.registry.snapshot.provider(model.id.provider) != nil else {
            throw .providerNotFound(model.id.provider.rawValue)
        }
        var created = model
        created.provenance = self.born(model.provenance.source)
        if !validateOnly {
            models.append(created)
            try self.publish(models: models)
        }
        return created
    }

    func updateModel(
        _ id: ModelID,
        etag: String?,
        validateOnly: Bool,
        change: @Sendable (inout ModelDescription) throws(RegistryEditError) -> Void
    ) async throws(RegistryEditError) -> ModelDescription {
        try self.check()
        var models = self.registry.snapshot.models
        guard let index = models.firstIndex(where: { $0.id == id }) else { throw .modelNotFound(id.description) }
        var model = models[index]
        try Self.compare(etag, model.provenance, "model '\(id)'")
        try change(&model)
        model.provenance = self.changed(model.provenance)
        if !validateOnly {
            models[index] = model
            try self.publish(models: models)
        }
        return model
    }

    func deleteModel(_ id: ModelID, etag: String?) async throws(RegistryEditError) {
        try self.check()
        var models = self.registry.snapshot.models
        guard let index = models.firstIndex(where: { $0.id == id }) else { throw .modelNotFound(id.description) }
        try Self.compare(etag, models[index].provenance, "model '\(id)'")
        models.remove(at: index)
        try self.publish(models: models)
    }

    func addVersion(
        _ version: ModelVersion,
        to model: ModelDescription,
        activate: Bool
    ) async throws(RegistryEditError) -> (model: ModelDescription, dropped: [ModelVersion]) {
        try self.check()
        var models = self.registry.snapshot.models
        guard let index = models.firstIndex(where: { $0.id == model.id }) else {
            var created = model
            created.versions = [version]
            created.activeVersion = version.version
            created.provenance = self.born(.api)
            models.append(created)
            try self.publish(models: models)
            return (created, [])
        }
        guard !models[index].versions.contains(where: { $0.version == version.version }) else {
            throw .alreadyExists("version '\(version.version)' of model '\(model.id)'")
        }
        models[index].versions.append(version)
        if activate { models[index].activeVersion = version.version }
        models[index].provenance = self.changed(models[index].provenance)
        var dropped: [ModelVersion] = []
        while models[index].versions.count > 3, models[index].versions[0].version != models[index].activeVersion {
            dropped.append(models[index].versions.removeFirst())
        }
        try self.publish(models: models)
        return (models[index], dropped)
    }

    // MARK: - Providers

    func createProvider(
        _ provider: ProviderDescription,
        validateOnly: Bool
    ) async throws(RegistryEditError) -> ProviderDescription {
        try self.check()
        var providers = self.registry.snapshot.providers
        guard !providers.contains(where: { $0.id == provider.id }) else {
            throw .alreadyExists("provider '\(provider.id)'")
        }
        var created = provider
        created.provenance = self.born(.api)
        if !validateOnly {
            providers.append(created)
            try self.publish(providers: providers)
        }
        return created
    }

    func updateProvider(
        _ id: ProviderID,
        etag: String?,
        validateOnly: Bool,
        change: @Sendable (inout ProviderDescription) throws(RegistryEditError) -> Void
    ) async throws(RegistryEditError) -> ProviderDescription {
        try self.check()
        var providers = self.registry.snapshot.providers
        guard let index = providers.firstIndex(where: { $0.id == id }) else { throw .providerNotFound(id.rawValue) }
        var provider = providers[index]
        try Self.compare(etag, provider.provenance, "provider '\(id)'")
        try change(&provider)
        provider.provenance = self.changed(provider.provenance)
        if !validateOnly {
            providers[index] = provider
            try self.publish(providers: providers)
        }
        return provider
    }

    func deleteProvider(_ id: ProviderID, etag: String?) async throws(RegistryEditError) {
        try self.check()
        var providers = self.registry.snapshot.providers
        guard let index = providers.firstIndex(where: { $0.id == id }) else { throw .providerNotFound(id.rawValue) }
        try Self.compare(etag, providers[index].provenance, "provider '\(id)'")
        providers.remove(at: index)
        try self.publish(providers: providers)
    }

    // MARK: - Aliases

    func updateAlias(
        _ name: String,
        targets: [Alias.Target],
        mode: Alias.Mode,
        etag: String?,
        allowMissing: Bool,
        reason: String,
        validateOnly: Bool
    ) async throws(RegistryEditError) -> Alias {
        try self.check()
        for (index, target) in targets.enumerated() where self.registry.snapshot.model(target.model) == nil {
            throw .invalid([
                FieldProblem("alias.targets[\(index)].model", found: "\(target.model)", expected: "a registered model")
            ])
        }
        guard let old = self.registry.snapshot.alias(name) else {
            guard allowMissing else { throw .aliasNotFound(name) }
            let created = Alias(name: name, weightedTargets: targets, mode: mode, provenance: self.born(.api))
            if !validateOnly { try self.publish(aliases: self.registry.snapshot.aliases + [created]) }
            return created
        }
        try Self.compare(etag, old.provenance, "alias '\(name)'")
        return try self.replace(old, targets: targets, mode: mode, reason: reason, keep: !validateOnly)
    }

    func deleteAlias(_ name: String, etag: String?) async throws(RegistryEditError) {
        try self.check()
        guard let alias = self.registry.snapshot.alias(name) else { throw .aliasNotFound(name) }
        try Self.compare(etag, alias.provenance, "alias '\(name)'")
        try self.publish(aliases: self.registry.snapshot.aliases.filter { $0.name != name })
    }

    func switchAlias(
        _ name: String,
        to model: ModelID,
        etag: String?,
        reason: String
    ) async throws(RegistryEditError) -> Alias {
        guard let alias = self.registry.snapshot.alias(name) else { throw .aliasNotFound(name) }
        try Self.compare(etag, alias.provenance, "alias '\(name)'")
        let rest = alias.weightedTargets.dropFirst().filter { $0.model != model }
        return try self.replace(
            alias, targets: [Alias.Target(model: model)] + rest, mode: alias.mode, reason: reason, keep: true)
    }

    func rollbackAlias(
        _ name: String,
        revision: String?,
        etag: String?,
        reason: String
    ) async throws(RegistryEditError) -> Alias {
        guard let alias = self.registry.snapshot.alias(name) else { throw .aliasNotFound(name) }
        try Self.compare(etag, alias.provenance, "alias '\(name)'")
        let found = revision.map { etag in alias.history.first { $0.etag == etag } } ?? alias.history.first
        guard let found else { throw .blocked("alias '\(name)' has no such revision") }
        return try self.replace(alias, targets: found.targets, mode: found.mode, reason: reason, keep: true)
    }

    // MARK: - Discovery

    func takeDiscovery(
        _ listing: ModelListing,
        from provider: ProviderID,
        validateOnly: Bool
    ) async throws(RegistryEditError) -> DiscoveryReport {
        try self.check()
        var report = DiscoveryReport()
        var models = self.registry.snapshot.models
        for listed in listing.models {
            guard let id = ModelID(provider: provider, name: listed.name) else { continue }
            if models.contains(where: { $0.id == id }) {
                report.unchanged += 1
            } else {
                report.added.append(id)
                models.append(ModelDescription(id: id, provenance: self.born(.discovered)))
            }
        }
        if !validateOnly { try self.publish(models: models) }
        return report
    }

    // MARK: - Helpers

    private func replace(
        _ alias: Alias,
        targets: [Alias.Target],
        mode: Alias.Mode,
        reason: String,
        keep: Bool
    ) throws(RegistryEditError) -> Alias {
        var changed = alias
        changed.weightedTargets = targets
        changed.mode = mode
        changed.provenance = self.changed(alias.provenance)
        changed.history.insert(
            Alias.Revision(
                targets: alias.weightedTargets, mode: alias.mode, etag: alias.provenance.etag,
                replacedAtMicroseconds: changed.provenance.updatedAtMicroseconds, reason: reason),
            at: 0)
        if keep {
            try self.publish(aliases: self.registry.snapshot.aliases.filter { $0.name != alias.name } + [changed])
        }
        return changed
    }

    private func publish(
        models: [ModelDescription]? = nil,
        providers: [ProviderDescription]? = nil,
        aliases: [Alias]? = nil
    ) throws(RegistryEditError) {
        let old = self.registry.snapshot
        do {
            self.registry.replace(
                with: try RegistrySnapshot(
                    providers: providers ?? old.providers, models: models ?? old.models, aliases: aliases ?? old.aliases
                ))
        } catch {
            throw .blocked(error.description)
        }
    }

    private func check() throws(RegistryEditError) {
        if let failure = self.failure.withLock({ $0 }) { throw failure }
    }

    private static func compare(
        _ etag: String?,
        _ provenance: Provenance,
        _ entry: String
    ) throws(RegistryEditError) {
        guard let etag, etag != provenance.etag else { return }
        throw .etagMismatch(entry: entry, given: etag, current: provenance.etag)
    }

    private func tick() -> Int64 {
        self.clock.withLock { now in
            now += 1
            return now
        }
    }

    private func born(_ source: Provenance.Source) -> Provenance {
        let now = self.tick()
        return Provenance(source: source, createdAtMicroseconds: now, updatedAtMicroseconds: now, revision: 1)
    }

    private func changed(_ provenance: Provenance) -> Provenance {
        var changed = provenance
        changed.updatedAtMicroseconds = self.tick()
        changed.revision += 1
        return changed
    }
}
