public import ModelRegistry

/// How candidates are chosen, as configured. Swapped whole at run time: see ``RouteSelector/setPolicy(_:)``.
public struct SelectionPolicy: Sendable {
    /// The name of the strategy of a request for which neither it nor a rule names one.
    public var defaultStrategy: String
    /// The first that matches holds.
    public var rules: [RoutingRule]
    /// What counts for the strategy `performance_based`.
    public var performance: PerformanceWeights
    public var affinity: AffinityPolicy
    /// Where the choice is the router's, free models and local ones without a price are asked before the others of their
    /// kind.
    public var prefersFree: Bool
    /// Keeps models from every request, by themselves and by their providers; `nil`: none. Asked once for each model of a
    /// snapshot, not for each request.
    public var isAllowed: (@Sendable (ModelDescription, ProviderDescription) -> Bool)?

    public init(
        defaultStrategy: String = "priority",
        rules: [RoutingRule] = [],
        performance: PerformanceWeights = PerformanceWeights(),
        affinity: AffinityPolicy = AffinityPolicy(),
        prefersFree: Bool = false,
        isAllowed: (@Sendable (ModelDescription, ProviderDescription) -> Bool)? = nil
    ) {
        self.defaultStrategy = defaultStrategy
        self.rules = rules
        self.performance = performance
        self.affinity = affinity
        self.prefersFree = prefersFree
        self.isAllowed = isAllowed
    }
}

/// What counts how much for the strategy `performance_based`. Only their ratios matter; all 0 is as all 1.
public struct PerformanceWeights: Sendable, Hashable {
    /// At least 0.
    public var quality: Double
    /// At least 0.
    public var latency: Double
    /// At least 0.
    public var success: Double

    public init(quality: Double = 1, latency: Double = 1, success: Double = 1) {
        self.quality = quality
        self.latency = latency
        self.success = success
    }
}

/// Whether a conversation goes on where its beginning is in an engine's cache.
public struct AffinityPolicy: Sendable, Hashable {
    public var isEnabled: Bool
    /// Kinds of providers whose engines keep prompts. The engines of this machine always count.
    public var kinds: Set<String>
    /// How many more requests than the least busy candidate it may have in flight; beyond that the cache is not worth the
    /// wait. At least 0.
    public var maxExtraInFlight: Int
    /// How many beginnings are remembered; each request has up to ``PromptPrefix/mostHashes``.
    public var capacity: Int

    public init(
        isEnabled: Bool = true,
        kinds: Set<String> = ["llama_cpp", "vllm", "lm_studio", "ollama"],
        maxExtraInFlight: Int = 2,
        capacity: Int = 16_384
    ) {
        self.isEnabled = isEnabled
        self.kinds = kinds
        self.maxExtraInFlight = maxExtraInFlight
        self.capacity = capacity
    }
}
