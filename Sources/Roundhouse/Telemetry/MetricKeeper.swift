internal import Inference
internal import Logging
internal import ModelRegistry
internal import Persistence
internal import Synchronization
internal import Telemetry

/// Brings figures back from the store at start, and keeps them there.
///
/// Every few seconds what changed is written: buckets that closed, and those that are being filled. A write holds the
/// figures of the first so many records of the request log, is made when these are in the database, and says up to which
/// sequence it counts, in the same transaction. Records after that one are counted anew at the next start: however a server ends, figures
/// and log agree. Loads, evictions and the like are not in the log; a kill loses those of the last seconds.
///
/// While the store takes nothing, serving goes on: closed buckets wait in memory within bounds, and what is lost is counted.
final class MetricKeeper: Sendable {
    struct Settings: Sendable {
        /// Between two writes.
        var interval = Duration.seconds(5)
        /// How often old buckets are looked for.
        var pruneInterval = Duration.seconds(3600)
        /// Old buckets that are deleted in one transaction.
        var pruneChunk = 500
        /// Buckets that are read at once.
        var page = 2048
        /// Buckets that nothing can be added to any more come after the start when there are more than these: about 50 ms.
        var bucketsAtStart = 10_000
        /// The most records that are counted anew at a start: about 2 s.
        var mostReplayed: Int64 = 100_000
        /// How long days are kept; shorter ones go sooner.
        var days = Duration.seconds(31 * 86_400)

        init() {}
    }

    /// How keeping fares, for status reports.
    struct Status: Sendable, Hashable {
        /// Closed buckets that never reached the store.
        var lost = 0
        /// Buckets that were forgotten before their time, for want of memory.
        var forgotten = 0
        /// Why the last write failed; `nil` when it did not.
        var failure: String?

        /// Sentences for operators; none when all is well.
        var issues: [String] {
            var issues: [String] = []
            if let failure = self.failure { issues.append("figures cannot be written: \(failure)") }
            if self.lost > 0 {
                issues.append(
                    "\(self.lost) stretches of figures were lost because the store could not take them; after a restart "
                        + "charts lack them")
            }
            if self.forgotten > 0 {
                issues.append(
                    "\(self.forgotten) stretches of figures were forgotten early, because so many models leave no memory "
                        + "for more")
            }
            return issues
        }
    }

    private struct State {
        /// The last record that had been counted when serving began.
        var base: Int64?
        var failure: StoreError?
        var reportedLost = 0
        /// Where to go on with buckets that are not in memory yet.
        var older: [MetricTier: MetricCursor] = [:]
        var minute = Int64.min
        var prunedAt: Int64?
    }

    private let store: Store
    private let log: RequestLog
    private let books: RequestBooks
    private let figures: TelemetryRecorder
    private let watch: AnomalyWatch
    private let keys: KeyUses
    private let settings: Settings
    private let retention = MetricRetention()
    private let clock: any Clock<Duration>
    private let now: @Sendable () -> Int64
    private let logger: Logger
    private let state = Mutex(State())
    private let turns = SerialTurns()

    /// - Parameters:
    ///   - clock: times the writes.
    ///   - now: microseconds since 1970-01-01 UTC.
    init(
        store: Store,
        log: RequestLog,
        books: RequestBooks,
        figures: TelemetryRecorder,
        watch: AnomalyWatch,
        keys: KeyUses,
        settings: Settings = Settings(),
        clock: any Clock<Duration> = ContinuousClock(),
        now: @escaping @Sendable () -> Int64 = WallClock.microseconds,
        logger: Logger
    ) {
        self.store = store
        self.log = log
        self.books = books
        self.figures = figures
        self.watch = watch
        self.keys = keys
        self.settings = settings
        self.clock = clock
        self.now = now
        self.logger = logger
    }

    var status: Status {
        let losses = self.figures.losses
        return Status(
            lost: losses.unstored, forgotten: losses.forgotten,
            failure: self.state.withLock { $0.failure.map { "\($0)" } })
    }

    // MARK: - At the start

    /// Brings back what was kept, and counts the records that came after it. Call it once, before anything is recorded.
    ///
    /// What cannot be read prevents nothing: it is reported, and figures begin anew.
    func restore() async {
        let now = self.now()
        do {
            self.keys.restore(try await self.store.keyUses(from: now - self.settings.days.microseconds))
            let needed = try await self.firstUncounted(now) - 2 * MetricTier.hour.length
            var count = 0
            for tier in [MetricTier.minute, .day, .fiveMinutes, .hour] {
                var cursor: MetricCursor?
                repeat {
                    cursor = try await self.restorePage(tier, before: cursor, now, &count)
                    // What is being filled, or may be by a late request, must be whole before it is written again.
                    guard let cursor, count >= self.settings.bucketsAtStart, cursor.startedAt + tier.length < needed
                    else { continue }
                    self.state.withLock { $0.older[tier] = cursor }
                    break
                } while cursor != nil
            }
            try await self.replay()
        } catch {
            self.logger.error("Stored figures cannot be read; they begin anew", metadata: ["error": "\(error)"])
        }
        for problem in self.store.unreadableMetrics {
            self.logger.warning("Some stored figures cannot be read", metadata: ["problem": "\(problem)"])
        }
        self.figures.beginLifetime()
    }

    /// - Returns: where to go on; `nil` at the end.
    private func restorePage(
        _ tier: MetricTier, before cursor: MetricCursor?, _ now: Int64, _ count: inout Int
    ) async throws(StoreError) -> MetricCursor? {
        let from = tier.start(of: now) - tier.length * Int64(self.retention[tier])
        let (buckets, next) = try await self.store.metrics(
            tier, from: from, before: cursor, limit: self.settings.page)
        self.figures.restore(buckets, at: now)
        count += buckets.count
        return next
    }

    /// When the first request arrived that is in the log and not in the stored figures; now when there is none.
    private func firstUncounted(_ now: Int64) async throws(StoreError) -> Int64 {
        let position = try await self.store.metricPosition() ?? 0
        let first = try await self.store.requests(after: position, limit: 1).records.first
        return min(first?.startedAtMicroseconds ?? now, now)
    }

    /// Counts the records that are in the log and not in the stored figures.
    private func replay() async throws(StoreError) {
        let last = try await self.store.lastRequestSequence() ?? 0
        self.state.withLock { $0.base = last }
        var after = try await self.store.metricPosition() ?? 0
        if last - after > self.settings.mostReplayed {
            self.logger.warning(
                "Figures lack older requests of the log: there are too many to count them at a start",
                metadata: ["requests": "\(last - after)", "counted": "\(self.settings.mostReplayed)"])
            after = last - self.settings.mostReplayed
        }
        while after < last {
            let (records, next) = try await self.store.requests(after: after, limit: self.settings.page)
            for record in records { self.figures.record(FinishedRequest(counted: record)) }
            after = next ?? last
        }
        self.figures.roll(at: self.now())
    }

    /// Brings back what the start did not wait for.
    private func restoreOlder() async {
        let now = self.now()
        let older = self.state.withLock { $0.older }
        guard !older.isEmpty else { return }
        do {
            for (tier, first) in older.sorted(by: { $0.key < $1.key }) {
                var (cursor, count) = (MetricCursor?.some(first), 0)
                while cursor != nil { cursor = try await self.restorePage(tier, before: cursor, now, &count) }
            }
        } catch {
            self.logger.error("Older figures cannot be read", metadata: ["error": "\(error)"])
        }
        self.state.withLock { $0.older = [:] }
        self.watch.reset()
    }

    // MARK: - While serving

    /// Writes what changes until the task is cancelled, then once more: end the requests first.
    ///
    /// - Parameter tick: called before every write: takes in what nobody reports.
    func run(_ tick: @Sendable (_ now: Int64) -> Void = { _ in }) async {
        await self.restoreOlder()
        while !Task.isCancelled {
            // An error is cancellation, which ends the loop as well.
            try? await self.clock.sleep(for: self.settings.interval)
            await self.turn(tick)
        }
        // What came during the last turn.
        _ = await self.write()
    }

    /// One round: closes what ended, writes, looks for anomalies, prunes.
    func turn(_ tick: @Sendable (_ now: Int64) -> Void = { _ in }) async {
        let now = self.now()
        tick(now)
        let minute = MetricTier.minute.start(of: now)
        let (isNewMinute, prunes) = self.state.withLock { state in
            defer { state.minute = minute }
            let prunes = state.prunedAt.map { now - $0 >= self.settings.pruneInterval.microseconds } ?? true
            if prunes { state.prunedAt = now }
            return (state.minute != minute, prunes)
        }
        if isNewMinute { self.figures.roll(at: now) }
        _ = await self.write()
        guard !Task.isCancelled else { return }
        if isNewMinute { await self.lookForAnomalies(at: now) }
        if prunes { await self.prune(at: now) }
    }

    /// Returns when everything that came before the call is in the database.
    ///
    /// - Throws: why not; it is tried again later.
    func flush() async throws(StoreError) {
        if let failure = await self.write() { throw failure }
    }

    /// - Returns: why it failed.
    private func write() async -> StoreError? {
        await self.turns.take {
            let (changes, accepted) = self.books.takeChanges()
            let keys = self.keys.takeChanges()
            guard !changes.isEmpty || !keys.isEmpty else { return nil }
            do throws(StoreError) {
                try await self.store.save(
                    changes.buckets, keys: keys, countedTo: try await self.position(after: accepted))
                self.succeeded()
                return nil
            } catch {
                self.figures.putBack(changes)
                self.keys.putBack(keys)
                self.failed(error)
                return error
            }
        }
    }

    /// The sequence of the record that came as the `accepted`-th, once it is in the database.
    private func position(after accepted: Int64) async throws(StoreError) -> Int64? {
        guard accepted > 0 else { return self.state.withLock { $0.base } }
        if let sequence = self.log.sequence(ofRecord: accepted) { return sequence }
        try await self.log.flush()
        if let sequence = self.log.sequence(ofRecord: accepted) { return sequence }
        throw StoreError(.failed, path: self.store.path, "the request records that the figures count are not written")
    }

    private func succeeded() {
        let wasFailing = self.state.withLock { state in
            defer { state.failure = nil }
            return state.failure != nil
        }
        if wasFailing { self.logger.notice("Figures are written again") }
    }

    /// A line for each change, not for each try.
    private func failed(_ error: StoreError) {
        let lost = self.figures.losses.unstored
        let (isNew, losesSome) = self.state.withLock { state in
            defer { (state.failure, state.reportedLost) = (error, lost) }
            return (state.failure?.code != error.code, lost > 0 && state.reportedLost == 0)
        }
        if isNew {
            self.logger.error(
                "Figures cannot be written; they wait in memory and are tried again", metadata: ["error": "\(error)"])
        }
        if losesSome {
            self.logger.error("Memory for unwritten figures is full; the oldest are lost to the store")
        }
    }

    /// So that who asks for them need not wait. In pieces: other tasks have their turn.
    private func lookForAnomalies(at now: Int64) async {
        let subjects = self.figures.subjects
        self.watch.keep(only: subjects)
        for subject in subjects where !Task.isCancelled {
            self.watch.look(at: subject, at: now)
            await Task.yield()
        }
    }

    private func prune(at now: Int64) async {
        do {
            for tier in MetricTier.allCases {
                var reach = tier.length * Int64(self.retention[tier])
                if tier == .day { reach = max(reach, self.settings.days.microseconds) }
                while !Task.isCancelled {
                    let count = try await self.store.deleteMetrics(
                        tier, before: tier.start(of: now) - reach, limit: self.settings.pruneChunk)
                    guard count == self.settings.pruneChunk else { break }
                }
            }
            let oldest = now - self.settings.days.microseconds
            self.keys.forget(before: oldest)
            try await self.store.deleteKeyUses(before: oldest)
        } catch {
            self.logger.warning("Old figures cannot be deleted", metadata: ["error": "\(error)"])
        }
    }
}
