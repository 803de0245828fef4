import Inference
import Logging
import Synchronization

extension LifecycleManager {
    /// Who waits for an answer of the scheduler.
    struct Waiter {
        enum Reply {
            case lease(CheckedContinuation<Result<RuntimeInstance, LifecycleError>, Never>)
            case load(CheckedContinuation<Result<LoadedModel, LifecycleError>, Never>)
            case unload(CheckedContinuation<Result<UnloadOutcome, LifecycleError>, Never>)
        }

        var reply: Reply
        var progress: ProgressSink?
        /// The id of the request that waits, and for which model.
        var request: (id: String, model: ModelID)?
    }

    /// Work for a child task of ``run()``.
    enum Job {
        case prepare(number: Int, RuntimeModel, (any ModelRuntime)?)
        case launch(number: Int, RuntimeModel, Handle)
        case warm(RuntimeInstance)
        case readMemory
    }

    /// What is left to be done once the lock is open.
    private struct Deeds {
        var jobs: [Job] = []
        var signals: [StopSignal] = []
        var cuts: [() -> Void] = []
        var answers: [() -> Void] = []
        var reports: [(sink: ProgressSink, progress: LoadProgress)] = []
        var changed: [(InstanceKey, from: InstanceState, to: InstanceState, reason: String, request: String?)] = []
        var watchers: [AsyncStream<ModelID>.Continuation] = []
        var isFinished = false
    }

    /// Hands an event to the scheduler and carries out what it decides.
    ///
    /// - Parameter waiter: Registered under the event's ticket before it is handled.
    func handle(_ event: LifecycleScheduler.Event, waiter: (ticket: Int, Waiter)? = nil) {
        let deeds = self.state.withLock { state in
            if let waiter { state.waiters[waiter.ticket] = waiter.1 }
            // The time is taken under the lock, so that it does not run backwards between two events.
            return self.take(state.scheduler.handle(event, at: self.time.now()), &state)
        }
        self.carryOut(deeds)
    }

    private func carryOut(_ deeds: Deeds) {
        for report in deeds.reports { report.sink.report(report.progress) }
        for answer in deeds.answers { answer() }
        for cut in deeds.cuts { cut() }
        for signal in deeds.signals { signal.send() }
        for job in deeds.jobs { self.jobQueue.yield(job) }
        for change in deeds.changed {
            self.log(change)
            for watcher in deeds.watchers { watcher.yield(change.0.model) }
        }
        if deeds.isFinished { self.jobQueue.finish() }
    }

    /// Sorts effects into what is done here, under the lock, and what is done behind it.
    private func take(_ effects: [LifecycleScheduler.Effect], _ state: inout State) -> Deeds {
        var deeds = Deeds()
        // Before they are answered.
        let waiting = effects.contains { if case .changed = $0 { true } else { false } } ? state.waiting : [:]
        for effect in effects {
            switch effect {
            case .prepare(let number, let model):
                deeds.jobs.append(.prepare(number: number, model, state.runtimes[model.id.provider]))
            case .launch(let number, let model):
                let handle = Handle(key: model.key, runtime: state.runtimes[model.id.provider])
                state.launches[number] = handle
                deeds.jobs.append(.launch(number: number, model, handle))
            case .stop(let launch):
                if let handle = state.launches[launch] { deeds.signals.append(handle.stop) }
                deeds.cuts += self.cuts(launch, &state)
            case .kill(let launch):
                if let handle = state.launches[launch] { deeds.signals.append(handle.kill) }
                deeds.cuts += self.cuts(launch, &state)
            case .warm(let instance): deeds.jobs.append(.warm(instance))
            case .readMemory: deeds.jobs.append(.readMemory)
            case .progress(let tickets, let progress):
                deeds.reports += tickets.compactMap { state.waiters[$0]?.progress }.map { ($0, progress) }
            case .emit(let event):
                // Here, so that events have the order of the decisions.
                self.events.record(event)
            case .changed(let key, let from, let to):
                let reason = state.scheduler.instances[key]?.reason ?? ""
                deeds.changed.append((key, from, to, reason, waiting[key.model]))
                deeds.watchers = Array(state.watchers.values)
            case .wake(let instant): self.alarm.set(instant)
            case .finished: deeds.isFinished = true
            case .grant, .loaded, .unloaded, .refuse:
                if let answer = self.answer(effect, &state) { deeds.answers.append(answer) }
            }
        }
        return deeds
    }

    /// Ends what is still being answered by a launch that is told to end.
    private func cuts(_ launch: Int, _ state: inout State) -> [() -> Void] {
        guard let answers = state.answers.removeValue(forKey: launch) else { return [] }
        let reason = state.scheduler.reasonOfEnd(launch: launch)
        return answers.values.map { cut in { cut(reason) } }
    }

    /// The answer to a ticket, to be given once the lock is open.
    private func answer(_ effect: LifecycleScheduler.Effect, _ state: inout State) -> (() -> Void)? {
        switch effect {
        case .grant(let ticket, let instance):
            guard case .lease(let reply) = state.waiters.removeValue(forKey: ticket)?.reply else { return nil }
            return { reply.resume(returning: .success(instance)) }
        case .loaded(let ticket, let key):
            guard case .load(let reply) = state.waiters.removeValue(forKey: ticket)?.reply else { return nil }
            let status = self.status(of: key, in: state)
            let gone = LifecycleError.unloaded(key.model, reason: "it was removed")
            return { reply.resume(returning: status.map { .success($0) } ?? .failure(gone)) }
        case .unloaded(let ticket, let outcome):
            guard case .unload(let reply) = state.waiters.removeValue(forKey: ticket)?.reply else { return nil }
            return { reply.resume(returning: .success(outcome)) }
        case .refuse(let ticket, let error):
            return state.waiters.removeValue(forKey: ticket).map { waiter in { waiter.refuse(error) } }
        default:
            return nil
        }
    }

    /// Who waited leaves; the load goes on.
    func abandon(_ ticket: Int) {
        let waiter = self.state.withLock { $0.waiters.removeValue(forKey: ticket) }
        self.handle(.abandon(ticket: ticket))
        waiter?.refuse(.cancelled)
    }

    private func log(
        _ change: (InstanceKey, from: InstanceState, to: InstanceState, reason: String, request: String?)
    ) {
        var metadata: Logger.Metadata = [
            "model": "\(change.0)", "from": "\(change.from.rawValue)", "to": "\(change.to.rawValue)",
            "reason": "\(change.reason)",
        ]
        if let request = change.request { metadata["request_id"] = "\(request)" }
        switch change.to {
        case .failed: self.logger.warning("model failed", metadata: metadata)
        case .ready: self.logger.info("model ready", metadata: metadata)
        case .unloaded: self.logger.info("model unloaded", metadata: metadata)
        default: self.logger.debug("model changes", metadata: metadata)
        }
    }
}

extension LifecycleManager.Waiter {
    func refuse(_ error: LifecycleError) {
        switch self.reply {
        case .lease(let reply): reply.resume(returning: .failure(error))
        case .load(let reply): reply.resume(returning: .failure(error))
        case .unload(let reply): reply.resume(returning: .failure(error))
        }
    }
}

extension LifecycleManager.State {
    /// Of each model that requests wait for, the one that has waited longest.
    fileprivate var waiting: [ModelID: String] {
        var first: [ModelID: (ticket: Int, id: String)] = [:]
        for (ticket, waiter) in self.waiters {
            guard let request = waiter.request, ticket < first[request.model]?.ticket ?? .max else { continue }
            first[request.model] = (ticket, request.id)
        }
        return first.mapValues(\.id)
    }
}
