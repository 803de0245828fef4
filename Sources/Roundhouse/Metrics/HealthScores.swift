internal import Inference

/// The health scores that the page shows. Each is added up from an hour of figures, which a page of a thousand models
/// cannot wait for: they are computed in turn, a few for each page.
struct HealthScores: Sendable {
    /// The most that one page computes: some 20 ms.
    static let most = 100

    private struct Known: Sendable {
        var value: Double
        /// The page that it was computed for.
        var page: Int
    }

    private var known: [ModelID: Known] = [:]
    private var page = 0

    /// Computes those of models that have none yet, then the oldest ones; forgets those of models that are not asked for.
    mutating func next(_ models: [ModelID], most: Int = HealthScores.most, _ score: (ModelID) -> Double) {
        self.page += 1
        let ages = models.map { (model: $0, page: self.known[$0]?.page ?? 0) }
        let due =
            ages.count <= most ? ages[...] : ages.sorted { ($0.page, $0.model) < ($1.page, $1.model) }.prefix(most)
        for (model, _) in due { self.known[model] = Known(value: score(model), page: self.page) }
        if self.known.count > models.count {
            let wanted = Set(models)
            self.known = self.known.filter { wanted.contains($0.key) }
        }
    }

    /// 0...100; `nil` when its turn has not come yet.
    subscript(model: ModelID) -> Double? { self.known[model]?.value }
}
