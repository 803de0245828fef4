import GRPCCore
import RoundhouseAPI
import SwiftProtobuf

/// `grpc.health.v1.Health`, gRPC's own health service: `Check`, `List` and `Watch` over a `HealthRegistry`.
struct StandardHealthService: Grpc_Health_V1_Health.SimpleServiceProtocol {
    let registry: HealthRegistry

    func check(
        request: Grpc_Health_V1_HealthCheckRequest,
        context: ServerContext
    ) async throws -> Grpc_Health_V1_HealthCheckResponse {
        guard let status = registry.status(of: request.service) else {
            throw RPCError(
                code: .notFound,
                message: "no service or model \"\(request.service)\"; grpc.health.v1.Health/List names all of them")
        }
        return .with { $0.status = status.message }
    }

    func list(
        request: Grpc_Health_V1_HealthListRequest,
        context: ServerContext
    ) async throws -> Grpc_Health_V1_HealthListResponse {
        .with { response in
            response.statuses = registry.all.mapValues { status in .with { $0.status = status.message } }
        }
    }

    func watch(
        request: Grpc_Health_V1_HealthCheckRequest,
        response: RPCWriter<Grpc_Health_V1_HealthCheckResponse>,
        context: ServerContext
    ) async throws {
        guard let watch = registry.watch(request.service) else {
            throw RPCError(
                code: .resourceExhausted,
                message: "\(registry.maximumWatches) health watches are open, which is the most")
        }
        defer { watch.stop() }
        // A call may be cancelled through its handle or through its task, which ends the sequence by itself.
        try await withRPCCancellationHandler {
            for await status in watch {
                try await response.write(.with { $0.status = status?.message ?? .serviceUnknown })
            }
        } onCancelRPC: {
            watch.stop()
        }
        if registry.areWatchesEnded {
            throw RPCError(code: .unavailable, message: "the server is shutting down")
        }
    }
}

extension HealthRegistry.Status {
    var message: Grpc_Health_V1_HealthCheckResponse.ServingStatus {
        switch self {
        case .serving: .serving
        case .notServing: .notServing
        }
    }
}
