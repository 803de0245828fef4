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

    struct State {
        var window: EventWindow
        /// The first sequence on disk; one after the last when there is none.
        var firstOnDisk: Int64
        /// Those that are live, by the number of their watch.
        var watchers: [Int: EventWatcher] = [:]
        var watches = 0
        var hasEndedWatches = false
        var failure: String?
        /// Since the start, by kind.
        var recorded: [GatewayEvent.Kind: Int] = [:]
        var isRunning = false
        var hasEnded = false
        /// Written since old ones were deleted.
        var unpruned = 0
        /// Callers of ``flush()`` that wait for the writer's next pass.
        var flushers: [CheckedContinuation<Result<Int64, any Error>, Never>] = []
    }

    let settings: Settings
    let time: LifecycleTime
    let storage: any EventStorage
    let logger: Logger
    let state: Mutex<State>
    // Holds one signal at most: a second one would say nothing new.
    let writeSignals = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

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

    /// Events since the start, by kind, whatever became of them.
    package var recorded: [GatewayEvent.Kind: Int] { self.state.withLock { $0.recorded } }

    package func record(_ event: GatewayEvent) {
        let (waiters, isFirstLoss, hasEnded) = self.state.withLock { state in
            state.recorded[event.kind, default: 0] += 1
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
    static func publish(through sequence: Int64, _ state: inout State) -> [CheckedContinuation<Void, Never>] {
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
}

/// Why events cannot be flushed.
package struct EventLogError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}
