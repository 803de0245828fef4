internal import GRPCCore
internal import RoundhouseAPI

extension RegistryService {
    func getCurrentModel(
        request: Roundhouse_V1_GetCurrentModelRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetCurrentModelResponse {
        throw RPCError(code: .unimplemented, message: "GetCurrentModel is not there yet")
    }

    func listFreeModels(
        request: Roundhouse_V1_ListFreeModelsRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_ListFreeModelsResponse {
        throw RPCError(code: .unimplemented, message: "ListFreeModels is not there yet")
    }

    func listAffordableModels(
        request: Roundhouse_V1_ListAffordableModelsRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_ListAffordableModelsResponse {
        throw RPCError(code: .unimplemented, message: "ListAffordableModels is not there yet")
    }

    func getModelCapabilities(
        request: Roundhouse_V1_GetModelCapabilitiesRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetModelCapabilitiesResponse {
        throw RPCError(code: .unimplemented, message: "GetModelCapabilities is not there yet")
    }
}
