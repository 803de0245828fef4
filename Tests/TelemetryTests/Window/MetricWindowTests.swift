import Inference
import Testing

@testable import Telemetry

@Suite("A window of metrics")
struct MetricWindowTests {
    private func request(
        _ model: String, at time: Int64, _ outcome: OutcomeClass = .success, latency: Int64 = 1_000_000
    ) throws -> FinishedRequest {
        FinishedRequest(
            model: try id(model), endedAtMicroseconds: time, outcome: outcome, latency: latency,
            firstToken: latency / 4, inputTokens: 10, outputTokens: 20, cachedInputTokens: 3, reasoningTokens: 2,
            costNanoUSD: 7)
    }

    private func sum(_ buckets: [TimedFigures]) -> MetricFigures {
        var figures = MetricFigures()
        for bucket in buckets { bucket.add(to: &figures) }
        return figures
    }

    @Test("Says the same in every tier, for the system and by model")
    func tiers() throws {
        var window = MetricWindow()
        var random = SeededGenerator(1)
        let models = try ["a/x", "a/y", "b/x"].map(id)
        var whole = MetricFigures()
        var byModel = Dictionary(uniqueKeysWithValues: models.map { ($0, MetricFigures()) })
        var time = monday
        for _ in 0..<2000 {
            time += Int64.random(in: 0..<2 * second, using: &random)
            let model = random.one(of: models)
            let outcome: OutcomeClass = random.part() < 0.1 ? random.one(of: OutcomeClass.allCases) : .success
            let request = try self.request(
                model.description, at: time, outcome, latency: Int64.random(in: 1000..<5_000_000, using: &random))
            window.record(request)
            whole.addSystem(request)
            byModel[model]?.addModel(request)
        }
        // The minute tier holds an hour, and the load lasted about half of one.
        for tier in MetricTier.allCases {
            #expect(self.sum(window.buckets(of: .system, tier, from: 0)) == whole)
            for model in models {
                #expect(self.sum(window.buckets(of: .model(model), tier, from: 0)) == byModel[model])
            }
        }
        window.roll(at: time + day)
        #expect(self.sum(window.buckets(of: .system, .minute, from: 0)).isEmpty)
        #expect(self.sum(window.buckets(of: .system, .hour, from: 0)) == whole)
        let starts = window.buckets(of: .system, .fiveMinutes, from: 0).map(\.start)
        #expect(starts == starts.sorted() && starts.allSatisfy { $0 % (5 * minute) == 0 })
        #expect(Set(starts).count == starts.count)
    }

    @Test("Survives a restart: what was stored comes back, whole, and goes on being filled", arguments: [0, 1, 2])
    func restart(seed: UInt64) throws {
        var random = SeededGenerator(seed)
        var straight = MetricWindow()
        var window = MetricWindow()
        var store: [String: MetricBucket] = [:]
        func keep(_ buckets: [MetricBucket]) {
            for bucket in buckets { store["\(bucket.subject) \(bucket.tier) \(bucket.startMicroseconds)"] = bucket }
        }
        var time = monday + 13 * minute
        for step in 0..<700 {
            time += Int64.random(in: 0..<130 * second, using: &random)
            let request = try self.request(
                "a/x", at: time, latency: Int64.random(in: 1_000_000...9_000_000, using: &random))
            straight.record(request)
            window.record(request)
            if step % 130 == 129 {
                window.roll(at: time)
                keep(window.takeChanges().buckets)
                window = MetricWindow()
                let stored = try store.values.map { bucket in
                    try MetricBucket(
                        subject: #require(
                            MetricSubject(
                                provider: bucket.subject.columns.provider, model: bucket.subject.columns.model)),
                        tier: bucket.tier, startMicroseconds: bucket.startMicroseconds, stored: bucket.stored)
                }
                window.restore(stored.shuffled(using: &random), at: time)
            }
        }
        window.roll(at: time)
        straight.roll(at: time)
        for tier in MetricTier.allCases {
            for subject in [MetricSubject.system, .model(try id("a/x"))] {
                let left = window.buckets(of: subject, tier, from: 0)
                let right = straight.buckets(of: subject, tier, from: 0)
                #expect(left.map(\.start) == right.map(\.start))
                #expect(zip(left, right).allSatisfy { $0.figures == $1.figures })
            }
        }
    }

    @Test("Hands every closed bucket to the store once, and none is missing")
    func closedBuckets() throws {
        var window = MetricWindow()
        var taken: [MetricBucket] = []
        for index in 0..<600 {
            window.record(try self.request("a/x", at: monday + Int64(index) * minute))
            if index % 17 == 0 {
                window.roll(at: monday + Int64(index) * minute)
                taken += window.takeChanges().closed
            }
        }
        window.roll(at: monday + 25 * hour)
        taken += window.takeChanges().closed
        for tier in MetricTier.allCases.dropFirst() {
            let mine = taken.filter { $0.tier == tier && $0.subject == .system }
            #expect(mine.count == Set(mine.map(\.startMicroseconds)).count)
            #expect(mine.reduce(0) { $0 + $1.figures.counts.requests } == 600)
        }
        #expect(window.takeChanges().isEmpty)
    }

    @Test("Hands over nothing of who was not asked, and again what could not be stored, with what came since")
    func changes() throws {
        var window = MetricWindow()
        window.record(try self.request("a/x", at: monday))
        window.record(try self.request("a/y", at: monday))
        let first = window.takeChanges()
        let everyone: Set<MetricSubject> = [.system, .model(try id("a/x")), .model(try id("a/y"))]
        #expect(Set(first.buckets.map(\.subject)) == everyone)
        #expect(first.buckets.count == 3 * MetricTier.allCases.count)
        #expect(window.takeChanges().isEmpty)
        window.record(try self.request("a/y", at: monday + minute))
        window.roll(at: monday + 2 * minute)
        let second = window.takeChanges()
        let x = MetricSubject.model(try id("a/x"))
        #expect(!second.open.contains { $0.subject == x })
        window.putBack(second)
        window.putBack(first)
        window.record(try self.request("a/x", at: monday + 2 * minute))
        var stored: [String: MetricBucket] = [:]
        let all = window.takeChanges().buckets
        for bucket in all { stored["\(bucket.subject) \(bucket.tier) \(bucket.startMicroseconds)"] = bucket }
        // Each once: what is right does not hang on the order in which they are written.
        #expect(stored.count == all.count)
        for tier in MetricTier.allCases.dropFirst() {
            let buckets = stored.values.filter { $0.tier == tier }
            #expect(buckets.first { $0.subject == .system }?.figures.counts.requests == 4)
            #expect(buckets.filter { $0.subject != .system }.allSatisfy { $0.figures.counts.requests == 2 })
        }
    }

    @Test("Hands over a bucket whole that late requests opened again, and forgets minutes that nobody asks for")
    func reopened() throws {
        var window = MetricWindow()
        window.record(try self.request("a/x", at: monday + 7 * minute))
        window.roll(at: monday + 20 * minute)
        window.record(try self.request("a/x", at: monday + 20 * minute))
        _ = window.takeChanges()
        window.record(try self.request("a/x", at: monday + 7 * minute))
        for bucket in window.takeChanges().buckets where bucket.startMicroseconds == monday + 7 * minute {
            #expect(bucket.figures.counts.requests == 2)
        }
        window.roll(at: monday + 5 * hour)
        #expect(window.takeChanges().buckets.allSatisfy { $0.tier != .minute })
    }

    @Test("Counts since the start without what a store gave, the running minute of it neither")
    func lifetime() throws {
        var window = MetricWindow()
        window.record(try self.request("a/x", at: monday))
        window.record(.refusals, of: try id("a/x"), at: monday)
        window.beginLifetime()
        #expect(window.lifetime(of: .system).isEmpty)
        #expect(window.lifetime(of: .model(try id("a/x"))).isEmpty)
        window.record(try self.request("a/x", at: monday + second))
        #expect(window.lifetime(of: .system).counts.requests == 1)
        #expect(self.sum(window.buckets(of: .system, .minute, from: 0)).counts.requests == 2)
        #expect(self.sum(window.buckets(of: .system, .day, from: 0)).counts.requests == 2)
        window.roll(at: monday + hour)
        #expect(window.lifetime(of: .system).counts.requests == 1)
    }

    @Test("Counts models beyond the bound as other, and the system has them all")
    func cardinality() throws {
        var retention = MetricRetention()
        retention.models = 10
        var window = MetricWindow(retention)
        for index in 0..<50 { window.record(try self.request("a/m\(index)", at: monday)) }
        #expect(window.knownSubjects.count == 12)
        #expect(self.sum(window.buckets(of: .other, .minute, from: 0)).counts.requests == 40)
        #expect(self.sum(window.buckets(of: .system, .minute, from: 0)).counts.requests == 50)
        // What is long gone makes room for others.
        window.roll(at: monday + 60 * day)
        _ = window.takeChanges()
        window.roll(at: monday + 60 * day)
        #expect(window.knownSubjects == [.system])
        window.record(try self.request("a/new", at: monday + 60 * day))
        #expect(window.knownSubjects.contains(.model(try id("a/new"))))
    }

    @Test("Stays within its memory: the finest tiers go first, the days last")
    func memory() throws {
        var retention = MetricRetention()
        retention.bytes = 40_000
        retention.unstored = 100
        var window = MetricWindow(retention)
        for index in 0..<700 {
            for model in ["a/x", "a/y", "a/z"] {
                window.record(try self.request(model, at: monday + Int64(index) * minute * 3, latency: Int64(index)))
            }
            if index % 10 == 0 { window.roll(at: monday + Int64(index) * minute * 3) }
            if index % 10 == 0 { #expect(window.bytes <= 40_000) }
        }
        #expect(window.forgotten > 0 && window.unstoredLost > 0)
        #expect(self.sum(window.buckets(of: .system, .day, from: 0)).counts.requests == 2100)
    }

    @Test("Puts late requests in the running minute, and follows a clock that was set back")
    func lateness() throws {
        var window = MetricWindow()
        window.record(try self.request("a/x", at: monday + 10 * minute))
        window.record(try self.request("a/x", at: monday + 9 * minute))
        #expect(window.buckets(of: .system, .minute, from: 0).map(\.start) == [monday + 10 * minute])
        window.record(try self.request("a/x", at: monday))
        window.record(try self.request("a/x", at: monday + 10 * minute))
        window.roll(at: monday + 30 * minute)
        let minutes = window.buckets(of: .system, .minute, from: 0)
        #expect(minutes.map(\.start) == [monday, monday + 10 * minute])
        #expect(minutes.map(\.figures.counts.requests) == [1, 3])
        #expect(self.sum(window.buckets(of: .system, .hour, from: 0)).counts.requests == 4)
        for time in [Int64.min, .max, -1, 0] {
            window.record(try self.request("a/x", at: time))
            window.roll(at: time)
        }
    }

    @Test("Counts attempts at the models that failed, whoever answered in the end")
    func fallbacks() throws {
        let bad = try id("a/bad")
        let good = try id("b/good")
        let fault = UpstreamFault(.timedOut(.idle), "silent")
        let record = RequestRecord(
            id: "1", requestedModel: "default", model: good, startedAtMicroseconds: monday, latency: .seconds(5),
            firstTokenLatency: .seconds(4), usage: Usage(inputTokens: 5, outputTokens: 11),
            cost: Cost(nanoUSD: 12),
            attempts: [
                Attempt(model: bad, duration: .seconds(3), fault: fault),
                Attempt(model: bad, duration: .zero, fault: UpstreamFault(.unreachable, "excluded")),
                Attempt(model: good, duration: .seconds(2)),
            ], status: "OK", isStreamed: true)
        let recorder = TelemetryRecorder()
        recorder.record(FinishedRequest(record, queue: .milliseconds(250)))
        let system = self.sum(recorder.buckets(of: .system, .minute, from: 0))
        #expect(system.counts.requests == 1 && system.counts.failedRequests == 0 && system.counts[.fallbacks] == 1)
        #expect(system.total.maximum == 5_000_000 && system.queue.maximum == 250_000)
        let failed = self.sum(recorder.buckets(of: .model(bad), .minute, from: 0))
        #expect(failed.counts.requests == 0 && failed.counts.attempts(.timedOut) == 1 && failed.counts.attempts == 1)
        let answered = self.sum(recorder.buckets(of: .model(good), .minute, from: 0))
        #expect(answered.counts[.success] == 1 && answered.counts.attempts(.success) == 1)
        #expect(answered.total.maximum == 2_000_000 && answered.firstToken.maximum == 1_000_000)
        #expect(answered.interToken.maximum == 100_000)
        #expect(answered.counts[.timedTokens] == 10 && answered.counts[.timedMicroseconds] == 1_000_000)
        #expect(answered.counts[.cost] == 12)
    }

    @Test("Says of stored figures that are damaged that they are")
    func damage() throws {
        var figures = MetricFigures()
        figures.addSystem(try self.request("a/x", at: monday))
        let good = figures.stored
        #expect(try MetricFigures(stored: good) == figures)
        for length in 0..<good.count {
            #expect(throws: StoredFormError.self) { try MetricFigures(stored: Array(good.prefix(length))) }
        }
        var random = SeededGenerator(5)
        for _ in 0..<2000 {
            var bad = good
            bad[Int.random(in: bad.indices, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
            _ = try? MetricFigures(stored: bad)
        }
    }
}
