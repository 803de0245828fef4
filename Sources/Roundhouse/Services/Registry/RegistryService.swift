internal import GRPCCore
internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import RoundhouseAPI

/// `roundhouse.v1.RegistryService`: what the gateway can route to. Its RPCs are in a file for each kind of entry.
struct RegistryService: Roundhouse_V1_RegistryService.SimpleServiceProtocol {
    let ports: ServicePorts
    /// Installations and removals under way: two of one model would step on each other's files.
    let fileWork = ExclusiveWork()

    /// Runs a call's body; what the rooms throw becomes the client's status.
    func answering<Response>(_ body: () async throws -> Response) async throws(ServiceError) -> Response {
        do {
            return try await body()
        } catch {
            throw ServiceError(error)
        }
    }

    /// A model's message as things stand now.
    func message(_ model: ModelDescription) -> Roundhouse_V1_Model {
        ModelLookup(self.ports).message(model)
    }

    /// Takes a model out of memory once its requests have ended; one that is not loaded is none to wait for.
    func drain(_ model: ModelID, version: String? = nil, reason: String) async throws(ServiceError) {
        do {
            _ = try await self.ports.loading.unload(model, version: version, grace: nil, reason: reason)
        } catch .notFound, .notLoadable {
            // Not one that is loaded.
        } catch {
            throw ServiceError(error)
        }
    }
}

extension String {
    /// An etag as requests give it: empty says nothing.
    var asEtag: String? { self.isEmpty ? nil : self }
}
