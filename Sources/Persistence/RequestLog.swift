package import Inference
package import Logging
import Synchronization

/// Writes request records to a ``Store``, in batches, off the hot path.
///
/// ``record(_:)`` puts a record into memory and returns. ``run()`` writes what has gathered every
/// ``Settings/interval``, or at once when ``Settings/batchSize`` records wait, and deletes records that are older than
/// ``Settings/retention``. When a write fails, the records stay in memory, up to ``Settings/capacity``, and are tried
/// again; beyond that they are dropped, counted and reported.
///
/// A process that is killed loses what gathered since the last batch, less than a second of it. One that is shut down
/// in order loses nothing: end the requests first, then cancel the task of ``run()`` and wait for it.
package final class RequestLog: RequestRecorder {
    package struct Settings: Sendable {
        /// The longest time between a record and its batch.
        package var interval = Duration.milliseconds(500)
        /// So many waiting records are written without waiting for the interval.
        package var batchSize = 512
        /// The most records in memory: about 1 KiB each.
        package var capacity = 65_536
        /// How long records are kept in the database.
        package var retention = Duration.seconds(30 * 86_400)
        /// How often old records are looked for.
        package var pruneInterval = Duration.seconds(3600)
        /// Old records that are deleted in one transaction.
        package var pruneChunk = 500

        package init() {}
    }

    /// How the log fares, for status reports.
    package struct Status: Sendable, Hashable {
        /// Records in memory.
        package var waiting = 0
        /// Records written since the start.
        package var written = 0
        /// Records lost since the start, because memory was full or the log had ended.
        package var dropped = 0
        /// Why the last write failed; `nil` when it did not.
        package var failure: StoreError?
    }

    private struct State {
        var buffer: RequestBuffer
        var status = Status()
        var isRunning = false
        /// Whether the loss of records was reported since the last write that worked.
        var isLossReported = false
        /// The last record in the database: how many had come by then, itself included, and its sequence.
        var last: (count: Int64, sequence: Int64)?
        /// Callers of ``flush()`` that wait for the writer's next pass.
        var flushers: [CheckedContinuation<StoreError?, Never>] = []
    }

    private let store: Store
    private let settings: Settings
    private let clock: any Clock<Duration>
    private let now: @Sendable () -> Int64
    private let logger: Logger
    private let state: Mutex<State>
    // Both hold one signal at most: a second one would say nothing new.
    private let clockSignals = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    private let writeSignals = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// - Parameters:
    ///   - clock: Times batches and pruning.
    ///   - now: Microseconds since 1970-01-01 UTC, the time by which records grow old.
    package init(
        store: Store,
        settings: Settings = Settings(),
        clock: any Clock<Duration> = ContinuousClock(),
        now: @escaping @Sendable () -> Int64 = WallClock.microseconds,
        logger: Logger
    ) {
        self.store = store
        self.settings = settings
        self.clock = clock
        self.now = now
        self.logger = logger
        self.state = Mutex(
            State(buffer: RequestBuffer(capacity: settings.capacity, batchSize: settings.batchSize))
        )
    }

    package var status: Status {
        self.state.withLock { state in
            var status = state.status
            status.waiting = state.buffer.count
            return status
        }
    }

    /// How many records have come since the start and were not refused. They are written in this order, so that a number
    /// names what came until then.
    package var acceptedCount: Int64 { self.state.withLock { $0.buffer.accepted } }

    /// The sequence in the database of the record that came as the `count`-th; `nil` while it is not there.
    package func sequence(ofRecord count: Int64) -> Int64? {
        self.state.withLock { state in
            guard let last = state.last, count > 0, count <= last.count else { return nil }
            // This log alone writes, so they follow each other without a gap.
            return last.sequence - (last.count - count)
        }
    }

    package func record(_ record: RequestRecord) {
        let (action, isClosed) = self.state.withLock { state in
            let action = state.buffer.append(record)
            if action == .refused { state.status.dropped += 1 }
            return (action, state.buffer.isClosed)
        }
        switch action {
        case .nothing: break
        case .startClock: self.clockSignals.continuation.yield()
        case .write: self.writeSignals.continuation.yield()
        case .refused where isClosed:
            self.logger.error(
                "A request ended after the request log did; its record is lost",
                metadata: ["request_id": "\(record.id)"])
        case .refused:
            // The writer reports how many; here it would cost every request a line.
            break
        }
    }

    /// Writes and prunes until the task is cancelled, then writes what is left. Once per log.
    package func run() async {
        let isFirst = self.state.withLock { state in
            defer { state.isRunning = true }
            return !state.isRunning && !state.buffer.isClosed
        }
        guard isFirst else {
            self.logger.error("A request log runs once; this call does nothing")
            return
        }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.tick() }
            group.addTask { await self.prune() }
            // A record may have come before this task ran.
            self.writeSignals.continuation.yield()
            for await _ in self.writeSignals.stream {
                await self.writePass()
            }
        }
        await self.finish()
    }

    /// Returns when every record that came before the call is in the database.
    ///
    /// - Throws: ``StoreError`` when they could not be written now (they will be tried again), or when the log does not
    ///   run.
    package func flush() async throws(StoreError) {
        let failure: StoreError? = await withCheckedContinuation { continuation in
            let isRunning = self.state.withLock { state in
                if state.isRunning { state.flushers.append(continuation) }
                return state.isRunning
            }
            if isRunning {
                self.writeSignals.continuation.yield()
            } else {
                let error = StoreError(.failed, path: self.store.path, "the request log does not run")
                continuation.resume(returning: error)
            }
        }
        if let failure { throw failure }
    }

    // MARK: - The writer

    /// Turns "something waits" into "write", one interval later.
    private func tick() async {
        for await _ in self.clockSignals.stream {
            // An error is cancellation, which ends the loop as well.
            try? await self.clock.sleep(for: self.settings.interval)
            self.writeSignals.continuation.yield()
        }
    }

    /// Writes everything, then answers those who asked for it before.
    private func writePass() async {
        let flushers = self.state.withLock { state in
            defer { state.flushers = [] }
            return state.flushers
        }
        let failure = await self.writeAll()
        for flusher in flushers { flusher.resume(returning: failure) }
        if failure != nil { self.clockSignals.continuation.yield() }
    }

    private func writeAll() async -> StoreError? {
        while true {
            let batch = self.state.withLock { $0.buffer.take(limit: self.settings.batchSize) }
            guard !batch.isEmpty else { return nil }
            do {
                self.succeeded(batch.count, last: try await self.store.insert(batch))
            } catch {
                self.failed(batch, error)
                return error
            }
        }
    }

    private func failed(_ batch: [RequestRecord], _ error: StoreError) {
        let (isNew, losesSome, waiting) = self.state.withLock { state in
            state.buffer.putBack(batch)
            let isNew = state.status.failure?.code != error.code
            state.status.failure = error
            let losesSome = state.buffer.dropped > 0 && !state.isLossReported
            if losesSome { state.isLossReported = true }
            return (isNew, losesSome, state.buffer.count)
        }
        // A line for each change, not for each try.
        if isNew {
            self.logger.error(
                "Request records cannot be written; they wait in memory and are tried again",
                metadata: ["error": "\(error)", "waiting": "\(waiting)", "capacity": "\(self.settings.capacity)"]
            )
        }
        if losesSome {
            self.logger.error("Memory for request records is full; new ones are lost until they can be written")
        }
    }

    private func succeeded(_ count: Int, last sequence: Int64?) {
        let (wasFailing, dropped) = self.state.withLock { state in
            state.buffer.written(count)
            state.status.written += count
            if let sequence { state.last = ((state.last?.count ?? 0) + Int64(count), sequence) }
            defer { state.status.failure = nil }
            state.isLossReported = false
            return (state.status.failure != nil, state.buffer.takeDropped())
        }
        if wasFailing {
            self.logger.notice("Request records are written again")
        }
        if dropped > 0 {
            self.logger.error(
                "Request records were lost: more came than memory holds",
                metadata: ["lost": "\(dropped)", "capacity": "\(self.settings.capacity)"]
            )
        }
    }

    /// The last pass, on a task that is cancelled already.
    private func finish() async {
        self.state.withLock { $0.buffer.close() }
        await self.writePass()
        let (lost, flushers) = self.state.withLock { state in
            state.isRunning = false
            defer { state.flushers = [] }
            return (state.buffer.count + state.buffer.takeDropped(), state.flushers)
        }
        if lost > 0 {
            self.logger.error("Request records were lost at the end", metadata: ["lost": "\(lost)"])
        }
        let error = StoreError(.failed, path: self.store.path, "the request log has ended")
        for flusher in flushers { flusher.resume(returning: error) }
    }

    // MARK: - Pruning

    private func prune() async {
        while !Task.isCancelled {
            await self.pruneOnce()
            try? await self.clock.sleep(for: self.settings.pruneInterval)
        }
    }

    /// Deletes in small transactions, between which batches get their turn.
    private func pruneOnce() async {
        let oldest = self.now() - self.settings.retention.microseconds
        var deleted = 0
        do {
            while !Task.isCancelled {
                let count = try await self.store.deleteRequests(before: oldest, limit: self.settings.pruneChunk)
                deleted += count
                guard count == self.settings.pruneChunk else { break }
            }
        } catch {
            self.logger.warning("Old request records cannot be deleted", metadata: ["error": "\(error)"])
        }
        if deleted > 0 {
            self.logger.debug("Old request records were deleted", metadata: ["deleted": "\(deleted)"])
        }
    }
}
