import GRDB
import Inference
import Telemetry
import Testing

@testable import Persistence

@Suite("Figures in the store", .timeLimit(.minutes(1)))
struct MetricStorageTests {
    private static let start: Int64 = 1_767_571_200_000_000
    private static let hour: Int64 = 3_600_000_000

    private func buckets(models: Int, hours: Int) -> [MetricBucket] {
        let recorder = TelemetryRecorder()
        for hour in 0..<hours {
            for model in 0..<models {
                recorder.record(
                    FinishedRequest(
                        model: ModelID("cloud/m\(model)"),
                        endedAtMicroseconds: Self.start + Int64(hour) * Self.hour, outcome: .success,
                        latency: Int64(hour * 100 + model)))
            }
        }
        recorder.roll(at: Self.start + Int64(hours) * Self.hour)
        return recorder.takeChanges().buckets
    }

    private func all(_ store: Store, _ tier: MetricTier, limit: Int) async throws -> [MetricBucket] {
        var found: [MetricBucket] = []
        var cursor: MetricCursor?
        repeat {
            let page = try await store.metrics(tier, from: 0, before: cursor, limit: limit)
            found += page.buckets
            cursor = page.next
        } while cursor != nil
        return found
    }

    @Test("Come back as they went in, the latest first, by pages of any size", arguments: [1, 7, 1000])
    func pages(limit: Int) async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        let buckets = self.buckets(models: 3, hours: 20)
        #expect(try await store.metricPosition() == nil)
        try await store.save(buckets, countedTo: 7)
        try await store.save(buckets, countedTo: nil)
        #expect(try await store.metricPosition() == 7)
        for tier in MetricTier.allCases {
            let found = try await self.all(store, tier, limit: limit)
            #expect(Set(found) == Set(buckets.filter { $0.tier == tier }))
            #expect(found.count == Set(found).count)
            let starts = found.map(\.startMicroseconds)
            #expect(starts == starts.sorted(by: >))
        }
        let late = try await store.metrics(.hour, from: Self.start + 15 * Self.hour, before: nil, limit: 1000)
        #expect(late.buckets.count == 5 * 4)
    }

    @Test(
        "One that is damaged is left out and told, and prevents nothing",
        arguments: [
            ("figures = x'0102'", "some figures of 'cloud/m1' cannot be read: column 'figures' is damaged"),
            ("figures = x''", "some figures of 'cloud/m1' cannot be read: column 'figures' is damaged"),
            ("started_at = started_at + 1", "some figures of 'cloud/m1' cannot be read: column 'started_at' holds"),
            ("provider = ''", "some figures of 'm1' cannot be read: the columns 'provider' and 'model' name no model"),
        ])
    func damage(change: String, problem: String) async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        try await store.save(self.buckets(models: 2, hours: 3), countedTo: 1)
        try await store.write {
            try $0.execute(sql: "UPDATE metric_buckets SET \(change) WHERE length = 3600000000 AND model = 'm1'")
        }
        #expect(try await self.all(store, .hour, limit: 2).count == 6)
        #expect(store.unreadableMetrics.count == 1)
        #expect(store.unreadableMetrics.first?.hasPrefix(problem) == true, "\(store.unreadableMetrics)")
        #expect(try await self.all(store, .day, limit: 10).count == 3)
    }

    @Test("Are deleted by length and age, a few at a time")
    func deleting() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        try await store.save(self.buckets(models: 1, hours: 10), countedTo: nil)
        let time = Self.start + 6 * Self.hour
        #expect(try await store.deleteMetrics(.hour, before: time, limit: 5) == 5)
        #expect(try await store.deleteMetrics(.hour, before: time, limit: 50) == 7)
        #expect(try await store.deleteMetrics(.hour, before: time, limit: 50) == 0)
        #expect(try await self.all(store, .hour, limit: 100).count == 8)
        #expect(try await self.all(store, .fiveMinutes, limit: 100).count == 20)
    }

    @Test("Requests are read in the order in which they were written, and each has the sequence that the log says")
    func sequences() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        try await store.insert([.plain("before", startedAt: Self.start)])
        let log = RequestLog(store: store, now: { Self.start }, logger: LogCapture().logger)
        #expect(log.acceptedCount == 0 && log.sequence(ofRecord: 0) == nil)
        await withTaskGroup { group in
            group.addTask { await log.run() }
            for round in 0..<5 {
                for index in 0..<7 { log.record(.full("\(round)-\(index)", startedAt: Self.start)) }
                await log.flushWhenRunning()
            }
            group.cancelAll()
        }
        #expect(log.acceptedCount == 35)
        #expect(log.sequence(ofRecord: 36) == nil)
        for count in 1...35 {
            let sequence = try #require(log.sequence(ofRecord: Int64(count)))
            let found = try await store.requests(after: sequence - 1, limit: 1)
            #expect(found.records.first?.id == "\((count - 1) / 7)-\((count - 1) % 7)")
        }
        #expect(try await store.requests(after: 0, limit: 3).next == 3)
        #expect(try await store.requests(after: 30, limit: 10).next == nil)
        #expect(try await store.lastRequestSequence() == 36)
    }

    @Test("What keys did is kept by the hour")
    func keys() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        let provider = try #require(ProviderID("cloud"))
        var use = StoredKeyUse(provider: provider, place: 1, hour: Self.start, requests: 5, rateLimited: 2)
        try await store.save([], keys: [use], countedTo: nil)
        use.requests = 9
        try await store.save([], keys: [use], countedTo: nil)
        #expect(try await store.keyUses(from: 0) == [use])
        #expect(try await store.keyUses(from: Self.start + 1) == [])
        try await store.deleteKeyUses(before: Self.start + 1)
        #expect(try await store.keyUses(from: 0) == [])
    }
}
