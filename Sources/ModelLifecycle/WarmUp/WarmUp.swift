package import Inference
internal import Synchronization

/// Loads models and has each answer a first, internal request, so that the first user does not pay.
///
/// Models are taken in order. One is loaded when it fits without evicting what is in use, or what was warm already or
/// warmed by the same run; others are skipped. At most ``concurrency`` are loaded side by side, and the plan for one is
/// made once the load before it has its memory. What is warm is only looked at: a second run costs next to nothing.
package struct WarmUp: Sendable {
    /// What is to be warmed up.
    package struct Request: Sendable, Hashable {
        /// `nil`: all enabled models. Named ones are loaded also when they are lazy.
        package var models: [ModelID]?
        /// Without names: lazy ones as well.
        package var includesLazy: Bool
        /// Whether models that nobody uses may be evicted for those that are warmed.
        package var evicts: Bool

        package init(models: [ModelID]? = nil, includesLazy: Bool = false, evicts: Bool = true) {
            self.models = models
            self.includesLazy = includesLazy
            self.evicts = evicts
        }
    }

    package enum Update: Sendable, Hashable {
        case progress(LoadProgress)
        case result(WarmUpResult)
    }

    /// Loads side by side.
    package static let concurrency = 2

    private let loading: any ModelLoading
    private let priority: @Sendable (ModelID) -> Int
    private let time: LifecycleTime

    /// - Parameter priority: The registry's, for the order when no models are named: smaller is loaded first.
    package init(
        loading: any ModelLoading,
        priority: @escaping @Sendable (ModelID) -> Int = { _ in 0 },
        time: LifecycleTime = .system
    ) {
        self.loading = loading
        self.priority = priority
        self.time = time
    }

    /// Warms up, and returns when each model is done.
    ///
    /// - Parameter report: Called from any thread, with one result for each model.
    /// - Throws: When the caller is cancelled; loads that had begun go on.
    package func run(
        _ request: Request,
        report: @escaping @Sendable (Update) -> Void
    ) async throws(CancellationError) -> WarmUpSummary {
        let start = self.time.now()
        let targets = self.targets(request)
        let found = await self.loadAll(targets, evicts: request.evicts, report: report)
        guard !Task.isCancelled else { throw CancellationError() }
        return WarmUpSummary(
            results: targets.compactMap { found[$0] },
            elapsed: start.duration(to: self.time.now()),
            loadedCounts: WarmUpPlan.loadedCounts(self.loading.loadedModels(), of: self.loading.managedModels())
        )
    }

    private func targets(_ request: Request) -> [ModelID] {
        guard let named = request.models else {
            return WarmUpPlan.targets(
                self.loading.managedModels(), includesLazy: request.includesLazy, priority: self.priority)
        }
        var seen: Set<ModelID> = []
        return named.filter { seen.insert($0).inserted }
    }

    private func loadAll(
        _ targets: [ModelID],
        evicts: Bool,
        report: @escaping @Sendable (Update) -> Void
    ) async -> [ModelID: WarmUpResult] {
        var results: [ModelID: WarmUpResult] = [:]
        func take(_ result: WarmUpResult) {
            results[result.model] = result
            report(.result(result))
        }
        let ready = Set(targets.filter(self.isReady))
        var kept = ready
        await withTaskGroup(of: WarmUpResult.self) { group in
            var running = 0
            for model in targets {
                if running == Self.concurrency, let result = await group.next() {
                    take(result)
                    running -= 1
                }
                guard !Task.isCancelled else { break }
                let isReady = ready.contains(model)
                if !isReady, let result = await self.refusal(model, kept: kept, evicts: evicts) {
                    take(result)
                    continue
                }
                let admission = Admission()
                group.addTask { await self.load(model, isReady: isReady, admission, report: report) }
                running += 1
                kept.insert(model)
                if !isReady { await admission.wait() }
            }
            for await result in group { take(result) }
        }
        return results
    }

    private func isReady(_ model: ModelID) -> Bool {
        guard let loaded = self.loading.status(of: model), loaded.state == .ready else { return false }
        let active = self.loading.managedModels().first { $0.id == model }?.activeVersion
        return active == nil || active == loaded.key.version
    }

    /// Why a model is not loaded; `nil` when it is to be loaded.
    private func refusal(_ model: ModelID, kept: Set<ModelID>, evicts: Bool) async -> WarmUpResult? {
        do {
            let plan = try await self.loading.plan(model, version: nil, contextLength: nil)
            return switch WarmUpPlan.decide(plan, kept: kept, evicts: evicts) {
            case .load: nil
            case .skip(let reason): WarmUpResult(model: model, outcome: .skipped, reason: reason)
            case .fail(let reason): WarmUpResult(model: model, outcome: .failed, reason: reason)
            }
        } catch {
            return WarmUpResult(model: model, outcome: .failed, reason: error.explanation)
        }
    }

    /// A model that is ready may not have answered yet; loading it sees to that, and is next to nothing otherwise.
    private func load(
        _ model: ModelID,
        isReady: Bool,
        _ admission: Admission,
        report: @escaping @Sendable (Update) -> Void
    ) async -> WarmUpResult {
        defer { admission.reached() }
        let start = self.time.now()
        let sink = ProgressSink { progress in
            report(.progress(progress))
            if progress.phase != .queued { admission.reached() }
        }
        var result = WarmUpResult(model: model, outcome: isReady ? .alreadyWarm : .warmed)
        do {
            _ = try await self.loading.load(model, version: nil, warms: true, progress: sink)
        } catch {
            result.outcome = .failed
            result.reason = error.explanation
        }
        result.elapsed = start.duration(to: self.time.now())
        return result
    }
}

/// Tells that a load has its memory: what is planned next sees it.
private final class Admission: Sendable {
    private let signal = AsyncStream<Never>.makeStream()

    func reached() { self.signal.continuation.finish() }

    /// Returns once it was reached or the task is cancelled. For one waiter.
    func wait() async {
        for await _ in self.signal.stream {}
    }
}
