internal import GRPCCore
internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

/// `roundhouse.v1.TelemetryService`: how models are used. What is made of figures, and what happens now, is in files of its own.
struct TelemetryService: Roundhouse_V1_TelemetryService.SimpleServiceProtocol {
    let ports: ServicePorts
    let live: LivePort

    func getStatistics(
        request: Roundhouse_V1_GetStatisticsRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetStatisticsResponse {
        let report = self.ports.statistics()
        let snapshot = self.ports.registry.snapshot
        let models = try self.models(named: request.models, in: snapshot, report)
        let now = self.ports.now()
        return .with {
            $0.models = models.map {
                Roundhouse_V1_ModelStatistics(
                    report.models[$0] ?? ModelRegistry.ModelStatistics(), of: $0, self.live.figures($0), now: now)
            }
            $0.registry = self.figures(of: snapshot, report)
        }
    }

    /// Those named, else all that were ever asked, the ones whose first request is under way among them; by id.
    private func models(
        named names: [String],
        in snapshot: RegistrySnapshot,
        _ report: StatisticsReport
    ) throws(ServiceError) -> [ModelID] {
        guard !names.isEmpty else {
            let busy = snapshot.models.lazy.map(\.id).filter { !self.live.figures($0).isIdle }
            return Set(report.models.keys).union(busy).sorted()
        }
        var reader = FieldReader()
        var models: Set<ModelID> = []
        for (index, name) in names.enumerated() {
            if let id = reader.modelID(name, "models[\(index)]") { models.insert(id) }
        }
        try reader.finish()
        for model in models where report.models[model] == nil && snapshot.model(model) == nil {
            throw .modelNotFound(model.description)
        }
        return models.sorted()
    }

    private func figures(
        of snapshot: RegistrySnapshot,
        _ report: StatisticsReport
    ) -> Roundhouse_V1_RegistryStatistics {
        .with {
            $0.modelCount = Int32(clamping: snapshot.models.count)
            $0.enabledModelCount = Int32(clamping: snapshot.models.count { $0.isEnabled })
            let loaded = self.ports.loading.loadedModels().filter { $0.state == .ready }
            $0.loadedModelCount = Int32(clamping: Set(loaded.map(\.key.model)).count)
            $0.providerCount = Int32(clamping: snapshot.providers.count)
            $0.aliasCount = Int32(clamping: snapshot.aliases.count)
            for category in Inference.ModelCategory.allCases {
                let count = snapshot.models.count { $0.category == category }
                $0.categoryCounts[category.rawValue] = Int32(clamping: count)
            }
            $0.useCount = report.models.values.reduce(0) { $0 + $1.uses }
            $0.failureCount = report.models.values.reduce(0) { $0 + $1.failures }
            // Of equal ones the first by id, so that two calls tell the same.
            let most = report.models.filter { $0.value.uses > 0 }
                .max { ($0.value.uses, $1.key) < ($1.value.uses, $0.key) }
            $0.mostUsedModel = most?.key.description ?? ""
            $0.startTime = .init(microseconds: report.sinceMicroseconds)
        }
    }
}
