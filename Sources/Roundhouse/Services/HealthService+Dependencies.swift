internal import GRPCCore
internal import LocalEngines
internal import RoundhouseAPI
internal import SwiftProtobuf

/// What the health service asks beyond the ports that all services share.
struct HealthPorts: Sendable {
    var checker: HealthChecker
    /// Installs an engine unless it is installed; as ``EngineCatalog/install(_:progress:)``.
    var install:
        @Sendable (
            _ engine: String, _ progress: @escaping @Sendable (EngineCatalog.Step) -> Void
        ) async throws(EngineCatalog.Failure) -> Void
}

extension HealthService {
    func checkDependencies(
        request: Roundhouse_V1_CheckDependenciesRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_CheckDependenciesResponse {
        .init(await self.health.checker.check(refresh: request.refresh))
    }

    func listEngines(
        request: Roundhouse_V1_ListEnginesRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_ListEnginesResponse {
        let report = await self.health.checker.check(refresh: request.refresh)
        return .with { $0.engines = report.engines.map(Roundhouse_V1_InferenceEngine.init) }
    }

    func installEngine(
        request: Roundhouse_V1_InstallEngineRequest,
        response: RPCWriter<Roundhouse_V1_InstallEngineResponse>,
        context: ServerContext
    ) async throws {
        let engine = request.engine
        do {
            guard EngineSurvey.names.contains(engine) else { throw ServiceError.engineNotFound(engine) }
            guard engine == EngineSurvey.llamaCpp else { throw ServiceError.engineNotInstallable(engine) }
            // Only bytes are many: of those the last ones are enough.
            let relay = ProgressRelay<EngineCatalog.Step>(key: { step in
                if case .downloading = step { "downloading" } else { nil }
            })
            try await relay.run { [install = self.health.install] report in
                try await install(engine, report)
            } write: { steps in
                try await response.write(contentsOf: steps.map(Roundhouse_V1_InstallEngineResponse.init))
            }
            self.health.checker.forget()
        } catch let failure as EngineCatalog.Failure {
            throw ServiceError(failure, of: engine)
        } catch {
            throw ServiceError(error)
        }
    }
}

extension ServiceError {
    fileprivate static func engineNotFound(_ engine: String) -> ServiceError {
        ServiceError(
            .notFound, "ENGINE_NOT_FOUND",
            "there is no engine '\(engine)'; ListEngines lists those that there are", metadata: ["engine": engine])
    }

    fileprivate static func engineNotInstallable(_ engine: String) -> ServiceError {
        .refused(
            "ENGINE_NOT_INSTALLABLE", "\(engine) is not installed by us: \(HealthRules.advice(for: engine))",
            metadata: ["engine": engine])
    }

    fileprivate init(_ failure: EngineCatalog.Failure, of engine: String) {
        switch failure.kind {
        case .unknownEngine: self = .engineNotFound(engine)
        case .network:
            self.init(
                .unavailable, "PACKAGE_INDEX_UNREACHABLE", failure.message, metadata: ["engine": engine],
                retry: .after(.seconds(10)))
        case .cancelled: self.init(.cancelled, "CANCELLED", failure.message)
        case .other: self = .refused("ENGINE_INSTALL_FAILED", failure.message, metadata: ["engine": engine])
        }
    }
}
