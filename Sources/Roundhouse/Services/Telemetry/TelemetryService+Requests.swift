internal import GRPCCore
internal import Inference
internal import Persistence
internal import RoundhouseAPI
internal import SwiftProtobuf

extension TelemetryService {
    func listRequests(
        request: Roundhouse_V1_ListRequestsRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_ListRequestsResponse {
        do {
            let query = try RequestQuery(
                filter: request.filter, limit: Paging.limit(request.pageSize), token: request.pageToken)
            let page = try await self.ports.requests(query)
            return .with {
                $0.requests = page.requests.map(Roundhouse_V1_RequestRecord.init)
                $0.nextPageToken = page.nextToken
                $0.lastSequence = page.lastSequence
            }
        } catch {
            throw ServiceError(error)
        }
    }
}
