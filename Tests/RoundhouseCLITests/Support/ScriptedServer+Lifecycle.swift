import GRPCCore
import RoundhouseAPI

// Each call is answered by its request's script.
extension ScriptedServer {
    struct LifecycleAnswers: Roundhouse_V1_LifecycleService.SimpleServiceProtocol {
        let server: ScriptedServer

        func loadModel(
            request: Roundhouse_V1_LoadModelRequest,
            response: RPCWriter<Roundhouse_V1_LoadModelResponse>,
            context: ServerContext
        ) async throws {
            try await self.server.stream(request, response, context)
        }

        func unloadModel(
            request: Roundhouse_V1_UnloadModelRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_UnloadModelResponse {
            try self.server.answer(request)
        }

        func warmUp(
            request: Roundhouse_V1_WarmUpRequest,
            response: RPCWriter<Roundhouse_V1_WarmUpResponse>,
            context: ServerContext
        ) async throws {
            try await self.server.stream(request, response, context)
        }

        func listLoadedModels(
            request: Roundhouse_V1_ListLoadedModelsRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_ListLoadedModelsResponse {
            try self.server.answer(request)
        }

        func pinModel(
            request: Roundhouse_V1_PinModelRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_PinModelResponse {
            try self.server.answer(request)
        }

        func getModelsStatus(
            request: Roundhouse_V1_GetModelsStatusRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_GetModelsStatusResponse {
            try self.server.answer(request)
        }

        func planLoad(
            request: Roundhouse_V1_PlanLoadRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_PlanLoadResponse {
            try self.server.answer(request)
        }

        func profileModel(
            request: Roundhouse_V1_ProfileModelRequest,
            response: RPCWriter<Roundhouse_V1_ProfileModelResponse>,
            context: ServerContext
        ) async throws {
            try await self.server.stream(request, response, context)
        }

        func watchEvents(
            request: Roundhouse_V1_WatchEventsRequest,
            response: RPCWriter<Roundhouse_V1_WatchEventsResponse>,
            context: ServerContext
        ) async throws {
            try await self.server.stream(request, response, context)
        }

        func listEvents(
            request: Roundhouse_V1_ListEventsRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_ListEventsResponse {
            try self.server.answer(request)
        }
    }

    struct TelemetryAnswers: Roundhouse_V1_TelemetryService.SimpleServiceProtocol {
        let server: ScriptedServer

        func getStatistics(
            request: Roundhouse_V1_GetStatisticsRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_GetStatisticsResponse {
            try self.server.answer(request)
        }

        func listRequests(
            request: Roundhouse_V1_ListRequestsRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_ListRequestsResponse {
            try self.server.answer(request)
        }

        func getTelemetry(
            request: Roundhouse_V1_GetTelemetryRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_GetTelemetryResponse {
            try self.server.answer(request)
        }

        func getModelMetrics(
            request: Roundhouse_V1_GetModelMetricsRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_GetModelMetricsResponse {
            try self.server.answer(request)
        }

        func getSystemMetrics(
            request: Roundhouse_V1_GetSystemMetricsRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_GetSystemMetricsResponse {
            try self.server.answer(request)
        }

        func listRecommendations(
            request: Roundhouse_V1_ListRecommendationsRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_ListRecommendationsResponse {
            try self.server.answer(request)
        }

        func listAnomalies(
            request: Roundhouse_V1_ListAnomaliesRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_ListAnomaliesResponse {
            try self.server.answer(request)
        }

        func watchMetrics(
            request: Roundhouse_V1_WatchMetricsRequest,
            response: RPCWriter<Roundhouse_V1_WatchMetricsResponse>,
            context: ServerContext
        ) async throws {
            try await self.server.stream(request, response, context)
        }
    }

    struct AdminAnswers: Roundhouse_V1_AdminService.SimpleServiceProtocol {
        let server: ScriptedServer

        func getConfig(
            request: Roundhouse_V1_GetConfigRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_GetConfigResponse {
            try self.server.answer(request)
        }

        func updateConfig(
            request: Roundhouse_V1_UpdateConfigRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_UpdateConfigResponse {
            try self.server.answer(request)
        }

        func getConfigTemplate(
            request: Roundhouse_V1_GetConfigTemplateRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_GetConfigTemplateResponse {
            try self.server.answer(request)
        }

        func validateConfig(
            request: Roundhouse_V1_ValidateConfigRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_ValidateConfigResponse {
            try self.server.answer(request)
        }

        func saveState(
            request: Roundhouse_V1_SaveStateRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_SaveStateResponse {
            try self.server.answer(request)
        }
    }
}
