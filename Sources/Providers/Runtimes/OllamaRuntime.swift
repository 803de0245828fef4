package import Inference
package import NIOCore

/// Models in Ollama's memory.
///
/// They are loaded with `keep_alive: -1`, so that Ollama's own clock does not unload what we decided to keep: when to
/// unload is ModelLifecycle's to say. Requests through `/v1` name no `keep_alive` and leave it as it is.
///
/// A context length is not passed on: requests through `/v1` cannot repeat it, and Ollama would load the model anew with
/// its own for the first of them. `OLLAMA_CONTEXT_LENGTH` or a Modelfile's `num_ctx` set it.
package struct OllamaRuntime: ModelRuntime {
    package let name = "ollama"
    private let runtime: RemoteRuntime<OllamaServer>

    /// - Parameters:
    ///   - loadLimit: the longest that one load may take.
    /// - Throws: ``EndpointConfiguration/Invalid``, naming the field.
    package init(
        _ configuration: EndpointConfiguration, group: any EventLoopGroup, loadLimit: Duration = .seconds(3600),
        clock: RuntimeClock = .system
    ) throws(EndpointConfiguration.Invalid) {
        let client = try JSONClient(configuration, errors: .ollama, group: group)
        self.runtime = RemoteRuntime(
            server: OllamaServer(
                api: OllamaAPI(client: client), address: client.origin.description, loadLimit: loadLimit),
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

struct OllamaServer: RemoteServer {
    let api: OllamaAPI
    let address: String
    let loadLimit: Duration

    var product: String { "Ollama" }
    var howToStart: String { "start it with `ollama serve`" }

    func howToInstall(_ model: String) -> String { "bring it there with `ollama pull \(model)`" }

    func model(named name: String) async throws(UpstreamFault) -> RemoteModel? {
        let found = try await self.api.tags().first { OllamaName.isSame($0.name, name) }
        return found.map { RemoteModel(name: name, sizeBytes: $0.size.value, digest: $0.digest) }
    }

    func loaded(_ model: RemoteModel, handle: String?) async throws(UpstreamFault) -> LoadedRemoteModel? {
        // A model that was copied under another name is in memory once, under the name that came first.
        let found = try await self.api.running().first { running in
            OllamaName.isSame(running.name, model.name) || running.name == handle
                || (!model.digest.isEmpty && running.digest == model.digest)
        }
        return found.map {
            LoadedRemoteModel(
                sizeBytes: $0.size.value, contextLength: $0.contextLength?.count, handle: $0.name)
        }
    }

    func load(_ model: RemoteModel, contextLength: Int?) async throws(UpstreamFault) -> String {
        try await self.api.load(model.name, within: self.loadLimit)
        return model.name
    }

    func keep(_ model: RemoteModel, handle: String) async throws(UpstreamFault) {
        try await self.api.load(model.name, within: self.loadLimit)
    }

    func unload(_ model: RemoteModel, handle: String) async throws(UpstreamFault) {
        try await self.api.unload(model.name)
    }
}
