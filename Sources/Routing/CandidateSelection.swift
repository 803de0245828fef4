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

/// Chooses who may answer: an explicit id, an alias's targets in order or drawn by weight, or every text model by
/// priority.
///
/// Pure policy over a snapshot. A strategy decides the order of what an alias or `auto` leaves open; priority is the
/// one that exists.
public struct CandidateSelection: Sendable {
    private let availability: @Sendable (ModelID) -> ProviderAvailability
    private let draw: @Sendable (Range<Int>) -> Int

    /// How many models are asked for a request that names none: discovery may have found hundreds, and a request that
    /// so many failed has no chance with the next.
    private static let mostAutomatic = 32

    /// - Parameters:
    ///   - availability: answers at once, from memory.
    ///   - draw: a number of a range, each as likely as the others.
    public init(
        availability: @escaping @Sendable (ModelID) -> ProviderAvailability,
        draw: @escaping @Sendable (Range<Int>) -> Int = { Int.random(in: $0) }
    ) {
        self.availability = availability
        self.draw = draw
    }

    public func candidates(
        for target: InferenceRequest.Target,
        in snapshot: RegistrySnapshot
    ) throws(SelectionError) -> Candidates {
        switch target {
        case .model(let id):
            guard let model = snapshot.model(id) else { throw .modelNotFound(requested: id.description) }
            return try self.dividing([model], in: snapshot).candidates()
        case .alias(let name):
            guard let alias = snapshot.alias(name) else { throw .modelNotFound(requested: name) }
            var division = self.dividing(alias.targets.compactMap(snapshot.model), in: snapshot)
            if alias.mode == .weighted { self.order(&division.models, by: alias.weightedTargets) }
            return try division.candidates()
        case .automatic:
            return try self.automatic(in: snapshot)
        }
    }

    /// Who would have to be started comes after who runs. What was switched off was not expected to answer: it is told
    /// only where nobody is left.
    private func automatic(in snapshot: RegistrySnapshot) throws(SelectionError) -> Candidates {
        var ready: [RegistryEntry] = []
        var starting: [RegistryEntry] = []
        var unavailable: [Candidates.Unavailable] = []
        for entry in snapshot.automaticEntries {
            switch self.availability(entry.model.id) {
            case .available: ready.append(entry)
            case .loading, .unloaded: starting.append(entry)
            case .unavailable(let reason):
                if unavailable.count < Self.mostAutomatic {
                    unavailable.append(.init(model: entry.model.id, reason: reason))
                }
            }
            if ready.count == Self.mostAutomatic { break }
        }
        let chosen = (Self.quickestFirst(ready) + Self.quickestFirst(starting)).prefix(Self.mostAutomatic)
        guard chosen.isEmpty else { return Candidates(models: chosen.map(\.model), unavailable: unavailable) }
        for model in snapshot.modelsByPriority where unavailable.count < Self.mostAutomatic {
            guard let reason = snapshot.disabledReason(of: model) else { continue }
            unavailable.append(.init(model: model.id, reason: reason))
        }
        throw .nobodyReady(unavailable)
    }

    /// Among models of one priority those that were profiled come first, the quickest of them before the others; what
    /// discovery found stays behind what a person registered.
    private static func quickestFirst(_ entries: [RegistryEntry]) -> [RegistryEntry] {
        guard entries.contains(where: { $0.model.profile != nil }) else { return entries }
        let ranked = entries.enumerated().map { offset, entry in
            let model = entry.model
            let isDiscovered = model.provenance.source == .discovered ? 1 : 0
            return (
                rank: (model.priority, isDiscovered), latency: model.profile?.latencyP50, offset: offset, entry: entry
            )
        }
        return ranked.sorted { left, right in
            if left.rank != right.rank { return left.rank < right.rank }
            switch (left.latency, right.latency) {
            case (let first?, let second?) where first != second: return first < second
            case (.some, nil): return true
            case (nil, .some): return false
            default: return left.offset < right.offset
            }
        }.map(\.entry)
    }

    private struct Division {
        var models: [ModelDescription] = []
        var unavailable: [Candidates.Unavailable] = []

        func candidates() throws(SelectionError) -> Candidates {
            guard !self.models.isEmpty else { throw .nobodyReady(self.unavailable) }
            return Candidates(models: self.models, unavailable: self.unavailable)
        }
    }

    /// Parts who can answer, in the order given, from who cannot.
    private func dividing(_ models: [ModelDescription], in snapshot: RegistrySnapshot) -> Division {
        var division = Division()
        for model in models {
            if let reason = snapshot.disabledReason(of: model) {
                division.unavailable.append(.init(model: model.id, reason: reason))
                continue
            }
            switch self.availability(model.id) {
            case .available, .loading, .unloaded: division.models.append(model)
            case .unavailable(let reason): division.unavailable.append(.init(model: model.id, reason: reason))
            }
        }
        return division
    }

    /// Draws the first among those that can answer, so that the share of one that cannot falls to all others; they
    /// follow by weight.
    private func order(_ models: inout [ModelDescription], by targets: [Alias.Target]) {
        let weights = Dictionary(targets.map { ($0.model, max(0, $0.weight)) }) { first, _ in first }
        let weight = { (model: ModelDescription) in weights[model.id] ?? 0 }
        let sum = models.reduce(0) { $0 + weight($1) }
        models = models.enumerated()
            .sorted { (-weight($0.element), $0.offset) < (-weight($1.element), $1.offset) }
            .map(\.element)
        guard sum > 0 else { return }
        var rest = self.draw(0..<sum)
        guard
            let drawn = models.firstIndex(where: { model in
                rest -= weight(model)
                return rest < 0
            })
        else { return }
        models.insert(models.remove(at: drawn), at: 0)
    }
}
