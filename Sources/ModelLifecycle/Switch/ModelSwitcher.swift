package import Inference
package import ModelRegistry
internal import Synchronization

/// Puts one model, or one version of a model, in the place of another while requests go on: none fails for it.
///
/// Where both fit, the new one is loaded and has answered a first request before the flip, and the old one is drained
/// after it. Where they do not, the flip comes first: requests for the new model wait in its queue while the old one
/// finishes its own. A new model that cannot be loaded leaves the old one in its place, or puts it back there.
///
/// What goes on after a switch returned, and what must be finished when its caller leaves half-way, is done by ``run()``.
package final class ModelSwitcher: Sendable {
    private let loading: any ModelLoading
    private let events: any EventRecorder
    private let time: LifecycleTime
    private let settling: Duration
    private let busy = Mutex<Set<String>>([])
    private let jobs = AsyncStream<@Sendable () async -> Void>.makeStream()

    /// - Parameter settling: So long after a flip an old model is drained: requests that were on their way to it then are
    ///   there, and do not have it loaded again.
    package init(
        loading: any ModelLoading,
        events: any EventRecorder,
        time: LifecycleTime = .system,
        settling: Duration = .milliseconds(250)
    ) {
        self.loading = loading
        self.events = events
        self.time = time
        self.settling = settling
    }

    /// Drains old models and finishes switches whose callers left, until the task is cancelled. Once.
    package func run() async {
        await withDiscardingTaskGroup { group in
            for await job in self.jobs.stream {
                group.addTask { await job() }
            }
            group.cancelAll()
        }
    }

    /// What a switch would do as things are. Changes nothing.
    package func plan(_ request: Request) async throws(SwitchError) -> SwitchPlan {
        let load = try await self.loadPlan(request.new)
        let wanted = Set(request.old)
        let present = self.loading.loadedModels().filter {
            $0.key != request.new && $0.state != .unloaded && $0.state != .failed
        }
        let old = present.filter { wanted.contains($0.key) }
        let others = present.filter { !wanted.contains($0.key) }
        let keepsOld = request.keepPreviousLoaded
        switch SwitchDecision.decide(plan: load, old: old, others: others, keepsOld: keepsOld) {
        case .refuse(let reason):
            // Without an estimate it is not memory that is missing, but an engine or the file.
            guard let load, load.isFeasible || !load.estimate.devices.isEmpty else {
                throw .notLoaded(.loadFailed(request.new.model, reason: reason, retryAfter: nil))
            }
            throw .doesNotFit(request.new, reason: reason, plan: load)
        case .go(let strategy):
            let drained = keepsOld ? [] : old.map(\.key)
            return SwitchPlan(strategy: strategy, load: load, drained: drained)
        }
    }

    /// Switches.
    ///
    /// - Parameters:
    ///   - flip: Makes the change: compare-and-set, disk, snapshot. Once it returned, new requests go to the new model.
    ///   - flipBack: Undoes it; called when the flip had to come first and the new model could not be loaded then.
    /// - Throws: With the old model in its place, but for ``SwitchError/stranded(_:flipBack:)``. A caller that is cancelled
    ///   before the flip stops the switch, not the load that it began; after the flip the switch is finished without it.
    package func perform<Flipped: Sendable>(
        _ request: Request,
        flip: @escaping @Sendable () async throws(RegistryEditError) -> Flipped,
        flipBack: @escaping @Sendable (Flipped) async throws(RegistryEditError) -> Void
    ) async throws(SwitchError) -> Outcome<Flipped> {
        guard self.busy.withLock({ $0.insert(request.subject).inserted }) else {
            throw .inProgress(request.subject)
        }
        let claim = SwitchClaim { self.busy.withLock { _ = $0.remove(request.subject) } }
        let plan = try await self.plan(request)
        let outcome: Outcome<Flipped>
        switch plan.strategy {
        case .loadFirst: outcome = try await self.loadFirst(request, plan, flip)
        case .drainFirst: outcome = try await self.drainFirst(request, plan, claim, flip, flipBack)
        }
        claim.end()
        return outcome
    }

    // MARK: - Load first

    private func loadFirst<Flipped: Sendable>(
        _ request: Request,
        _ plan: SwitchPlan,
        _ flip: @Sendable () async throws(RegistryEditError) -> Flipped
    ) async throws(SwitchError) -> Outcome<Flipped> {
        let loadDuration = try await self.load(request.new, plan)
        // The last moment at which nothing was changed.
        guard !Task.isCancelled else { throw .cancelled }
        let (flipped, flipDuration) = try await self.flip(flip)
        let draining = plan.drained.filter { !request.isStillUsed($0) }
        if !draining.isEmpty {
            self.jobs.continuation.yield { await self.drain(draining, request) }
        }
        let outcome = Outcome(
            flipped: flipped,
            plan: plan,
            loadDuration: loadDuration,
            flipDuration: flipDuration,
            draining: draining
        )
        self.tell(request, outcome)
        return outcome
    }

    /// An old model that has come back into use meanwhile stays.
    private func drain(_ keys: [InstanceKey], _ request: Request) async {
        await self.settle(keys)
        for key in keys where !request.isStillUsed(key) {
            // That it is gone already, or that the server stops, is as good.
            _ = try? await self.loading.unload(
                key.model, version: key.version, grace: nil, reason: "replaced by \(request.new)")
        }
    }

    // MARK: - Drain first

    private func drainFirst<Flipped: Sendable>(
        _ request: Request,
        _ plan: SwitchPlan,
        _ claim: SwitchClaim,
        _ flip: @Sendable () async throws(RegistryEditError) -> Flipped,
        _ flipBack: @escaping @Sendable (Flipped) async throws(RegistryEditError) -> Void
    ) async throws(SwitchError) -> Outcome<Flipped> {
        guard !Task.isCancelled else { throw .cancelled }
        let (flipped, flipDuration) = try await self.flip(flip)
        // From here on it must come to an end, with its caller or without.
        let (results, answer) = AsyncStream<Result<Outcome<Flipped>, SwitchError>>.makeStream()
        self.jobs.continuation.yield {
            let result: Result<Outcome<Flipped>, SwitchError>
            do throws(SwitchError) {
                let loadDuration = try await self.replace(request, plan) { () throws(RegistryEditError) in
                    try await flipBack(flipped)
                }
                let outcome = Outcome(
                    flipped: flipped,
                    plan: plan,
                    loadDuration: loadDuration,
                    flipDuration: flipDuration,
                    draining: []
                )
                self.tell(request, outcome)
                result = .success(outcome)
            } catch {
                result = .failure(error)
            }
            claim.end()
            answer.yield(result)
            answer.finish()
        }
        for await result in results { return try result.get() }
        throw .cancelled
    }

    /// Old out, new in; or the old one in its place again.
    private func replace(
        _ request: Request,
        _ plan: SwitchPlan,
        flipBack: () async throws(RegistryEditError) -> Void
    ) async throws(SwitchError) -> Duration {
        do {
            await self.settle(plan.drained)
            for key in plan.drained {
                _ = try await self.loading.unload(
                    key.model, version: key.version, grace: nil, reason: "makes room for \(request.new)")
            }
            return try await self.timedLoad(request.new)
        } catch {
            guard error != .cancelled, error != .shuttingDown else { throw .notLoaded(error) }
            do {
                try await flipBack()
            } catch let backError {
                throw .stranded(error, flipBack: backError)
            }
            for key in plan.drained {
                // It has room, as it had it before; if not, its first request says why.
                _ = try? await self.loading.load(key.model, version: key.version, warms: true, progress: nil)
            }
            throw .flippedBack(error)
        }
    }

    // MARK: - Steps

    /// Lets requests that chose an old model before the flip get their leases: draining waits for those, but turns away
    /// who still waits for one.
    private func settle(_ keys: [InstanceKey]) async {
        // An error is cancellation: the server stops.
        if self.settling > .zero { try? await self.time.sleep(self.settling) }
        let waitedFor = Set(self.loading.loadedModels().filter { $0.waiters > 0 }.map(\.key))
        for key in keys where waitedFor.contains(key) {
            _ = try? await self.loading.load(key.model, version: key.version, warms: false, progress: nil)
        }
    }

    /// `nil` when the new model is none that is loaded.
    private func loadPlan(_ key: InstanceKey) async throws(SwitchError) -> LoadPlan? {
        do {
            return try await self.loading.plan(key.model, version: key.version, contextLength: nil)
        } catch .notLoadable {
            return nil
        } catch .cancelled {
            throw .cancelled
        } catch {
            throw .notLoaded(error)
        }
    }

    private func load(_ key: InstanceKey, _ plan: SwitchPlan) async throws(SwitchError) -> Duration {
        guard let load = plan.load else { return .zero }
        do {
            // One that is ready may not have answered yet; this sees to that.
            let duration = try await self.timedLoad(key)
            return load.isLoaded ? .zero : duration
        } catch .cancelled {
            throw .cancelled
        } catch {
            throw .notLoaded(error)
        }
    }

    private func timedLoad(_ key: InstanceKey) async throws(LifecycleError) -> Duration {
        let start = self.time.now()
        _ = try await self.loading.load(key.model, version: key.version, warms: true, progress: nil)
        return start.duration(to: self.time.now())
    }

    private func flip<Flipped: Sendable>(
        _ flip: () async throws(RegistryEditError) -> Flipped
    ) async throws(SwitchError) -> (Flipped, Duration) {
        let start = self.time.now()
        do {
            let flipped = try await flip()
            return (flipped, start.duration(to: self.time.now()))
        } catch {
            throw .refused(error)
        }
    }

    private func tell<Flipped>(_ request: Request, _ outcome: Outcome<Flipped>) {
        var attributes = [
            "strategy": outcome.plan.strategy.rawValue,
            "load_ms": "\(outcome.loadDuration.wholeMilliseconds)",
            "flip_ms": "\(outcome.flipDuration.wholeMilliseconds)",
        ]
        if let previous = request.old.first {
            attributes["previous_model"] = "\(previous.model)"
            if !previous.version.isEmpty { attributes["previous_version"] = previous.version }
        }
        if !request.new.version.isEmpty { attributes["version"] = request.new.version }
        self.events.record(
            GatewayEvent(
                .modelSwitched,
                model: request.new.model,
                alias: request.alias,
                reason: request.reason,
                attributes: attributes
            )
        )
    }
}

/// Why a switch was not done.
package enum SwitchError: Error, Sendable, Hashable {
    /// Another switch of the same alias or model is under way.
    case inProgress(String)
    /// The new model does not fit, also without the old one.
    case doesNotFit(InstanceKey, reason: String, plan: LoadPlan?)
    /// The new model cannot be loaded. Nothing was changed.
    case notLoaded(LifecycleError)
    /// The flip was refused. Nothing was changed.
    case refused(RegistryEditError)
    /// The flip had to come first, the new model could not be loaded then, and the flip was undone.
    case flippedBack(LifecycleError)
    /// The same, but it could not be undone: the new model is in its place and does not answer.
    case stranded(LifecycleError, flipBack: RegistryEditError)
    /// The caller left.
    case cancelled
}
