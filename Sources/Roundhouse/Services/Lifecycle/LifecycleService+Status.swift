internal import GRPCCore
internal import RoundhouseAPI

extension LifecycleService {
    func getModelsStatus(
        request: Roundhouse_V1_GetModelsStatusRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetModelsStatusResponse {
        throw RPCError(code: .unimplemented, message: "GetModelsStatus is not there yet")
    }
}
