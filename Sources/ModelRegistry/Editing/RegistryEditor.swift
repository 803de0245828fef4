package import Inference

/// Changes what is registered, one change after another: check, write to disk, publish, tell.
///
/// A change that a caller asked for is made, even when the caller leaves while it waits for its turn or for the disk.
package final class RegistryEditor: RegistryEditing {
    /// How many versions of a model are kept unless the configuration says otherwise.
    package static let defaultVersionsKept = 3

    private let registry: Registry
    private let storage: any RegistryStorage
    private let events: any EventRecorder
    private let versionsKept: Int
    private let now: @Sendable () -> Int64
    private let turns = SerialTurns()

    /// - Parameters:
    ///   - registry: Holds what `storage` holds. Nobody else may replace its snapshot.
    ///   - versionsKept: Versions of a model, at least 1. The active one is never dropped.
    ///   - now: Microseconds since 1970-01-01 UTC.
    package init(
        registry: Registry,
        storage: any RegistryStorage,
        events: any EventRecorder,
        versionsKept: Int = RegistryEditor.defaultVersionsKept,
        now: @escaping @Sendable () -> Int64
    ) {
        self.registry = registry
        self.storage = storage
        self.events = events
        self.versionsKept = max(1, versionsKept)
        self.now = now
    }

    /// Makes one change, whole or not at all.
    private func edit<Value: Sendable>(
        validateOnly: Bool = false,
        _ body: (inout RegistryDraft) throws(RegistryEditError) -> Value
    ) async throws(RegistryEditError) -> Value {
        try await self.turns.take { () async throws(RegistryEditError) -> Value in
            var draft = RegistryDraft(self.registry.snapshot, now: self.now())
            let value = try body(&draft)
            guard !draft.changes.isEmpty else { return value }
            let result = try draft.result()
            guard !validateOnly else { return value }
            do {
                try await self.storage.save(draft.changes)
            } catch {
                throw .storage("\(error)")
            }
            self.registry.replace(with: result)
            for event in draft.events { self.events.record(event) }
            return value
        }
    }

    // MARK: - Models

    package func createModel(
        _ model: ModelDescription,
        validateOnly: Bool
    ) async throws(RegistryEditError) -> ModelDescription {
        try await self.edit(validateOnly: validateOnly) { draft throws(RegistryEditError) in
            try draft.createModel(model)
        }
    }

    package func updateModel(
        _ id: ModelID,
        etag: String?,
        validateOnly: Bool,
        change: @Sendable (inout ModelDescription) throws(RegistryEditError) -> Void
    ) async throws(RegistryEditError) -> ModelDescription {
        try await self.edit(validateOnly: validateOnly) { draft throws(RegistryEditError) in
            try draft.updateModel(id, etag: etag, change: change)
        }
    }

    package func deleteModel(_ id: ModelID, etag: String?) async throws(RegistryEditError) {
        try await self.edit { draft throws(RegistryEditError) in
            try draft.deleteModel(id, etag: etag)
        }
    }

    package func addVersion(
        _ version: ModelVersion,
        to model: ModelDescription,
        activate: Bool
    ) async throws(RegistryEditError) -> (model: ModelDescription, dropped: [ModelVersion]) {
        try await self.edit { draft throws(RegistryEditError) in
            try draft.addVersion(version, to: model, activate: activate, keeping: self.versionsKept)
        }
    }

    // MARK: - Providers

    package func createProvider(
        _ provider: ProviderDescription,
        validateOnly: Bool
    ) async throws(RegistryEditError) -> ProviderDescription {
        try await self.edit(validateOnly: validateOnly) { draft throws(RegistryEditError) in
            try draft.createProvider(provider)
        }
    }

    package func updateProvider(
        _ id: ProviderID,
        etag: String?,
        validateOnly: Bool,
        change: @Sendable (inout ProviderDescription) throws(RegistryEditError) -> Void
    ) async throws(RegistryEditError) -> ProviderDescription {
        try await self.edit(validateOnly: validateOnly) { draft throws(RegistryEditError) in
            try draft.updateProvider(id, etag: etag, change: change)
        }
    }

    package func deleteProvider(_ id: ProviderID, etag: String?) async throws(RegistryEditError) {
        try await self.edit { draft throws(RegistryEditError) in
            try draft.deleteProvider(id, etag: etag)
        }
    }

    // MARK: - Aliases

    package func updateAlias(
        _ name: String,
        targets: [Alias.Target],
        mode: Alias.Mode,
        etag: String?,
        allowMissing: Bool,
        reason: String,
        validateOnly: Bool
    ) async throws(RegistryEditError) -> Alias {
        try await self.edit(validateOnly: validateOnly) { draft throws(RegistryEditError) in
            try draft.updateAlias(
                name, targets: targets, mode: mode, etag: etag, allowMissing: allowMissing, reason: reason)
        }
    }

    package func deleteAlias(_ name: String, etag: String?) async throws(RegistryEditError) {
        try await self.edit { draft throws(RegistryEditError) in
            try draft.deleteAlias(name, etag: etag)
        }
    }

    package func switchAlias(
        _ name: String,
        to model: ModelID,
        etag: String?,
        reason: String
    ) async throws(RegistryEditError) -> Alias {
        try await self.edit { draft throws(RegistryEditError) in
            try draft.switchAlias(name, to: model, etag: etag, reason: reason)
        }
    }

    package func rollbackAlias(
        _ name: String,
        revision: String?,
        etag: String?,
        reason: String
    ) async throws(RegistryEditError) -> Alias {
        try await self.edit { draft throws(RegistryEditError) in
            try draft.rollbackAlias(name, revision: revision, etag: etag, reason: reason)
        }
    }

    // MARK: - The configuration file

    /// What would be registered if the configuration file said this. Writes nothing.
    package func preview(_ config: StoredRegistry) async throws(RegistryEditError) -> RegistrySnapshot {
        do {
            let stored = try await self.storage.loadRegistry()
            let (registry, _, _) = ConfigMerge.merge(config: config, stored: stored, now: self.now())
            return try RegistrySnapshot(
                providers: registry.providers, models: registry.models, aliases: registry.aliases)
        } catch {
            throw .storage("\(error)")
        }
    }

    /// Joins what is registered with what the configuration file says now, as a start does.
    ///
    /// - Throws: ``RegistryEditError/storage(_:)``; nothing has changed then.
    package func take(_ config: StoredRegistry) async throws(RegistryEditError) -> ConfigMerge.Summary {
        try await self.turns.take { () async throws(RegistryEditError) in
            let (snapshot, summary) = try await self.storage.restore(config: config, now: self.now())
            self.registry.replace(with: snapshot)
            return summary
        }
    }

    // MARK: - Discovery

    package func takeDiscovery(
        _ listing: ModelListing,
        from provider: ProviderID,
        validateOnly: Bool
    ) async throws(RegistryEditError) -> DiscoveryReport {
        try await self.edit(validateOnly: validateOnly) { draft throws(RegistryEditError) in
            try draft.takeDiscovery(listing, from: provider)
        }
    }
}
