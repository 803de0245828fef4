internal import GRPCCore
internal import Inference
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf
internal import Telemetry

// The figures of a time.
extension TelemetryService {
    func getModelMetrics(
        request: Roundhouse_V1_GetModelMetricsRequest, context: ServerContext
    ) async throws -> Roundhouse_V1_GetModelMetricsResponse {
        var reader = FieldReader()
        let range = reader.metricRange(request.range)
        let model = reader.modelID(request.model, "model")
        try reader.finish()
        guard let model, self.knows(.model(model)) else { throw ServiceError.modelNotFound(request.model) }
        return try await self.aside { telemetry, now in
            let report = telemetry.report(of: .model(model), range)
            return .with {
                $0.model = model.description
                $0.startTime = .init(microseconds: report.startMicroseconds)
                $0.endTime = .init(microseconds: report.endMicroseconds)
                $0.step = .init(microseconds: Double(range.step))
                $0.total = report.metrics
                $0.points = report.points
                $0.health = .init(telemetry.health(of: .model(model), range))
                $0.anomalies = telemetry.anomalies(of: .model(model), range).map { .init($0, now: now) }
            }
        }
    }

    func getSystemMetrics(
        request: Roundhouse_V1_GetSystemMetricsRequest, context: ServerContext
    ) async throws -> Roundhouse_V1_GetSystemMetricsResponse {
        var reader = FieldReader()
        let range = reader.metricRange(request.range)
        try reader.finish()
        return try await self.aside { telemetry, _ in
            let report = telemetry.report(of: .system, range)
            let models = try Self.summaries(
                telemetry, range, from: report.startMicroseconds, to: report.endMicroseconds)
            return .with {
                $0.startTime = .init(microseconds: report.startMicroseconds)
                $0.endTime = .init(microseconds: report.endMicroseconds)
                $0.step = .init(microseconds: Double(range.step))
                $0.total = report.metrics
                $0.points = report.points
                $0.models = models
            }
        }
    }

    /// Those of whom something is known in the range, by id.
    private static func summaries(
        _ telemetry: any TelemetryReading, _ range: Telemetry.MetricRange, from start: Int64, to end: Int64
    ) throws -> [Roundhouse_V1_ModelMetricsSummary] {
        var summaries: [Roundhouse_V1_ModelMetricsSummary] = []
        for subject in telemetry.subjects where subject != .system {
            try Task.checkCancellation()
            let total = telemetry.total(of: subject, range)
            guard !total.isEmpty else { continue }
            summaries.append(
                .with {
                    $0.model = subject.description
                    $0.total = .init(total, seconds: Double(end - start) / 1e6)
                    $0.health = .init(telemetry.health(of: subject, range))
                })
        }
        return summaries.sorted { $0.model < $1.model }
    }

    /// Whether a model is registered, or figures of it are kept.
    func knows(_ subject: MetricSubject) -> Bool {
        switch subject {
        case .system, .other: true
        case .model(let model):
            self.ports.registry.snapshot.listedModel(model) != nil || self.ports.telemetry.subjects.contains(subject)
        }
    }

    /// Adds figures up away from the thread of the call, which carries the tokens of others as well.
    ///
    /// - Parameter body: is given what telemetry tells, and now in microseconds since 1970-01-01 UTC.
    func aside<Response: Sendable>(
        _ body: @Sendable (_ telemetry: any TelemetryReading, _ now: Int64) throws -> Response
    ) async throws(ServiceError) -> Response {
        do {
            let (telemetry, now) = (self.ports.telemetry, self.ports.now().microsecondsSince1970)
            return try await withTaskExecutorPreference(globalConcurrentExecutor) {
                try await Self.run { try body(telemetry, now) }
            }
        } catch {
            throw ServiceError(error)
        }
    }

    @concurrent
    private static func run<Response: Sendable>(_ body: @Sendable () throws -> Response) async throws -> Response {
        try body()
    }
}
