internal import GRPCCore
internal import Inference
internal import RoundhouseAPI
internal import SwiftProtobuf

// Files are read and written here: off the threads that calls run on.
extension AdminService {
    func getConfig(
        request: Roundhouse_V1_GetConfigRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetConfigResponse {
        let configuration = self.ports.configuration
        return try await withTaskExecutorPreference(globalConcurrentExecutor) {
            do {
                return Roundhouse_V1_GetConfigResponse(try await configuration.view())
            } catch {
                throw ServiceError(error)
            }
        }
    }

    func updateConfig(
        request: Roundhouse_V1_UpdateConfigRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_UpdateConfigResponse {
        let change: ConfigurationChange
        switch request.change {
        case .yaml(let yaml): change = .file(yaml)
        case .changes(let changes): change = .settings(changes.settings)
        case nil:
            throw ServiceError.invalid([FieldViolation("change", "is missing; expected yaml or changes")])
        }
        if case .settings(let settings) = change, settings.isEmpty {
            throw ServiceError.invalid([FieldViolation("changes.settings", "is empty; expected a key at least")])
        }
        let configuration = self.ports.configuration
        let outcome = try await withTaskExecutorPreference(globalConcurrentExecutor) {
            do {
                return try await configuration.update(
                    change, etag: request.etag, validateOnly: request.validateOnly)
            } catch {
                throw ServiceError(error)
            }
        }
        if !request.validateOnly { self.ports.recorder.record(Self.event(outcome)) }
        return Roundhouse_V1_UpdateConfigResponse(outcome)
    }

    func getConfigTemplate(
        request: Roundhouse_V1_GetConfigTemplateRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetConfigTemplateResponse {
        .with { $0.yaml = ConfigurationReference.template() }
    }

    func validateConfig(
        request: Roundhouse_V1_ValidateConfigRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_ValidateConfigResponse {
        let configuration = self.ports.configuration
        let problems = await withTaskExecutorPreference(globalConcurrentExecutor) {
            await configuration.problems(of: request.yaml)
        }
        return .with {
            $0.valid = problems.isEmpty
            $0.problems = problems.map(Roundhouse_V1_ConfigProblem.init)
        }
    }

    private static func event(_ outcome: ConfigurationOutcome) -> GatewayEvent {
        GatewayEvent(
            .configChanged,
            reason: "UpdateConfig was called",
            attributes: [
                "entry": "file", "name": outcome.path, "action": "updated",
                "applied": outcome.applied.joined(separator: " "), "pending": outcome.pending.joined(separator: " "),
            ]
        )
    }
}
