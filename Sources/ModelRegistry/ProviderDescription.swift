public import Inference

/// A provider, as it is registered. Credentials are not part of it: only where they are.
public struct ProviderDescription: Sendable, Hashable {
    public var id: ProviderID
    /// `local`, `openai`, `openrouter`, `custom` and so on.
    public var kind: String
    /// `nil` for the local engines.
    public var baseURL: String?
    public var hasCredentials: Bool
    /// The environment variable or file that holds the key, for providers that the API registered.
    public var credentials: CredentialReference?
    /// Allows `http` to a host that is not this machine.
    public var allowsInsecure: Bool
    /// True when no models are registered for it: then every name is passed on, and the upstream says what exists.
    public var acceptsAnyModel: Bool
    /// The priority of models that have none of their own.
    public var priority: Int
    /// Whether requests may reach it.
    public var isEnabled: Bool
    public var provenance: Provenance

    public init(
        id: ProviderID,
        kind: String,
        baseURL: String? = nil,
        hasCredentials: Bool = false,
        credentials: CredentialReference? = nil,
        allowsInsecure: Bool = false,
        acceptsAnyModel: Bool = false,
        priority: Int = ModelDescription.defaultPriority,
        isEnabled: Bool = true,
        provenance: Provenance = Provenance()
    ) {
        self.id = id
        self.kind = kind
        self.baseURL = baseURL
        self.hasCredentials = hasCredentials
        self.credentials = credentials
        self.allowsInsecure = allowsInsecure
        self.acceptsAnyModel = acceptsAnyModel
        self.priority = priority
        self.isEnabled = isEnabled
        self.provenance = provenance
    }
}

/// Where a key is. The key itself is never registered.
public enum CredentialReference: Sendable, Hashable {
    /// A variable of the server's environment.
    case environment(String)
    /// A file; absolute.
    case file(String)
}
