public import Inference
public import ModelRegistry

/// Who may answer a request, in the order of asking.
public struct Candidates: Sendable, Hashable {
    /// To be asked in this order.
    public var models: [ModelDescription]
    /// Left out because they cannot answer now, with the reason: part of the request's attempts, so that `completed`
    /// and errors tell why they were not asked.
    public var unavailable: [Unavailable]

    public struct Unavailable: Sendable, Hashable {
        public var model: ModelID
        public var reason: String
    }
}

/// Why nobody may answer a request.
public enum SelectionError: Error, Sendable, Hashable {
    /// The id or alias that was asked for does not exist.
    case modelNotFound(requested: String)
    /// Something exists, but nothing can answer now. Empty when nothing is configured at all.
    case nobodyReady([Candidates.Unavailable])
}

/// Chooses who may answer: an explicit id, an alias's targets in order, or every model by priority.
///
/// Pure policy over a snapshot. A strategy decides the order of what an alias or `auto` leaves open; priority is the
/// one that exists.
public struct CandidateSelection: Sendable {
    private let availability: @Sendable (ModelID) -> ProviderAvailability

    /// - Parameter availability: answers at once, from memory.
    public init(availability: @escaping @Sendable (ModelID) -> ProviderAvailability) {
        self.availability = availability
    }

    public func candidates(
        for target: InferenceRequest.Target,
        in snapshot: RegistrySnapshot
    ) throws(SelectionError) -> Candidates {
        switch target {
        case .model(let id):
            guard let model = snapshot.model(id) else { throw .modelNotFound(requested: id.description) }
            return try self.dividing([model], readyFirst: false)
        case .alias(let name):
            guard let alias = snapshot.alias(name) else { throw .modelNotFound(requested: name) }
            return try self.dividing(alias.targets.compactMap(snapshot.model), readyFirst: false)
        case .automatic:
            return try self.dividing(snapshot.modelsByPriority, readyFirst: true)
        }
    }

    /// Leaves out who cannot answer; with `readyFirst`, who would have to be started comes after who runs.
    private func dividing(
        _ models: [ModelDescription],
        readyFirst: Bool
    ) throws(SelectionError) -> Candidates {
        var ready: [ModelDescription] = []
        var starting: [ModelDescription] = []
        var unavailable: [Candidates.Unavailable] = []
        for model in models {
            switch self.availability(model.id) {
            case .available: ready.append(model)
            case .loading, .unloaded: if readyFirst { starting.append(model) } else { ready.append(model) }
            case .unavailable(let reason): unavailable.append(.init(model: model.id, reason: reason))
            }
        }
        let candidates = ready + starting
        guard !candidates.isEmpty else { throw .nobodyReady(unavailable) }
        return Candidates(models: candidates, unavailable: unavailable)
    }
}
