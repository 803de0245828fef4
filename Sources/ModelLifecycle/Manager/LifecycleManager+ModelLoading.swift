package import Inference
import Synchronization

extension LifecycleManager: ModelLoading {
    package func acquire(_ model: ModelID, progress: ProgressSink?) async throws(LifecycleError) -> Lease {
        try await self.acquire(model, for: nil, progress: progress)
    }

    /// - Parameter request: the id of the request that wants it, for the log.
    package func acquire(
        _ model: ModelID, for request: String?, progress: ProgressSink?
    ) async throws(LifecycleError) -> Lease {
        if let lease = self.leaseIfReady(model) { return lease }
        let result = await self.wait { ticket, reply in
            let event = LifecycleScheduler.Event.acquire(ticket: ticket, model, wantsProgress: progress != nil)
            self.handle(
                event,
                waiter: (ticket, Waiter(reply: .lease(reply), progress: progress, request: request.map { ($0, model) }))
            )
        }
        return self.lease(of: try result.get())
    }

    package func load(
        _ model: ModelID,
        version: String?,
        warms: Bool,
        progress: ProgressSink?
    ) async throws(LifecycleError) -> LoadedModel {
        let result = await self.wait { ticket, reply in
            let event = LifecycleScheduler.Event.load(
                ticket: ticket, model, version: version, warms: warms, wantsProgress: progress != nil)
            self.handle(event, waiter: (ticket, Waiter(reply: .load(reply), progress: progress)))
        }
        return try result.get()
    }

    package func unload(
        _ model: ModelID,
        version: String?,
        grace: Duration?,
        reason: String
    ) async throws(LifecycleError) -> UnloadOutcome {
        let result = await self.wait { ticket, reply in
            let event = LifecycleScheduler.Event.unload(
                ticket: ticket, model, version: version, grace: grace, reason: reason)
            self.handle(event, waiter: (ticket, Waiter(reply: .unload(reply))))
        }
        return try result.get()
    }

    package func plan(
        _ model: ModelID,
        version: String?,
        contextLength: Int?
    ) async throws(LifecycleError) -> LoadPlan {
        let (managed, runtime) = self.state.withLock { state in
            (state.scheduler.models[model], state.runtimes[model.provider])
        }
        guard let managed else { throw .notLoadable(model) }
        let wanted = version ?? managed.activeVersion
        guard var meant = managed.versions.first(where: { $0.version == wanted }) else {
            throw .notFound("there is no version '\(wanted)' of \(model)")
        }
        if let contextLength { meant.contextLength = contextLength }
        switch await self.prepare(meant, by: runtime) {
        case .failure(let problem):
            return LoadPlan(key: meant.key, isFeasible: false, reason: problem.reason, devices: self.devices())
        case .success(let estimate):
            self.handle(.readings(self.memory.read()))
            let now = self.time.now()
            return self.state.withLock { $0.scheduler.plan(for: meant.key, estimate, at: now) }
        }
    }

    package func status(of model: ModelID) -> LoadedModel? {
        self.state.withLock { state in
            guard let managed = state.scheduler.models[model] else { return nil }
            let key = InstanceKey(model: model, version: managed.activeVersion)
            if let status = self.status(of: key, in: state) { return status }
            return LoadedModel(key: key, state: .unloaded, engine: state.runtimes[model.provider]?.name ?? "")
        }
    }

    package func loadedModels() -> [LoadedModel] {
        self.state.withLock { state in
            state.scheduler.instances.values
                .filter { $0.state != .unloaded && $0.state != .failed }
                .compactMap { self.status(of: $0.key, in: state) }
        }.sorted { $0.key < $1.key }
    }

    package func devices() -> [DeviceMemory] {
        self.state.withLock { $0.scheduler.ledger.devices }
    }

    package func managedModels() -> [ManagedModel] {
        self.state.withLock { Array($0.scheduler.models.values) }.sorted { $0.id < $1.id }
    }

    func status(of key: InstanceKey, in state: borrowing State) -> LoadedModel? {
        state.scheduler.status(
            of: key,
            engine: state.runtimes[key.model.provider]?.name ?? "",
            at: self.time.now(),
            wall: self.time.wallMicroseconds()
        )
    }

    /// Waits for the answer to a new ticket; one who is cancelled leaves.
    private func wait<Answer>(
        _ ask: (Int, CheckedContinuation<Result<Answer, LifecycleError>, Never>) -> Void
    ) async -> Result<Answer, LifecycleError> {
        let ticket = self.state.withLock { $0.nextTicket() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                ask(ticket, continuation)
                // The handler below may have run before there was anything to remove.
                if Task.isCancelled { self.abandon(ticket) }
            }
        } onCancel: {
            self.abandon(ticket)
        }
    }
}
