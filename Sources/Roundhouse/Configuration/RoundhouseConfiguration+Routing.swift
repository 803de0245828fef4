public import Inference

extension RoundhouseConfiguration {
    /// Who answers a request, and what is done when somebody fails.
    public struct Routing: Sendable, Hashable {
        /// How candidates are ordered when neither the request nor a rule says. Default `priority`.
        public var strategy = "priority"
        /// What `performance_based` looks at, and how much. Default 0.4, 0.3 and 0.3.
        public var weights = PerformanceWeights()
        /// Whether requests with the same beginning go to the engine that has it in its cache. Default `true`.
        public var affinity = true
        /// How many more requests than the idlest such engine may run on it before others are preferred. 0 to 1000,
        /// default 2.
        public var affinityMaxImbalance = 2
        /// Whether identical repeatable requests in flight share one upstream call. Default `false`.
        public var shareIdentical = false
        public var fallback = Fallback()
        public var retry = Retry()
        public var breaker = Breaker()
        public var hedge = Hedge()
        /// The first whose conditions hold decides. Names are unique.
        public var rules: [Rule] = []
        /// Aliases whose active model is exchanged when it does badly. Each alias once.
        public var autoSwitch: [AutoSwitch] = []

        public init() {}
    }

    /// Shares of a score; only their ratio counts. Each 0 to 1000.
    public struct PerformanceWeights: Sendable, Hashable {
        public var quality = 0.4
        public var latency = 0.3
        public var success = 0.3

        public init() {}
    }

    /// How far the search for an answer goes.
    public struct Fallback: Sendable, Hashable {
        /// Attempts of one request, all candidates together. 1 to 100, default 6.
        public var maxAttempts = 6
        /// For the whole search until the first output. 100 ms to 1 d, default 10 min.
        public var maxTime = Duration.seconds(600)
        /// A model that failed is asked after the others for so long. 0 s to 1 d, default 0 s: it is not.
        public var excludeFailedFor = Duration.zero
        /// Whether candidates of another provider come first after a failure that may be the provider's. Default `true`.
        public var preferOtherProvider = true
        /// Asked when the prompt is too long for the candidates, in this order.
        public var contextLength: [ModelID] = []
        /// Asked when a filter refused, in this order.
        public var contentFilter: [ModelID] = []

        public init() {}
    }

    /// When a model is asked again that failed.
    public struct Retry: Sendable, Hashable {
        /// Attempts for each model. 1 to 20, default 2.
        public var attemptsPerModel = 2
        /// The longest first wait; the actual one is drawn between nothing and this, and doubles. 1 ms to 1 min, default
        /// 100 ms.
        public var backoff = Duration.milliseconds(100)
        /// The longest wait. 1 ms to 10 min, default 2 s.
        public var maxBackoff = Duration.seconds(2)
        /// A longer `Retry-After` is not waited for. 0 s to 1 h, default 10 s.
        public var maxRetryAfter = Duration.seconds(10)
        /// Repeated attempts for each request at most, on average. 0 to 10, default 0.2; ten a second are always allowed.
        public var budget = 0.2

        public init() {}
    }

    /// When a model or a provider is left alone because it fails.
    public struct Breaker: Sendable, Hashable {
        /// Default `true`.
        public var enabled = true
        /// The time that is looked back on. 1 s to 1 h, default 30 s.
        public var window = Duration.seconds(30)
        /// With fewer attempts than these in the window, their ratio opens nothing. 1 to 10,000, default 10.
        public var minRequests = 10
        /// The part of failures that opens it. 0.01 to 1, default 0.5.
        public var failureRatio = 0.5
        /// So many failures in a row open it, too. 1 to 10,000, default 5.
        public var consecutiveFailures = 5
        /// How long it stays open at first; each failed probe doubles it. 100 ms to 1 h, default 15 s.
        public var openFor = Duration.seconds(15)
        /// The longest. 100 ms to 1 d, default 5 min.
        public var maxOpenFor = Duration.seconds(300)
        /// Requests at a time that try whether it works again; as many successes close it. 1 to 100, default 2.
        public var halfOpenProbes = 2

        public init() {}
    }

    /// When a second candidate is asked beside a slow first one.
    public struct Hedge: Sendable, Hashable {
        /// After so long without output. 1 ms to 10 min; `nil` (default): never.
        public var after: Duration?
        /// Hedges for each request at most, on average. 0 to 1, default 0.1.
        public var budget = 0.1

        public init() {}
    }

    /// Sends requests that fulfil its conditions to a pool, by a strategy.
    public struct Rule: Sendable, Hashable {
        /// For explanations and logs.
        public var name: String
        public var when = Conditions()
        /// Models and aliases. Empty (default): what the request asked for.
        public var pool: [String] = []
        /// `nil` (default): the pool's own order for an alias, else ``Routing/strategy``.
        public var strategy: String?

        public init(name: String) {
            self.name = name
        }

        /// All must hold; an empty one always does.
        public struct Conditions: Sendable, Hashable {
            /// What was asked for: names of aliases, or `auto`. A rule never applies to a model that was named.
            public var models: [String] = []
            /// What is to come out; `nil`: anything.
            public var task: ModelCategory?
            public var priorities: [RequestPriority] = []
            /// The request has every one.
            public var tags: [String] = []
            /// The request needs every one.
            public var capabilities: [Capability] = []
            /// Estimated tokens of the prompt. 0 to 100,000,000.
            public var minInputTokens: Int?
            public var maxInputTokens: Int?
            /// In the time of ``utcOffset``. Empty: every day.
            public var days: [Weekday] = []
            /// `HH:MM`, from 00:00 to 24:00. A time after ``to`` runs over midnight.
            public var from: TimeOfDay?
            public var to: TimeOfDay?
            /// Minutes east of UTC. -840 to 840, default 0.
            public var utcOffset = 0

            public init() {}
        }
    }

    public enum Weekday: String, Sendable, Hashable, CaseIterable {
        case monday, tuesday, wednesday, thursday, friday, saturday, sunday
    }

    /// A minute of the day.
    public struct TimeOfDay: Sendable, Hashable {
        /// 0 to 1440.
        public var minutes: Int

        public init(minutes: Int) {
            self.minutes = minutes
        }
    }

    /// Exchanges the active model of an alias while it does badly.
    public struct AutoSwitch: Sendable, Hashable {
        public var alias: String
        /// The part of its requests that must go well. 0 to 1, default 0.9.
        public var minSuccessRate = 0.9
        /// The time to the first token that it may take, at the median; `nil` (default): any.
        public var maxLatency: Duration?
        /// The time that is looked back on. 10 s to 1 d, default 5 min.
        public var window = Duration.seconds(300)
        /// Fewer requests than these in the window decide nothing. 1 to 1,000,000, default 20.
        public var minRequests = 20
        /// The former model is tried again after so long. 10 s to 30 d, default 10 min; doubles each time that it fails again.
        public var recoverAfter = Duration.seconds(600)

        public init(alias: String) {
            self.alias = alias
        }
    }

    /// What of OpenRouter's models is used.
    public struct OpenRouter: Sendable, Hashable {
        /// Only free models are listed and asked. Default `false`; the variable `OPENROUTER_SHOW_FREE_ONLY` sets it.
        public var showFreeOnly = false
        /// Free models come first when the gateway chooses. Default `false`; `OPENROUTER_PREFER_FREE_MODELS` sets it.
        public var preferFreeModels = false
        /// Models of which either price is higher are neither listed nor asked. Nano-USD for a million tokens; `nil`
        /// (default): no limit. `OPENROUTER_MAX_COST_PER_TOKEN`, in USD for one token, sets it.
        public var maxPrice: Int64?

        public init() {}
    }
}
