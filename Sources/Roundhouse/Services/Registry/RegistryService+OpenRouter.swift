internal import GRPCCore
internal import RoundhouseAPI

extension RegistryService {
    func getOpenRouterFilter(
        request: Roundhouse_V1_GetOpenRouterFilterRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetOpenRouterFilterResponse {
        throw RPCError(code: .unimplemented, message: "")
    }

    func updateOpenRouterFilter(
        request: Roundhouse_V1_UpdateOpenRouterFilterRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_UpdateOpenRouterFilterResponse {
        throw RPCError(code: .unimplemented, message: "")
    }
}
