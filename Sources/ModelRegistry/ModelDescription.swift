public import Inference

/// A model that requests can be routed to, as it is configured.
public struct ModelDescription: Sendable, Hashable {
    public var id: ModelID
    /// For people.
    public var displayName: String
    public var capabilities: Set<Capability>
    /// Tokens of prompt and answer together; `nil` when not known.
    public var contextLength: Int?
    /// The longest answer in tokens; `nil` when not known.
    public var maxOutputTokens: Int?
    /// 0...1000; when the choice is the router's, smaller is asked first.
    public var priority: Int
    /// Size of the weights on disk, for local models; `nil` when not known.
    public var sizeBytes: Int64?

    public static let defaultPriority = 100

    public init(
        id: ModelID,
        displayName: String? = nil,
        capabilities: Set<Capability> = [.chat, .streaming],
        contextLength: Int? = nil,
        maxOutputTokens: Int? = nil,
        priority: Int = ModelDescription.defaultPriority,
        sizeBytes: Int64? = nil
    ) {
        self.id = id
        self.displayName = displayName ?? id.name
        self.capabilities = capabilities
        self.contextLength = contextLength
        self.maxOutputTokens = maxOutputTokens
        self.priority = priority
        self.sizeBytes = sizeBytes
    }
}

/// A provider, as it is configured. Credentials are not part of it.
public struct ProviderDescription: Sendable, Hashable {
    public var id: ProviderID
    /// `local`, `openai`, `openrouter`, `custom` and so on.
    public var kind: String
    /// `nil` for the local engines.
    public var baseURL: String?
    public var hasCredentials: Bool
    /// True when no models were configured for it: then every name is passed on, and the upstream says what exists.
    public var acceptsAnyModel: Bool
    /// The priority of models that are not listed.
    public var priority: Int

    public init(
        id: ProviderID,
        kind: String,
        baseURL: String? = nil,
        hasCredentials: Bool = false,
        acceptsAnyModel: Bool = false,
        priority: Int = ModelDescription.defaultPriority
    ) {
        self.id = id
        self.kind = kind
        self.baseURL = baseURL
        self.hasCredentials = hasCredentials
        self.acceptsAnyModel = acceptsAnyModel
        self.priority = priority
    }
}

/// A bare name that leads to models.
public struct Alias: Sendable, Hashable {
    public var name: String
    /// Asked in this order; never empty.
    public var targets: [ModelID]

    public init(name: String, targets: [ModelID]) {
        self.name = name
        self.targets = targets
    }
}
