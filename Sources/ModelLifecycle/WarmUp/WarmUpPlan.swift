package import Inference

/// What became of one model in a warm-up.
package struct WarmUpResult: Sendable, Hashable {
    package var model: ModelID
    package var outcome: Outcome
    /// Why, when it was skipped or failed; empty otherwise.
    package var reason: String
    package var elapsed: Duration

    package init(model: ModelID, outcome: Outcome, reason: String = "", elapsed: Duration = .zero) {
        self.model = model
        self.outcome = outcome
        self.reason = reason
        self.elapsed = elapsed
    }

    package enum Outcome: String, Sendable, Hashable, CaseIterable {
        /// It was loaded and answered.
        case warmed
        /// It was in memory.
        case alreadyWarm = "already_warm"
        /// It does not fit beside what is in use or was warmed.
        case skipped
        /// It could not be loaded, or did not answer.
        case failed
    }
}

/// What a warm-up did.
package struct WarmUpSummary: Sendable, Hashable {
    package var status: Status
    /// A sentence for people.
    package var message: String
    /// By id.
    package var modelsLoaded: [ModelID]
    package var elapsed: Duration
    /// Models in memory at the end, for every category.
    package var loadedCounts: [ModelCategory: Int]
    /// In the order in which they were asked for.
    package var results: [WarmUpResult]

    /// Models in memory at the end.
    package var totalLoaded: Int { self.loadedCounts.values.reduce(0, +) }

    package enum Status: String, Sendable, Hashable, CaseIterable {
        /// Something was loaded and nothing failed.
        case success
        /// There was nothing to do.
        case alreadyWarm = "already_warm"
        /// Something failed.
        case partial
        /// Everything did.
        case failed
    }

    init(results: [WarmUpResult], elapsed: Duration, loadedCounts: [ModelCategory: Int]) {
        let counts = Dictionary(grouping: results, by: \.outcome).mapValues(\.count)
        let failed = counts[.failed] ?? 0
        if failed > 0 {
            self.status = failed == results.count ? .failed : .partial
        } else {
            self.status = (counts[.warmed] ?? 0) > 0 ? .success : .alreadyWarm
        }
        self.message = Self.message(counts, of: results.count)
        self.modelsLoaded = results.filter { $0.outcome == .warmed }.map(\.model).sorted()
        self.elapsed = elapsed
        self.loadedCounts = loadedCounts
        self.results = results
    }

    private static func message(_ counts: [WarmUpResult.Outcome: Int], of total: Int) -> String {
        guard total > 0 else { return "There are no models to warm up." }
        let words: [(WarmUpResult.Outcome, String)] = [
            (.warmed, "loaded"), (.alreadyWarm, "already in memory"), (.skipped, "skipped"), (.failed, "failed"),
        ]
        let parts = words.compactMap { outcome, word in counts[outcome].map { "\($0) \(word)" } }
        return "Of \(total) model\(total == 1 ? "" : "s"): \(parts.joined(separator: ", "))."
    }
}

/// Which models a warm-up is about, and whether one may be loaded. Pure.
enum WarmUpPlan {
    /// All enabled models, in the order in which they are to be loaded: by priority, then id.
    static func targets(
        _ models: [ManagedModel],
        includesLazy: Bool,
        priority: (ModelID) -> Int
    ) -> [ModelID] {
        models.filter { $0.isEnabled && (includesLazy || !$0.isLazy) }
            .map { (priority($0.id), $0.id) }
            .sorted { $0 < $1 }
            .map(\.1)
    }

    enum Decision: Equatable {
        case load
        /// It does not fit.
        case skip(reason: String)
        /// It could not be loaded whatever room there is.
        case fail(reason: String)
    }

    /// Whether loading a model leaves alone what is in use and what the warm-up keeps.
    ///
    /// - Parameters:
    ///   - kept: Models that were warm or were warmed by this run.
    ///   - evicts: Whether others may be evicted when nobody uses them.
    static func decide(_ plan: LoadPlan, kept: Set<ModelID>, evicts: Bool) -> Decision {
        guard plan.isFeasible else {
            // Without an estimate it is not memory that is missing, but an engine or the file.
            guard !plan.estimate.devices.isEmpty else { return .fail(reason: plan.reason) }
            let blockers = plan.blockers.isEmpty ? "" : " (\(plan.blockers.joined(separator: "; ")))"
            return .skip(reason: (plan.reason.isEmpty ? "it does not fit" : plan.reason) + blockers)
        }
        let inTheWay = plan.evictions.filter { !evicts || $0.isBusy || kept.contains($0.key.model) }
        guard !inTheWay.isEmpty else { return .load }
        let names = inTheWay.map { "\($0.key)" }.joined(separator: ", ")
        return .skip(reason: "it does not fit beside \(names)")
    }

    /// Models in memory by category; every category is there.
    static func loadedCounts(_ loaded: [LoadedModel], of models: [ManagedModel]) -> [ModelCategory: Int] {
        let categories = Dictionary(models.map { ($0.id, $0.category) }) { first, _ in first }
        var counts = Dictionary(uniqueKeysWithValues: ModelCategory.allCases.map { ($0, 0) })
        for model in loaded where model.state == .ready {
            counts[categories[model.key.model] ?? .text, default: 0] += 1
        }
        return counts
    }
}
