import Inference
import Testing

@testable import Telemetry

@Suite("A health score")
struct HealthScoreTests {
    private func figures(ok: Int, failed: Int = 0, latency: Int64 = 1_000_000, hits: Int = 0, misses: Int = 0) throws
        -> MetricFigures
    {
        var figures = MetricFigures()
        let model = try id("a/x")
        for _ in 0..<ok {
            figures.addModel(
                FinishedRequest(model: model, endedAtMicroseconds: 0, outcome: .success, latency: latency))
        }
        for _ in 0..<failed {
            figures.addModel(FinishedRequest(model: model, endedAtMicroseconds: 0, outcome: .failed, latency: latency))
        }
        figures.counts.add(Int64(hits), to: .cacheHits)
        figures.counts.add(Int64(misses), to: .cacheMisses)
        return figures
    }

    private func anomaly(_ kind: Anomaly.Kind, isOver: Bool = false) -> Anomaly {
        Anomaly(
            subject: .system, kind: kind, startMicroseconds: 0, endMicroseconds: isOver ? 1 : nil,
            evidence: .init(
                observed: 1, baseline: 1, spread: 1, basis: .recentPast, baselineHours: 3, requests: 1, failures: 0))
    }

    @Test(
        "Takes two points for each percent of errors, up to 40",
        arguments: [(100, 0, 0.0), (99, 1, 2), (95, 5, 10), (80, 20, 40), (10, 90, 40), (5, 4, 0)])
    func errors(ok: Int, failed: Int, points: Double) throws {
        let score = HealthScore(try self.figures(ok: ok, failed: failed), usualLatency: nil, anomalies: [])
        #expect(score.errors == points && score.value == 100 - points)
    }

    @Test(
        "Takes up to 30 points for slowness against what is usual",
        arguments: [(1_000_000, 0.0), (1_200_000, 0), (2_100_000, 15), (3_000_000, 30), (9_000_000, 30)])
    func latency(latency: Int64, points: Double) throws {
        let figures = try self.figures(ok: 50, latency: latency)
        #expect(HealthScore(figures, usualLatency: 1_000_000, anomalies: []).latency == points)
        #expect(HealthScore(figures, usualLatency: nil, anomalies: []).latency == 0)
        let few = try self.figures(ok: 9, latency: latency)
        #expect(HealthScore(few, usualLatency: 1_000_000, anomalies: []).latency == 0)
    }

    @Test(
        "Takes up to 10 points for cache misses, of 50 look-ups or more",
        arguments: [(0, 50, 10.0), (15, 85, 5), (30, 70, 0), (0, 49, 0), (0, 0, 0)])
    func cache(hits: Int, misses: Int, points: Double) throws {
        let score = HealthScore(try self.figures(ok: 50, hits: hits, misses: misses), usualLatency: nil, anomalies: [])
        #expect(score.cache == points)
    }

    @Test("Takes up to 20 points for anomalies, half of it for those that are over")
    func anomalies() throws {
        let figures = try self.figures(ok: 50)
        func points(_ anomalies: [Anomaly]) -> Double {
            HealthScore(figures, usualLatency: nil, anomalies: anomalies).anomalies
        }
        #expect(points([]) == 0)
        #expect(points([self.anomaly(.latencySpike)]) == 10)
        #expect(points([self.anomaly(.errorIncrease, isOver: true)]) == 7.5)
        #expect(points([self.anomaly(.trafficSurge), self.anomaly(.latencySpike, isOver: true)]) == 10)
        #expect(points([self.anomaly(.errorIncrease), self.anomaly(.latencySpike)]) == 20)
    }

    @Test("Is 100 of what is not known, and 0 at worst")
    func bounds() throws {
        #expect(HealthScore(MetricFigures(), usualLatency: nil, anomalies: []).value == 100)
        let worst = HealthScore(
            try self.figures(ok: 20, failed: 100, latency: 60_000_000, misses: 100), usualLatency: 1,
            anomalies: [self.anomaly(.errorIncrease), self.anomaly(.latencySpike)])
        #expect(worst.value == 0)
    }

    @Test("Knows what is usual from six hours on, and is not moved by a bad one")
    func usualLatency() throws {
        let good = try self.figures(ok: 30)
        let bad = try self.figures(ok: 30, latency: 60_000_000)
        #expect(HealthScore.usualLatency(of: Array(repeating: good, count: 5)) == nil)
        let usual = try #require(HealthScore.usualLatency(of: Array(repeating: good, count: 6) + [bad, bad]))
        #expect(abs(usual - 1_000_000) <= 10_000)
        let few = try self.figures(ok: 19)
        #expect(HealthScore.usualLatency(of: Array(repeating: few, count: 50)) == nil)
    }
}
