internal import GRPCCore
internal import RoundhouseAPI

// Not answered yet.
extension TelemetryService {
    func getTelemetry(
        request: Roundhouse_V1_GetTelemetryRequest, context: ServerContext
    ) async throws -> Roundhouse_V1_GetTelemetryResponse {
        throw RPCError(code: .unimplemented, message: "GetTelemetry")
    }

    func getModelMetrics(
        request: Roundhouse_V1_GetModelMetricsRequest, context: ServerContext
    ) async throws -> Roundhouse_V1_GetModelMetricsResponse {
        throw RPCError(code: .unimplemented, message: "GetModelMetrics")
    }

    func getSystemMetrics(
        request: Roundhouse_V1_GetSystemMetricsRequest, context: ServerContext
    ) async throws -> Roundhouse_V1_GetSystemMetricsResponse {
        throw RPCError(code: .unimplemented, message: "GetSystemMetrics")
    }

    func watchMetrics(
        request: Roundhouse_V1_WatchMetricsRequest, response: RPCWriter<Roundhouse_V1_WatchMetricsResponse>,
        context: ServerContext
    ) async throws {
        throw RPCError(code: .unimplemented, message: "WatchMetrics")
    }

    func listRecommendations(
        request: Roundhouse_V1_ListRecommendationsRequest, context: ServerContext
    ) async throws -> Roundhouse_V1_ListRecommendationsResponse {
        throw RPCError(code: .unimplemented, message: "ListRecommendations")
    }

    func listAnomalies(
        request: Roundhouse_V1_ListAnomaliesRequest, context: ServerContext
    ) async throws -> Roundhouse_V1_ListAnomaliesResponse {
        throw RPCError(code: .unimplemented, message: "ListAnomalies")
    }
}
