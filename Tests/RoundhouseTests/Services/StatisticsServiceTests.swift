import GRPCCore
import Inference
import ModelLifecycle
import ModelRegistry
import RoundhouseAPI
import Routing
import SwiftProtobuf
import Testing

@testable import Roundhouse

@Suite("TelemetryService and AdminService")
struct StatisticsServiceTests {
    private func used(_ uses: Int64, failures: Int64 = 0) -> ModelStatistics {
        var statistics = ModelStatistics()
        statistics.uses = uses
        statistics.failures = failures
        return statistics
    }

    @Test("Statistics tell each model that was asked, and the registry as a whole")
    func statistics() async throws {
        try await ServiceBench.with { bench in
            let (a, gone) = (try modelID("local/a"), try modelID("cloud/gone"))
            var statistics = used(9, failures: 2)
            statistics.lastUsedAtMicroseconds = 3_000_000
            statistics.inputTokens = 50
            statistics.outputTokens = 60
            (statistics.success.weight, statistics.success.sum) = (4, 3)
            (statistics.latency.weight, statistics.latency.sum) = (2, 3)
            statistics.hours.uses[5] = 7
            let report = StatisticsReport(models: [a: statistics, gone: used(1)], sinceMicroseconds: 2_000_000)
            bench.scripts.edit { $0.statistics = report }
            try bench.setLoaded("local/a")
            try bench.setLoaded("local/b") { $0.state = .loading }
            let answer = try await bench.telemetry.getStatistics(.init())
            #expect(answer.models.map(\.model) == ["cloud/gone", "local/a"])
            let model = answer.models[1]
            #expect(model.useCount == 9 && model.failureCount == 2 && model.lastUseTime.seconds == 3)
            #expect(model.successRate == 0.75 && model.averageLatency.nanos == 500_000_000)
            #expect(!model.hasAverageFirstTokenLatency && !model.hasAverageTokensPerSecond)
            #expect(model.inputTokens == 50 && model.outputTokens == 60)
            #expect(model.hourlyUse.count == 168 && model.hourlyUse[5] == 7)
            #expect(!answer.models[0].hasSuccessRate && !answer.models[0].hasLastUseTime)
            let registry = answer.registry
            #expect(registry.modelCount == 4 && registry.enabledModelCount == 4 && registry.loadedModelCount == 1)
            #expect(registry.providerCount == 4 && registry.aliasCount == 2 && registry.startTime.seconds == 2)
            #expect(registry.categoryCounts["text"] == 4 && registry.categoryCounts["video"] == 0)
            #expect(registry.useCount == 10 && registry.failureCount == 2 && registry.mostUsedModel == "local/a")
        }
    }

    @Test("Named models are told even when nobody asked them; names that are none are refused")
    func named() async throws {
        try await ServiceBench.with { bench in
            let answer = try await bench.telemetry.getStatistics(
                .with { $0.models = ["local/b", "cloud/x", "local/b"] })
            #expect(answer.models.map(\.model) == ["cloud/x", "local/b"])
            #expect(answer.models.allSatisfy { $0.useCount == 0 } && answer.registry.mostUsedModel.isEmpty)
            let unknown = try await refusal {
                try await bench.telemetry.getStatistics(.with { $0.models = ["local/b", "local/zzz"] })
            }
            #expect(unknown.code == .notFound && unknown.reason == "MODEL_NOT_FOUND")
            let invalid = try await refusal {
                try await bench.telemetry.getStatistics(.with { $0.models = ["local/b", "default"] })
            }
            #expect(invalid.code == .invalidArgument && invalid.fields == ["models[1]"])
        }
    }

    @Test("What a model does now is told, also of one whose first request is under way")
    func live() async throws {
        try await ServiceBench.with { bench in
            let (busy, failing) = (try modelID("local/b"), try modelID("cloud/x"))
            let report = StatisticsReport(models: [failing: used(3, failures: 3)], sinceMicroseconds: 0)
            bench.scripts.edit {
                $0.statistics = report
                $0.live[busy] = LiveFigures(inFlight: 2)
                $0.live[failing] = LiveFigures(breaker: .open, untilRetry: .milliseconds(2500))
            }
            let models = try await bench.telemetry.getStatistics(.init()).models
            #expect(models.map(\.model) == ["cloud/x", "local/b"])
            #expect(models.map(\.breaker) == ["open", "closed"] && models.map(\.inFlight) == [0, 2])
            // The bench's clock stands at 1000 s.
            #expect(models[0].breakerRetryTime.seconds == 1002 && models[0].breakerRetryTime.nanos == 500_000_000)
            #expect(models[1].useCount == 0 && !models[1].hasBreakerRetryTime)
        }
    }

    @Test(
        "The breaker that lets fewer through is told: a model's own, or its provider's; a local model has its own alone"
    )
    func breakers() throws {
        let router = Router(registry: Registry(.empty), providers: [:])
        let (cloud, local) = (try modelID("cloud/x"), try modelID("local/x"))
        #expect(router.liveFigures(of: cloud).isIdle)
        let figures = router.figures
        figures[cloud].openUntil = 1
        #expect(router.liveFigures(of: cloud) == LiveFigures(breaker: .halfOpen))
        figures[cloud.provider].openUntil = figures.now + 60_000_000_000
        figures[local.provider].openUntil = figures.now + 60_000_000_000
        figures[cloud].began()
        let open = router.liveFigures(of: cloud)
        #expect(open.breaker == .open && open.inFlight == 1)
        #expect(try #require(open.untilRetry) <= .seconds(60) && open.untilRetry ?? .zero > .seconds(30))
        #expect(router.liveFigures(of: local).isIdle)
    }

    @Test("A save tells what is on disk, and is an event")
    func saves() async throws {
        try await ServiceBench.with { bench in
            let saved = SavedState(
                path: "/db", sizeBytes: 99, statisticsCount: 3, eventSequence: 41, requestRecordCount: 7)
            bench.scripts.edit { $0.saved = .success(saved) }
            let answer = try await bench.admin.saveState(.init())
            #expect(answer.path == "/db" && answer.sizeBytes == 99 && answer.statisticsCount == 3)
            #expect(answer.eventSequence == 41 && answer.requestRecordCount == 7 && answer.hasElapsed)
            #expect(answer.modelCount == 4 && answer.providerCount == 4 && answer.aliasCount == 2)
            let event = try #require(bench.events.events.last)
            #expect(event.kind == .stateSaved && event.attributes["path"] == "/db")
        }
    }

    @Test("A save that fails is told and is no event")
    func failsToSave() async throws {
        try await ServiceBench.with { bench in
            let refusal = try await refusal { try await bench.admin.saveState(.init()) }
            #expect(refusal.code == .unavailable && refusal.reason == "STORAGE_FAILED")
            #expect(refusal.message.contains("the disk is full") && refusal.retryDelay == .seconds(5))
            #expect(bench.events.events.isEmpty)
        }
    }
}
