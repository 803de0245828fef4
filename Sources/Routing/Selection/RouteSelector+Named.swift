internal import Inference
internal import ModelRegistry

/// Requests that name their model: it alone is asked, rules and strategies do not matter.
extension RouteSelector {
    /// A model, what decisions look at, and what was seen of it.
    struct Named {
        let entry: RegistryEntry
        let row: RouteRow
        let figures: ModelFigures
    }

    func named(
        _ id: ModelID,
        _ request: SelectionRequest,
        _ table: RoutingTable,
        at now: UInt64
    ) throws(SelectionError) -> RouteDecision {
        try self.checkStrategy(of: request)
        let model = try self.find(id, in: table)
        let check = RequirementCheck(request, isAutomatic: false, table: table)
        let rejections = check.rejections(
            of: model.entry.model, model.row, model.figures, required: request.requirements, at: now)
        guard rejections.isEmpty else { throw .requirementsNotMet([.init(model: id, rejections: rejections)]) }
        if let reason = self.hindrance(model, in: table, at: now) {
            throw .nobodyReady([.init(model: id, reason: reason)])
        }
        let availability = self.availability(id)
        if case .unavailable(let reason) = availability { throw .nobodyReady([.init(model: id, reason: reason)]) }
        return RouteDecision(
            target: request.target,
            strategy: RouteDecision.namedModel,
            candidates: [Candidate(entry: model.entry, figures: model.figures, score: 0, availability: availability)],
            estimatedInputTokens: request.estimatedInputTokens
        )
    }

    /// - Throws: ``SelectionError/modelNotFound(requested:)``.
    func find(_ id: ModelID, in table: RoutingTable) throws(SelectionError) -> Named {
        if let row = table.row(of: id).map({ Int($0) }) {
            return Named(entry: table.entries[row], row: table.rows[row], figures: table.figures[row])
        }
        guard let model = table.snapshot.model(id) else { throw .modelNotFound(requested: id.description) }
        return Named(
            entry: RegistryEntry(model), row: RouteRow(passedOn: model, in: table), figures: self.figures[id])
    }

    /// What keeps requests from a model whatever they require; `nil`: nothing but perhaps its availability.
    func hindrance(_ model: Named, in table: RoutingTable, at now: UInt64) -> String? {
        table.snapshot.disabledReason(of: model.entry.model)
            ?? SelectionPlan.breakerReason(model.figures, at: now)
    }
}
