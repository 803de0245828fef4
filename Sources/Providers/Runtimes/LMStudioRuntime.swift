package import Inference
package import NIOCore

/// Models in LM Studio's memory, version 0.4.0 or later.
///
/// What is loaded through its API has no time to live, unlike what it loads by itself for a request.
package struct LMStudioRuntime: ModelRuntime {
    package let name = "lm_studio"
    private let runtime: RemoteRuntime<LMStudioServer>

    /// - Parameters:
    ///   - loadLimit: the longest that one load may take.
    /// - Throws: ``EndpointConfiguration/Invalid``, naming the field.
    package init(
        _ configuration: EndpointConfiguration, group: any EventLoopGroup, loadLimit: Duration = .seconds(3600),
        clock: RuntimeClock = .system
    ) throws(EndpointConfiguration.Invalid) {
        let client = try JSONClient(configuration, group: group)
        self.runtime = RemoteRuntime(
            server: LMStudioServer(
                api: LMStudioAPI(client: client), address: client.origin.description, loadLimit: loadLimit),
            clock: clock)
    }

    package func prepare(_ model: RuntimeModel) async throws(RuntimeUnavailable) -> MemoryEstimate {
        try await self.runtime.prepare(model)
    }

    package func run(
        _ launch: RuntimeLaunch, report: @escaping @Sendable (RuntimeReport) -> Void
    ) async -> RuntimeExit {
        await self.runtime.run(launch, report: report)
    }

    package func probe(_ instance: RuntimeInstance) async -> Bool { await self.runtime.probe(instance) }
}

struct LMStudioServer: RemoteServer {
    let api: LMStudioAPI
    let address: String
    let loadLimit: Duration

    var product: String { "LM Studio" }
    var howToStart: String { "start its server with `lms server start`" }

    func howToInstall(_ model: String) -> String { "bring it there with `lms get \(model)`" }

    func model(named name: String) async throws(UpstreamFault) -> RemoteModel? {
        let found = try await self.models(within: .listing).first { $0.key == name }
        return found.map { RemoteModel(name: name, sizeBytes: $0.sizeBytes) }
    }

    func loaded(_ model: RemoteModel, handle: String?) async throws(UpstreamFault) -> LoadedRemoteModel? {
        guard let found = try await self.models(within: .status).first(where: { $0.key == model.name }) else {
            return nil
        }
        let instance = found.instances.first { handle == nil || $0.id == handle }
        return instance.map {
            LoadedRemoteModel(sizeBytes: found.sizeBytes, contextLength: $0.config.contextLength.count, handle: $0.id)
        }
    }

    func load(_ model: RemoteModel, contextLength: Int?) async throws(UpstreamFault) -> String {
        try await self.api.load(model.name, contextLength: contextLength, within: self.loadLimit)
    }

    func keep(_ model: RemoteModel, handle: String) async throws(UpstreamFault) {
        // It has no way to lengthen an instance's time to live, and loading again would make a second instance.
    }

    func unload(_ model: RemoteModel, handle: String) async throws(UpstreamFault) {
        try await self.api.unload(handle)
    }

    private func models(within timeouts: HTTPTimeouts) async throws(UpstreamFault) -> [LMStudioModels.Model] {
        switch try await self.api.models(within: timeouts) {
        case .current(let models): return models
        case .old:
            throw UpstreamFault(
                .invalidRequest,
                "it is older than 0.4.0 and has no endpoint to load models; update it, or leave loading to itself")
        }
    }
}
