internal import GRPCCore
internal import Inference
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

/// `roundhouse.v1.AdminService`: what an operator does to a running server.
struct AdminService: Roundhouse_V1_AdminService.SimpleServiceProtocol {
    let ports: ServicePorts
    private let clock = ContinuousClock()

    init(ports: ServicePorts) {
        self.ports = ports
    }

    func saveState(
        request: Roundhouse_V1_SaveStateRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_SaveStateResponse {
        let began = self.clock.now
        let saved: SavedState
        do {
            saved = try await self.ports.saveState()
        } catch is CancellationError {
            throw ServiceError(CancellationError())
        } catch {
            throw ServiceError(
                .unavailable, "STORAGE_FAILED", "not everything could be written to disk: \(error)",
                retry: .after(.seconds(5)))
        }
        self.ports.recorder.record(Self.event(saved))
        let snapshot = self.ports.registry.snapshot
        return .with {
            $0.path = saved.path
            $0.sizeBytes = saved.sizeBytes
            $0.modelCount = Int32(clamping: snapshot.models.count)
            $0.providerCount = Int32(clamping: snapshot.providers.count)
            $0.aliasCount = Int32(clamping: snapshot.aliases.count)
            $0.statisticsCount = Int32(clamping: saved.statisticsCount)
            $0.eventSequence = saved.eventSequence
            $0.requestRecordCount = Int64(saved.requestRecordCount)
            $0.elapsed = .init(self.clock.now - began)
        }
    }

    private static func event(_ saved: SavedState) -> GatewayEvent {
        GatewayEvent(
            .stateSaved,
            reason: "SaveState was called",
            attributes: [
                "path": saved.path,
                "size_bytes": "\(saved.sizeBytes)",
                "statistics": "\(saved.statisticsCount)",
                "request_records": "\(saved.requestRecordCount)",
            ]
        )
    }
}
