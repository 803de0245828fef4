import Inference

extension RegistryDraft {
    mutating func createProvider(_ provider: ProviderDescription) throws(RegistryEditError) -> ProviderDescription {
        guard self.snapshot.provider(provider.id) == nil else {
            throw .alreadyExists("provider '\(provider.id)'")
        }
        guard provider.id != .local, provider.kind != ProviderID.local.rawValue else {
            throw .invalid([
                FieldProblem(
                    provider.id == .local ? "provider.id" : "provider.kind",
                    found: "'local'",
                    expected: "another: 'local' is the server's own, and local.enabled of the configuration turns it on"
                )
            ])
        }
        var created = provider
        try created.check()
        created.provenance = self.stamp(nil)
        self.put(created)
        self.tell(.created, provider: created.id, revision: created.provenance.revision)
        return created
    }

    mutating func updateProvider(
        _ id: ProviderID,
        etag: String?,
        change: (inout ProviderDescription) throws(RegistryEditError) -> Void
    ) throws(RegistryEditError) -> ProviderDescription {
        guard let current = self.snapshot.provider(id) else { throw .providerNotFound(id.rawValue) }
        try self.check(etag: etag, of: "provider '\(id)'", current.provenance)
        var changed = current
        try change(&changed)
        changed.id = id
        changed.provenance = current.provenance
        guard changed != current else { return current }
        guard changed.kind == current.kind else {
            let problem = FieldProblem(
                "provider.kind",
                found: FieldChecks.quoted(changed.kind),
                expected: "'\(current.kind)', which stays; delete the provider and create another"
            )
            throw .invalid([problem])
        }
        try changed.check()
        changed.provenance = self.stamp(current.provenance)
        self.put(changed)
        self.tell(.updated, provider: id, revision: changed.provenance.revision)
        return changed
    }

    mutating func deleteProvider(_ id: ProviderID, etag: String?) throws(RegistryEditError) {
        guard let current = self.snapshot.provider(id) else { throw .providerNotFound(id.rawValue) }
        try self.check(etag: etag, of: "provider '\(id)'", current.provenance)
        guard current.provenance.source != .config else {
            throw .blocked("the configuration file holds provider '\(id)': remove it there, or disable it")
        }
        let count = self.snapshot.modelCount(of: id)
        guard count == 0 else {
            throw .blocked("provider '\(id)' has \(count) \(count == 1 ? "model" : "models"): delete them first")
        }
        // Models that it would only pass on are not listed, and aliases may lead to them all the same.
        let aliases = self.snapshot.aliases.filter { $0.weightedTargets.contains { $0.model.provider == id } }
        guard aliases.isEmpty else { throw .blocked(Self.leads(aliases.map(\.name), to: "provider '\(id)'")) }
        self.remove(provider: id)
        self.tell(.deleted, provider: id, revision: current.provenance.revision)
    }
}
