import Inference

extension RegistryDraft {
    mutating func createModel(_ model: ModelDescription) throws(RegistryEditError) -> ModelDescription {
        let id = model.id
        guard self.snapshot.provider(id.provider) != nil else { throw .providerNotFound(id.provider.rawValue) }
        guard self.snapshot.listedModel(id) == nil else { throw .alreadyExists("model '\(id)'") }
        var created = model
        created.profile = nil
        created.isMissing = false
        created.normalize()
        for index in created.versions.indices where created.versions[index].createdAtMicroseconds == 0 {
            created.versions[index].createdAtMicroseconds = self.now
        }
        try created.check()
        created.provenance = self.stamp(nil)
        self.put(created)
        self.tell(.created, model: id, revision: created.provenance.revision)
        return created
    }

    mutating func updateModel(
        _ id: ModelID,
        etag: String?,
        change: (inout ModelDescription) throws(RegistryEditError) -> Void
    ) throws(RegistryEditError) -> ModelDescription {
        guard let current = self.snapshot.listedModel(id) else { throw .modelNotFound(id.description) }
        try self.check(etag: etag, of: "model '\(id)'", current.provenance)
        var changed = current
        try change(&changed)
        changed.id = id
        changed.provenance = current.provenance
        changed.normalize()
        // Nothing to write, nothing to tell; the etag that others hold stays good.
        guard changed != current else { return current }
        try changed.check(replacing: current)
        let becomesOwn = current.provenance.source == .discovered && changed.tells(otherThan: current)
        changed.provenance = self.stamp(current.provenance, source: becomesOwn ? .api : nil)
        self.put(changed)
        self.tell(.updated, model: id, revision: changed.provenance.revision)
        return changed
    }

    mutating func deleteModel(_ id: ModelID, etag: String?) throws(RegistryEditError) {
        guard let current = self.snapshot.listedModel(id) else { throw .modelNotFound(id.description) }
        try self.check(etag: etag, of: "model '\(id)'", current.provenance)
        guard current.provenance.source != .config else {
            throw .blocked("the configuration file holds model '\(id)': remove it there, or disable it")
        }
        let aliases = self.snapshot.aliasNames(of: id)
        guard aliases.isEmpty else { throw .blocked(Self.leads(aliases, to: "model '\(id)'")) }
        self.remove(model: id)
        self.tell(.deleted, model: id, revision: current.provenance.revision)
    }

    mutating func addVersion(
        _ version: ModelVersion,
        to model: ModelDescription,
        activate: Bool,
        keeping count: Int
    ) throws(RegistryEditError) -> (model: ModelDescription, dropped: [ModelVersion]) {
        var version = version
        if version.createdAtMicroseconds == 0 { version.createdAtMicroseconds = self.now }
        guard var changed = self.snapshot.listedModel(model.id) else {
            var created = model
            created.versions = [version]
            created.activeVersion = version.version
            return (try self.createModel(created), [])
        }
        let current = changed
        if let index = changed.versions.firstIndex(where: { $0.version == version.version }) {
            let known = changed.versions[index]
            guard known.path == version.path, known.sha256 == version.sha256 || known.sha256 == nil else {
                throw .alreadyExists("version '\(version.version)' of model '\(model.id)'")
            }
            changed.versions[index].sha256 = version.sha256
            changed.versions[index].isInstalled = known.isInstalled || version.isInstalled
        } else {
            changed.versions.append(version)
        }
        if activate || changed.activeVersion == nil { changed.activeVersion = version.version }
        changed.isMissing = false
        let dropped = changed.dropVersions(keeping: count, and: version.version)
        changed.normalize()
        guard changed != current else { return (current, []) }
        try changed.check(replacing: current)
        // An installation is a person's doing.
        let source: Provenance.Source? = current.provenance.source == .discovered ? .api : nil
        changed.provenance = self.stamp(current.provenance, source: source)
        self.put(changed)
        self.tell(
            .updated, model: model.id, revision: changed.provenance.revision, reason: "version \(version.version)")
        return (changed, dropped)
    }

    static func leads(_ aliases: [String], to what: String) -> String {
        let names = aliases.map { "'\($0)'" }.joined(separator: ", ")
        return aliases.count == 1
            ? "alias \(names) leads to \(what): change or delete the alias first"
            : "the aliases \(names) lead to \(what): change or delete them first"
    }
}

extension ModelDescription {
    /// Drops the oldest versions beyond `count`, never the active one, the one named, and what the configuration holds.
    fileprivate mutating func dropVersions(keeping count: Int, and newest: String) -> [ModelVersion] {
        var dropped: [ModelVersion] = []
        while self.versions.count > max(1, count) {
            let index = self.versions.firstIndex { version in
                version.version != self.activeVersion && version.version != newest
                    && (version.isInstalled || self.provenance.source != .config)
            }
            guard let index else { break }
            dropped.append(self.versions.remove(at: index))
        }
        return dropped
    }

    /// Whether something differs of what discovery tells: then a person knows better from now on.
    fileprivate func tells(otherThan other: ModelDescription) -> Bool {
        self.displayName != other.displayName || self.category != other.category
            || self.capabilities != other.capabilities || self.contextLength != other.contextLength
            || self.maxOutputTokens != other.maxOutputTokens || self.prices != other.prices
            || self.sizeBytes != other.sizeBytes || self.versions != other.versions
    }
}
