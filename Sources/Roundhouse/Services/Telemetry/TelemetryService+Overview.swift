internal import GRPCCore
internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf
internal import Telemetry

// Every model with what it takes and how it is used.
extension TelemetryService {
    func getTelemetry(
        request: Roundhouse_V1_GetTelemetryRequest, context: ServerContext
    ) async throws -> Roundhouse_V1_GetTelemetryResponse {
        var reader = FieldReader()
        let range = reader.metricRange(request.range)
        try reader.finish()
        let ports = self.ports
        return try await self.aside { telemetry, _ in
            let overview = ModelOverview(ports)
            var models: [Roundhouse_V1_ModelTelemetry] = []
            for model in overview.snapshot.models {
                try Task.checkCancellation()
                models.append(overview.telemetry(of: model, telemetry, range))
            }
            let total = telemetry.total(of: .system, range)
            return .with {
                $0.models = models
                $0.summary = overview.summary(models, total, dropped: ports.droppedRecords())
                $0.recommendations = telemetry.recommendations(range).map { .init($0) }
            }
        }
    }
}

/// What models are and take at one moment.
private struct ModelOverview {
    private let memory: ModelMemory
    private let statistics: [ModelID: ModelRegistry.ModelStatistics]

    var snapshot: RegistrySnapshot { self.memory.snapshot }

    init(_ ports: ServicePorts) {
        self.memory = ModelMemory(ports)
        self.statistics = ports.statistics().models
    }

    func telemetry(
        of model: ModelDescription, _ telemetry: any TelemetryReading, _ range: Telemetry.MetricRange
    ) -> Roundhouse_V1_ModelTelemetry {
        let figures = telemetry.total(of: .model(model.id), range)
        return .with {
            $0.model = model.id.description
            $0.displayName = model.displayName
            $0.category = .init(model.category)
            $0.provider = model.id.provider.rawValue
            $0.loaded = self.memory.isLoaded(model.id)
            $0.canLoad = self.memory.canLoad(model)
            $0.sizeBytes = self.memory.size(of: model)
            $0.usageCount = figures.counts.attempts
            if let used = self.statistics[model.id]?.lastUsedAtMicroseconds, used > 0 {
                $0.lastUseTime = .init(microseconds: used)
            }
            if let rate = figures.successRate { $0.successRate = rate }
            $0.health = .init(telemetry.health(of: .model(model.id), range))
            $0.enabled = model.isEnabled
            $0.pinned = model.isPinned
            $0.lazy = model.isLazy
        }
    }

    func summary(
        _ models: [Roundhouse_V1_ModelTelemetry], _ total: MetricFigures, dropped: Int
    ) -> Roundhouse_V1_TelemetrySummary {
        let used = models.count { $0.usageCount > 0 }
        return .with {
            $0.totalCount = Int32(clamping: models.count)
            $0.loadedCount = Int32(clamping: models.count { $0.loaded })
            $0.usedCount = Int32(clamping: used)
            $0.unusedCount = Int32(clamping: models.count - used)
            $0.loadedBytes = models.lazy.filter(\.loaded).reduce(Int64(0)) { $0.addingSaturated($1.sizeBytes) }
            $0.requestCount = total.counts.requests
            $0.costNanoUsd = total.counts[.cost]
            $0.droppedRecordCount = Int64(dropped)
        }
    }
}

extension [LoadedModel] {
    /// What each model takes in memory, all of its versions together, in bytes. Those that take nothing, or of which it is
    /// not known, are left out.
    var memoryByModel: [ModelID: Int64] {
        self.reduce(into: [:]) { sums, model in
            guard model.isInMemory else { return }
            let bytes = model.memory.values.reduce(Int64(0)) { $0.addingSaturated($1) }
            if bytes > 0 { sums[model.key.model, default: 0] = (sums[model.key.model] ?? 0).addingSaturated(bytes) }
        }
    }
}

extension LoadedModel {
    /// Whether it takes memory, or is about to.
    var isInMemory: Bool {
        switch self.state {
        case .loading, .warming, .ready, .draining, .unloading: true
        case .unloaded, .queued, .failed: false
        }
    }
}
