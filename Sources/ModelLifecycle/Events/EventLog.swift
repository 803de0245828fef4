package import Inference
package import Logging
internal import Synchronization

/// Numbers events, keeps them, and tells them to watchers.
///
/// ``record(_:)`` puts an event into memory and returns. ``run()`` writes what has gathered at once and tells it to
/// watchers after that: a watcher has never seen a sequence that a killed process gives to another event after its
/// restart. While the disk fails, watchers are told without it, and events wait in memory, up to ``Settings/capacity``;
/// beyond that the oldest are given up, counted and reported.
package final class EventLog: EventRecorder {
    package struct Settings: Sendable {
        /// Events that stay in memory after they were written.
        package var recent = 4096
        /// The most events that wait in memory for the disk, at about 500 bytes each.
        package var capacity = 16_384
        /// The most events that are written in one transaction.
        package var batchSize = 256
        /// After so long a write that failed is tried again.
        package var retryInterval = Duration.seconds(1)
        /// Events that are kept on disk.
        package var kept = 100_000
        /// Old events are deleted each time that so many were written.
        package var pruneEvery = 1000
        /// A watcher hears from us at least so often.
        package var heartbeat = Duration.seconds(15)
        /// Old events that a watcher reads at a time.
        package var pageSize = 512

        package init() {}
    }

    /// How the log fares, for status reports.
    package struct Status: Sendable, Hashable {
        /// The last sequence that was given out.
        package var lastSequence: Int64 = 0
        /// Events that wait for the disk.
        package var waiting = 0
        /// Events that never reached the disk, since the start.
        package var lost = 0
        package var watchers = 0
        /// Why the last write failed; `nil` when it did not.
        package var failure: String?
    }

    private struct State {
        var window: EventWindow
        /// The first sequence on disk; one after the last when there is none.
        var firstOnDisk: Int64
        /// Those that are live, by the number of their watch.
        var watchers: [Int: EventWatcher] = [:]
        var watches = 0
        var hasEndedWatches = false
        var failure: String?
        var isRunning = false
        var hasEnded = false
        /// Written since old ones were deleted.
        var unpruned = 0
        /// Callers of ``flush()`` that wait for the writer's next pass.
        var flushers: [CheckedContinuation<Result<Int64, any Error>, Never>] = []
    }

    let settings: Settings
    let time: LifecycleTime
    private let storage: any EventStorage
    private let logger: Logger
    private let state: Mutex<State>
    // Holds one signal at most: a second one would say nothing new.
    private let writeSignals = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// Goes on after the events that are kept.
    ///
    /// - Throws: What `storage` says when it cannot be read: numbering anew would give sequences twice.
    package static func open(
        storage: any EventStorage,
        settings: Settings = Settings(),
        time: LifecycleTime = .system,
        logger: Logger
    ) async throws -> EventLog {
        let kept = try await storage.eventRange()
        return EventLog(storage: storage, kept: kept, settings: settings, time: time, logger: logger)
    }

    /// - Parameter kept: ``EventStorage/eventRange()`` of `storage`.
    package init(
        storage: any EventStorage,
        kept: ClosedRange<Int64>?,
        settings: Settings = Settings(),
        time: LifecycleTime = .system,
        logger: Logger
    ) {
        self.storage = storage
        self.settings = settings
        self.time = time
        self.logger = logger
        let last = kept?.upperBound ?? 0
        self.state = Mutex(
            State(
                window: EventWindow(last: last, recentLimit: settings.recent, waitingLimit: settings.capacity),
                firstOnDisk: kept?.lowerBound ?? last + 1
            )
        )
    }

    package var status: Status {
        self.state.withLock { state in
            Status(
                lastSequence: state.window.last,
                waiting: state.window.waitingCount,
                lost: state.window.lostCount,
                watchers: state.watchers.count,
                failure: state.failure
            )
        }
    }

    package func record(_ event: GatewayEvent) {
        let (waiters, isFirstLoss, hasEnded) = self.state.withLock { state in
            let lostBefore = state.window.lostCount
            let gaveUp = state.window.record(event, atMicroseconds: self.time.wallMicroseconds())
            // Whom the disk does not serve is served without it.
            let isDiskOut = gaveUp || state.failure != nil || state.hasEnded
            let waiters = isDiskOut ? Self.publish(through: .max, &state) : []
            return (waiters, gaveUp && lostBefore == 0, state.hasEnded)
        }
        for waiter in waiters { waiter.resume() }
        if hasEnded {
            self.logger.error(
                "An event came after the event log had ended; it is lost", metadata: ["kind": "\(event.kind.rawValue)"])
        }
        if isFirstLoss {
            self.logger.error(
                "Memory for events is full; the oldest are lost until they can be written",
                metadata: ["capacity": "\(self.settings.capacity)"]
            )
        }
        self.writeSignals.continuation.yield()
    }

    /// Lets watchers know.
    private static func publish(through sequence: Int64, _ state: inout State) -> [CheckedContinuation<Void, Never>] {
        let events = state.window.publish(through: sequence)
        guard !events.isEmpty else { return [] }
        return state.watchers.values.compactMap { $0.offer(events) }
    }

    // MARK: - Reading

    /// Events before a sequence, or the newest ones, newest first, from memory and disk.
    ///
    /// - Throws: What the storage says when older events are needed and cannot be read.
    package func events(before: Int64? = nil, limit: Int, filter: EventFilter) async throws -> [StoredEvent] {
        let (found, firstInMemory) = self.state.withLock { state in
            let before = min(before ?? .max, state.window.last + 1)
            return (state.window.events(before: before, limit: limit, admits: filter.admits), state.window.first)
        }
        guard found.count < limit, firstInMemory > 1 else { return found }
        let older = try await self.storage.events(
            before: min(before ?? .max, firstInMemory),
            limit: limit - found.count,
            filter: filter
        )
        return found + older
    }

    /// Watches events as they happen, those after `after` that are kept first.
    ///
    /// - Parameters:
    ///   - after: `nil`: only what happens from now on. 0: everything that is kept.
    ///   - bufferLimit: The most admitted events that wait for the reader once it has caught up.
    /// - Throws: ``EventWatchError/expired(firstKept:)`` and ``EventWatchError/invalid(after:lastSequence:)``. The watch
    ///   itself may throw all of them but the latter.
    package func watch(
        after: Int64?,
        filter: EventFilter = EventFilter(),
        bufferLimit: Int = 1024
    ) throws(EventWatchError) -> EventWatch {
        let watcher = EventWatcher(filter: filter, bufferLimit: bufferLimit)
        let (number, begin) = self.state.withLock { state -> (Int, Result<Int64?, EventWatchError>) in
            state.watches += 1
            let begin = Self.begin(after: after, state)
            if case .success(nil) = begin { Self.goLive(watcher, number: state.watches, at: state.window.last, &state) }
            return (state.watches, begin)
        }
        let replay = try begin.get()
        let membership = EventWatchMembership(watcher: watcher, number: number) { [weak self] in
            self?.state.withLock { $0.watchers[number] = nil }
        }
        return EventWatch(log: self, membership: membership, after: replay)
    }

    /// Where a replay begins, or `nil` without one.
    private static func begin(after: Int64?, _ state: State) -> Result<Int64?, EventWatchError> {
        guard let after else { return .success(nil) }
        let firstKept = Self.firstKept(state)
        if after == 0 { return .success(firstKept - 1) }
        guard after > 0, after <= state.window.last else {
            return .failure(.invalid(after: after, lastSequence: state.window.last))
        }
        return after + 1 < firstKept ? .failure(.expired(firstKept: firstKept)) : .success(after)
    }

    /// From here on there are no gaps.
    private static func firstKept(_ state: State) -> Int64 {
        min(state.window.first, max(state.firstOnDisk, state.window.lostThrough + 1))
    }

    private static func goLive(_ watcher: EventWatcher, number: Int, at sequence: Int64, _ state: inout State) {
        watcher.goLive(at: sequence)
        if state.hasEndedWatches {
            watcher.end()?.resume()
        } else {
            state.watchers[number] = watcher
        }
    }

    enum Replay {
        /// Admitted events, and the sequence to go on after.
        case page([StoredEvent], through: Int64)
        /// Nothing is left; from now on the watcher is offered what comes.
        case caughtUp
        case ended
    }

    /// One step of a replay. The step to live happens under the lock under which events are published: none falls between.
    func replay(after: Int64, for membership: EventWatchMembership) async throws(EventWatchError) -> Replay {
        enum Source {
            case memory(Replay)
            case disk(through: Int64)
            case expired(firstKept: Int64)
        }
        let filter = membership.watcher.filter
        let pageSize = max(1, self.settings.pageSize)
        let source = self.state.withLock { state -> Source in
            if state.hasEndedWatches { return .memory(.ended) }
            if after >= state.window.published {
                Self.goLive(membership.watcher, number: membership.number, at: after, &state)
                return .memory(.caughtUp)
            }
            if after + 1 >= state.window.first {
                let page = state.window.events(after: after, through: state.window.published, limit: pageSize)
                let through = page.last?.sequence ?? after
                return .memory(.page(page.filter { filter.admits($0.event) }, through: through))
            }
            let firstKept = Self.firstKept(state)
            return after + 1 < firstKept ? .expired(firstKept: firstKept) : .disk(through: state.window.first - 1)
        }
        switch source {
        case .memory(let replay): return replay
        case .expired(let firstKept): throw .expired(firstKept: firstKept)
        case .disk(let through):
            return try await self.readPage(after: after, through: through, limit: pageSize, filter: filter)
        }
    }

    /// - Parameter through: Everything up to here left memory, so it is on disk unless it was deleted.
    private func readPage(
        after: Int64,
        through: Int64,
        limit: Int,
        filter: EventFilter
    ) async throws(EventWatchError) -> Replay {
        let found: [StoredEvent]
        do {
            found = try await self.storage.events(after: after, limit: limit, filter: filter)
        } catch {
            throw .storage("\(error)")
        }
        // Deleted while we read: what we found may have a hole.
        let firstKept = self.state.withLock { Self.firstKept($0) }
        guard after + 1 >= firstKept else { throw .expired(firstKept: firstKept) }
        let page = found.filter { $0.sequence <= through }
        let isWhole = found.count < limit || page.count < found.count
        return .page(page, through: isWhole ? through : page.last?.sequence ?? through)
    }

    // MARK: - Writing

    /// Writes until the task is cancelled, then writes what is left and ends all watches. Once per log.
    package func run() async {
        let isFirst = self.state.withLock { state in
            defer { state.isRunning = true }
            return !state.isRunning && !state.hasEnded
        }
        guard isFirst else {
            self.logger.error("An event log runs once; this call does nothing")
            return
        }
        await self.prune()
        // An event may have come before this task ran.
        self.writeSignals.continuation.yield()
        for await _ in self.writeSignals.stream {
            if await self.writePass() {
                if self.state.withLock({ $0.unpruned >= self.settings.pruneEvery }) { await self.prune() }
            } else {
                // An error is cancellation, which ends the loop as well.
                try? await self.time.sleep(self.settings.retryInterval)
                self.writeSignals.continuation.yield()
            }
        }
        await self.finish()
    }

    /// Waits until everything that was recorded before the call is on disk.
    ///
    /// - Returns: The last sequence on disk.
    /// - Throws: Why it could not be written now; it will be tried again.
    package func flush() async throws -> Int64 {
        let result: Result<Int64, any Error> = await withCheckedContinuation { continuation in
            let isRunning = self.state.withLock { state in
                if state.isRunning { state.flushers.append(continuation) }
                return state.isRunning
            }
            if isRunning {
                self.writeSignals.continuation.yield()
            } else {
                continuation.resume(returning: .failure(EventLogError("the event log does not run")))
            }
        }
        return try result.get()
    }

    /// Ends all watches, and those that come later at once: their readers get `nil`. For a server that is about to stop.
    package func endWatches() {
        let waiters = self.state.withLock { state in
            state.hasEndedWatches = true
            return state.watchers.values.compactMap { $0.end() }
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Writes everything, then answers those who asked for it before.
    private func writePass() async -> Bool {
        let flushers = self.state.withLock { state in
            defer { state.flushers = [] }
            return state.flushers
        }
        let result = await self.writeAll()
        for flusher in flushers { flusher.resume(returning: result) }
        return (try? result.get()) != nil
    }

    private func writeAll() async -> Result<Int64, any Error> {
        while true {
            let (batch, settled) = self.state.withLock { state in
                (state.window.waiting(limit: self.settings.batchSize), state.window.settled)
            }
            guard let last = batch.last else { return .success(settled) }
            do {
                try await self.storage.append(batch)
            } catch {
                self.failed(error)
                return .failure(error)
            }
            self.succeeded(through: last.sequence, count: batch.count)
        }
    }

    private func failed(_ error: any Error) {
        let (isNew, waiters, waiting) = self.state.withLock { state in
            let isNew = state.failure == nil
            state.failure = "\(error)"
            return (isNew, Self.publish(through: .max, &state), state.window.waitingCount)
        }
        for waiter in waiters { waiter.resume() }
        // A line for each change, not for each try.
        if isNew {
            self.logger.error(
                "Events cannot be written; they wait in memory and are tried again",
                metadata: ["error": "\(error)", "waiting": "\(waiting)", "capacity": "\(self.settings.capacity)"]
            )
        }
    }

    private func succeeded(through sequence: Int64, count: Int) {
        let (wasFailing, waiters, lost) = self.state.withLock { state in
            state.window.written(through: sequence)
            state.unpruned += count
            defer { state.failure = nil }
            return (state.failure != nil, Self.publish(through: sequence, &state), state.window.lostCount)
        }
        for waiter in waiters { waiter.resume() }
        if wasFailing {
            self.logger.notice("Events are written again", metadata: ["lost_since_start": "\(lost)"])
        }
    }

    /// Deletes old events. Watchers learn first that these are gone, so that none reads a hole.
    private func prune() async {
        let hasTooMany = self.state.withLock { state in
            state.unpruned = 0
            let first = state.window.settled - Int64(self.settings.kept) + 1
            guard first > state.firstOnDisk else { return false }
            state.firstOnDisk = first
            return true
        }
        guard hasTooMany else { return }
        do {
            try await self.storage.pruneEvents(keeping: self.settings.kept)
        } catch {
            self.logger.warning("Old events cannot be deleted", metadata: ["error": "\(error)"])
        }
    }

    /// The last pass, on a task that is cancelled already.
    private func finish() async {
        _ = await self.writePass()
        let (lost, flushers, waiters) = self.state.withLock { state in
            state.hasEnded = true
            state.hasEndedWatches = true
            state.isRunning = false
            let waiters = Self.publish(through: .max, &state) + state.watchers.values.compactMap { $0.end() }
            defer { state.flushers = [] }
            return (state.window.waitingCount, state.flushers, waiters)
        }
        for waiter in waiters { waiter.resume() }
        for flusher in flushers { flusher.resume(returning: .failure(EventLogError("the event log has ended"))) }
        if lost > 0 {
            self.logger.error("Events were lost at the end", metadata: ["lost": "\(lost)"])
        }
    }
}

/// Why events cannot be flushed.
package struct EventLogError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}
