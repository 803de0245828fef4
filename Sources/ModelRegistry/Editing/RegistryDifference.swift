import Inference

/// Finds what must be written to make one stored registry of another.
package enum RegistryDifference {
    /// In an order in which nothing ever leads nowhere: what goes goes first, aliases before models before providers;
    /// what comes comes the other way round.
    package static func changes(from old: StoredRegistry, to new: StoredRegistry) -> [RegistryChange] {
        var changes: [RegistryChange] = []
        changes += self.gone(old.aliases, new.aliases).map { .deleteAlias($0.name) }
        changes += self.gone(old.models, new.models).map { .deleteModel($0.id) }
        changes += self.gone(old.providers, new.providers).map { .deleteProvider($0.id) }
        changes += self.come(old.providers, new.providers).map(RegistryChange.putProvider)
        changes += self.come(old.models, new.models).map(RegistryChange.putModel)
        changes += self.come(old.aliases, new.aliases).map(RegistryChange.putAlias)
        for key in old.configDigests.keys.sorted() where new.configDigests[key] == nil {
            changes.append(.deleteConfigDigest(key: key))
        }
        for (key, digest) in new.configDigests.sorted(by: { $0.key < $1.key }) where old.configDigests[key] != digest {
            changes.append(.putConfigDigest(key: key, digest: digest))
        }
        return changes
    }

    private static func gone<Entry: RegisteredEntry>(_ old: [Entry], _ new: [Entry]) -> [Entry] {
        let keys = Set(new.map(\.key))
        return old.filter { !keys.contains($0.key) }
    }

    private static func come<Entry: RegisteredEntry>(_ old: [Entry], _ new: [Entry]) -> [Entry] {
        let known = Dictionary(old.map { ($0.key, $0) }) { first, _ in first }
        return new.filter { known[$0.key] != $0 }
    }
}

extension StoredRegistry {
    /// The registry after changes; what ``RegistryStorage/save(_:)`` must lead to.
    package func applying(_ changes: [RegistryChange]) -> StoredRegistry {
        var models = Dictionary(self.models.map { ($0.id, $0) }) { first, _ in first }
        var providers = Dictionary(self.providers.map { ($0.id, $0) }) { first, _ in first }
        var aliases = Dictionary(self.aliases.map { ($0.name, $0) }) { first, _ in first }
        var digests = self.configDigests
        for change in changes {
            switch change {
            case .putModel(let model): models[model.id] = model
            case .deleteModel(let id): models[id] = nil
            case .putProvider(let provider): providers[provider.id] = provider
            case .deleteProvider(let id): providers[id] = nil
            case .putAlias(let alias): aliases[alias.name] = alias
            case .deleteAlias(let name): aliases[name] = nil
            case .putConfigDigest(let key, let digest): digests[key] = digest
            case .deleteConfigDigest(let key): digests[key] = nil
            }
        }
        return StoredRegistry(
            models: models.values.sorted { $0.id < $1.id },
            providers: providers.values.sorted { $0.id < $1.id },
            aliases: aliases.values.sorted { $0.name < $1.name },
            configDigests: digests
        )
    }
}

extension RegistryStorage {
    /// What is registered when a server starts: what is stored, joined with what the configuration says. It is on disk
    /// when this returns.
    package func restore(
        config: StoredRegistry,
        now: Int64
    ) async throws(RegistryEditError) -> (snapshot: RegistrySnapshot, summary: ConfigMerge.Summary) {
        do {
            let stored = try await self.loadRegistry()
            let (registry, changes, summary) = ConfigMerge.merge(config: config, stored: stored, now: now)
            let snapshot = try RegistrySnapshot(
                providers: registry.providers,
                models: registry.models,
                aliases: registry.aliases
            )
            if !changes.isEmpty { try await self.save(changes) }
            return (snapshot, summary)
        } catch {
            throw .storage("\(error)")
        }
    }
}
