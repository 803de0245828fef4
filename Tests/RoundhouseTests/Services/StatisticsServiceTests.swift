import GRPCCore
import Inference
import ModelLifecycle
import ModelRegistry
import RoundhouseAPI
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
