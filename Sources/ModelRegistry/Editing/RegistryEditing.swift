package import Inference

/// Changes what is registered. Every change is checked, written to disk, published as a new ``RegistrySnapshot`` and told
/// as an event, in this order: what a call returned survives a crash.
///
/// Changes run one after another. An `etag` that is not `nil` must be the entry's current one.
package protocol RegistryEditing: Sendable {
    func createModel(_ model: ModelDescription, validateOnly: Bool) async throws(RegistryEditError) -> ModelDescription

    /// - Parameter change: Runs on the current entry; may refuse with ``RegistryEditError/invalid(_:)``. What it does to
    ///   id and provenance is ignored.
    func updateModel(
        _ id: ModelID,
        etag: String?,
        validateOnly: Bool,
        change: @Sendable (inout ModelDescription) throws(RegistryEditError) -> Void
    ) async throws(RegistryEditError) -> ModelDescription

    func deleteModel(_ id: ModelID, etag: String?) async throws(RegistryEditError)

    /// Adds a version to a model, or makes the model with it; keeps the last ``versionsKept`` and returns the files of
    /// those that were dropped for it, which are the caller's to delete once they are not in use.
    func addVersion(
        _ version: ModelVersion,
        to model: ModelDescription,
        activate: Bool
    ) async throws(RegistryEditError) -> (model: ModelDescription, dropped: [ModelVersion])

    func createProvider(
        _ provider: ProviderDescription,
        validateOnly: Bool
    ) async throws(RegistryEditError) -> ProviderDescription

    func updateProvider(
        _ id: ProviderID,
        etag: String?,
        validateOnly: Bool,
        change: @Sendable (inout ProviderDescription) throws(RegistryEditError) -> Void
    ) async throws(RegistryEditError) -> ProviderDescription

    func deleteProvider(_ id: ProviderID, etag: String?) async throws(RegistryEditError)

    /// Sets an alias's targets and mode; what it led to before goes into its history.
    func updateAlias(
        _ name: String,
        targets: [Alias.Target],
        mode: Alias.Mode,
        etag: String?,
        allowMissing: Bool,
        reason: String,
        validateOnly: Bool
    ) async throws(RegistryEditError) -> Alias

    func deleteAlias(_ name: String, etag: String?) async throws(RegistryEditError)

    /// Makes `model` the first target of an alias, in the place of the one that is first now; a target that it was
    /// already moves to the front.
    func switchAlias(
        _ name: String,
        to model: ModelID,
        etag: String?,
        reason: String
    ) async throws(RegistryEditError) -> Alias

    /// Goes back to the revision with this etag, the newest when it is `nil`.
    func rollbackAlias(
        _ name: String,
        revision: String?,
        etag: String?,
        reason: String
    ) async throws(RegistryEditError) -> Alias

    /// Takes in what a provider listed: see ``DiscoveryReport``.
    func takeDiscovery(
        _ listing: ModelListing,
        from provider: ProviderID,
        validateOnly: Bool
    ) async throws(RegistryEditError) -> DiscoveryReport
}

/// What a discovery changed. It never deletes, and never changes what a person registered.
package struct DiscoveryReport: Sendable, Hashable {
    package var added: [ModelID] = []
    package var changed: [ModelID] = []
    /// Marked as missing: those that were discovered, and those of the configuration and the API too.
    package var gone: [ModelID] = []
    package var unchanged = 0
    /// What was listed and is no usable model, each with the reason.
    package var skipped: [String] = []

    package init() {}
}

/// Why the registry was not changed. Nothing of the change is left then.
package enum RegistryEditError: Error, Sendable, Hashable {
    case modelNotFound(String)
    case providerNotFound(String)
    case aliasNotFound(String)
    /// `model 'local/tiny'`.
    case alreadyExists(String)
    /// The etag given and the current one.
    case etagMismatch(entry: String, given: String, current: String)
    /// Every field at fault.
    case invalid([FieldProblem])
    /// It cannot be done as things are, and what to do: `alias 'default' leads to it`.
    case blocked(String)
    /// The disk said no.
    case storage(String)
}

/// One field that is not what it should be.
package struct FieldProblem: Sendable, Hashable {
    /// As in the proto: `model.idle_ttl`.
    package var field: String
    package var found: String
    package var expected: String

    package init(_ field: String, found: String, expected: String) {
        self.field = field
        self.found = found
        self.expected = expected
    }
}
