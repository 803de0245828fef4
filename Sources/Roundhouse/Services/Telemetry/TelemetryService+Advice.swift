internal import GRPCCore
internal import Inference
internal import RoundhouseAPI
internal import SwiftProtobuf
internal import Telemetry

// What was out of the ordinary, and what could be done.
extension TelemetryService {
    func listRecommendations(
        request: Roundhouse_V1_ListRecommendationsRequest, context: ServerContext
    ) async throws -> Roundhouse_V1_ListRecommendationsResponse {
        var reader = FieldReader()
        let range = reader.metricRange(request.range, unspecified: .week)
        try reader.finish()
        let paging = KeyedPaging(question: "recommendations \(range.rawValue)")
        let position = try paging.position(request.pageToken)
        let limit = try Paging.limit(request.pageSize)
        return try await self.aside { telemetry, _ in
            let page = paging.page(telemetry.recommendations(range), after: position, limit: limit, key: \.pageKey)
            return .with {
                $0.recommendations = page.elements.map { .init($0) }
                $0.nextPageToken = page.nextToken
            }
        }
    }

    func listAnomalies(
        request: Roundhouse_V1_ListAnomaliesRequest, context: ServerContext
    ) async throws -> Roundhouse_V1_ListAnomaliesResponse {
        var reader = FieldReader()
        let range = reader.metricRange(request.range)
        let subject = reader.metricSubject(request.model, "model")
        try reader.finish()
        if let subject, !self.knows(subject) { throw ServiceError.modelNotFound(request.model) }
        let paging = KeyedPaging(question: "anomalies \(range.rawValue) \(request.model)")
        let position = try paging.position(request.pageToken)
        let limit = try Paging.limit(request.pageSize)
        return try await self.aside { telemetry, now in
            let page = paging.page(
                telemetry.anomalies(of: subject, range), after: position, limit: limit, key: \.pageKey)
            return .with {
                $0.anomalies = page.elements.map { .init($0, now: now) }
                $0.nextPageToken = page.nextToken
            }
        }
    }
}

extension Telemetry.Recommendation {
    /// By kind, then by id.
    fileprivate var pageKey: String {
        let place = Self.Kind.allCases.firstIndex(of: self.kind) ?? 0
        return "\(KeyedPaging.digits(UInt64(place))) \(self.id)"
    }
}

extension Telemetry.Anomaly {
    /// Those that last first, then the latest.
    fileprivate var pageKey: String {
        let age = UInt64(Int64.max - max(0, self.startMicroseconds))
        let lasts = self.endMicroseconds == nil ? "0" : "1"
        return "\(lasts) \(KeyedPaging.digits(age)) \(self.kind.rawValue) \(self.subject)"
    }
}

extension FieldReader {
    /// A model's id, `system` or `other`; `nil` for nothing, and for what is reported.
    fileprivate mutating func metricSubject(_ text: String, _ field: String) -> MetricSubject? {
        switch text {
        case "": return nil
        case MetricSubject.system.description: return .system
        case MetricSubject.other.description: return .other
        default:
            if let id = ModelID(text) { return .model(id) }
            self.report(
                field, found: text, expected: "a model id (\(ModelID.expectation)), 'system', 'other' or nothing")
            return nil
        }
    }
}
