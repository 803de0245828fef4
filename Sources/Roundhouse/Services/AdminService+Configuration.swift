internal import GRPCCore
internal import RoundhouseAPI

extension AdminService {
    func getConfig(
        request: Roundhouse_V1_GetConfigRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetConfigResponse {
        throw RPCError(code: .unimplemented, message: "GetConfig is not there yet")
    }

    func updateConfig(
        request: Roundhouse_V1_UpdateConfigRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_UpdateConfigResponse {
        throw RPCError(code: .unimplemented, message: "UpdateConfig is not there yet")
    }

    func getConfigTemplate(
        request: Roundhouse_V1_GetConfigTemplateRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetConfigTemplateResponse {
        throw RPCError(code: .unimplemented, message: "GetConfigTemplate is not there yet")
    }

    func validateConfig(
        request: Roundhouse_V1_ValidateConfigRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_ValidateConfigResponse {
        throw RPCError(code: .unimplemented, message: "ValidateConfig is not there yet")
    }
}
