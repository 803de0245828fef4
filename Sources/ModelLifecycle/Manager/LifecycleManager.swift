package import Inference
package import Logging
internal import Synchronization

/// Carries out what ``LifecycleScheduler`` decides: has runtimes load and unload, and answers those who wait.
///
/// Decisions are made under one short lock, and acted on outside of it, by child tasks of ``run()``.
package final class LifecycleManager: Sendable {
    /// Has an instance answer a first, internal request.
    package typealias Warm = @Sendable (RuntimeInstance) async throws(UpstreamFault) -> Void

    struct State {
        var scheduler: LifecycleScheduler
        var runtimes: [ProviderID: any ModelRuntime]
        /// Who waits, by ticket.
        var waiters: [Int: Waiter] = [:]
        /// Launches that were told to begin and have not ended, by number.
        var launches: [Int: Handle] = [:]
        /// Answers under way that are cut when their launch is told to end, by launch and ticket.
        var answers: [Int: [Int: @Sendable (String) -> Void]] = [:]
        /// How the last life of an instance ended.
        var exits: [InstanceKey: (launch: Int, exit: RuntimeExit)] = [:]
        /// Who wants to know how a life ended, by ticket.
        var mourners: [Int: Mourner] = [:]
        var watchers: [Int: AsyncStream<ModelID>.Continuation] = [:]
        var lastTicket = 0

        mutating func nextTicket() -> Int {
            self.lastTicket += 1
            return self.lastTicket
        }
    }

    /// What ends a launch.
    struct Handle {
        var key: InstanceKey
        var runtime: (any ModelRuntime)?
        var stop = StopSignal()
        var kill = StopSignal()
    }

    struct Mourner {
        var launch: Int
        var continuation: CheckedContinuation<RuntimeExit?, Never>
    }

    let time: LifecycleTime
    let memory: any MemoryReader
    let events: any EventRecorder
    let warm: Warm
    let logger: Logger
    let state: Mutex<State>
    let alarm = Alarm()
    let jobs: AsyncStream<Job>
    let jobQueue: AsyncStream<Job>.Continuation

    /// How long an error waits for the news that the engine behind it has ended.
    static let exitPatience = Duration.milliseconds(200)

    /// Reads the memory once. Nothing is loaded before ``apply(_:)`` says what there is and ``run()`` runs.
    package init(
        runtimes: [ProviderID: any ModelRuntime],
        limits: LifecycleLimits,
        memory: any MemoryReader,
        events: any EventRecorder,
        time: LifecycleTime = .system,
        logger: Logger,
        warm: @escaping Warm
    ) {
        self.time = time
        self.memory = memory
        self.events = events
        self.warm = warm
        self.logger = logger
        (self.jobs, self.jobQueue) = AsyncStream.makeStream()
        let scheduler = LifecycleScheduler(limits: limits, at: time.now())
        self.state = Mutex(State(scheduler: scheduler, runtimes: runtimes))
        self.handle(.readings(memory.read()))
    }

    /// The registry changed.
    package func apply(_ models: [ManagedModel]) {
        self.handle(.models(models))
    }

    package func apply(_ limits: LifecycleLimits) {
        self.handle(.limits(limits))
    }

    /// Sets what loads a provider's models from now on; `nil` when the provider is gone. What runs goes on as it is.
    package func setRuntime(_ runtime: (any ModelRuntime)?, for provider: ProviderID) {
        self.state.withLock { $0.runtimes[provider] = runtime }
    }

    /// Ids of models whose state changed, as it changes. One who reads slowly gets the newest.
    package func changes() -> AsyncStream<ModelID> {
        let (stream, continuation) = AsyncStream.makeStream(of: ModelID.self, bufferingPolicy: .bufferingNewest(256))
        let number = self.state.withLock { state in
            let number = state.nextTicket()
            state.watchers[number] = continuation
            return number
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.watchers.removeValue(forKey: number) }
        }
        return stream
    }

    /// Whether a request for a model sent now has a chance, and whether it would have to wait. From memory.
    package func availability(of model: ModelID) -> ProviderAvailability {
        let now = self.time.now()
        return self.state.withLock { $0.scheduler.availability(of: model, at: now) }
    }

    /// Whether a model is one that is loaded and unloaded here.
    package func isManaged(_ model: ModelID) -> Bool {
        self.state.withLock { $0.scheduler.models.index(forKey: model) != nil }
    }

    /// Whether a life of an instance has begun and not ended.
    package func isInMemory(_ key: InstanceKey, launch: Int) -> Bool {
        self.state.withLock { $0.launches[launch]?.key == key }
    }

    /// Returns once it is known of each of these models whether it could be loaded, or after `limit`. For a server that
    /// is about to say what it has; ``run()`` must run.
    package func firstLook(at models: [ModelID], within limit: Duration) async {
        let end = self.time.now() + limit
        while self.time.now() < end, !self.state.withLock({ $0.scheduler.hasLooked(at: models) }) {
            do { try await self.time.sleep(.milliseconds(2)) } catch { return }
        }
    }

    // MARK: - Leases

    /// Takes a lease of a ready model without waiting: the way of most requests.
    package func leaseIfReady(_ model: ModelID) -> Lease? {
        self.state.withLock { $0.scheduler.lease(model) }.map { self.lease(of: $0) }
    }

    func lease(of instance: RuntimeInstance) -> Lease {
        Lease(instance: instance) { [key = instance.key, launch = instance.launch] in
            self.release(key, launch: launch)
        }
    }

    private func release(_ key: InstanceKey, launch: Int) {
        let now = self.time.now()
        let isDone = self.state.withLock { $0.scheduler.releaseQuietly(key, launch: launch, at: now) }
        if !isDone { self.handle(.release(key, launch: launch)) }
    }

    // MARK: - Answers under way

    /// Has `cut` called, with the reason, when an instance is told to end before ``forget(_:of:)``. A process takes its
    /// connections with it, in its own time; other servers answer on, whatever they were told.
    ///
    /// - Returns: a ticket; `nil` when the instance was told already.
    func whenEnding(_ instance: RuntimeInstance, _ cut: @escaping @Sendable (String) -> Void) -> Int? {
        self.state.withLock { state in
            guard state.scheduler.mayAnswer(launch: instance.launch) else { return nil }
            let ticket = state.nextTicket()
            state.answers[instance.launch, default: [:]][ticket] = cut
            return ticket
        }
    }

    func forget(_ ticket: Int, of instance: RuntimeInstance) {
        self.state.withLock { state in
            state.answers[instance.launch]?[ticket] = nil
            if state.answers[instance.launch]?.isEmpty == true { state.answers[instance.launch] = nil }
        }
    }

    // MARK: - The way a life ended

    /// How the life of an instance ended, if it has, waiting a moment for the news: a connection breaks before its
    /// process is reaped.
    package func exit(of instance: RuntimeInstance) async -> RuntimeExit? {
        await withTaskGroup(of: RuntimeExit?.self) { group in
            group.addTask { await self.awaitExit(of: instance) }
            group.addTask {
                try? await self.time.sleep(Self.exitPatience)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }

    private func awaitExit(of instance: RuntimeInstance) async -> RuntimeExit? {
        let ticket = self.state.withLock { $0.nextTicket() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: RuntimeExit?? = self.state.withLock { state in
                    if Task.isCancelled { return .some(nil) }
                    if state.launches[instance.launch] == nil {
                        let last = state.exits[instance.key]
                        return .some(last?.launch == instance.launch ? last?.exit : nil)
                    }
                    state.mourners[ticket] = Mourner(launch: instance.launch, continuation: continuation)
                    return .none
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let mourner = self.state.withLock { $0.mourners.removeValue(forKey: ticket) }
            mourner?.continuation.resume(returning: nil)
        }
    }
}
