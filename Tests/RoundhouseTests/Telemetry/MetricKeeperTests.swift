import FoundationEssentials
import Inference
import Persistence
import Telemetry
import TestSupport
import Testing

@testable import Roundhouse

@Suite("Keeping figures", .timeLimit(.minutes(2)))
struct MetricKeeperTests {
    /// The same in every run.
    private struct Seeded: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            self.state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = self.state
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return mixed ^ (mixed >> 31)
        }
    }

    private func expectEqual(_ left: TelemetryRecorder, _ right: TelemetryRecorder, _ remark: Comment) {
        for subject in Set(left.subjects).union(right.subjects) {
            for tier in MetricTier.allCases {
                // Not the figures themselves: a failure would print thousands of numbers.
                let (ours, theirs) = (byStart(left, subject, tier), byStart(right, subject, tier))
                #expect(ours.keys.sorted() == theirs.keys.sorted(), "\(subject) by \(tier), \(remark)")
                let different = ours.keys.filter { ours[$0] != theirs[$0] }
                #expect(different.isEmpty, "\(subject) by \(tier), \(remark)")
            }
        }
    }

    @Test("Figures and the log agree whenever a server is killed", arguments: UInt64(0)..<6)
    func crashes(seed: UInt64) async throws {
        var random = Seeded(state: seed)
        let time = SetTime(monday + 50 * minute)
        var directory = try MetricBench.directory()
        var counted = 0
        for life in 0..<5 {
            let bench = try MetricBench(directory, at: time)
            await bench.keeper.restore()
            let wanted = try await bench.recounted(at: time.value)
            counted = Int(wanted.lifetime(of: .system).counts.requests)
            self.expectEqual(bench.figures, wanted, "life \(life)")
            #expect(bench.figures.lifetime(of: .system).isEmpty)
            var copy = ""
            try await withThrowingTaskGroup { group in
                group.addTask { await bench.log.run() }
                let killAt = Int.random(in: 0..<60, using: &random)
                for step in 0..<60 {
                    if step == killAt { copy = try MetricBench.directory(after: directory) }
                    time.value += Int64.random(in: 0...90 * second, using: &random)
                    switch Int.random(in: 0..<10, using: &random) {
                    case 0: try await Self.flush(bench.log)
                    case 1: await bench.keeper.turn()
                    case 2: time.value += Int64.random(in: 0...2 * hour, using: &random)
                    default:
                        for _ in 0..<Int.random(in: 0...8, using: &random) {
                            bench.books.record(try .random(endingAt: time.value, using: &random))
                        }
                    }
                }
                group.cancelAll()
            }
            try bench.store.close()
            MetricBench.remove(directory)
            directory = copy
        }
        #expect(counted > 0, "otherwise it proved nothing")
        MetricBench.remove(directory)
    }

    /// The log may not have begun to run.
    private static func flush(_ log: RequestLog) async throws {
        while true {
            do {
                return try await log.flush()
            } catch  where log.status.failure == nil {
                await Task.yield()
            }
        }
    }

    @Test("A server that ends in order has stored everything, and the next one writes nothing by itself")
    func order() async throws {
        var random = Seeded(state: 9)
        let time = SetTime(monday)
        let directory = try MetricBench.directory()
        defer { MetricBench.remove(directory) }
        let first = try MetricBench(directory, at: time)
        await first.keeper.restore()
        try await withThrowingTaskGroup { group in
            group.addTask { await first.log.run() }
            try await Self.flush(first.log)
            await withTaskGroup { keeping in
                keeping.addTask { await first.keeper.run() }
                for _ in 0..<200 {
                    time.value += second
                    guard let record = try? RequestRecord.random(endingAt: time.value, using: &random) else { continue }
                    first.books.record(record)
                }
                first.figures.record(.evictions, of: ModelID("local/a"), at: time.value)
                keeping.cancelAll()
            }
            group.cancelAll()
        }
        let stored = try await first.store.lastRequestSequence()
        #expect(stored == 200)
        #expect(try await first.store.metricPosition() == stored)
        try first.store.close()

        time.value += 3 * second
        let next = try MetricBench(directory, at: time)
        await next.keeper.restore()
        first.figures.roll(at: time.value)
        self.expectEqual(next.figures, first.figures, "after a restart")
        #expect(next.figures.total(of: .system, .hour, at: time.value).counts[.evictions] == 1)
        let wal = "\(directory)/roundhouse.db-wal"
        await next.keeper.turn()
        func size() throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: wal)[.size] as? Int
        }
        func idle(_ minutes: Int) async {
            for _ in 0..<minutes {
                time.value += minute
                await next.keeper.turn()
            }
        }
        // Until the five minutes have closed in which something was asked.
        await idle(10)
        let before = try size()
        await idle(40)
        #expect(try size() == before, "an idle server writes nothing")
        try next.store.close()
    }

    @Test("Waits while the store takes nothing, says so, and loses nothing")
    func brokenStore() async throws {
        var random = Seeded(state: 3)
        let time = SetTime(monday)
        let directory = try MetricBench.directory()
        defer { MetricBench.remove(directory) }
        let first = try MetricBench(directory, at: time)
        await first.keeper.restore()
        try first.store.close()
        for _ in 0..<100 {
            time.value += 30 * second
            first.books.record(try .random(endingAt: time.value, using: &random))
            if time.value % (5 * minute) == 0 { await first.keeper.turn() }
        }
        #expect(first.keeper.status.failure != nil && first.keeper.status.lost == 0)
        #expect(first.keeper.status.issues.first?.hasPrefix("figures cannot be written: ") == true)
        #expect(first.figures.total(of: .system, .hour, at: time.value).counts.requests == 100)

        // The same figures, with a store that works.
        let next = try MetricBench(directory, at: time, figures: first.figures)
        await next.keeper.turn()
        #expect(next.keeper.status == MetricKeeper.Status())
        let third = TelemetryRecorder()
        for tier in MetricTier.allCases {
            third.restore(
                try await next.store.metrics(tier, from: 0, before: nil, limit: 100_000).buckets, at: time.value)
        }
        self.expectEqual(third, first.figures, "once it works")
        try next.store.close()
    }

    @Test("What is old comes after the start when there is much of it, and nothing is missing in the end")
    func older() async throws {
        let time = SetTime(monday)
        let directory = try MetricBench.directory()
        defer { MetricBench.remove(directory) }
        let figures = TelemetryRecorder()
        let model = try modelID("cloud/x")
        for hours in 0..<300 {
            figures.record(
                FinishedRequest(
                    model: model, endedAtMicroseconds: monday + Int64(hours) * hour, outcome: .success, latency: 5000))
        }
        time.value = monday + 300 * hour
        let first = try MetricBench(directory, at: time, figures: figures)
        await first.keeper.turn()
        try first.store.close()
        var settings = MetricKeeper.Settings()
        settings.page = 50
        settings.bucketsAtStart = 10
        let next = try MetricBench(directory, at: time, settings: settings)
        await next.keeper.restore()
        let early = byStart(next.figures, .system, .hour)
        #expect(early.count >= 2 && early.count < 200)
        #expect(byStart(next.figures, .system, .day).values.contains { $0.counts.requests > 0 })
        await withTaskGroup { group in
            group.addTask { await next.keeper.run() }
            while byStart(next.figures, .system, .hour).count < 300 { await Task.yield() }
            group.cancelAll()
        }
        self.expectEqual(next.figures, figures, "in the end")
        try next.store.close()
    }

    @Test("Deletes what nobody asks for any more, each length by its own time")
    func pruning() async throws {
        let time = SetTime(monday)
        let directory = try MetricBench.directory()
        defer { MetricBench.remove(directory) }
        let bench = try MetricBench(directory, at: time)
        bench.figures.record(.loads, of: ModelID("local/a"), at: monday)
        await bench.keeper.turn()
        func left() async throws -> [MetricTier] {
            var found: [MetricTier] = []
            for tier in MetricTier.allCases
            where try await !bench.store.metrics(tier, from: 0, before: nil, limit: 9).buckets.isEmpty {
                found.append(tier)
            }
            return found
        }
        #expect(try await left() == MetricTier.allCases)
        for (later, tiers) in [
            (2 * hour, [.fiveMinutes, .hour, .day]), (2 * day, [.hour, .day]), (33 * day, [.hour]),
        ]
            as [(Int64, [MetricTier])]
        {
            time.value = monday + later
            await bench.keeper.turn()
            #expect(try await left() == tiers)
        }
        try bench.store.close()
    }
}
