import Inference
import Testing

@testable import Telemetry

@Suite("A report of metrics")
struct MetricReportTests {
    /// One request after another, and what they were.
    private func recorder(hours: Int, every gap: Int64) throws -> (TelemetryRecorder, [(Int64, Int64)]) {
        let recorder = TelemetryRecorder()
        var random = SeededGenerator(9)
        let model = try id("a/x")
        var all: [(time: Int64, latency: Int64)] = []
        var time = monday
        while time < monday + Int64(hours) * hour {
            let latency = Int64(500_000 * exponential(random.normal() * 0.5))
            recorder.record(
                FinishedRequest(
                    model: model, endedAtMicroseconds: time, outcome: .success, latency: latency,
                    firstToken: latency / 5, inputTokens: 100, outputTokens: 9, costNanoUSD: 3))
            all.append((time, latency))
            time += gap
        }
        return (recorder, all)
    }

    @Test("Holds what ended within its range, in steps that together are the whole", arguments: MetricRange.allCases)
    func ranges(range: MetricRange) throws {
        let (recorder, all) = try self.recorder(hours: 30 * 24 + 7, every: 40 * minute + 7 * second)
        let now = monday + (30 * 24 + 7) * hour + 17 * minute
        for subject in [MetricSubject.system, .model(try id("a/x"))] {
            recorder.roll(at: now)
            let report = recorder.report(of: subject, range, at: now)
            let wanted = all.filter { $0.0 >= report.startMicroseconds }
            #expect(report.total.counts.requests == Int64(wanted.count))
            #expect(report.steps.count == range.steps)
            #expect(report.steps.reduce(0) { $0 + $1.figures.counts.requests } == Int64(wanted.count))
            #expect(now - report.startMicroseconds <= range.length)
            #expect(now - report.startMicroseconds >= range.length - range.step)
            for step in report.steps {
                let inside = wanted.filter {
                    (step.startMicroseconds..<step.startMicroseconds + range.step).contains($0.0)
                }
                #expect(step.figures.counts.requests == Int64(inside.count))
            }
            let summary = LatencySummary(report.total.total)
            guard !wanted.isEmpty else {
                #expect(summary == nil)
                continue
            }
            let sorted = wanted.map(\.1).sorted()
            let told = try #require(summary)
            for (fraction, value) in [(0.5, told.p50), (0.9, told.p90), (0.95, told.p95), (0.99, told.p99)] {
                let exact = exactPercentile(sorted, fraction)
                #expect(abs(value - exact) <= exact * LatencyHistogram.relativeError)
            }
            #expect(told.average == Double(sorted.reduce(0, +)) / Double(sorted.count))
            #expect(report.total.counts[.cost] == Int64(3 * wanted.count))
        }
    }

    @Test("Of what the store gave is the same as of what is in memory")
    func fromTheStore() throws {
        let (recorder, _) = try self.recorder(hours: 20, every: 7 * minute)
        let now = monday + 20 * hour
        recorder.roll(at: now)
        let stored = recorder.takeChanges().buckets
            .filter { $0.subject == .system && $0.tier == .fiveMinutes }
            .sorted { $0.startMicroseconds < $1.startMicroseconds }
        let report = MetricReport(subject: .system, range: .day, at: now, buckets: stored.map { TimedFigures($0) })
        #expect(report.total == recorder.report(of: .system, .day, at: now).total)
        #expect(report.steps == recorder.report(of: .system, .day, at: now).steps)
    }

    @Test("Tells rates, speeds and what is not known")
    func rates() throws {
        var figures = MetricFigures()
        #expect(figures.successRate == nil && figures.tokensPerSecond == nil && figures.cacheHitRate == nil)
        let model = try id("a/x")
        for outcome in OutcomeClass.allCases {
            figures.addModel(
                FinishedRequest(model: model, endedAtMicroseconds: 0, outcome: outcome, latency: 1_000_000))
        }
        // Of eight, the client's own two say nothing, and one of six went well.
        #expect(abs((figures.successRate ?? 0) - 1.0 / 6) < 1e-9)
        var streamed = MetricFigures()
        streamed.addModel(
            FinishedRequest(
                model: model, endedAtMicroseconds: 0, outcome: .success, latency: 3_000_000, firstToken: 1_000_000,
                inputTokens: 8, outputTokens: 101, cachedInputTokens: 2, cache: .miss))
        streamed.addModel(
            FinishedRequest(model: model, endedAtMicroseconds: 0, outcome: .success, latency: 10, cache: .hit))
        #expect(streamed.tokensPerSecond == 50 && streamed.cacheHitRate == 0.5 && streamed.cachedInputRate == 0.25)
        #expect(streamed.interToken.maximum == 20_000)
        #expect(streamed.counts.attempts == 1 && streamed.counts.requests == 2)
    }

    @Test("Counts since the start for Prometheus, and only grows")
    func lifetime() throws {
        let (recorder, all) = try self.recorder(hours: 100, every: 11 * minute)
        #expect(recorder.lifetime(of: .system).counts.requests == Int64(all.count))
        #expect(recorder.lifetime(of: .model(try id("a/x"))).total.count == UInt64(all.count))
        #expect(recorder.lifetime(of: .model(try id("a/unknown"))).isEmpty)
        let buckets = recorder.takeChanges().buckets
        let next = TelemetryRecorder()
        next.restore(buckets, at: monday + 100 * hour)
        #expect(next.lifetime(of: .system).isEmpty)
    }
}
