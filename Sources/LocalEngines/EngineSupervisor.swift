package import Inference
package import Logging
import Synchronization

/// Starts engines when they are needed, one process for each model, restarts what crashes, and ends everything.
///
/// ``EngineLifecycle`` decides, under the lock; processes are started and ended outside of it, as child tasks of
/// ``run()``.
package final class EngineSupervisor: Sendable {
    struct Launch: Sendable {
        var number: Int
        var model: LocalModel
        var delay: Duration
        var stop: StopSignal
    }

    struct Entry {
        var model: LocalModel
        var lifecycle: EngineLifecycle
        var sinceMicroseconds: Int64
        /// Who waits for the engine, by number.
        var waiters: [Int: CheckedContinuation<Result<EngineEndpoint, UpstreamFault>, Never>] = [:]
        var stop: StopSignal?
        /// Who waits for the end of the process that runs, by number.
        var mourners: [Int: CheckedContinuation<EngineExit?, Never>] = [:]
        /// The launch that ended last, and how.
        var lastExit: (launch: Int, exit: EngineExit)?
    }

    private struct State {
        var entries: [String: Entry]
        var order: [String]
        var lastNumber = 0
        var isOver = false

        mutating func nextNumber() -> Int {
            self.lastNumber += 1
            return self.lastNumber
        }
    }

    let engine: any LocalEngine
    let clock: EngineClock
    let logger: Logger
    private let state: Mutex<State>
    private let launches: AsyncStream<Launch>
    private let launcher: AsyncStream<Launch>.Continuation

    /// How often ``run()`` looks whether what was missing has appeared.
    private static let recheckInterval = Duration.seconds(5)

    /// - Parameter models: With different names; the later of two with one name is ignored.
    package init(
        engine: any LocalEngine,
        models: [LocalModel],
        policy: EngineLifecycle.Policy = EngineLifecycle.Policy(),
        clock: EngineClock = .system,
        logger: Logger
    ) {
        self.engine = engine
        self.clock = clock
        self.logger = logger
        (self.launches, self.launcher) = AsyncStream.makeStream()
        let now = clock.wallMicroseconds()
        var entries: [String: Entry] = [:]
        var order: [String] = []
        for model in models where entries[model.name] == nil {
            let lifecycle = EngineLifecycle(name: "local/\(model.name)", policy: policy)
            entries[model.name] = Entry(model: model, lifecycle: lifecycle, sinceMicroseconds: now)
            order.append(model.name)
        }
        self.state = Mutex(State(entries: entries, order: order))
    }

    /// The models, in the order given.
    package var models: [LocalModel] {
        self.state.withLock { state in state.order.compactMap { state.entries[$0]?.model } }
    }

    /// Owns every engine: returns when its task is cancelled, and leaves no process behind.
    package func run() async {
        self.recheck()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.recheckUntilCancelled() }
            for model in self.models where model.preload && !self.isMissing(model.name) {
                self.request(model.name, waiter: nil)
            }
            for await launch in self.launches {
                group.addTask { await self.carryOut(launch) }
            }
            self.close()
            group.cancelAll()
        }
        self.settle()
    }

    /// Waits until the engine of `name` can be asked, starting it if need be.
    ///
    /// A start is shared by all who wait for it, and goes on when they leave.
    ///
    /// - Throws: ``UpstreamFault/Kind/unreachable`` with the engine's own words when it cannot be started,
    ///   ``UpstreamFault/Kind/modelNotFound``, or ``UpstreamFault/Kind/cancelled``.
    package func ensureReady(_ name: String) async throws(UpstreamFault) -> EngineEndpoint {
        if let endpoint = self.readyEndpoint(name) { return endpoint }
        let number = self.state.withLock { $0.nextNumber() }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                self.request(name, waiter: (number, continuation))
                // The handler below may have run before there was anything to remove.
                if Task.isCancelled { self.abandon(name, waiter: number) }
            }
        } onCancel: {
            self.abandon(name, waiter: number)
        }
        return try result.get()
    }

    /// Ends the engine of `name`, if there is one; the next request starts it again.
    package func stop(_ name: String, reason: String) {
        self.change(name) { entry, _ in entry.lifecycle.stop(reason: reason) }
    }

    /// Whether a request for `name` sent now has a chance, and whether it would have to wait. From memory.
    package func availability(of name: String) -> ProviderAvailability {
        let entry = self.state.withLock { $0.isOver ? nil : $0.entries[name] }
        switch entry?.lifecycle.phase {
        case .ready: return .available
        case .starting, .stopping(_, startAfterwards: true): return .loading
        // Before ``run()`` has come to it.
        case .stopped where entry?.model.preload == true && entry?.lastExit == nil: return .loading
        case .stopped, .stopping: return .unloaded
        case .failed(let reason, let retryAt):
            if let retryAt, self.clock.now() >= retryAt { return .unloaded }
            return .unavailable(reason: reason)
        case nil: return .unavailable(reason: "local/\(name) is not served by this process")
        }
    }

    /// All engines, in the order of ``models``. From memory.
    package func status() -> [EngineStatus] {
        self.state.withLock { state in
            state.order.compactMap { name in
                state.entries[name].map { entry in
                    var endpoint: EngineEndpoint?
                    if case .ready(let ready, _) = entry.lifecycle.phase { endpoint = ready }
                    return EngineStatus(
                        model: name,
                        state: entry.lifecycle.state,
                        reason: entry.lifecycle.reason,
                        endpoint: endpoint,
                        sinceMicroseconds: entry.sinceMicroseconds,
                        restarts: entry.lifecycle.restarts
                    )
                }
            }
        }
    }

    /// How the process of `endpoint` ended, if it has, waiting a moment for the news: a connection breaks before its
    /// process is reaped.
    package func exit(of endpoint: EngineEndpoint, model name: String) async -> EngineExit? {
        await withTaskGroup(of: EngineExit?.self) { group in
            group.addTask { await self.awaitExit(of: endpoint, model: name) }
            group.addTask {
                try? await self.clock.sleep(.milliseconds(200))
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }

    /// Waits until the process of `endpoint` is gone; `nil` when the task is cancelled or the model unknown.
    func awaitExit(of endpoint: EngineEndpoint, model name: String) async -> EngineExit? {
        let number = self.state.withLock { $0.nextNumber() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: EngineExit?? = self.state.withLock { state in
                    guard let entry = state.entries[name], !Task.isCancelled else { return .some(nil) }
                    if let last = entry.lastExit, last.launch >= endpoint.launch {
                        return last.launch == endpoint.launch ? last.exit : .some(nil)
                    }
                    state.entries[name]?.mourners[number] = continuation
                    return .none
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let continuation = self.state.withLock { $0.entries[name]?.mourners.removeValue(forKey: number) }
            continuation?.resume(returning: nil)
        }
    }

    /// Looks for the engine and the file of every model that is not in use, so that ``status()`` tells what is missing
    /// before anyone asks. Reads files. ``run()`` does it at its start, and every five seconds for what was missing.
    ///
    /// - Parameter onlyMissing: Leaves alone what was found the last time.
    package func recheck(onlyMissing: Bool = false) {
        for model in self.models {
            let isDue = self.state.withLock { state in
                switch state.entries[model.name]?.lifecycle.phase {
                case .stopped: !onlyMissing
                case .failed(_, let retryAt): retryAt == nil
                default: false
                }
            }
            guard isDue else { continue }
            var problem: String?
            do { _ = try self.engine.prepare(model) } catch { problem = error.reason }
            let changed = self.state.withLock { state in
                guard state.entries[model.name]?.lifecycle.checked(problem: problem) == true else { return false }
                state.entries[model.name]?.sinceMicroseconds = self.clock.wallMicroseconds()
                return true
            }
            guard changed else { continue }
            if let problem {
                self.logger.warning(
                    "local model cannot be served", metadata: ["model": "\(model.name)", "reason": "\(problem)"])
            } else {
                self.logger.info("local model can be served now", metadata: ["model": "\(model.name)"])
                if model.preload { self.request(model.name, waiter: nil) }
            }
        }
    }

    /// Whether the last look found that the engine or the file is not there.
    private func isMissing(_ name: String) -> Bool {
        self.state.withLock { state in
            if case .failed(_, retryAt: nil) = state.entries[name]?.lifecycle.phase { true } else { false }
        }
    }

    private func recheckUntilCancelled() async {
        while !Task.isCancelled {
            do { try await self.clock.sleep(Self.recheckInterval) } catch { return }
            self.recheck(onlyMissing: true)
        }
    }

    // MARK: - State

    private typealias Waiter = (
        number: Int, continuation: CheckedContinuation<Result<EngineEndpoint, UpstreamFault>, Never>
    )

    private func readyEndpoint(_ name: String) -> EngineEndpoint? {
        self.state.withLock { state in
            guard !state.isOver, case .ready(let endpoint, _) = state.entries[name]?.lifecycle.phase else { return nil }
            return endpoint
        }
    }

    /// Asks for an engine; the waiter, if any, is resumed at once or by a later change.
    private func request(_ name: String, waiter: Waiter?) {
        var answer: Result<EngineEndpoint, UpstreamFault>?
        self.change(name, evenWhenOver: false) { entry, number in
            switch entry.lifecycle.request(launch: number, now: self.clock.now()) {
            case .ready(let endpoint): answer = .success(endpoint)
            case .refused(let fault): answer = .failure(fault)
            case .wait(let effects):
                if let waiter { entry.waiters[waiter.number] = waiter.continuation }
                return effects
            }
            return []
        } ifMissing: { isOver in
            let fault =
                isOver
                ? UpstreamFault(.unreachable, "the server is stopping")
                : UpstreamFault(.modelNotFound, "there is no local model '\(name)'")
            answer = .failure(fault)
        }
        if let answer { waiter?.continuation.resume(returning: answer) }
    }

    /// The waiter's task was cancelled. The start goes on: others may want it, and a retry will.
    private func abandon(_ name: String, waiter number: Int) {
        let continuation = self.state.withLock { $0.entries[name]?.waiters.removeValue(forKey: number) }
        continuation?.resume(
            returning: .failure(UpstreamFault(.cancelled, "cancelled while local/\(name) was starting"))
        )
    }

    /// Changes one entry under the lock and carries out what that brings about behind it.
    func change(
        _ name: String,
        evenWhenOver: Bool = true,
        _ body: (inout Entry, _ nextNumber: Int) -> [EngineLifecycle.Effect],
        ifMissing: (_ isOver: Bool) -> Void = { _ in }
    ) {
        var missing: Bool?
        let actions = self.state.withLock { state -> [() -> Void] in
            guard var entry = state.entries[name], evenWhenOver || !state.isOver else {
                missing = state.isOver
                return []
            }
            let before = entry.lifecycle.state
            let effects = body(&entry, state.nextNumber())
            if entry.lifecycle.state != before { entry.sinceMicroseconds = self.clock.wallMicroseconds() }
            let actions = effects.flatMap { self.actions(for: $0, &entry) }
            state.entries[name] = entry
            return actions
        }
        if let missing { ifMissing(missing) }
        for action in actions { action() }
    }

    private func actions(for effect: EngineLifecycle.Effect, _ entry: inout Entry) -> [() -> Void] {
        switch effect {
        case .launch(let number, let delay):
            let stop = StopSignal()
            entry.stop = stop
            let launch = Launch(number: number, model: entry.model, delay: delay, stop: stop)
            return [{ self.launcher.yield(launch) }]
        case .stop:
            let stop = entry.stop
            return [{ stop?.send() }]
        case .answer(let endpoint):
            return Self.takeWaiters(&entry, .success(endpoint))
        case .refuse(let fault):
            return Self.takeWaiters(&entry, .failure(fault))
        }
    }

    private static func takeWaiters(
        _ entry: inout Entry,
        _ result: Result<EngineEndpoint, UpstreamFault>
    ) -> [() -> Void] {
        defer { entry.waiters.removeAll() }
        return entry.waiters.values.map { waiter in { waiter.resume(returning: result) } }
    }

    /// From here on nobody gets an engine.
    private func close() {
        self.launcher.finish()
        let actions = self.state.withLock { state -> [() -> Void] in
            state.isOver = true
            return state.order.flatMap { name -> [() -> Void] in
                guard var entry = state.entries[name] else { return [] }
                let effects = entry.lifecycle.stop(reason: "the server is stopping")
                let actions = effects.flatMap { self.actions(for: $0, &entry) }
                state.entries[name] = entry
                return actions
            }
        }
        for action in actions { action() }
    }

    /// Every process is gone: a launch that was asked for and not begun any more has ended too.
    private func settle() {
        self.state.withLock { state in
            for name in state.order {
                guard case .stopping(let launch, _) = state.entries[name]?.lifecycle.phase else { continue }
                _ = state.entries[name]?.lifecycle.ended(launch: launch, .stopped, next: 0, now: self.clock.now())
                state.entries[name]?.sinceMicroseconds = self.clock.wallMicroseconds()
            }
        }
    }
}
