import GRDB
import Inference
import Synchronization
import Testing

@testable import Persistence

@Suite("Request log", .timeLimit(.minutes(1)))
struct RequestLogTests {
    /// A running log over a fresh store, ended in order when `body` returns.
    private func withLog(
        _ settings: RequestLog.Settings = RequestLog.Settings(),
        now: @escaping @Sendable () -> Int64 = { 0 },
        _ body: (Store, RequestLog, ManualClock, LogCapture) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        let clock = ManualClock()
        let capture = LogCapture()
        let log = RequestLog(store: store, settings: settings, clock: clock, now: now, logger: capture.logger)
        try await withThrowingTaskGroup { group in
            group.addTask { await log.run() }
            await log.flushWhenRunning()
            try await body(store, log, clock, capture)
            group.cancelAll()
        }
        try store.close()
    }

    @Test("A record is written one interval after it came")
    func interval() async throws {
        try await self.withLog { store, log, clock, _ in
            log.record(.plain("r1"))
            // The pruner sleeps too.
            await eventually { clock.asked.contains(.milliseconds(500)) && clock.sleeperCount == 2 }
            clock.advance(by: .milliseconds(500))
            await eventually { log.status.written == 1 }
            let found = try await store.request(id: "r1")
            #expect(found == .plain("r1"))
            // And again for the next one.
            log.record(.plain("r2"))
            await eventually { clock.sleeperCount == 2 }
            clock.advance(by: .milliseconds(500))
            await eventually { log.status.written == 2 }
            #expect(log.status == RequestLog.Status(waiting: 0, written: 2))
        }
    }

    @Test("A full batch is written without waiting for the clock")
    func fullBatch() async throws {
        var settings = RequestLog.Settings()
        settings.batchSize = 4
        try await self.withLog(settings) { store, log, _, _ in
            for index in 1...4 { log.record(.plain("r\(index)")) }
            await eventually { log.status.written == 4 }
            let count = try await store.requestCount()
            #expect(count == 4)
        }
    }

    @Test("When the task is cancelled, everything is written before it ends")
    func shutdown() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        let capture = LogCapture()
        let log = RequestLog(store: store, clock: ManualClock(), logger: capture.logger)
        await withTaskGroup { group in
            group.addTask { await log.run() }
            await log.flushWhenRunning()
            for index in 1...1300 { log.record(.full("r\(index)")) }
            group.cancelAll()
        }
        #expect(try await store.requestCount() == 1300)
        #expect(log.status.waiting == 0)
        #expect(capture.texts.isEmpty)
        // What comes too late is not lost without a word.
        log.record(.plain("late"))
        #expect(log.status.dropped == 1)
        #expect(capture.texts == ["error: A request ended after the request log did; its record is lost"])
        await #expect(throws: StoreError.self) { try await log.flush() }
    }

    @Test("Records from many tasks at once all arrive, once each")
    func concurrency() async throws {
        var settings = RequestLog.Settings()
        settings.batchSize = 64
        try await self.withLog(settings) { store, log, _, _ in
            await withTaskGroup { group in
                for task in 0..<8 {
                    group.addTask {
                        for index in 0..<500 { log.record(.plain("r\(task)-\(index)")) }
                    }
                }
            }
            try await log.flush()
            #expect(try await store.requestCount() == 4000)
            let distinct = try await store.read { try Int.fetchOne($0, sql: "SELECT count(DISTINCT id) FROM requests") }
            #expect(distinct == 4000)
        }
    }

    @Test("While the disk is full records wait, one line is logged, and all are written when there is room")
    func diskFull() async throws {
        try await self.withLog { store, log, clock, capture in
            let pages = try await store.write { database in
                try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
            }
            try await store.limit(pages: pages)
            for index in 1...200 { log.record(.full("r\(index)")) }
            for _ in 1...3 {
                let error = await #expect(throws: StoreError.self) { try await log.flush() }
                #expect(error?.code == .diskFull)
            }
            #expect(log.status.waiting == 200)
            #expect(log.status.failure?.message == "the disk is full (database or disk is full); free some space")
            #expect(
                capture.texts == ["error: Request records cannot be written; they wait in memory and are tried again"]
            )
            try await store.limit(pages: 100_000)
            // Nobody asks any more: the log tries again by itself.
            await eventually {
                clock.advance(by: .milliseconds(500))
                return log.status.written == 200
            }
            #expect(log.status == RequestLog.Status(waiting: 0, written: 200))
            #expect(capture.texts.last == "notice: Request records are written again")
            #expect(try await store.recentRequests(limit: 200).map(\.id) == (1...200).reversed().map { "r\($0)" })
        }
    }

    @Test("When memory is full new records are dropped, counted and reported once")
    func overflow() async throws {
        var settings = RequestLog.Settings()
        settings.capacity = 10
        try await self.withLog(settings) { store, log, _, capture in
            let pages = try await store.write { database in
                try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
            }
            try await store.limit(pages: pages)
            for index in 1...10 { log.record(.huge("r\(index)")) }
            await #expect(throws: StoreError.self) { try await log.flush() }
            for index in 11...15 { log.record(.huge("r\(index)")) }
            for _ in 1...3 { await #expect(throws: StoreError.self) { try await log.flush() } }
            #expect(log.status.dropped == 5)
            try await store.limit(pages: 100_000)
            try await log.flush()
            #expect(try await store.requestCount() == 10)
            #expect(
                capture.texts == [
                    "error: Request records cannot be written; they wait in memory and are tried again",
                    "error: Memory for request records is full; new ones are lost until they can be written",
                    "notice: Request records are written again",
                    "error: Request records were lost: more came than memory holds",
                ]
            )
        }
    }

    @Test("Old records are deleted at the start and then every hour, newer ones stay")
    func pruning() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        let day: Int64 = 86_400_000_000
        try await store.insert((1...1100).map { .plain("old\($0)", startedAt: Int64($0)) })
        try await store.insert((1...3).map { .plain("new\($0)", startedAt: 20 * day) })
        let now = Mutex(31 * day)
        let clock = ManualClock()
        let log = RequestLog(
            store: store, clock: clock, now: { now.withLock { $0 } }, logger: LogCapture().logger
        )
        try await withThrowingTaskGroup { group in
            group.addTask { await log.run() }
            try await eventually { try await store.requestCount() == 3 }
            await eventually { clock.asked.contains(.seconds(3600)) }
            now.withLock { $0 = 51 * day }
            clock.advance(by: .seconds(3600))
            try await eventually { try await store.requestCount() == 0 }
            group.cancelAll()
        }
    }

    @Test("A flush without a running log says so instead of waiting for ever")
    func notRunning() async throws {
        let directory = try TemporaryDirectory()
        let log = RequestLog(store: try Store(path: directory.database), logger: LogCapture().logger)
        let error = await #expect(throws: StoreError.self) { try await log.flush() }
        #expect(error?.message == "the request log does not run")
    }
}

extension RequestLog {
    /// Waits until ``run()`` has begun.
    func flushWhenRunning() async {
        await eventually {
            do {
                try await self.flush()
                return true
            } catch {
                return false
            }
        }
    }
}

extension Store {
    /// Makes the disk seem full beyond so many pages.
    func limit(pages: Int) async throws {
        try await self.write { database in
            _ = try Int.fetchOne(database, sql: "PRAGMA max_page_count = \(pages)")
        }
    }
}

extension RequestRecord {
    /// A record that needs pages of its own.
    static func huge(_ id: String) -> RequestRecord {
        var record = RequestRecord.plain(id)
        record.errorMessage = String(repeating: "x", count: 20_000)
        return record
    }
}
