import Inference
import Testing

@testable import Telemetry

@Suite("Anomaly detection")
struct AnomalyDetectorTests {
    /// Hours of 600 requests, 1 % of which fail, with a median of a second.
    private func history(hours: Int) -> [SeriesPoint] {
        (0..<hours).map { hour in
            SeriesPoint(
                start: monday - Int64(hours - hour) * lengthOfHour, length: lengthOfHour,
                requests: 590 + Int64(hour % 20),
                judged: 600, failures: 6, answers: 594, medianLatency: 1_000_000 + Double(hour % 5) * 10_000)
        }
    }

    private func points(
        _ count: Int, requests: Int64 = 50, failures: Int64 = 0, latency: Double = 1_000_000, from step: Int = 0
    ) -> [SeriesPoint] {
        (step..<step + count).map {
            SeriesPoint(
                start: monday + Int64($0) * 5 * minute, length: 5 * minute, requests: requests, judged: requests,
                failures: failures, answers: requests - failures, medianLatency: latency)
        }
    }

    private func found(_ points: [SeriesPoint], hours: Int = 48, at now: Int64? = nil) -> [Anomaly] {
        AnomalyDetector().anomalies(
            of: .system, in: points, history: self.history(hours: hours), at: now ?? points.last?.end ?? monday)
    }

    @Test("Claims nothing of what is as usual, nor of what nothing is known of")
    func quiet() {
        #expect(self.found(self.points(100)).isEmpty)
        #expect(self.found(self.points(100, latency: 9_000_000), hours: 0).isEmpty)
        #expect(self.found([]).isEmpty)
    }

    @Test("Tells where it began and ended, what was observed and what is usual")
    func evidence() throws {
        let points =
            self.points(6) + self.points(4, latency: 2_500_000, from: 6) + self.points(1, latency: 4_000_000, from: 10)
            + self.points(10, from: 11)
        let anomaly = try #require(self.found(points).first)
        #expect(self.found(points).count == 1)
        #expect(anomaly.kind == .latencySpike)
        #expect(anomaly.startMicroseconds == monday + 30 * minute)
        #expect(anomaly.endMicroseconds == monday + 55 * minute)
        #expect(anomaly.evidence.observed == 4_000_000 && anomaly.evidence.requests == 250)
        #expect(abs(anomaly.evidence.baseline - 1_020_000) < 1 && anomaly.evidence.basis == .recentPast)
    }

    @Test(
        "Takes the same hour of the week, else of the day, else the day before",
        arguments: [
            (48, RobustBaseline.Basis.recentPast), (24 * 6, .hourOfDay), (24 * 15, .hourOfWeek), (24 * 35, .hourOfWeek),
        ])
    func basis(hours: Int, basis: RobustBaseline.Basis) throws {
        let anomaly = try #require(self.found(self.points(4, latency: 3_000_000), hours: hours).first)
        #expect(anomaly.evidence.basis == basis && anomaly.endMicroseconds == nil)
    }

    @Test(
        "Wants five points more errors, enough of them, and more than chance",
        arguments: [
            (50, 2, false), (50, 5, false), (50, 8, true), (20, 4, false), (20, 7, true), (19, 19, false),
            (1000, 55, false),
            (1000, 61, true),
        ])
    func errors(requests: Int64, failures: Int64, isFound: Bool) {
        let found = self.found(self.points(4, requests: requests, failures: failures)).filter {
            $0.kind == .errorIncrease
        }
        #expect(found.isEmpty != isFound)
    }

    @Test(
        "Wants three times the traffic, and enough of it",
        arguments: [(145, false), (160, true), (90, false), (500, true)])
    func traffic(requests: Int64, isFound: Bool) {
        // 600 an hour are 50 in five minutes.
        let found = self.found(self.points(4, requests: requests)).filter { $0.kind == .trafficSurge }
        #expect(found.isEmpty != isFound)
    }

    @Test("One bucket alone is not told, and a gap between two bad stretches does not make two of one")
    func hysteresis() {
        #expect(
            self.found(self.points(3) + self.points(1, latency: 5_000_000, from: 3) + self.points(9, from: 4)).isEmpty)
        // Below twice, but above one and a half times: it goes on.
        let lasting =
            self.points(3, latency: 2_500_000) + self.points(6, latency: 1_800_000, from: 3)
            + self.points(3, latency: 2_500_000, from: 9)
        #expect(self.found(lasting).map(\.endMicroseconds) == [nil])
        // Well for ten minutes only.
        let flicker =
            self.points(3, latency: 2_500_000) + self.points(2, from: 3) + self.points(3, latency: 2_500_000, from: 5)
        #expect(self.found(flicker).count == 1)
        // Well for fifteen.
        let twice =
            self.points(3, latency: 2_500_000) + self.points(3, from: 3) + self.points(3, latency: 2_500_000, from: 6)
        #expect(self.found(twice).map(\.endMicroseconds) == [monday + 15 * minute, nil])
    }

    @Test("Is over an hour after nothing was asked any more")
    func silence() {
        let points = self.points(3, latency: 2_500_000)
        #expect(self.found(points, at: monday + 74 * minute).map(\.endMicroseconds) == [nil])
        #expect(self.found(points, at: monday + 75 * minute).map(\.endMicroseconds) == [monday + 15 * minute])
        let later = points + self.points(3, from: 30)
        #expect(self.found(later).map(\.endMicroseconds) == [monday + 15 * minute])
    }

    @Test("A median and its spread are not moved by a few outliers")
    func robust() throws {
        let calm = try #require(RobustBaseline([9, 10, 11, 10, 9, 11, 10], .hourOfWeek))
        let wild = try #require(RobustBaseline([9, 10, 11, 10, 9, 11, 10, 9000, 9000], .hourOfWeek))
        #expect(calm.median == 10 && wild.median == 10)
        #expect(abs(wild.spread - 1.4826) < 1e-9)
        #expect(RobustBaseline([], .recentPast) == nil)
        #expect(try #require(RobustBaseline([0, 0, 0, 0, 100], .recentPast)).spread > 20)
    }
}

private let lengthOfHour = hour
