internal import Inference
internal import ModelRegistry

/// What is settled of a decision before anyone is looked at: between whom, by what, for which request.
///
/// By reference: it is handed to everything that looks at a candidate.
final class SelectionPlan: Sendable {
    let table: RoutingTable
    let request: SelectionRequest
    /// The name of the rule that matched.
    let rule: String?
    let pool: RoutePool
    let strategy: any SelectionStrategy
    let check: RequirementCheck
    /// ``RoutingFigures/now``.
    let now: UInt64
    /// Who has the prompt's beginning in its cache.
    let keeper: Int32?
    private let drawing: @Sendable (Range<Int>) -> Int

    /// - Parameter drawing: a number of a range, each as likely as the others.
    init(
        _ request: SelectionRequest,
        in table: RoutingTable,
        rule: String?,
        pool: RoutePool,
        strategy: any SelectionStrategy,
        now: UInt64,
        keeper: Int32?,
        drawing: @escaping @Sendable (Range<Int>) -> Int
    ) {
        self.table = table
        self.request = request
        self.rule = rule
        self.pool = pool
        self.strategy = strategy
        self.check = RequirementCheck(request, isAutomatic: pool.isAutomatic, table: table)
        self.now = now
        self.keeper = keeper
        self.drawing = drawing
    }

    /// A number of `0..<count`, each as likely as the others.
    ///
    /// - Parameter count: at least 1.
    func draw(below count: Int) -> Int {
        guard count > 1 else { return 0 }
        return min(max(self.drawing(0..<count), 0), count - 1)
    }

    /// Everything that a model does not fulfil.
    func rejections(of model: ModelDescription, _ row: RouteRow, _ figures: ModelFigures) -> [Rejection] {
        self.check.rejections(of: model, row, figures, required: self.request.requirements, at: self.now)
    }

    /// The pool, sorted into who may be asked and who may not.
    struct Sorted {
        /// Asked first, as the policy wants it.
        var preferred: [CandidatePool.Member] = []
        var others: [CandidatePool.Member] = []
        /// They failed lately, and are asked last.
        var excluded: [CandidatePool.Member] = []
        /// Their breakers let nobody through.
        var open: [Int32] = []
        /// Whether models were left out that have no room for the prompt.
        var leavesOutTight = false

        var isEmpty: Bool { self.preferred.isEmpty && self.others.isEmpty && self.excluded.isEmpty }
    }

    /// Goes through the pool once; a second time when nobody has room for the prompt, since its size is an estimate and
    /// somebody must be asked.
    func sorted() -> Sorted {
        var sorted = self.sorted(takingTight: false)
        if sorted.isEmpty, sorted.leavesOutTight {
            sorted = self.sorted(takingTight: true)
            sorted.leavesOutTight = false
        }
        return sorted
    }

    private func sorted(takingTight: Bool) -> Sorted {
        var sorted = Sorted()
        var others: [CandidatePool.Member] = []
        others.reserveCapacity(self.pool.rows.count)
        let (rows, figures, now) = (self.table.rows, self.table.figures, self.now)
        let prefersFree = self.table.policy.prefersFree && self.pool.isAutomatic
        let openProviders = self.table.providers.map { $0.openUntil > now }
        // The figures are not bound to a name: each would be counted as a reference, twice for every model.
        for (ordinal, index) in self.pool.rows.enumerated() {
            let row = Int(index)
            guard rows[row].flags.contains(.enabled), self.check.accepts(rows[row], at: index) else { continue }
            if self.check.limitsLatency, !self.check.fulfilsLatency(rows[row], figures[row], at: now) { continue }
            if openProviders[Int(rows[row].provider)] || figures[row].openUntil > now {
                sorted.open.append(index)
                continue
            }
            if !takingTight, self.isTight(rows[row]) {
                sorted.leavesOutTight = true
                continue
            }
            let member = CandidatePool.Member(row: index, ordinal: Int32(truncatingIfNeeded: ordinal))
            if figures[row].excludedUntil > now {
                sorted.excluded.append(member)
            } else if prefersFree, rows[row].flags.contains(.preferred) {
                sorted.preferred.append(member)
            } else {
                others.append(member)
            }
        }
        sorted.others = others
        return sorted
    }

    /// Whether its context is too short for the prompt, as far as both are known.
    func isTight(_ row: RouteRow) -> Bool {
        row.contextLength >= 0 && row.contextLength < self.request.estimatedInputTokens
    }

    /// Why a breaker lets nobody through to a model; `nil` when it does.
    static func breakerReason(_ figures: ModelFigures, at now: UInt64) -> String? {
        let provider = figures.provider.openUntil
        let until = max(figures.openUntil, provider)
        guard until > now else { return nil }
        let whose = provider > now ? "the circuit breaker of its provider" : "its circuit breaker"
        return "\(whose) is open after failures; it is tried again in \(Self.seconds(until - now)) s"
    }

    /// Why a model is asked after all others; `nil` when it is not.
    static func exclusionReason(_ figures: ModelFigures, at now: UInt64) -> String? {
        let until = figures.excludedUntil
        guard until > now else { return nil }
        return "it failed lately, and is asked after all others for another \(Self.seconds(until - now)) s"
    }

    /// Rounded up.
    private static func seconds(_ nanoseconds: UInt64) -> UInt64 {
        nanoseconds / 1_000_000_000 + (nanoseconds % 1_000_000_000 > 0 ? 1 : 0)
    }
}
