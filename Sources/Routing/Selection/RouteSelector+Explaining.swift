internal import Inference
public import ModelRegistry

extension RouteSelector {
    /// What would be decided now, and why everybody else is not asked. Changes nothing: nobody loses a turn.
    ///
    /// - Throws: ``SelectionError/modelNotFound(requested:)`` and ``SelectionError/unknownStrategy(_:known:)`` alone; that
    ///   nobody may answer is an explanation without candidates.
    public func explain(
        _ request: SelectionRequest,
        in snapshot: RegistrySnapshot
    ) throws(SelectionError) -> RouteExplanation {
        let table = self.table(for: snapshot)
        if case .model(let id) = request.target { return try self.explain(id, request, table) }
        let plan = try self.plan(request, table, at: self.figures.now)
        let sorted = plan.sorted()
        let decision = self.decision(plan, sorted, turn: plan.pool.turns.next)
        let reasons = RejectionReasons(plan, leavesOutTight: sorted.leavesOutTight, availability: self.availability)
        let asked = Set(decision.candidates.map(\.id))
        let rejected = plan.considered.filter { !asked.contains(table.entries[$0].model.id) }
            .map { (row: $0, reasons: reasons.of($0)) }
            .sorted { ($0.reasons.count, $0.row) < ($1.reasons.count, $1.row) }
        let describe = Describer(self, request, at: plan.now)
        return RouteExplanation(
            decision: decision,
            ranked: try decision.candidates.enumerated().map { (place, candidate) throws(SelectionError) in
                describe.candidate(candidate, try self.find(candidate.id, in: table), rank: place + 1)
            },
            rejected: rejected.prefix(RouteExplanation.mostRejected).map { row, reasons in
                let named = Named(entry: table.entries[row], row: table.rows[row], figures: table.figures[row])
                return describe.model(named, reasons: reasons)
            },
            omitted: max(0, rejected.count - RouteExplanation.mostRejected)
        )
    }

    private func explain(
        _ id: ModelID,
        _ request: SelectionRequest,
        _ table: RoutingTable
    ) throws(SelectionError) -> RouteExplanation {
        let model = try self.find(id, in: table)
        let describe = Describer(self, request, at: self.figures.now)
        let reasons: [String]
        do {
            let decision = try self.named(id, request, table, at: describe.now)
            return RouteExplanation(
                decision: decision,
                ranked: decision.candidates.map { describe.candidate($0, model, rank: 1) },
                rejected: [],
                omitted: 0
            )
        } catch .requirementsNotMet(let unmet) {
            reasons = unmet.flatMap { $0.rejections.map(\.description) }
        } catch .nobodyReady(let unavailable) {
            reasons = unavailable.map(\.reason)
        }
        let decision = RouteDecision(
            target: request.target,
            strategy: RouteDecision.namedModel,
            candidates: [],
            estimatedInputTokens: request.estimatedInputTokens
        )
        return RouteExplanation(
            decision: decision, ranked: [], rejected: [describe.model(model, reasons: reasons)], omitted: 0)
    }
}

/// Why models are not asked, in words.
private struct RejectionReasons {
    private let plan: SelectionPlan
    private let leavesOutTight: Bool
    private let availability: @Sendable (ModelID) -> ProviderAvailability

    init(
        _ plan: SelectionPlan,
        leavesOutTight: Bool,
        availability: @escaping @Sendable (ModelID) -> ProviderAvailability
    ) {
        self.plan = plan
        self.leavesOutTight = leavesOutTight
        self.availability = availability
    }

    func of(_ index: Int) -> [String] {
        let table = self.plan.table
        let (row, model, figures) = (table.rows[index], table.entries[index].model, table.figures[index])
        var rejections = self.plan.rejections(of: model, row, figures)
        if self.leavesOutTight, self.plan.isTight(row) {
            rejections.append(
                .contextLength(
                    found: row.contextLength, required: self.plan.request.estimatedInputTokens, isEstimate: true))
        }
        var reasons = rejections.map(\.description)
        if let reason = table.snapshot.disabledReason(of: model) { reasons.append(reason) }
        if let reason = SelectionPlan.breakerReason(figures, at: self.plan.now) { reasons.append(reason) }
        if reasons.isEmpty, case .unavailable(let reason) = self.availability(model.id) { reasons.append(reason) }
        if reasons.isEmpty {
            reasons.append("others come before it, and \(RouteDecision.mostCandidates) are asked at most")
        }
        return reasons
    }
}

/// Puts together what is told of a model.
private struct Describer {
    private let selector: RouteSelector
    private let input: Double
    private let output: Double?
    let now: UInt64

    init(_ selector: RouteSelector, _ request: SelectionRequest, at now: UInt64) {
        self.selector = selector
        self.input = Double(request.estimatedInputTokens)
        self.output = request.maxOutputTokens.map { Double($0) }
        self.now = now
    }

    func candidate(_ candidate: Candidate, _ model: RouteSelector.Named, rank: Int) -> CandidateExplanation {
        let exclusion = SelectionPlan.exclusionReason(candidate.figures, at: self.now)
        var described = self.model(model, reasons: exclusion.map { [$0] } ?? [])
        described.rank = rank
        described.score = candidate.score
        described.availability = candidate.availability
        described.hasAffinity = candidate.hasAffinity
        return described
    }

    func model(_ model: RouteSelector.Named, reasons: [String]) -> CandidateExplanation {
        let id = model.entry.model.id
        let isOpen = SelectionPlan.breakerReason(model.figures, at: self.now) != nil
        return CandidateExplanation(
            model: id,
            rank: 0,
            score: 0,
            reasons: reasons,
            availability: self.selector.availability(id),
            breaker: self.selector.breakerState?(id) ?? (isOpen ? "open" : "closed"),
            inFlight: model.figures.inFlight,
            expectedLatency: .known(nanoseconds: model.row.expectedLatency(model.figures, at: self.now)),
            successRate: model.figures.successRate.isNaN ? nil : model.figures.successRate,
            estimatedCost: model.row.cost(input: self.input, output: self.output).nanoUSD,
            hasAffinity: false
        )
    }
}
