import GRPCCore
import RoundhouseAPI

// Each call is answered by its request's script.
extension ScriptedServer {
    struct RegistryAnswers: Roundhouse_V1_RegistryService.SimpleServiceProtocol {
        let server: ScriptedServer

        func listModels(
            request: Roundhouse_V1_ListModelsRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_ListModelsResponse {
            try self.server.answer(request)
        }

        func getModel(
            request: Roundhouse_V1_GetModelRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_GetModelResponse {
            try self.server.answer(request)
        }

        func createModel(
            request: Roundhouse_V1_CreateModelRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_CreateModelResponse {
            try self.server.answer(request)
        }

        func updateModel(
            request: Roundhouse_V1_UpdateModelRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_UpdateModelResponse {
            try self.server.answer(request)
        }

        func deleteModel(
            request: Roundhouse_V1_DeleteModelRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_DeleteModelResponse {
            try self.server.answer(request)
        }

        func discoverModels(
            request: Roundhouse_V1_DiscoverModelsRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_DiscoverModelsResponse {
            try self.server.answer(request)
        }

        func detectCapabilities(
            request: Roundhouse_V1_DetectCapabilitiesRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_DetectCapabilitiesResponse {
            try self.server.answer(request)
        }

        func installModel(
            request: Roundhouse_V1_InstallModelRequest,
            response: RPCWriter<Roundhouse_V1_InstallModelResponse>,
            context: ServerContext
        ) async throws {
            try await self.server.stream(request, response, context)
        }

        func uninstallModel(
            request: Roundhouse_V1_UninstallModelRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_UninstallModelResponse {
            try self.server.answer(request)
        }

        func enableModel(
            request: Roundhouse_V1_EnableModelRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_EnableModelResponse {
            try self.server.answer(request)
        }

        func disableModel(
            request: Roundhouse_V1_DisableModelRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_DisableModelResponse {
            try self.server.answer(request)
        }

        func listProviders(
            request: Roundhouse_V1_ListProvidersRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_ListProvidersResponse {
            try self.server.answer(request)
        }

        func getProvider(
            request: Roundhouse_V1_GetProviderRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_GetProviderResponse {
            try self.server.answer(request)
        }

        func createProvider(
            request: Roundhouse_V1_CreateProviderRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_CreateProviderResponse {
            try self.server.answer(request)
        }

        func updateProvider(
            request: Roundhouse_V1_UpdateProviderRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_UpdateProviderResponse {
            try self.server.answer(request)
        }

        func deleteProvider(
            request: Roundhouse_V1_DeleteProviderRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_DeleteProviderResponse {
            try self.server.answer(request)
        }

        func listAliases(
            request: Roundhouse_V1_ListAliasesRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_ListAliasesResponse {
            try self.server.answer(request)
        }

        func getAlias(
            request: Roundhouse_V1_GetAliasRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_GetAliasResponse {
            try self.server.answer(request)
        }

        func updateAlias(
            request: Roundhouse_V1_UpdateAliasRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_UpdateAliasResponse {
            try self.server.answer(request)
        }

        func deleteAlias(
            request: Roundhouse_V1_DeleteAliasRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_DeleteAliasResponse {
            try self.server.answer(request)
        }

        func switchModel(
            request: Roundhouse_V1_SwitchModelRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_SwitchModelResponse {
            try self.server.answer(request)
        }

        func rollbackAlias(
            request: Roundhouse_V1_RollbackAliasRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_RollbackAliasResponse {
            try self.server.answer(request)
        }

        func getOpenRouterFilter(
            request: Roundhouse_V1_GetOpenRouterFilterRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_GetOpenRouterFilterResponse {
            try self.server.answer(request)
        }

        func updateOpenRouterFilter(
            request: Roundhouse_V1_UpdateOpenRouterFilterRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_UpdateOpenRouterFilterResponse {
            try self.server.answer(request)
        }

        func getCurrentModel(
            request: Roundhouse_V1_GetCurrentModelRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_GetCurrentModelResponse {
            try self.server.answer(request)
        }

        func listFreeModels(
            request: Roundhouse_V1_ListFreeModelsRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_ListFreeModelsResponse {
            try self.server.answer(request)
        }

        func listAffordableModels(
            request: Roundhouse_V1_ListAffordableModelsRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_ListAffordableModelsResponse {
            try self.server.answer(request)
        }

        func getModelCapabilities(
            request: Roundhouse_V1_GetModelCapabilitiesRequest,
            context: ServerContext
        ) async throws -> Roundhouse_V1_GetModelCapabilitiesResponse {
            try self.server.answer(request)
        }
    }
}
