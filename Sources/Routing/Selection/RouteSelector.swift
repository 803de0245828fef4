public import Inference
public import ModelRegistry
private import Synchronization

/// Chooses who may answer a request, in which order, and tells why: an explicit id, an alias's targets, a rule's pool, or
/// everything that is there, filtered by requirements and ordered by a strategy.
///
/// Decides from memory alone. What a snapshot and the policy say is laid out once, as a ``RoutingTable``; a decision over
/// a thousand models then takes some 30 microseconds. One for a server; any thread may ask it.
public final class RouteSelector: Sendable {
    let figures: RoutingFigures
    let availability: @Sendable (ModelID) -> ProviderAvailability
    let breakerState: (@Sendable (ModelID) -> String)?
    private let strategies: [String: any SelectionStrategy]
    private let draw: @Sendable (Range<Int>) -> Int
    private let wallClock: @Sendable () -> Int64
    private let prefixes: PrefixMemory
    private let state: Mutex<State>

    private struct State {
        var policy: SelectionPolicy
        /// Counts the policies, so that a table that was made for a former one is not kept.
        var version = 0
        /// Of the snapshots asked about last: requests that hold a former one are soon over.
        var tables: [RoutingTable] = []
    }

    /// - Parameters:
    ///   - figures: what the router notes while it asks.
    ///   - availability: answers at once, from memory.
    ///   - policy: see ``setPolicy(_:)``.
    ///   - strategies: beside the built-in ones, or in place of those of the same name.
    ///   - breakerState: `closed`, `open` or `half_open`, for explanations; `nil`: as the figures say.
    ///   - draw: a number of a range, each as likely as the others.
    ///   - wallClock: microseconds since 1970-01-01 UTC, for rules that look at the time.
    public init(
        figures: RoutingFigures,
        availability: @escaping @Sendable (ModelID) -> ProviderAvailability,
        policy: SelectionPolicy = SelectionPolicy(),
        strategies: [any SelectionStrategy] = [],
        breakerState: (@Sendable (ModelID) -> String)? = nil,
        draw: @escaping @Sendable (Range<Int>) -> Int = { Int.random(in: $0) },
        wallClock: @escaping @Sendable () -> Int64
    ) {
        self.figures = figures
        self.availability = availability
        self.breakerState = breakerState
        self.draw = draw
        self.wallClock = wallClock
        self.prefixes = PrefixMemory(capacity: policy.affinity.capacity)
        self.state = Mutex(State(policy: policy))
        self.strategies = Dictionary(
            (Self.builtIn + strategies).map { ($0.name, $0) }, uniquingKeysWith: { _, last in last })
    }

    private static let builtIn: [any SelectionStrategy] = [
        PriorityStrategy(), WeightedStrategy(readiness: .first), RoundRobinStrategy(), LeastLatencyStrategy(),
        LeastBusyStrategy(), CostStrategy(), PerformanceStrategy(), AvailabilityStrategy(),
    ]

    /// What requests, rules and configuration may name, sorted.
    public var strategyNames: [String] { self.strategies.keys.sorted() }

    public var policy: SelectionPolicy { self.state.withLock { $0.policy } }

    /// Replaces the policy: a decision sees the old one or the new one, never a mixture.
    ///
    /// Its rules are not checked here, see ``RoutingRule/validate(_:in:strategies:)``: what they name and is not there is
    /// an error of the request.
    public func setPolicy(_ policy: SelectionPolicy) {
        self.state.withLock { state in
            state.policy = policy
            state.version += 1
        }
        self.prefixes.setCapacity(policy.affinity.capacity)
    }

    /// Lays a snapshot out before the first request asks about it, so that none waits for that.
    public func prepare(_ snapshot: RegistrySnapshot) {
        _ = self.table(for: snapshot)
    }

    // MARK: - Deciding

    /// What of a request decides, with the beginnings of its prompt where engines that keep prompts may look for them.
    public func request(for request: InferenceRequest) -> SelectionRequest {
        let keepsPrompts = self.state.withLock { $0.policy.affinity.isEnabled && $0.tables.last?.keepsPrompts ?? true }
        return SelectionRequest(request, prefix: keepsPrompts ? PromptPrefix(of: request) : nil)
    }

    /// Who is asked.
    ///
    /// - Throws: ``SelectionError`` when nobody may be. The decision is never empty.
    public func decide(
        _ request: SelectionRequest,
        in snapshot: RegistrySnapshot
    ) throws(SelectionError) -> RouteDecision {
        try self.decide(request, self.table(for: snapshot), at: self.figures.now)
    }

    /// The same of a request for text, with the beginnings of its prompt: ``request(for:)`` and this in one.
    ///
    /// - Parameter now: nanoseconds; see ``RoutingFigures/now``.
    func decide(
        _ request: InferenceRequest,
        in snapshot: RegistrySnapshot,
        at now: UInt64
    ) throws(SelectionError) -> (RouteDecision, PromptPrefix?) {
        let table = self.table(for: snapshot)
        let prefix = table.keepsPrompts ? PromptPrefix(of: request) : nil
        return (try self.decide(SelectionRequest(request, prefix: prefix), table, at: now), prefix)
    }

    private func decide(
        _ request: SelectionRequest,
        _ table: RoutingTable,
        at now: UInt64
    ) throws(SelectionError) -> RouteDecision {
        if case .model(let id) = request.target { return try self.named(id, request, table, at: now) }
        let plan = try self.plan(request, table, at: now)
        let decision = self.decision(plan, plan.sorted(), turn: plan.pool.turns.take())
        guard decision.candidates.isEmpty else { return decision }
        throw Diagnosis(plan, availability: self.availability).error
    }

    /// Notes that a model has read a prompt and is likely to have it in its cache, for requests that begin as it does.
    ///
    /// - Parameter prefix: ``SelectionRequest/prefix`` of the request that it answered.
    public func note(answered model: ModelID, prefix: PromptPrefix?) {
        guard let prefix else { return }
        let keeps = self.state.withLock { state in
            guard state.policy.affinity.isEnabled else { return false }
            // Only saves memory: who keeps nothing is not preferred for it, see `plan`.
            guard let table = state.tables.last else { return true }
            guard let row = table.row(of: model) else { return false }
            return table.rows[Int(row)].flags.contains(.keepsPrompts)
        }
        if keeps { self.prefixes.note(model, for: prefix) }
    }

    func decision(_ plan: SelectionPlan, _ sorted: SelectionPlan.Sorted, turn: Int) -> RouteDecision {
        var ranking = Ranking(plan, availability: self.availability)
        self.tell(plan, sorted, &ranking)
        let pool = { (members: [CandidatePool.Member]) in
            CandidatePool(members, of: plan, turn: turn)
        }
        if !sorted.preferred.isEmpty { ranking.add(pool(sorted.preferred)) }
        ranking.add(pool(sorted.others))
        ranking.finishGroup()
        // Who failed lately comes after everybody else, ready or not.
        if !sorted.excluded.isEmpty {
            ranking.add(pool(sorted.excluded))
            ranking.finishGroup()
        }
        return RouteDecision(
            target: plan.request.target,
            strategy: plan.strategy.name,
            rule: plan.rule,
            candidates: ranking.candidates,
            unavailable: ranking.unavailable,
            estimatedInputTokens: plan.request.estimatedInputTokens
        )
    }

    /// How many breakers are told of where the choice was the router's: of those that are asked first.
    private static let mostOpenTold = 8

    /// Who was meant by name and is not asked; where nobody was, whom a breaker holds back.
    private func tell(_ plan: SelectionPlan, _ sorted: SelectionPlan.Sorted, _ ranking: inout Ranking) {
        let table = plan.table
        if !plan.pool.isAutomatic {
            for row in plan.pool.rows where !table.rows[Int(row)].flags.contains(.enabled) {
                let model = table.entries[Int(row)].model
                guard let reason = table.snapshot.disabledReason(of: model) else { continue }
                ranking.add(.init(model: model.id, reason: reason))
            }
        }
        for row in sorted.open.prefix(plan.pool.isAutomatic ? Self.mostOpenTold : .max) {
            guard let reason = SelectionPlan.breakerReason(table.figures[Int(row)], at: plan.now) else { continue }
            ranking.add(.init(model: table.entries[Int(row)].model.id, reason: reason))
        }
    }

    // MARK: - Making a plan

    func plan(
        _ request: SelectionRequest,
        _ table: RoutingTable,
        at now: UInt64
    ) throws(SelectionError) -> SelectionPlan {
        try self.checkStrategy(of: request)
        var named: RoutePool?
        if case .alias(let name) = request.target {
            named = table.aliasPools[name]
            if named == nil { throw .modelNotFound(requested: name) }
        }
        let compiled = table.rules.first { $0.matches(request, clock: self.wallClock) }
        let pool = try self.pool(of: compiled) ?? named ?? table.automaticPool(of: request.task)
        let keeper = request.prefix.flatMap { self.prefixes.model(for: $0) }.flatMap { table.row(of: $0) }
        return SelectionPlan(
            request,
            in: table,
            rule: compiled?.rule.name,
            pool: pool,
            strategy: try self.strategy(request.strategy ?? compiled?.rule.strategy, for: pool, table),
            now: now,
            keeper: keeper.flatMap { table.rows[Int($0)].flags.contains(.keepsPrompts) ? $0 : nil },
            drawing: self.draw
        )
    }

    func checkStrategy(of request: SelectionRequest) throws(SelectionError) {
        guard let name = request.strategy, self.strategies[name] == nil else { return }
        throw .unknownStrategy(name, known: self.strategyNames)
    }

    /// - Throws: when it is gone: what a rule keeps within its pool must not go elsewhere for that.
    private func pool(of rule: CompiledRule?) throws(SelectionError) -> RoutePool? {
        guard let pool = rule?.pool else { return nil }
        if pool.rows.isEmpty, let missing = pool.missing.first { throw .modelNotFound(requested: missing) }
        return pool
    }

    private func strategy(
        _ named: String?,
        for pool: RoutePool,
        _ table: RoutingTable
    ) throws(SelectionError) -> any SelectionStrategy {
        guard let name = named ?? (pool.isAutomatic ? table.policy.defaultStrategy : nil) else {
            return pool.order == .weighted ? WeightedStrategy(readiness: .ignored) : WrittenOrder()
        }
        guard let strategy = self.strategies[name] else { throw .unknownStrategy(name, known: self.strategyNames) }
        return strategy
    }

    // MARK: - Tables

    func table(for snapshot: RegistrySnapshot) -> RoutingTable {
        let known = self.state.withLock { state in
            state.tables.last { $0.snapshot.identity == snapshot.identity && $0.version == state.version }
        }
        if let known { return known }
        let state = self.state.withLock { $0 }
        // Outside of the lock: it takes a millisecond for a thousand models. Who asks at the same time makes one too.
        let made = RoutingTable(
            snapshot,
            policy: state.policy,
            version: state.version,
            figures: self.figures,
            goingOnFrom: state.tables.last?.turnCounters ?? [:]
        )
        self.state.withLock { state in
            guard state.version == made.version else { return }
            state.tables.removeAll { $0.version != made.version || $0.snapshot.identity == snapshot.identity }
            state.tables.append(made)
            if state.tables.count > 2 { state.tables.removeFirst() }
        }
        return made
    }
}
