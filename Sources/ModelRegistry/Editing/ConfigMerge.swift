import Inference

/// Joins what the configuration file says with what is stored, at start. Pure, and never fails: what cannot be is left
/// out, with a warning.
///
/// For an entry of the file:
/// - not stored yet: it is added.
/// - stored, and the file says what it said before: the stored values stay, with what was changed through the API.
/// - stored, and the file says something else: the file's values count. The time of registration, installed versions,
///   the profile and the history stay; enabled, lazy and pinned stay unless the file changed just that.
///
/// A stored entry that is not in the file stays when the API or discovery made it, and goes when the file did.
package struct ConfigMerge {
    package struct Summary: Sendable, Hashable {
        /// Entries that were there before, by kind.
        package var restoredModels = 0
        package var restoredProviders = 0
        package var restoredAliases = 0
        /// Entries by key: `model:local/tiny`.
        package var added: [String] = []
        /// The file said something new of them.
        package var updated: [String] = []
        /// The file no longer holds them, or what they need is gone.
        package var removed: [String] = []
        /// What a person should know, in sentences.
        package var warnings: [String] = []
    }

    private let config: StoredRegistry
    private let stored: StoredRegistry
    private let now: Int64
    private var digests: [String: String] = [:]
    private var summary = Summary()
    /// What an alias may lead to, once that is settled.
    private var known: Set<ModelID> = []
    private var open: Set<ProviderID> = []

    /// - Parameters:
    ///   - config: What the file says; its digests are not read, and neither is the provenance of its entries.
    ///   - now: Microseconds since 1970-01-01 UTC.
    /// - Returns: What is registered from now on, what must be written for it, and what to tell.
    package static func merge(
        config: StoredRegistry,
        stored: StoredRegistry,
        now: Int64
    ) -> (registry: StoredRegistry, changes: [RegistryChange], summary: Summary) {
        var merge = ConfigMerge(config: config, stored: stored, now: now)
        let merged = merge.merged()
        return (merged, RegistryDifference.changes(from: stored, to: merged), merge.summary)
    }

    private init(config: StoredRegistry, stored: StoredRegistry, now: Int64) {
        self.config = config
        self.stored = stored
        self.now = now
    }

    private mutating func merged() -> StoredRegistry {
        let providers = self.join(self.config.providers, self.stored.providers) { $0.mergedProvider($1, $2) }
        let joined = self.join(self.config.models, self.stored.models) { $0.mergedModel($1, $2) }
        let models = self.withProvider(joined, among: providers)
        self.known = Set(models.map(\.id))
        self.open = Set(providers.filter(\.acceptsAnyModel).map(\.id))
        let aliases = self.join(self.config.aliases, self.stored.aliases) { $0.mergedAlias($1, $2) }
        let leading = self.leadingSomewhere(aliases)
        self.summary.restoredProviders = Self.common(providers, self.stored.providers)
        self.summary.restoredModels = Self.common(models, self.stored.models)
        self.summary.restoredAliases = Self.common(leading, self.stored.aliases)
        self.summary.removed.sort()
        return StoredRegistry(models: models, providers: providers, aliases: leading, configDigests: self.digests)
    }

    /// One kind of entries: those of the file first, then what else is stored.
    private mutating func join<Entry: RegisteredEntry>(
        _ configured: [Entry],
        _ stored: [Entry],
        merging: (inout ConfigMerge, Entry, Entry?) -> Entry
    ) -> [Entry] {
        let known = Dictionary(stored.map { ($0.key, $0) }) { first, _ in first }
        var result: [Entry] = []
        var seen: Set<String> = []
        for entry in configured {
            guard seen.insert(entry.key).inserted else {
                self.warn("the configuration holds \(entry.words) twice; the first counts")
                continue
            }
            let current = known[entry.key]
            self.digests[entry.key] = entry.digest.text
            let merged = merging(&self, entry, current)
            if current == nil {
                self.summary.added.append(entry.key)
            } else if merged != current {
                self.summary.updated.append(entry.key)
            }
            result.append(merged)
        }
        for entry in stored where seen.insert(entry.key).inserted {
            if entry.provenance.source == .config {
                self.summary.removed.append(entry.key)
            } else {
                result.append(entry)
            }
        }
        return result.sorted { $0.key < $1.key }
    }

    private static func common<Entry: RegisteredEntry>(_ left: [Entry], _ right: [Entry]) -> Int {
        let keys = Set(right.map(\.key))
        return left.count { keys.contains($0.key) }
    }

    // MARK: - One entry

    /// What the file said when it was read last, if the entry was the file's then.
    private func recorded(_ stored: any RegisteredEntry) -> ConfigDigest? {
        guard stored.provenance.source == .config else { return nil }
        return self.stored.configDigests[stored.key].flatMap(ConfigDigest.init)
    }

    private func stamped(_ stored: Provenance?) -> Provenance {
        guard var provenance = stored else {
            return Provenance(
                source: .config,
                createdAtMicroseconds: self.now,
                updatedAtMicroseconds: self.now,
                revision: 1
            )
        }
        provenance.source = .config
        provenance.updatedAtMicroseconds = max(self.now, provenance.updatedAtMicroseconds)
        provenance.revision += 1
        return provenance
    }

    private func mergedProvider(_ file: ProviderDescription, _ stored: ProviderDescription?) -> ProviderDescription {
        var file = file
        guard let stored else {
            file.provenance = self.stamped(nil)
            return file
        }
        let recorded = self.recorded(stored)
        var merged = recorded?.content == file.digest.content ? stored : file
        merged.isEnabled = Self.flag(\.isEnabled, file.digest, recorded, stored.isEnabled)
        return self.settled(merged, stored)
    }

    private func mergedModel(_ file: ModelDescription, _ stored: ModelDescription?) -> ModelDescription {
        var file = file
        guard let stored else {
            for index in file.versions.indices { file.versions[index].createdAtMicroseconds = self.now }
            file.provenance = self.stamped(nil)
            return file
        }
        let recorded = self.recorded(stored)
        var merged = stored
        if recorded?.content != file.digest.content {
            merged = file
            merged.profile = stored.profile
            merged.isMissing = stored.isMissing
            merged.keepVersions(of: stored, now: self.now)
        }
        merged.isEnabled = Self.flag(\.isEnabled, file.digest, recorded, stored.isEnabled)
        merged.isLazy = Self.flag(\.isLazy, file.digest, recorded, stored.isLazy)
        merged.isPinned = Self.flag(\.isPinned, file.digest, recorded, stored.isPinned)
        return self.settled(merged, stored)
    }

    private mutating func mergedAlias(_ file: Alias, _ stored: Alias?) -> Alias {
        var file = file
        let full = file.digest
        let gone = file.weightedTargets.filter { !self.exists($0) }
        if !gone.isEmpty {
            self.warn("alias '\(file.name)' of the configuration leads to \(Self.names(gone)), which is not registered")
            // What is recorded is what was taken, so that the file's word holds again once the target is back.
            file.weightedTargets.removeAll { !self.exists($0) }
            self.digests[file.key] = file.digest.text
        }
        guard let stored else {
            file.history = []
            file.provenance = self.stamped(nil)
            return file
        }
        let recorded = self.recorded(stored)
        if let recorded, recorded.content == full.content || recorded.content == file.digest.content {
            self.digests[file.key] = recorded.text
            return stored
        }
        guard !file.weightedTargets.isEmpty else { return self.settled(stored, stored) }
        guard stored.weightedTargets != file.weightedTargets || stored.mode != file.mode else {
            return self.settled(stored, stored)
        }
        let reason = "the configuration file changed"
        let merged = stored.replaced(by: file.weightedTargets, mode: file.mode, at: self.now, reason: reason)
        return self.settled(merged, stored)
    }

    /// The next revision where something changed, and the stored one where nothing did.
    private func settled<Entry: RegisteredEntry>(
        _ merged: Entry,
        _ stored: Entry,
        source: Provenance.Source = .config
    ) -> Entry {
        var merged = merged
        merged.provenance = stored.provenance
        guard merged != stored || stored.provenance.source != source else { return stored }
        merged.provenance = self.stamped(stored.provenance)
        merged.provenance.source = source
        return merged
    }

    /// A switch turns when the file turned it since it was read last.
    private static func flag(
        _ flag: KeyPath<ConfigDigest.Flags, Bool>,
        _ file: ConfigDigest,
        _ recorded: ConfigDigest?,
        _ stored: Bool
    ) -> Bool {
        let before = recorded?.flags ?? ConfigDigest.Flags()
        let now = file.flags[keyPath: flag]
        return now == before[keyPath: flag] ? stored : now
    }

    // MARK: - What leads nowhere

    private mutating func withProvider(
        _ models: [ModelDescription],
        among providers: [ProviderDescription]
    ) -> [ModelDescription] {
        let known = Set(providers.map(\.id))
        let orphans = models.filter { !known.contains($0.id.provider) }
        for (provider, orphans) in Dictionary(grouping: orphans, by: \.id.provider).sorted(by: { $0.key < $1.key }) {
            let what = orphans.count == 1 ? "model '\(orphans[0].id)' was" : "\(orphans.count) models were"
            self.warn("\(what) dropped, since provider '\(provider)' is no longer there")
        }
        for orphan in orphans { self.forget(orphan.key) }
        return models.filter { known.contains($0.id.provider) }
    }

    private func exists(_ target: Alias.Target) -> Bool {
        self.known.contains(target.model) || self.open.contains(target.model.provider)
    }

    private mutating func warn(_ warning: String) { self.summary.warnings.append(warning) }

    private static func names(_ targets: [Alias.Target]) -> String {
        targets.map { "'\($0.model)'" }.joined(separator: ", ")
    }

    /// The aliases without targets that are gone, and without those that lead nowhere then.
    private mutating func leadingSomewhere(_ aliases: [Alias]) -> [Alias] {
        aliases.compactMap { alias in
            let gone = alias.weightedTargets.filter { !self.exists($0) }
            guard !gone.isEmpty || alias.weightedTargets.isEmpty else { return alias }
            let file = self.config.aliases.first { $0.name == alias.name }
            var left = alias
            left.weightedTargets.removeAll { !self.exists($0) }
            if left.weightedTargets.isEmpty { left.weightedTargets = file?.weightedTargets.filter(self.exists) ?? [] }
            guard !left.weightedTargets.isEmpty else {
                self.warn("alias '\(alias.name)' was dropped, since none of its models is registered")
                self.forget(alias.key)
                return nil
            }
            if alias.weightedTargets == file?.weightedTargets {
                // Nobody but the file had a hand in it, so it is for the file to bring the target back.
                self.digests[alias.key] = left.digest.text
            } else {
                self.warn("alias '\(alias.name)' no longer leads to \(Self.names(gone)), which is not registered")
            }
            return self.settled(
                alias.replaced(
                    by: left.weightedTargets,
                    mode: alias.mode,
                    at: self.now,
                    reason: "\(Self.names(gone)) is no longer registered"
                ),
                alias,
                source: alias.provenance.source
            )
        }
    }

    private mutating func forget(_ key: String) {
        self.digests[key] = nil
        self.summary.added.removeAll { $0 == key }
        self.summary.updated.removeAll { $0 == key }
        self.summary.removed.append(key)
    }
}

extension ModelDescription {
    /// Takes over the versions that were installed under this name beside those that the file states.
    fileprivate mutating func keepVersions(of stored: ModelDescription, now: Int64) {
        for index in self.versions.indices {
            let version = self.versions[index]
            let known = stored.versions.first { $0.version == version.version && $0.path == version.path }
            self.versions[index].createdAtMicroseconds = known?.createdAtMicroseconds ?? now
        }
        let stated = Set(self.versions.map(\.version))
        let installed = stored.versions.filter { $0.isInstalled && !stated.contains($0.version) }
        guard !installed.isEmpty else { return }
        self.versions += installed
        self.versions.sort { $0.createdAtMicroseconds < $1.createdAtMicroseconds }
        let wasInstalled = installed.contains { $0.version == stored.activeVersion }
        if wasInstalled || self.activeVersion == nil { self.activeVersion = stored.activeVersion }
        if wasInstalled, let active = self.active, active.sizeBytes > 0 { self.sizeBytes = active.sizeBytes }
    }
}

// MARK: - Entries of any kind

/// What the three kinds of entries have in common.
protocol RegisteredEntry: Equatable {
    /// Among all entries: `model:local/tiny`.
    var key: String { get }
    /// For people: `model 'local/tiny'`.
    var words: String { get }
    var provenance: Provenance { get set }
    var digest: ConfigDigest { get }
}

extension ModelDescription: RegisteredEntry {
    var key: String { "model:\(self.id)" }
    var words: String { "model '\(self.id)'" }
    var digest: ConfigDigest { ConfigDigest(self) }
}

extension ProviderDescription: RegisteredEntry {
    var key: String { "provider:\(self.id)" }
    var words: String { "provider '\(self.id)'" }
    var digest: ConfigDigest { ConfigDigest(self) }
}

extension Alias: RegisteredEntry {
    var key: String { "alias:\(self.name)" }
    var words: String { "alias '\(self.name)'" }
    var digest: ConfigDigest { ConfigDigest(self) }
}
