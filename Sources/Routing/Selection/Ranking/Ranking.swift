internal import Inference
internal import ModelRegistry

/// Puts the members of a pool in the order of asking. Availability is looked at when it is someone's turn, and nobody is
/// looked at whose turn does not come.
struct Ranking {
    private let plan: SelectionPlan
    private let availability: @Sendable (ModelID) -> ProviderAvailability
    private let readiness: ReadinessUse
    /// Asked in this order before what is in the lists below.
    private(set) var candidates: [Candidate] = []
    private(set) var unavailable: [Candidates.Unavailable] = []
    /// Of the group of tiers under way: who can answer, and who would have to be loaded first.
    private var ready: [Candidate] = []
    private var starting: [Candidate] = []
    /// Where the tier under way begins in ``ready``.
    private var tierStart = 0
    private var lookedAt = 0
    private var hasFirst = false

    /// How many are looked at where the ready ones are asked first: when one is ready among so many, the search is over.
    private static let mostLookedAt = 256
    /// How many draws are made before the best score holds.
    private static let mostDraws = 64

    init(_ plan: SelectionPlan, availability: @escaping @Sendable (ModelID) -> ProviderAvailability) {
        self.plan = plan
        self.availability = availability
        self.readiness = plan.strategy.readiness
        self.ready.reserveCapacity(min(plan.pool.rows.count, RouteDecision.mostCandidates))
    }

    /// Adds those of a tier, to be asked after those that were added before.
    mutating func add(_ tier: CandidatePool) {
        guard tier.count > 0, !self.isFull else { return }
        self.tierStart = self.ready.count
        var pool = tier
        self.plan.strategy.score(&pool)
        if !self.hasFirst { self.chooseFirst(&pool) }
        if pool.count > 1 {
            var heap = CandidateHeap(pool)
            while !self.isFull, let index = heap.pop() { _ = self.take(pool, index) }
        } else if pool.count == 1, !self.isFull {
            _ = self.take(pool, 0)
        }
        self.preferKeeper()
    }

    /// Ends a group of tiers, within which whoever is ready comes before whoever is not.
    mutating func finishGroup() {
        if self.candidates.isEmpty {
            // Nothing is copied in the usual case.
            swap(&self.candidates, &self.ready)
        } else {
            self.candidates += self.ready
            self.ready = []
        }
        let rest = max(0, RouteDecision.mostCandidates - self.candidates.count)
        if !self.starting.isEmpty { self.candidates += self.starting.prefix(rest) }
        self.starting = []
        self.lookedAt = 0
    }

    mutating func add(_ unavailable: Candidates.Unavailable) {
        guard self.unavailable.count < RouteDecision.mostCandidates else { return }
        self.unavailable.append(unavailable)
    }

    private var isFull: Bool {
        if self.candidates.count + self.ready.count >= RouteDecision.mostCandidates { return true }
        return self.readiness == .first && self.lookedAt >= Self.mostLookedAt && !self.ready.isEmpty
    }
}

// MARK: - The first

extension Ranking {
    private mutating func chooseFirst(_ pool: inout CandidatePool) {
        var waiting: [(CandidatePool.Member, Double)] = []
        var attempt = 0
        let keeper = self.keeper(in: pool)
        var choice = keeper ?? self.plan.strategy.first(of: pool, attempt: 0)
        while let index = choice, pool.indices.contains(index) {
            // What has to be loaded keeps no prompt.
            let onlyReady = self.readiness != .ignored || (attempt == 0 && keeper != nil)
            let outcome = self.take(pool, index, onlyReady: onlyReady)
            let removed = pool.remove(at: index)
            attempt += 1
            if outcome == .taken {
                self.hasFirst = true
                break
            }
            // Who has to be loaded waits for its turn among the others.
            if outcome == .waits { waiting.append(removed) }
            choice = attempt < Self.mostDraws ? self.plan.strategy.first(of: pool, attempt: attempt) : nil
        }
        for removed in waiting { pool.append(removed) }
    }

    /// The member that has the prompt's beginning in its cache, if that comes before all else and it is not much busier
    /// than the others.
    private func keeper(in pool: CandidatePool) -> Int? {
        guard let keeper = self.plan.keeper, self.plan.strategy.affinity == .always,
            let index = pool.members.firstIndex(where: { $0.row == keeper }), pool.weight(at: index) > 0
        else { return nil }
        let least = pool.indices.reduce(Int.max) { min($0, self.plan.table.figures[pool.row(at: $1)].inFlight) }
        return self.isWorthwhile(pool.figures(at: index), least: least) ? index : nil
    }

    /// Among those of the tier that are ready and have the best score, puts the one first that has the prompt's beginning
    /// in its cache.
    private mutating func preferKeeper() {
        guard self.plan.keeper != nil, self.plan.strategy.affinity == .amongEquals,
            self.candidates.isEmpty, self.tierStart == 0,
            let keeper = self.ready.firstIndex(where: \.hasAffinity), keeper > 0,
            self.ready[keeper].score == self.ready[0].score,
            self.ready[keeper].availability == .available
        else { return }
        let equals = self.ready.prefix { $0.score == self.ready[0].score }
        let least = equals.reduce(Int.max) { min($0, $1.figures.inFlight) }
        guard self.isWorthwhile(self.ready[keeper].figures, least: least) else { return }
        self.ready.insert(self.ready.remove(at: keeper), at: 0)
    }

    private func isWorthwhile(_ figures: ModelFigures, least: Int) -> Bool {
        figures.inFlight - max(0, self.plan.table.policy.affinity.maxExtraInFlight) <= least
    }
}

// MARK: - One after another

extension Ranking {
    private enum Outcome {
        /// It is a candidate.
        case taken
        /// It would have to be loaded, and is none yet.
        case waits
        /// It cannot answer.
        case unavailable
    }

    /// Looks whether a member can answer, and if so puts it behind the others.
    ///
    /// - Parameter onlyReady: leaves alone who would have to be loaded.
    private mutating func take(_ pool: CandidatePool, _ index: Int, onlyReady: Bool = false) -> Outcome {
        let row = pool.row(at: index)
        let entry = self.plan.table.entries[row]
        let availability = self.availability(entry.model.id)
        self.lookedAt += 1
        if case .unavailable(let reason) = availability {
            self.add(.init(model: entry.model.id, reason: reason))
            return .unavailable
        }
        let isReady = availability == .available
        guard isReady || !onlyReady else { return .waits }
        let candidate = Candidate(
            entry: entry,
            figures: self.plan.table.figures[row],
            score: pool.scores[index],
            hasAffinity: self.plan.keeper == Int32(truncatingIfNeeded: row),
            availability: availability
        )
        self.put(candidate, isReady: isReady)
        return .taken
    }

    private mutating func put(_ candidate: Candidate, isReady: Bool) {
        switch self.readiness {
        case .first where !isReady:
            if self.starting.count < RouteDecision.mostCandidates { self.starting.append(candidate) }
        case .amongEquals where isReady:
            // They come by ascending score: only the end of the list can hold equals.
            let before = self.ready.lastIndex { $0.score != candidate.score || $0.availability == .available }
            self.ready.insert(candidate, at: max(self.tierStart, before.map { $0 + 1 } ?? 0))
        case .first, .amongEquals, .ignored:
            self.ready.append(candidate)
        }
    }
}
