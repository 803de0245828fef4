import GRPCCore
import RoundhouseAPI

// RPCs that no test of the CLI has a script for yet.
extension ScriptedServer.RegistryAnswers {
    func createModel(request: Roundhouse_V1_CreateModelRequest, context: ServerContext) async throws
        -> Roundhouse_V1_CreateModelResponse
    {
        throw RPCError(code: .unimplemented, message: "CreateModel is not scripted")
    }
    func updateModel(request: Roundhouse_V1_UpdateModelRequest, context: ServerContext) async throws
        -> Roundhouse_V1_UpdateModelResponse
    {
        throw RPCError(code: .unimplemented, message: "UpdateModel is not scripted")
    }
    func deleteModel(request: Roundhouse_V1_DeleteModelRequest, context: ServerContext) async throws
        -> Roundhouse_V1_DeleteModelResponse
    {
        throw RPCError(code: .unimplemented, message: "DeleteModel is not scripted")
    }
    func discoverModels(request: Roundhouse_V1_DiscoverModelsRequest, context: ServerContext) async throws
        -> Roundhouse_V1_DiscoverModelsResponse
    {
        throw RPCError(code: .unimplemented, message: "DiscoverModels is not scripted")
    }
    func detectCapabilities(request: Roundhouse_V1_DetectCapabilitiesRequest, context: ServerContext) async throws
        -> Roundhouse_V1_DetectCapabilitiesResponse
    {
        throw RPCError(code: .unimplemented, message: "DetectCapabilities is not scripted")
    }
    func uninstallModel(request: Roundhouse_V1_UninstallModelRequest, context: ServerContext) async throws
        -> Roundhouse_V1_UninstallModelResponse
    {
        throw RPCError(code: .unimplemented, message: "UninstallModel is not scripted")
    }
    func enableModel(request: Roundhouse_V1_EnableModelRequest, context: ServerContext) async throws
        -> Roundhouse_V1_EnableModelResponse
    {
        throw RPCError(code: .unimplemented, message: "EnableModel is not scripted")
    }
    func disableModel(request: Roundhouse_V1_DisableModelRequest, context: ServerContext) async throws
        -> Roundhouse_V1_DisableModelResponse
    {
        throw RPCError(code: .unimplemented, message: "DisableModel is not scripted")
    }
    func getProvider(request: Roundhouse_V1_GetProviderRequest, context: ServerContext) async throws
        -> Roundhouse_V1_GetProviderResponse
    {
        throw RPCError(code: .unimplemented, message: "GetProvider is not scripted")
    }
    func createProvider(request: Roundhouse_V1_CreateProviderRequest, context: ServerContext) async throws
        -> Roundhouse_V1_CreateProviderResponse
    {
        throw RPCError(code: .unimplemented, message: "CreateProvider is not scripted")
    }
    func updateProvider(request: Roundhouse_V1_UpdateProviderRequest, context: ServerContext) async throws
        -> Roundhouse_V1_UpdateProviderResponse
    {
        throw RPCError(code: .unimplemented, message: "UpdateProvider is not scripted")
    }
    func deleteProvider(request: Roundhouse_V1_DeleteProviderRequest, context: ServerContext) async throws
        -> Roundhouse_V1_DeleteProviderResponse
    {
        throw RPCError(code: .unimplemented, message: "DeleteProvider is not scripted")
    }
    func listAliases(request: Roundhouse_V1_ListAliasesRequest, context: ServerContext) async throws
        -> Roundhouse_V1_ListAliasesResponse
    {
        throw RPCError(code: .unimplemented, message: "ListAliases is not scripted")
    }
    func getAlias(request: Roundhouse_V1_GetAliasRequest, context: ServerContext) async throws
        -> Roundhouse_V1_GetAliasResponse
    {
        throw RPCError(code: .unimplemented, message: "GetAlias is not scripted")
    }
    func updateAlias(request: Roundhouse_V1_UpdateAliasRequest, context: ServerContext) async throws
        -> Roundhouse_V1_UpdateAliasResponse
    {
        throw RPCError(code: .unimplemented, message: "UpdateAlias is not scripted")
    }
    func deleteAlias(request: Roundhouse_V1_DeleteAliasRequest, context: ServerContext) async throws
        -> Roundhouse_V1_DeleteAliasResponse
    {
        throw RPCError(code: .unimplemented, message: "DeleteAlias is not scripted")
    }
    func switchModel(request: Roundhouse_V1_SwitchModelRequest, context: ServerContext) async throws
        -> Roundhouse_V1_SwitchModelResponse
    {
        throw RPCError(code: .unimplemented, message: "SwitchModel is not scripted")
    }
    func rollbackAlias(request: Roundhouse_V1_RollbackAliasRequest, context: ServerContext) async throws
        -> Roundhouse_V1_RollbackAliasResponse
    {
        throw RPCError(code: .unimplemented, message: "RollbackAlias is not scripted")
    }
    func installModel(
        request: Roundhouse_V1_InstallModelRequest, response: RPCWriter<Roundhouse_V1_InstallModelResponse>,
        context: ServerContext
    ) async throws {
        throw RPCError(code: .unimplemented, message: "InstallModel is not scripted")
    }
}
