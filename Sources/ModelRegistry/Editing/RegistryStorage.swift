package import Inference

/// One change of what is registered, as it goes to disk.
package enum RegistryChange: Sendable, Hashable {
    case putModel(ModelDescription)
    case deleteModel(ModelID)
    case putProvider(ProviderDescription)
    case deleteProvider(ProviderID)
    case putAlias(Alias)
    case deleteAlias(String)
    /// What the configuration file said of an entry when it was read last, so that a later start knows whether the file
    /// changed since. The key names the entry: `model:local/tiny`.
    case putConfigDigest(key: String, digest: String)
    case deleteConfigDigest(key: String)
}

/// Everything that is on disk.
package struct StoredRegistry: Sendable, Hashable {
    package var models: [ModelDescription]
    package var providers: [ProviderDescription]
    package var aliases: [Alias]
    package var configDigests: [String: String]
    /// What is on disk and could not be read, a sentence for each. Such entries are not above, and stay on the disk.
    package var problems: [String] = []

    package init(
        models: [ModelDescription] = [],
        providers: [ProviderDescription] = [],
        aliases: [Alias] = [],
        configDigests: [String: String] = [:]
    ) {
        self.models = models
        self.providers = providers
        self.aliases = aliases
        self.configDigests = configDigests
    }
}

/// Where the registry is kept. Implemented by Persistence.
package protocol RegistryStorage: Sendable {
    func loadRegistry() async throws -> StoredRegistry

    /// Writes changes in one transaction; they are on disk when this returns (`synchronous = FULL`: an acknowledged
    /// change survives a power failure). Goes through when the task is cancelled; when it throws, nothing was written.
    func save(_ changes: [RegistryChange]) async throws
}
