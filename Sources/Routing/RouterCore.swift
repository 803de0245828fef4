import Inference
import ModelRegistry

/// What all requests share: who there is, what was seen of them, and the budgets.
final class RouterCore: Sendable {
    let catalog: ProviderCatalog
    let figures: RoutingFigures
    let policy: FallbackPolicy
    let breakers: Breakers
    let time: RoutingTime
    /// 0..<1
    let random: @Sendable () -> Double
    let registry: Registry
    let selector: RouteSelector
    private let exclusions: Exclusions
    private let retries: TokenBudget
    private let hedges: TokenBudget

    init(
        catalog: ProviderCatalog,
        figures: RoutingFigures,
        policy: FallbackPolicy,
        breakers: Breakers,
        time: RoutingTime,
        random: @escaping @Sendable () -> Double,
        registry: Registry,
        selector: RouteSelector
    ) {
        self.catalog = catalog
        self.figures = figures
        self.policy = policy
        self.breakers = breakers
        self.time = time
        self.random = random
        self.registry = registry
        self.selector = selector
        self.exclusions = Exclusions(afterFault: policy.excludeFailedFor)
        let now = time.now()
        // What a quiet server may use at once: ten seconds' worth, ten hedges.
        self.retries = TokenBudget(
            ratio: policy.retryBudgetRatio, perSecond: policy.retryBudgetMinPerSecond,
            size: max(1, policy.retryBudgetMinPerSecond * 10), now: now)
        self.hedges = TokenBudget(ratio: policy.hedgeBudgetRatio, size: 10, now: now)
    }

    /// Who may answer a request.
    func choose(
        _ request: InferenceRequest, at now: ContinuousClock.Instant
    ) throws(SelectionError) -> (RouteDecision, PromptPrefix?) {
        try self.selector.decide(request, in: self.registry.snapshot, at: self.figures.nanoseconds(at: now))
    }

    /// A request came.
    func countRequest() {
        self.retries.deposit()
        if self.policy.hedgeAfter != nil { self.hedges.deposit() }
    }

    func mayRetry(at now: ContinuousClock.Instant) -> Bool { self.retries.withdraw(at: now) }
    func mayHedge(at now: ContinuousClock.Instant) -> Bool { self.hedges.withdraw(at: now) }

    /// The models that the policy has for a fault of such a kind.
    func chain(after fault: UpstreamFault, of request: InferenceRequest) -> [Candidate] {
        let members =
            switch fault.disposition {
            case .largerContext: self.policy.contextLengthChain
            case .otherFilter: self.policy.contentFilterChain
            case .retrySame, .retryOther, .keyIsDead, .fail: [ModelID]()
            }
        // Who names a model wants that one.
        if members.isEmpty { return [] }
        if case .model = request.target { return [] }
        return members.compactMap { member in
            // By the rules for a model that was named: it must be able to do what the request needs.
            var wanted = SelectionRequest(request)
            wanted.target = .model(member)
            return try? self.selector.decide(wanted, in: self.registry.snapshot).candidates.first
        }
    }

    /// Closes the books of an attempt with everyone but the request itself. Once for each that was begun.
    ///
    /// - Parameters:
    ///   - fault: `nil` when the answer is whole.
    ///   - hadOutput: whether it had produced output.
    func settle(
        _ asking: Asking, fault: UpstreamFault?, hadOutput: Bool, at instant: ContinuousClock.Instant
    ) {
        let figures = asking.candidate.figures
        figures.ended()
        figures.provider.ended()
        let now = self.figures.nanoseconds(at: instant)
        let duration = asking.beganAt.duration(to: instant)
        let isRushed = asking.limit.map { $0 < self.policy.breaker?.blameTimeoutsFrom ?? .zero } ?? false
        self.breakers.record(fault, asking.admission, of: figures, isRushed: isRushed, at: now)
        guard let fault else {
            figures.note(answerIn: duration, at: now)
            return
        }
        if !hadOutput && asking.isStreamed && (fault.kind == .cancelled || fault.kind == .timedOut(.firstToken)) {
            figures.note(silence: duration, at: now)
        }
        guard fault.blame != .innocent, !(isRushed && fault.isTimeout) else { return }
        figures.note(success: false, at: now)
        self.exclusions.note(fault, of: figures, at: now)
    }
}
