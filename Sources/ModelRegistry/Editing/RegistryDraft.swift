import Inference

/// One change in the making: the registry as it would be, what goes to disk for it, and what is told. Pure; nothing of
/// it counts until it was saved.
struct RegistryDraft {
    let snapshot: RegistrySnapshot
    /// Microseconds since 1970-01-01 UTC.
    let now: Int64
    private(set) var changes: [RegistryChange] = []
    private(set) var events: [GatewayEvent] = []
    private var models: [ModelID: ModelDescription?] = [:]
    private var providers: [ProviderID: ProviderDescription?] = [:]
    private var aliases: [String: Alias?] = [:]

    init(_ snapshot: RegistrySnapshot, now: Int64) {
        self.snapshot = snapshot
        self.now = now
    }

    // MARK: - Putting and removing

    mutating func put(_ model: ModelDescription) {
        self.models[model.id] = .some(model)
        self.changes.append(.putModel(model))
    }

    mutating func put(_ provider: ProviderDescription) {
        self.providers[provider.id] = .some(provider)
        self.changes.append(.putProvider(provider))
    }

    mutating func put(_ alias: Alias) {
        self.aliases[alias.name] = .some(alias)
        self.changes.append(.putAlias(alias))
    }

    mutating func remove(model id: ModelID) {
        self.models.updateValue(nil, forKey: id)
        self.changes.append(.deleteModel(id))
    }

    mutating func remove(provider id: ProviderID) {
        self.providers.updateValue(nil, forKey: id)
        self.changes.append(.deleteProvider(id))
    }

    mutating func remove(alias name: String) {
        self.aliases.updateValue(nil, forKey: name)
        self.changes.append(.deleteAlias(name))
    }

    /// The registry with the changes.
    ///
    /// - Throws: ``RegistryEditError/blocked(_:)`` when something would lead nowhere.
    func result() throws(RegistryEditError) -> RegistrySnapshot {
        do {
            return try self.snapshot.applying(
                providers: self.providers,
                models: self.models,
                aliases: self.aliases
            )
        } catch {
            throw .blocked(error.description)
        }
    }

    // MARK: - Provenance

    /// The next revision of an entry, or its first.
    func stamp(_ previous: Provenance?, source: Provenance.Source? = nil) -> Provenance {
        guard var next = previous else {
            return Provenance(
                source: source ?? .api,
                createdAtMicroseconds: self.now,
                updatedAtMicroseconds: self.now,
                revision: 1
            )
        }
        // A clock that was set back must not make an entry older than it was.
        next.updatedAtMicroseconds = max(self.now, next.updatedAtMicroseconds)
        next.revision += 1
        if let source { next.source = source }
        return next
    }

    func check(etag: String?, of entry: String, _ current: Provenance) throws(RegistryEditError) {
        guard let etag, etag != current.etag else { return }
        throw .etagMismatch(entry: entry, given: etag, current: current.etag)
    }

    // MARK: - Telling

    enum Action: String {
        case created, updated, deleted, discovered
    }

    mutating func tell(_ action: Action, model id: ModelID, revision: Int64, reason: String = "") {
        self.events.append(
            GatewayEvent(
                .configChanged,
                model: id,
                reason: reason,
                attributes: Self.attributes("model", id.description, action, revision)
            )
        )
    }

    mutating func tell(_ action: Action, provider id: ProviderID, revision: Int64, details: [String: String] = [:]) {
        let attributes = Self.attributes("provider", id.rawValue, action, revision)
        self.events.append(
            GatewayEvent(.configChanged, provider: id, attributes: attributes.merging(details) { own, _ in own })
        )
    }

    mutating func tell(_ action: Action, alias: Alias, reason: String = "") {
        self.events.append(
            GatewayEvent(
                .configChanged,
                model: alias.activeModel,
                alias: alias.name,
                reason: reason,
                attributes: Self.attributes("alias", alias.name, action, alias.provenance.revision)
            )
        )
    }

    private static func attributes(
        _ entry: String,
        _ name: String,
        _ action: Action,
        _ revision: Int64
    ) -> [String: String] {
        ["entry": entry, "name": name, "action": action.rawValue, "revision": "\(revision)"]
    }
}
