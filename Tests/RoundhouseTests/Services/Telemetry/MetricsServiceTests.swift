import GRPCCore
import Inference
import ModelLifecycle
import ModelRegistry
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse
@testable import Telemetry

@Suite("TelemetryService: the figures of a time")
struct MetricsServiceTests {
    private static let second: Int64 = 1_000_000
    private static let now: Int64 = 1_000 * second

    @Test("A model's figures are told all together and in steps that add up to them")
    func model() async throws {
        try await ServiceBench.with { bench in
            let x = try modelID("cloud/x")
            for minute in 0..<10 {
                bench.figures.edit { $0.now = Self.now + Int64(minute) * 60 * Self.second }
                bench.figures.record(x, latency: Int64(minute + 1) * 100_000)
            }
            bench.figures.record(x, .failed)
            bench.figures.record(x, .cancelled)
            let answer = try await bench.telemetry.getModelMetrics(
                .with {
                    $0.model = "cloud/x"
                    $0.range = .oneHour
                })
            #expect(answer.model == "cloud/x" && answer.step.seconds == 60 && answer.points.count == 60)
            // The running minute is the last of sixty.
            #expect(answer.endTime.seconds == 1540 && answer.startTime.seconds == 1500 - 59 * 60)
            let total = answer.total
            #expect(total.requestCount == 12 && total.attemptCount == 12)
            #expect(total.outcomeCounts == ["success": 10, "failed": 1, "cancelled": 1])
            #expect(total.attemptOutcomeCounts == total.outcomeCounts)
            #expect(abs(total.successRate - 10.0 / 11) < 1e-12)
            #expect(total.latency.count == 10 && total.latency.average.nanos == 550_000_000)
            #expect(total.latency.maximum.seconds == 1 && total.latency.maximum.nanos == 0)
            let median = Double(total.latency.p50.nanos) / 1e9
            #expect(abs(median - 0.5) <= 0.005)
            #expect(total.firstTokenLatency.count == 10 && total.interTokenLatency.count == 10)
            #expect(total.queueTime.count == 12 && total.queueTime.average.nanos == 40_000)
            #expect(total.inputTokens == 84 && total.outputTokens == 108 && total.cachedInputTokens == 36)
            #expect(total.reasoningTokens == 24 && total.costNanoUsd == 60)
            #expect(total.cacheMissCount == 12 && total.cacheHitCount == 0 && total.cacheHitRate == 0)
            let span = Double(answer.endTime.seconds - answer.startTime.seconds)
            #expect(abs(total.attemptsPerSecond - 12 / span) < 1e-12)
            #expect(answer.points.reduce(0) { $0 + $1.metrics.requestCount } == 12)
            #expect(answer.points.reduce(0) { $0 + $1.metrics.costNanoUsd } == 60)
            #expect(
                zip(answer.points, answer.points.dropFirst()).allSatisfy {
                    $1.startTime.seconds - $0.startTime.seconds == 60
                })
            let running = try #require(answer.points.last)
            #expect(running.startTime.seconds == 1500 && running.metrics.requestCount == 3)
            #expect(abs(running.metrics.attemptsPerSecond - 3.0 / 40) < 1e-12, "it has run for 40 s")
            #expect(answer.health.judgedAttemptCount == 11 && answer.health.errors > 0)
            #expect(abs(answer.health.value - (100 - answer.health.errors)) < 1e-9)
        }
    }

    @Test("Steps without requests are told too, and what nothing is known of is unset")
    func quiet() async throws {
        try await ServiceBench.with { bench in
            let answer = try await bench.telemetry.getModelMetrics(.with { $0.model = "local/b" })
            // Nothing said means a day.
            #expect(answer.points.count == 96 && answer.step.seconds == 900)
            let metrics = answer.points.map(\.metrics) + [answer.total]
            #expect(
                metrics.allSatisfy {
                    !$0.hasLatency && !$0.hasSuccessRate && !$0.hasTokensPerSecond && !$0.hasCacheHitRate
                })
            #expect(
                metrics.allSatisfy { $0.requestCount == 0 && $0.outcomeCounts.isEmpty && $0.attemptsPerSecond == 0 })
            #expect(answer.health.value == 100 && answer.health.judgedAttemptCount == 0 && answer.anomalies.isEmpty)
        }
    }

    @Test(
        "Every range has its steps",
        arguments: [
            (Roundhouse_V1_MetricRange.unspecified, 96, 900), (.oneHour, 60, 60), (.sixHours, 72, 300),
            (.oneDay, 96, 900), (.sevenDays, 168, 3600), (.thirtyDays, 30, 86_400),
        ] as [(Roundhouse_V1_MetricRange, Int, Int64)])
    func ranges(range: Roundhouse_V1_MetricRange, count: Int, step: Int64) async throws {
        try await ServiceBench.with { bench in
            bench.figures.edit { $0.now = 1_700_000_000 * Self.second }
            let answer = try await bench.telemetry.getSystemMetrics(.with { $0.range = range })
            #expect(answer.points.count == count && answer.step.seconds == step && answer.step.nanos == 0)
            let covered = answer.endTime.seconds - answer.startTime.seconds
            #expect(covered <= Int64(count) * step && covered > Int64(count - 1) * step)
        }
    }

    @Test("The system's figures are its clients', with each model's beside them")
    func system() async throws {
        try await ServiceBench.with { bench in
            let (a, x) = (try modelID("local/a"), try modelID("cloud/x"))
            bench.figures.record(x)
            bench.figures.record(a)
            bench.figures.record(a, .overloaded)
            bench.figures.record(nil, .rejected)
            let answer = try await bench.telemetry.getSystemMetrics(.with { $0.range = .sixHours })
            #expect(answer.total.requestCount == 4 && answer.total.attemptCount == 4)
            #expect(answer.total.outcomeCounts == ["success": 2, "overloaded": 1, "rejected": 1])
            #expect(answer.models.map(\.model) == ["cloud/x", "local/a"])
            #expect(answer.models.map(\.total.requestCount) == [1, 2])
            #expect(answer.models.map(\.health.judgedAttemptCount) == [1, 2])
            let later = Self.now + 7 * 3600 * Self.second
            bench.figures.edit { $0.now = later }
            let empty = try await bench.telemetry.getSystemMetrics(.with { $0.range = .sixHours })
            #expect(empty.models.isEmpty && empty.total.requestCount == 0, "no figures of this time are kept of them")
        }
    }

    @Test("A model that is gone is told as long as figures of it are kept; one that never was is not found")
    func unknown() async throws {
        try await ServiceBench.with { bench in
            bench.figures.record(try modelID("cloud/gone"))
            let gone = try await bench.telemetry.getModelMetrics(.with { $0.model = "cloud/gone" })
            #expect(gone.total.requestCount == 1)
            let never = try await refusal {
                try await bench.telemetry.getModelMetrics(.with { $0.model = "cloud/never" })
            }
            #expect(never.code == .notFound && never.reason == "MODEL_NOT_FOUND")
            #expect(never.metadata["model"] == "cloud/never" && never.resource == "roundhouse.v1.Model")
        }
    }

    @Test("Fields that are wrong are named", arguments: ["", "default", "system", "cloud/"])
    func wrong(model: String) async throws {
        try await ServiceBench.with { bench in
            let refusal = try await refusal {
                try await bench.telemetry.getModelMetrics(
                    .with {
                        $0.model = model
                        $0.range = .UNRECOGNIZED(9)
                    })
            }
            #expect(refusal.code == .invalidArgument && refusal.fields == ["range", "model"], "\(refusal.message)")
            #expect(refusal.message.contains("'9'"))
        }
    }

    @Test("An overview tells every model, what it takes and how it is used")
    func overview() async throws {
        try await ServiceBench.with { bench in
            let (a, x) = (try modelID("local/a"), try modelID("cloud/x"))
            for _ in 0..<3 { bench.figures.record(a) }
            bench.figures.record(x, .failed)
            var used = ModelStatistics()
            used.lastUsedAtMicroseconds = 3 * Self.second
            let report = StatisticsReport(models: [a: used], sinceMicroseconds: 0)
            bench.scripts.edit {
                $0.statistics = report
                $0.dropped = 4
            }
            try bench.setLoaded("local/a") { $0.memory = [.cpu: 70, .remote: 5] }
            try bench.setLoaded("local/b") { $0.state = .failed }
            _ = try await bench.registry.disableModel(.with { $0.model = "cloud/x" })
            let answer = try await bench.telemetry.getTelemetry(.init())
            #expect(answer.models.map(\.model) == ["cloud/x", "conf/c", "local/a", "local/b"])
            #expect(answer.models.map(\.loaded) == [false, false, true, false])
            #expect(answer.models.map(\.canLoad) == [false, false, true, true])
            #expect(answer.models.map(\.sizeBytes) == [0, 0, 75, 100])
            #expect(answer.models.map(\.usageCount) == [1, 0, 3, 0])
            #expect(answer.models.map(\.enabled) == [false, true, true, true])
            #expect(answer.models.map(\.hasSuccessRate) == [true, false, true, false])
            #expect(answer.models[0].successRate == 0 && answer.models[2].successRate == 1)
            #expect(answer.models[2].lastUseTime.seconds == 3 && !answer.models[3].hasLastUseTime)
            #expect(answer.models.allSatisfy { $0.category == .text && $0.hasHealth && !$0.displayName.isEmpty })
            #expect(answer.models.map(\.provider) == ["cloud", "conf", "local", "local"])
            let summary = answer.summary
            #expect(summary.totalCount == 4 && summary.loadedCount == 1 && summary.loadedBytes == 75)
            #expect(summary.usedCount == 2 && summary.unusedCount == 2)
            #expect(summary.requestCount == 4 && summary.costNanoUsd == 20 && summary.droppedRecordCount == 4)
        }
    }

    @Test("Recommendations come with an overview, of the same range")
    func overviewRecommends() async throws {
        try await ServiceBench.with { bench in
            let b = try modelID("local/b")
            bench.figures.edit {
                $0.recommendations = [
                    Recommendation(
                        kind: .pin, subject: .model(b), reason: "r", evidence: [], gain: .freedBytes(1), action: .pin(b)
                    )
                ]
            }
            let answer = try await bench.telemetry.getTelemetry(.with { $0.range = .sevenDays })
            #expect(answer.recommendations.map(\.id) == ["pin:local/b"])
            _ = try await bench.telemetry.getTelemetry(.init())
            #expect(bench.figures.current.asked == [.week, .day])
        }
    }

    @Test(
        "What is too large for what models may take cannot be loaded; what is not known can",
        arguments: [
            (100, 1000, 1000, true), (900 << 20, 1 << 30, 1 << 30, false), (700 << 20, 1 << 30, 1 << 30, true),
            // Other programs leave no room.
            (700 << 20, 1 << 30, 100 << 20, false), (0, 1 << 30, 1 << 30, true),
        ] as [(Int64, Int64, Int64, Bool)])
    func fits(bytes: Int64, quota: Int64, free: Int64, fits: Bool) {
        let quota = max(quota, 100 << 20)
        let free = max(free, 100 << 20)
        let device = DeviceMemory(device: .cpu, totalBytes: quota * 2, freeBytes: free, quotaBytes: quota)
        #expect(MemoryFit(devices: [device]).allows(bytes, at: .ours) == fits)
        #expect(MemoryFit(devices: []).allows(bytes, at: .ours), "what there is cannot be read")
        #expect(MemoryFit(devices: [device]).allows(bytes, at: .elsewhere), "nobody sees that memory from here")
    }

    @Test("A model too large for its share is told so by the overview")
    func tooLarge() async throws {
        try await ServiceBench.with { bench in
            bench.loading.set(devices: [
                DeviceMemory(device: .cpu, totalBytes: 2000, freeBytes: 2000, quotaBytes: 1000)
            ])
            let models = try await bench.telemetry.getTelemetry(.init()).models
            #expect(models.filter { $0.provider == "local" }.map(\.canLoad) == [false, false])
            try bench.setLoaded("local/b")
            let after = try await bench.telemetry.getTelemetry(.init()).models
            #expect(after.filter { $0.provider == "local" }.map(\.canLoad) == [false, true], "it is there")
        }
    }
}
