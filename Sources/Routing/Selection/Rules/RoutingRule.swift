public import Inference

/// Where requests of some kind go: if the conditions hold, these candidates by this strategy.
///
/// Rules are for what a client leaves open. A request that names its model gets that model.
public struct RoutingRule: Sendable, Hashable {
    /// Unique among the rules; for people, in explanations.
    public var name: String
    public var conditions: Conditions
    /// Who is asked instead of an alias's targets or of everybody; `nil`: no change. Asked in this order when no strategy
    /// is named; a lone alias brings its own order.
    public var pool: [PoolMember]?
    /// The name of the strategy; `nil`: no change.
    public var strategy: String?

    public init(
        name: String,
        conditions: Conditions = Conditions(),
        pool: [PoolMember]? = nil,
        strategy: String? = nil
    ) {
        self.name = name
        self.conditions = conditions
        self.pool = pool
        self.strategy = strategy
    }

    /// A model, or what an alias leads to.
    public enum PoolMember: Sendable, Hashable, CustomStringConvertible {
        case model(ModelID)
        case alias(String)

        /// Reads a name as it is configured: with a slash it is an id.
        ///
        /// - Returns: `nil` for what is neither, and for `auto`.
        public init?(_ text: String) {
            switch InferenceRequest.Target(text) {
            case .model(let id): self = .model(id)
            case .alias(let name): self = .alias(name)
            case .automatic, nil: return nil
            }
        }

        public var description: String {
            switch self {
            case .model(let id): id.description
            case .alias(let name): name
            }
        }
    }

    /// What must be true of a request: everything that is said. What is not said is true of every request.
    public struct Conditions: Sendable, Hashable {
        /// The request asks for one of these: aliases, or `auto`. Empty: for any.
        public var models: Set<String>
        /// What is to come out of it.
        public var task: ModelCategory?
        /// One of these. Empty: any.
        public var priorities: Set<RequestPriority>
        /// The request has every one of these.
        public var tags: Set<String>
        /// The request needs every one of these, by itself or by its requirements.
        public var capabilities: Set<Capability>
        /// The estimated tokens of the prompt are so many at least.
        public var minInputTokens: Int?
        /// The estimated tokens of the prompt are so many at most.
        public var maxInputTokens: Int?
        /// It is one of these times. Empty: any.
        public var times: [TimeWindow]

        public init(
            models: Set<String> = [],
            task: ModelCategory? = nil,
            priorities: Set<RequestPriority> = [],
            tags: Set<String> = [],
            capabilities: Set<Capability> = [],
            minInputTokens: Int? = nil,
            maxInputTokens: Int? = nil,
            times: [TimeWindow] = []
        ) {
            self.models = models
            self.task = task
            self.priorities = priorities
            self.tags = tags
            self.capabilities = capabilities
            self.minInputTokens = minInputTokens
            self.maxInputTokens = maxInputTokens
            self.times = times
        }
    }
}

/// A rule, and what its pool means in one snapshot.
struct CompiledRule: Sendable {
    let rule: RoutingRule
    let pool: RoutePool?
    private let capabilities: CapabilitySet

    init(_ rule: RoutingRule, pool: RoutePool?) {
        self.rule = rule
        self.pool = pool
        self.capabilities = CapabilitySet(rule.conditions.capabilities)
    }

    /// - Parameter clock: microseconds since 1970-01-01 UTC; asked only when the time matters.
    func matches(_ request: SelectionRequest, clock: () -> Int64) -> Bool {
        let conditions = self.rule.conditions
        guard conditions.models.isEmpty || conditions.models.contains(request.target.description),
            conditions.task == nil || conditions.task == request.task,
            conditions.priorities.isEmpty || conditions.priorities.contains(request.priority),
            conditions.tags.isEmpty || conditions.tags.allSatisfy(request.tags.contains),
            request.estimatedInputTokens >= conditions.minInputTokens ?? .min,
            request.estimatedInputTokens <= conditions.maxInputTokens ?? .max,
            self.capabilities.isEmpty || request.capabilities.isSuperset(of: self.capabilities)
        else { return false }
        guard !conditions.times.isEmpty else { return true }
        let now = clock()
        return conditions.times.contains { $0.contains(microseconds: now) }
    }
}
