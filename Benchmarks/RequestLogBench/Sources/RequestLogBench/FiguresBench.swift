import Glibc
import Inference
import Logging
import Persistence
import Synchronization
import Telemetry

/// What figures cost: counting a request, keeping a month of many models, reading it at a start, and looking for anomalies.
struct FiguresBench {
    let models: [ModelID]
    let directory: String
    private static let end: Int64 = 1_767_571_200_000_000 + 35 * 86_400_000_000

    init(models: Int, directory: String) {
        self.models = (0..<models).compactMap { ModelID("provider-\($0 % 20)/model-\($0)") }
        self.directory = directory
    }

    func figures() async throws -> [(String, Double)] {
        var figures: [(String, Double)] = [("models", Double(self.models.count))]
        let store = try Store(path: "\(self.directory)/figures.db")
        figures.append(("count_ns", self.hotPath(store)))
        let (recorder, count) = try await self.month(store)
        figures.append(("closed_buckets", Double(count)))
        try await self.save(recorder, store, &figures)
        try await store.synchronize()
        figures.append(("size_mb", Double(RequestLogBench.size("\(self.directory)/figures.db")) / 1e6))
        try await self.restore(store, &figures)
        self.ask(recorder, &figures)
        try store.close()
        return figures
    }

    /// What a request pays for the log and the figures together, as the server takes both in one step.
    private func hotPath(_ store: Store) -> Double {
        let records = (0..<50_000).map { index in
            let model = self.models[index % min(50, self.models.count)]
            return RequestRecord(
                id: "\(index)", requestedModel: "default", model: model,
                startedAtMicroseconds: Self.end + Int64(index) * 1000, latency: .milliseconds(900 + index % 400),
                firstTokenLatency: .milliseconds(90), usage: Usage(inputTokens: 500, outputTokens: 200),
                cost: Cost(nanoUSD: 1000), attempts: [Attempt(model: model, duration: .milliseconds(890))],
                status: "OK", isStreamed: true)
        }
        var best = Double.infinity
        for _ in 0..<5 {
            let log = RequestLog(store: store, logger: Logger(label: "bench"))
            let recorder = TelemetryRecorder()
            let step = Mutex(())
            let begin = ContinuousClock.now
            for record in records {
                let finished = FinishedRequest(record)
                step.withLock { _ in
                    log.record(record)
                    recorder.record(finished)
                }
            }
            best = min(best, RequestLogBench.milliseconds(begin.duration(to: .now)) * 1e6 / Double(records.count))
        }
        return best
    }

    /// Five weeks in which every model is asked 60 times in each hour of the last day, and 24 times in one before.
    private func month(_ store: Store) async throws -> (TelemetryRecorder, Int) {
        let recorder = TelemetryRecorder()
        var count = 0
        var time = Self.end - 35 * 86_400_000_000
        var number: Int64 = 0
        while time < Self.end {
            let isLastDay = time >= Self.end - 86_400_000_000
            for model in self.models {
                for index in 0..<(isLastDay ? 5 : 24) {
                    number += 1
                    recorder.record(
                        FinishedRequest(
                            model: model, endedAtMicroseconds: time + Int64(index), outcome: .success,
                            latency: 1_000_000 + (number &* 7919) % 400_000, firstToken: 90_000 + number % 9000,
                            inputTokens: 500, outputTokens: 200, costNanoUSD: 1000))
                }
            }
            time += isLastDay ? 300_000_000 : 3_600_000_000
            recorder.roll(at: time)
            let buckets = recorder.takeChanges().buckets
            count += buckets.count
            try await store.save(buckets, countedTo: nil)
        }
        return (recorder, count)
    }

    private func save(_ recorder: TelemetryRecorder, _ store: Store, _ figures: inout [(String, Double)]) async throws {
        // Everybody is asked within five seconds: the most that one write may have.
        for model in self.models {
            recorder.record(
                FinishedRequest(model: model, endedAtMicroseconds: Self.end, outcome: .success, latency: 1000))
        }
        let begin = ContinuousClock.now
        let changes = recorder.takeChanges()
        let taken = ContinuousClock.now
        let buckets = changes.buckets
        let encoded = ContinuousClock.now
        try await store.save(buckets, countedTo: 2)
        figures += [
            ("take_us", RequestLogBench.milliseconds(begin.duration(to: taken)) * 1000),
            ("encode_ms", RequestLogBench.milliseconds(taken.duration(to: encoded))),
            ("write_ms", RequestLogBench.milliseconds(encoded.duration(to: .now))),
            ("written_buckets", Double(buckets.count)),
        ]
    }

    private func restore(_ store: Store, _ figures: inout [(String, Double)]) async throws {
        let recorder = TelemetryRecorder()
        let begin = ContinuousClock.now
        let retention = MetricRetention()
        var count = 0
        for tier in MetricTier.allCases {
            let from = Self.end - tier.length * Int64(retention[tier])
            var cursor: MetricCursor?
            repeat {
                let page = try await store.metrics(tier, from: from, before: cursor, limit: 2048)
                recorder.restore(page.buckets, at: Self.end)
                count += page.buckets.count
                cursor = page.next
            } while cursor != nil
        }
        figures += [
            ("restored_buckets", Double(count)),
            ("restore_ms", RequestLogBench.milliseconds(begin.duration(to: .now))),
        ]
    }

    private func ask(_ recorder: TelemetryRecorder, _ figures: inout [(String, Double)]) {
        let watch = AnomalyWatch(recorder)
        var now = Self.end
        func look(_ name: String) {
            let begin = ContinuousClock.now
            for model in self.models { watch.look(at: .model(model), at: now) }
            figures.append((name, RequestLogBench.milliseconds(begin.duration(to: .now))))
        }
        look("first_look_ms")
        look("same_minute_ms")
        now += 60_000_000
        look("next_minute_ms")
        for range in MetricRange.allCases {
            let begin = ContinuousClock.now
            for model in self.models { _ = recorder.total(of: .model(model), range, at: now) }
            figures.append(("totals_\(range.rawValue)_ms", RequestLogBench.milliseconds(begin.duration(to: .now))))
        }
    }
}
