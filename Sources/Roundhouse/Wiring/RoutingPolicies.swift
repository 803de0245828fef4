internal import Inference
internal import ModelRegistry
internal import Routing

extension FallbackPolicy {
    /// As configured.
    init(_ routing: RoundhouseConfiguration.Routing) {
        self.init()
        self.maxAttempts = routing.fallback.maxAttempts
        self.attemptsPerModel = routing.retry.attemptsPerModel
        self.backoffBase = routing.retry.backoff
        self.backoffMax = routing.retry.maxBackoff
        self.maxRetryAfterWait = routing.retry.maxRetryAfter
        self.retryBudgetRatio = routing.retry.budget
        self.maxTime = routing.fallback.maxTime
        self.excludeFailedFor = routing.fallback.excludeFailedFor
        self.prefersOtherProvider = routing.fallback.preferOtherProvider
        self.hedgeAfter = routing.hedge.after
        self.hedgeBudgetRatio = routing.hedge.budget
        self.contextLengthChain = routing.fallback.contextLength
        self.contentFilterChain = routing.fallback.contentFilter
        self.breaker = routing.breaker.enabled ? BreakerSettings(routing.breaker) : nil
    }
}

extension BreakerSettings {
    fileprivate init(_ breaker: RoundhouseConfiguration.Breaker) {
        self.init()
        self.window = breaker.window
        self.minRequests = breaker.minRequests
        self.failureRatio = breaker.failureRatio
        self.consecutiveFailures = breaker.consecutiveFailures
        self.openFor = breaker.openFor
        self.maxOpenFor = max(breaker.maxOpenFor, breaker.openFor)
        self.halfOpenProbes = breaker.halfOpenProbes
    }
}

extension SelectionPolicy {
    /// As configured, with what of OpenRouter's models is used now.
    init(_ routing: RoundhouseConfiguration.Routing, filter: OpenRouterFilter) {
        self.init(
            defaultStrategy: routing.strategy,
            rules: routing.rules.map(RoutingRule.init),
            performance: PerformanceWeights(
                quality: routing.weights.quality,
                latency: routing.weights.latency,
                success: routing.weights.success
            ),
            affinity: AffinityPolicy(
                isEnabled: routing.affinity, maxExtraInFlight: routing.affinityMaxImbalance),
            prefersFree: filter.preferFreeModels,
            isAllowed: { model, provider in provider.kind != OpenRouterFilter.providerKind || filter.allows(model) }
        )
    }
}

extension RoutingRule {
    init(_ rule: RoundhouseConfiguration.Rule) {
        let when = rule.when
        let hasTime = !when.days.isEmpty || when.from != nil || when.to != nil
        let window = TimeWindow(
            days: Set(when.days.map(Routing.Weekday.init)),
            from: when.from?.minutes ?? 0,
            to: when.to?.minutes ?? 1440,
            offsetMinutes: when.utcOffset
        )
        self.init(
            name: rule.name,
            conditions: Conditions(
                models: Set(when.models),
                task: when.task,
                priorities: Set(when.priorities),
                tags: Set(when.tags),
                capabilities: Set(when.capabilities),
                minInputTokens: when.minInputTokens,
                maxInputTokens: when.maxInputTokens,
                times: hasTime ? [window] : []
            ),
            pool: rule.pool.isEmpty ? nil : rule.pool.compactMap(PoolMember.init),
            strategy: rule.strategy
        )
    }
}

extension Routing.Weekday {
    fileprivate init(_ day: RoundhouseConfiguration.Weekday) {
        switch day {
        case .monday: self = .monday
        case .tuesday: self = .tuesday
        case .wednesday: self = .wednesday
        case .thursday: self = .thursday
        case .friday: self = .friday
        case .saturday: self = .saturday
        case .sunday: self = .sunday
        }
    }
}
