import Inference
import Testing

@testable import Telemetry

@Suite("A synthetic month of 20 models")
struct SyntheticMonthTests {
    private let end = SyntheticMonth.start + Int64(SyntheticMonth.days) * day

    private func model(_ number: Int) throws -> ModelID { try id("p\(number % 4)/m\(number)") }

    @Test("Every planted anomaly is found, and at most one false one for a model and week", arguments: [1, 2, 3])
    func anomalies(seed: UInt64) throws {
        var requests: Int64 = 0
        var falseOnes = 0
        for number in 0..<20 {
            let hours = SyntheticMonth.hours(of: number, seed: seed)
            requests += hours.reduce(0) { $0 + $1.requests }
            let found = AnomalyDetector().anomalies(
                of: .model(try self.model(number)), in: hours, history: hours, at: self.end)
            let planted = SyntheticMonth.planted.filter { $0.model == number }
            for plant in planted {
                let start = SyntheticMonth.start + Int64(plant.hour) * hour
                let match = found.first { $0.kind == plant.kind && $0.touches(from: start, to: start + hour) }
                let anomaly = try #require(match, "\(plant) of model \(number) was not found")
                #expect(anomaly.startMicroseconds == start, "\(plant)")
                let end = start + Int64(plant.hours) * hour
                #expect(anomaly.endMicroseconds == (end < self.end ? end : nil), "\(plant)")
                #expect(anomaly.evidence.observed > anomaly.evidence.baseline)
                #expect(anomaly.evidence.requests >= 20 && anomaly.evidence.baselineHours >= 3)
            }
            let others = found.filter { anomaly in
                !planted.contains { plant in
                    let start = SyntheticMonth.start + Int64(plant.hour) * hour
                    return plant.kind == anomaly.kind
                        && anomaly.touches(from: start, to: start + Int64(plant.hours) * hour)
                }
            }
            falseOnes += others.count
            for week in 0..<5 {
                let from = SyntheticMonth.start + Int64(week) * 7 * day
                let inWeek = others.filter { (from..<from + 7 * day).contains($0.startMicroseconds) }
                #expect(inWeek.count <= 1, "model \(number), week \(week): \(inWeek)")
            }
        }
        #expect(requests >= 1_000_000)
        // One for each model and week would be 86.
        #expect(falseOnes <= 8)
    }

    @Test("A planted anomaly is told within ten minutes by buckets of five, and once", arguments: [1, 2])
    func fiveMinutes(seed: UInt64) throws {
        for plant in SyntheticMonth.planted where plant.hour > 24 * 7 {
            // As if it were twelve times as busy: what a quiet model does is told by its hours.
            let hours = SyntheticMonth.hours(of: plant.model, seed: seed)
            let start = SyntheticMonth.start + Int64(plant.hour) * hour
            var random = SeededGenerator(seed)
            let points = (-12..<24).map { step in
                let begin = start + Int64(step) * 5 * minute
                let hourNumber = Int((begin - SyntheticMonth.start) / hour)
                var point = SyntheticMonth.point(
                    plant.model, hourNumber, start: begin, length: hour, &random)
                point.length = 5 * minute
                return point
            }
            let history = hours.map { point in
                var point = point
                (point.requests, point.judged) = (point.requests * 12, point.judged * 12)
                (point.failures, point.answers) = (point.failures * 12, point.answers * 12)
                return point
            }
            let now = start + 10 * minute
            let found = AnomalyDetector().anomalies(
                of: .system, in: points.filter { $0.end <= now }, history: history.filter { $0.end <= start }, at: now
            ).filter { $0.kind == plant.kind && $0.endMicroseconds == nil }
            #expect(found.map(\.startMicroseconds) == [start], "\(plant)")
        }
    }

    @Test("Percentiles of what went through the recorder are within the stated error, by model and range")
    func percentiles() throws {
        let recorder = TelemetryRecorder()
        var random = SeededGenerator(7)
        var all: [Int: [(time: Int64, latency: Int64)]] = [:]
        let count = 12_000
        for index in 0..<count {
            let number = index % 20
            let time = SyntheticMonth.start + Int64(index) * (Int64(SyntheticMonth.days) * day / Int64(count))
            // In swarms of twenty: what is closed is closed less often, as in life.
            let inSwarm = time - time % (20 * minute)
            let latency = Int64(SyntheticMonth.shape(of: number).latency * exponential(random.normal() * 0.7))
            all[number, default: []].append((inSwarm, latency))
            recorder.record(
                FinishedRequest(
                    model: try self.model(number), endedAtMicroseconds: inSwarm, outcome: .success, latency: latency,
                    inputTokens: 10, outputTokens: 5))
        }
        recorder.roll(at: self.end)
        for range in [MetricRange.week, .month] {
            for number in 0..<20 {
                let report = recorder.report(of: .model(try self.model(number)), range, at: self.end - 1)
                let sorted = (all[number] ?? []).filter { $0.time >= report.startMicroseconds }.map(\.latency).sorted()
                let told = try #require(LatencySummary(report.total.total))
                #expect(told.count == Int64(sorted.count))
                for (fraction, value) in [(0.5, told.p50), (0.9, told.p90), (0.95, told.p95), (0.99, told.p99)] {
                    let exact = exactPercentile(sorted, fraction)
                    #expect(abs(value - exact) <= exact * LatencyHistogram.relativeError)
                }
            }
        }
    }

    @Test("Recommendations are those of a list written by hand")
    func recommendations() throws {
        let facts = try self.facts()
        let told = Advisor().recommendations(facts)
        let wanted: [(String, RecommendedAction)] = [
            ("unload-unused:local/dead", .unload(try id("local/dead"))),
            ("unload-unused:local/forgotten", .unload(try id("local/forgotten"))),
            ("load:local/often", .load(try id("local/often"))),
            ("make-lazy:local/dead", .setLazy(try id("local/dead"), true)),
            ("pin:local/chased", .pin(try id("local/chased"))),
            ("raise-memory-share", .setMemoryShare(0.7)),
            ("cheaper-model:openai/large", .switchAlias("smart", to: try id("other/good"))),
            ("add-key:openai", .addKey(try #require(ProviderID("openai")))),
            ("flapping-model:other/shaky", .disable(try id("other/shaky"))),
        ]
        #expect(told.map(\.id) == wanted.map(\.0))
        #expect(told.map(\.action) == wanted.map(\.1))
        #expect(told.allSatisfy { !$0.evidence.isEmpty && !$0.reason.isEmpty && !$0.action.call.isEmpty })
    }

    /// Twenty models, of which eight need something done.
    private func facts() throws -> UsageFacts {
        let now = self.end
        let gib: Int64 = 1 << 30
        func local(_ name: String, _ change: (inout ModelFacts) -> Void) throws -> ModelFacts {
            var facts = ModelFacts(model: try id("local/\(name)"))
            facts.isManaged = true
            facts.bytes = 4 * gib
            facts.loadTime = 20 * second
            change(&facts)
            return facts
        }
        func cloud(_ name: String, price: Int64, quality: Double, _ change: (inout ModelFacts) -> Void) throws
            -> ModelFacts
        {
            var facts = ModelFacts(model: try id(name))
            facts.prices = ModelPrices(input: price, output: 4 * price)
            facts.quality = quality
            (facts.uses, facts.judged, facts.failures) = (10_000, 10_000, 20)
            facts.medianLatency = 900_000
            (facts.inputTokens, facts.outputTokens) = (10_000_000, 2_000_000)
            facts.costNanoUSD = 18 * price
            facts.capabilities = [.chat, .streaming]
            facts.contextLength = 128_000
            change(&facts)
            return facts
        }
        var models = try [
            local("dead") {
                ($0.isLoaded, $0.isLazy, $0.loadedSinceMicroseconds) = (true, false, now - 20 * day)
                $0.lastUsedMicroseconds = now - 25 * day
                $0.uses = 0
            },
            local("forgotten") {
                ($0.isLoaded, $0.loadedSinceMicroseconds) = (true, now - 2 * day)
                ($0.uses, $0.lastUsedMicroseconds) = (40, now - 9 * hour)
            },
            local("often") {
                ($0.uses, $0.judged, $0.loads, $0.reloads, $0.evictions) = (60, 60, 32, 30, 1)
                $0.lastUsedMicroseconds = now - hour
            },
            local("chased") {
                ($0.uses, $0.judged, $0.loads, $0.reloads, $0.evictions) = (900, 900, 13, 12, 12)
                $0.lastUsedMicroseconds = now - minute
            },
            local("pinned") {
                ($0.isLoaded, $0.isPinned, $0.loadedSinceMicroseconds) = (true, true, now - 20 * day)
            },
            local("busy") {
                ($0.isLoaded, $0.loadedSinceMicroseconds) = (true, now - 20 * day)
                ($0.uses, $0.judged, $0.loads, $0.lastUsedMicroseconds) = (5000, 5000, 1, now - second)
            },
            local("fresh") { ($0.isLoaded, $0.loadedSinceMicroseconds) = (true, now - hour) },
            cloud("openai/large", price: 5_000_000_000, quality: 0.8) { $0.aliases = ["smart"] },
            cloud("other/good", price: 1_000_000_000, quality: 0.85) { _ in },
            cloud("other/worse", price: 100_000_000, quality: 0.5) { $0.quality = 0.5 },
            cloud("other/failing", price: 100_000_000, quality: 0.9) { $0.failures = 300 },
            cloud("other/slow", price: 100_000_000, quality: 0.9) { $0.medianLatency = 3_000_000 },
            cloud("other/untried", price: 100_000_000, quality: 0.9) { ($0.judged, $0.failures) = (5, 0) },
            cloud("other/small", price: 100_000_000, quality: 0.9) { $0.contextLength = 8000 },
            cloud("other/unknown", price: 100_000_000, quality: 0.9) { $0.quality = nil },
            cloud("other/shaky", price: 100_000_000, quality: 0.4) {
                ($0.failures, $0.breakerOpenings, $0.costNanoUSD) = (2000, 7, 900_000_000)
            },
        ]
        for name in ["a", "b", "c", "d"] { models.append(try local("idle-\(name)") { $0.lastUsedMicroseconds = nil }) }
        // Those that are cheap already: what they cost is not worth a word.
        for place in models.indices where models[place].model.provider.rawValue == "other" {
            models[place].costNanoUSD = min(models[place].costNanoUSD, 900_000_000)
        }
        #expect(models.count == 20)
        let openai = try #require(ProviderID("openai"))
        let other = try #require(ProviderID("other"))
        return UsageFacts(
            startMicroseconds: SyntheticMonth.start, endMicroseconds: now, models: models,
            keys: [
                KeyFacts(provider: openai, index: 0, requests: 6000, rateLimited: 300),
                KeyFacts(provider: openai, index: 1, requests: 4000, rateLimited: 150),
                KeyFacts(provider: other, index: 0, requests: 6000, rateLimited: 300),
                KeyFacts(provider: other, index: 1, requests: 6000, rateLimited: 0),
            ],
            memory: MemoryFacts(
                totalBytes: 64 * gib, freeBytes: 36 * gib, usedBytes: 24 * gib, share: 0.6, evictions: 13))
    }
}
