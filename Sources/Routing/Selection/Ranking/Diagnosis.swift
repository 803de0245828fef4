internal import Inference
internal import ModelRegistry

/// Why nobody of a pool may be asked: made when that has happened.
struct Diagnosis {
    private let plan: SelectionPlan
    private let availability: @Sendable (ModelID) -> ProviderAvailability
    private var unavailable: [Candidates.Unavailable] = []
    private var disabled: [Candidates.Unavailable] = []
    private var unmet: [Candidates.Unmet] = []

    init(_ plan: SelectionPlan, availability: @escaping @Sendable (ModelID) -> ProviderAvailability) {
        self.plan = plan
        self.availability = availability
        for row in self.plan.considered { self.look(at: row) }
    }

    /// Whoever is what is required may answer another time; only if there is nobody like that it is the requirements'
    /// doing.
    var error: SelectionError {
        let waitFor = (self.unavailable + self.disabled).prefix(RouteDecision.mostCandidates)
        if !waitFor.isEmpty || self.unmet.isEmpty { return .nobodyReady(Array(waitFor)) }
        let nearest = self.unmet.enumerated().sorted {
            ($0.element.rejections.count, $0.offset) < ($1.element.rejections.count, $1.offset)
        }
        return .requirementsNotMet(nearest.prefix(RouteDecision.mostCandidates).map(\.element))
    }

    private mutating func look(at index: Int) {
        let table = self.plan.table
        let (row, model, figures) = (table.rows[index], table.entries[index].model, table.figures[index])
        let rejections = self.plan.rejections(of: model, row, figures)
        guard rejections.isEmpty else {
            self.unmet.append(.init(model: model.id, rejections: rejections))
            return
        }
        if let reason = table.snapshot.disabledReason(of: model) {
            // Where the choice is the router's, nobody expected it to answer: told after the others.
            if self.plan.pool.isAutomatic {
                self.disabled.append(.init(model: model.id, reason: reason))
            } else {
                self.unavailable.append(.init(model: model.id, reason: reason))
            }
        } else if let reason = SelectionPlan.breakerReason(figures, at: self.plan.now) {
            self.unavailable.append(.init(model: model.id, reason: reason))
        } else if self.unavailable.count < RouteDecision.mostCandidates,
            case .unavailable(let reason) = self.availability(model.id)
        {
            self.unavailable.append(.init(model: model.id, reason: reason))
        }
    }
}

extension SelectionPlan {
    /// The rows that might have been candidates: those of the pool, or where the choice is the router's all listed models
    /// that are still there.
    var considered: [Int] {
        guard self.pool.isAutomatic else { return self.pool.rows.map { Int($0) } }
        return (0..<self.table.listedCount).filter { !self.table.rows[$0].flags.contains(.lost) }
    }
}
