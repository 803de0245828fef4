internal import GRPCCore
internal import RoundhouseAPI

// Replaced piece by piece while the registry is built; none of this is released.
extension RegistryService {
    func createModel(request: Roundhouse_V1_CreateModelRequest, context: ServerContext) async throws
        -> Roundhouse_V1_CreateModelResponse
    {
        throw RPCError(code: .unimplemented, message: "CreateModel is being built")
    }
    func updateModel(request: Roundhouse_V1_UpdateModelRequest, context: ServerContext) async throws
        -> Roundhouse_V1_UpdateModelResponse
    {
        throw RPCError(code: .unimplemented, message: "UpdateModel is being built")
    }
    func deleteModel(request: Roundhouse_V1_DeleteModelRequest, context: ServerContext) async throws
        -> Roundhouse_V1_DeleteModelResponse
    {
        throw RPCError(code: .unimplemented, message: "DeleteModel is being built")
    }
    func discoverModels(request: Roundhouse_V1_DiscoverModelsRequest, context: ServerContext) async throws
        -> Roundhouse_V1_DiscoverModelsResponse
    {
        throw RPCError(code: .unimplemented, message: "DiscoverModels is being built")
    }
    func detectCapabilities(request: Roundhouse_V1_DetectCapabilitiesRequest, context: ServerContext) async throws
        -> Roundhouse_V1_DetectCapabilitiesResponse
    {
        throw RPCError(code: .unimplemented, message: "DetectCapabilities is being built")
    }
    func uninstallModel(request: Roundhouse_V1_UninstallModelRequest, context: ServerContext) async throws
        -> Roundhouse_V1_UninstallModelResponse
    {
        throw RPCError(code: .unimplemented, message: "UninstallModel is being built")
    }
    func enableModel(request: Roundhouse_V1_EnableModelRequest, context: ServerContext) async throws
        -> Roundhouse_V1_EnableModelResponse
    {
        throw RPCError(code: .unimplemented, message: "EnableModel is being built")
    }
    func disableModel(request: Roundhouse_V1_DisableModelRequest, context: ServerContext) async throws
        -> Roundhouse_V1_DisableModelResponse
    {
        throw RPCError(code: .unimplemented, message: "DisableModel is being built")
    }
    func getProvider(request: Roundhouse_V1_GetProviderRequest, context: ServerContext) async throws
        -> Roundhouse_V1_GetProviderResponse
    {
        throw RPCError(code: .unimplemented, message: "GetProvider is being built")
    }
    func createProvider(request: Roundhouse_V1_CreateProviderRequest, context: ServerContext) async throws
        -> Roundhouse_V1_CreateProviderResponse
    {
        throw RPCError(code: .unimplemented, message: "CreateProvider is being built")
    }
    func updateProvider(request: Roundhouse_V1_UpdateProviderRequest, context: ServerContext) async throws
        -> Roundhouse_V1_UpdateProviderResponse
    {
        throw RPCError(code: .unimplemented, message: "UpdateProvider is being built")
    }
    func deleteProvider(request: Roundhouse_V1_DeleteProviderRequest, context: ServerContext) async throws
        -> Roundhouse_V1_DeleteProviderResponse
    {
        throw RPCError(code: .unimplemented, message: "DeleteProvider is being built")
    }
    func listAliases(request: Roundhouse_V1_ListAliasesRequest, context: ServerContext) async throws
        -> Roundhouse_V1_ListAliasesResponse
    {
        throw RPCError(code: .unimplemented, message: "ListAliases is being built")
    }
    func getAlias(request: Roundhouse_V1_GetAliasRequest, context: ServerContext) async throws
        -> Roundhouse_V1_GetAliasResponse
    {
        throw RPCError(code: .unimplemented, message: "GetAlias is being built")
    }
    func updateAlias(request: Roundhouse_V1_UpdateAliasRequest, context: ServerContext) async throws
        -> Roundhouse_V1_UpdateAliasResponse
    {
        throw RPCError(code: .unimplemented, message: "UpdateAlias is being built")
    }
    func deleteAlias(request: Roundhouse_V1_DeleteAliasRequest, context: ServerContext) async throws
        -> Roundhouse_V1_DeleteAliasResponse
    {
        throw RPCError(code: .unimplemented, message: "DeleteAlias is being built")
    }
    func switchModel(request: Roundhouse_V1_SwitchModelRequest, context: ServerContext) async throws
        -> Roundhouse_V1_SwitchModelResponse
    {
        throw RPCError(code: .unimplemented, message: "SwitchModel is being built")
    }
    func rollbackAlias(request: Roundhouse_V1_RollbackAliasRequest, context: ServerContext) async throws
        -> Roundhouse_V1_RollbackAliasResponse
    {
        throw RPCError(code: .unimplemented, message: "RollbackAlias is being built")
    }
    func installModel(
        request: Roundhouse_V1_InstallModelRequest, response: RPCWriter<Roundhouse_V1_InstallModelResponse>,
        context: ServerContext
    ) async throws {
        throw RPCError(code: .unimplemented, message: "InstallModel is being built")
    }
}
