internal import Inference
internal import LocalEngines
internal import ModelLifecycle
internal import ModelRegistry
internal import NIOCore
internal import Providers

/// The real machine's Python and engines.
struct MachineSoftwareProbe: SoftwareProbe {
    private let survey: EngineSurvey
    private let pythons: PythonSurvey

    init(directories: EngineDirectories, environment: [String: String]) {
        self.survey = EngineSurvey(directories: directories, environment: environment)
        self.pythons = PythonSurvey(environment: environment)
    }

    func python() async -> PythonInstallation? { await self.pythons.find() }
    func software(_ folders: [String]) async -> EngineSurvey.Findings { await self.survey.look(folders) }
}

/// The real file systems.
struct HardwareDiskProbe: DiskProbe {
    /// As ``ServicePorts/hardware``.
    let hardware: @Sendable () async -> HardwareReading

    func disks() async -> [DiskSighting] {
        await self.hardware().disks.map {
            DiskSighting(path: $0.path, availableBytes: $0.availableBytes, totalBytes: $0.totalBytes)
        }
    }
}

/// Asks a provider for its models, as discovery does: an authenticated call where the provider has one, and free.
struct ListingProbe: ServiceProbe {
    let discovery: DiscoveryPort
    let registry: Registry

    func ask(_ provider: ProviderID) async -> ServiceSighting {
        guard let lister = self.discovery.lister(provider) else {
            guard let description = self.registry.snapshot.provider(provider) else { return .notAskable }
            let problems = await self.discovery.problems(description).map { problem in
                "\(problem.field): found \(problem.found.isEmpty ? "nothing" : problem.found), expected \(problem.expected)"
            }
            return problems.isEmpty ? .notAskable : .unusable(problems.joined(separator: "; "))
        }
        do throws(UpstreamFault) {
            return .listed(models: try await lister.listModels().models.count)
        } catch {
            return .fault(error)
        }
    }
}

/// Asks the usual ports of this machine.
struct LoopbackServerProbe: ServerProbe {
    let group: any EventLoopGroup

    func look(at server: LocalServer) async -> ServerSighting {
        guard let id = ProviderID("probe"),
            let client = try? JSONClient(
                EndpointConfiguration(id: id, kind: .custom, baseURL: server.address), group: self.group)
        else { return ServerSighting(isRunning: false) }
        defer { client.shutdown() }
        do throws(UpstreamFault) {
            return ServerSighting(isRunning: true, version: try await Self.version(of: server, from: client))
        } catch {
            // Nobody listens there, or somebody else.
            return ServerSighting(isRunning: false)
        }
    }

    /// Asks what only this server answers so. Throws when it is not there.
    private static func version(
        of server: LocalServer, from client: JSONClient
    ) async throws(UpstreamFault) -> String {
        switch server {
        case .ollama: try await client.get(.native("/api/version"), as: Version.self, within: .status).version
        case .vLLM: try await client.get(.native("/version"), as: Version.self, within: .status).version
        case .comfyUI:
            try await client.get(.native("/system_stats"), as: Statistics.self, within: .status).system.version ?? ""
        case .lmStudio:
            try await client.get(.native("/api/v0/models"), as: Listing.self, within: .status).version
        }
    }

    private struct Version: Decodable, Sendable {
        let version: String
    }

    private struct Statistics: Decodable, Sendable {
        let system: System

        struct System: Decodable, Sendable {
            let version: String?

            private enum CodingKeys: String, CodingKey {
                case version = "comfyui_version"
            }
        }
    }

    private struct Listing: Decodable, Sendable {
        let data: [Model]
        /// LM Studio tells its version to nobody.
        var version: String { "" }

        struct Model: Decodable, Sendable {
            let id: String
        }
    }
}
