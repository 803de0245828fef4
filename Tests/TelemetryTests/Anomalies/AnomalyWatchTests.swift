import Inference
import Testing

@testable import Telemetry

@Suite("A watch over anomalies")
struct AnomalyWatchTests {
    private static let now = monday + 30 * day

    /// A month of 40 requests every five minutes with a median of about a second; in the hours of `slow` it is four times that.
    private func month(slow: Range<Int64>, of model: ModelID, days: Int64 = 9) -> TelemetryRecorder {
        let recorder = TelemetryRecorder()
        var random = SeededGenerator(5)
        var time = Self.now - days * day
        while time < Self.now {
            for _ in 0..<40 {
                let usual = Int64.random(in: 900_000...1_100_000, using: &random)
                recorder.record(
                    FinishedRequest(
                        model: model, endedAtMicroseconds: time, outcome: .success,
                        latency: slow.contains(time) ? usual * 4 : usual))
            }
            time += 5 * minute
            recorder.roll(at: time)
        }
        return recorder
    }

    @Test("Tells one of today by five minutes, and one of last week by hours")
    func ranges() throws {
        let model = try id("a/x")
        let today = Self.now - 5 * hour..<Self.now - 4 * hour
        let recorder = self.month(slow: today, of: model)
        let watch = AnomalyWatch(recorder)
        let found = watch.anomalies(of: .model(model), from: Self.now - day, at: Self.now)
        #expect(found.map(\.kind) == [.latencySpike])
        #expect(found.first?.startMicroseconds == today.lowerBound && found.first?.endMicroseconds == today.upperBound)
        #expect(watch.anomalies(of: .model(model), from: Self.now - 3 * hour, at: Self.now).isEmpty)
        #expect(watch.anomalies(of: .model(model), from: Self.now - 7 * day, at: Self.now) == found)

        let past = Self.now - 3 * day..<Self.now - 3 * day + 2 * hour
        let other = self.month(slow: past, of: model)
        let later = AnomalyWatch(other)
        #expect(later.anomalies(of: .model(model), from: Self.now - day, at: Self.now).isEmpty)
        let week = later.anomalies(of: .model(model), from: Self.now - 7 * day, at: Self.now)
        #expect(week.map(\.startMicroseconds) == [past.lowerBound] && week.map(\.endMicroseconds) == [past.upperBound])
    }

    @Test("Is the same whether it was asked every few minutes or once, and what it kept is what is in memory")
    func steps() throws {
        let model = try id("a/x")
        let recorder = TelemetryRecorder()
        let often = AnomalyWatch(recorder)
        var random = SeededGenerator(8)
        var time = Self.now - 2 * day
        while time < Self.now {
            let latency: Int64 = (time / hour) % 9 == 0 ? 5_000_000 : 1_000_000
            for _ in 0..<Int.random(in: 15...60, using: &random) {
                recorder.record(
                    FinishedRequest(
                        model: model, endedAtMicroseconds: time, outcome: random.part() < 0.1 ? .failed : .success,
                        latency: latency + Int64.random(in: 0...200_000, using: &random)))
            }
            time += 5 * minute
            recorder.roll(at: time)
            if time % (15 * minute) == 0 {
                let once = AnomalyWatch(recorder)
                #expect(
                    often.anomalies(of: .model(model), from: time - day, at: time)
                        == once.anomalies(of: .model(model), from: time - day, at: time))
                #expect(
                    often.usualLatency(of: .model(model), before: time - day, at: time)
                        == once.usualLatency(of: .model(model), before: time - day, at: time))
            }
        }
        #expect(!often.anomalies(of: .model(model), from: Self.now - 7 * day, at: Self.now).isEmpty)
        #expect(often.usualLatency(of: .model(model), before: Self.now - day, at: Self.now) != nil)
    }

    @Test("Looks once a minute, and no longer at who has been silent for hours")
    func caching() throws {
        let model = try id("a/x")
        let slow = Self.now - hour..<Self.now
        let recorder = self.month(slow: slow, of: model, days: 3)
        let watch = AnomalyWatch(recorder)
        #expect(watch.anomalies(of: .model(model), from: Self.now - day, at: Self.now).map(\.endMicroseconds) == [nil])
        for _ in 0..<100 {
            recorder.record(
                FinishedRequest(
                    model: model, endedAtMicroseconds: Self.now + second, outcome: .failed, latency: 1_000_000))
        }
        #expect(watch.anomalies(of: .model(model), from: Self.now - day, at: Self.now + 2 * second).count == 1)
        var now = Self.now
        for _ in 0..<60 {
            now += 5 * minute
            recorder.roll(at: now)
            watch.look(at: .model(model), at: now)
        }
        // It is over where it was heard of last.
        let found = watch.anomalies(of: .model(model), from: now - day, at: now)
        #expect(found.allSatisfy { $0.endMicroseconds != nil } && found.contains { $0.kind == .latencySpike })
        watch.keep(only: [])
        watch.reset()
        #expect(watch.anomalies(of: .model(model), from: now - day, at: now) == found)
    }

    @Test("Of two that are the same the one that tells the times better is told")
    func joining() throws {
        let model = MetricSubject.model(try id("a/x"))
        let evidence = Anomaly.Evidence(
            observed: 2, baseline: 1, spread: 0, basis: .recentPast, baselineHours: 3, requests: 1, failures: 0)
        func anomaly(_ kind: Anomaly.Kind, _ start: Int64, _ end: Int64?) -> Anomaly {
            Anomaly(subject: model, kind: kind, startMicroseconds: start, endMicroseconds: end, evidence: evidence)
        }
        func joined(_ coarse: [Anomaly], _ fine: [Anomaly]) -> [[Int64?]] {
            AnomalyWatch.joined(coarse, fine, from: 100).map { [$0.startMicroseconds, $0.endMicroseconds] }
        }
        #expect(joined([anomaly(.latencySpike, 10, 20)], []) == [[10, 20]])
        #expect(joined([anomaly(.latencySpike, 110, 170)], [anomaly(.latencySpike, 120, 130)]) == [[120, 130]])
        #expect(
            joined([anomaly(.latencySpike, 110, 170)], [anomaly(.errorIncrease, 120, 130)]) == [
                [110, 170], [120, 130],
            ])
        #expect(joined([anomaly(.latencySpike, 50, nil)], [anomaly(.latencySpike, 100, 130)]) == [[50, 130]])
        #expect(joined([anomaly(.latencySpike, 50, 160)], [anomaly(.latencySpike, 100, nil)]) == [[50, nil]])
        #expect(joined([], [anomaly(.latencySpike, 100, nil)]) == [[100, nil]])
    }
}
