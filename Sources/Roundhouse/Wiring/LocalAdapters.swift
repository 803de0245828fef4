internal import Inference
internal import LocalEngines
internal import NIOCore
internal import Providers

/// What speaks to the engines that we run: each by its OpenAI-compatible port.
struct LocalAdapters: Sendable {
    let runtime: LlamaCppRuntime
    let group: any EventLoopGroup

    /// - Throws: ``UpstreamFault/Kind/unreachable`` when the engine is gone meanwhile.
    func adapter(for instance: RuntimeInstance) throws(UpstreamFault) -> any Inference.Provider {
        guard let endpoint = self.runtime.endpoint(forLaunch: instance.launch) else {
            throw UpstreamFault(.unreachable, "the engine of \(instance.key.model) has ended")
        }
        do throws(EndpointConfiguration.Invalid) {
            return try OpenAIProvider(
                localEngine: .local,
                port: endpoint.port,
                key: Secret(endpoint.apiKey),
                timeouts: Self.timeouts,
                limits: Self.limits,
                group: self.group
            )
        } catch {
            throw UpstreamFault(.unreachable, "\(error)")
        }
    }

    /// Requests wait here, in order, rather than in the engine: it has a thread for each connection, and one that has
    /// more of them than threads closes those that look idle, under the next request.
    private static let limits: HTTPLimits = {
        var limits = HTTPLimits()
        limits.connections = EngineConnections.limit
        limits.waitingRequests = 65_536
        return limits
    }()

    /// The client's deadline counts, and probes find an engine that hangs: a long queue is no fault.
    private static let timeouts: HTTPTimeouts = {
        var timeouts = HTTPTimeouts()
        timeouts.firstToken = timeouts.total
        timeouts.queue = timeouts.total
        return timeouts
    }()

    /// Whether the engine on a port answers `GET /health`.
    static func isHealthy(port: Int, key: String, over group: any EventLoopGroup) async -> Bool {
        let configuration = EndpointConfiguration(
            id: .local,
            kind: .llamaCpp,
            baseURL: "http://127.0.0.1:\(port)/v1",
            apiKey: Secret(key)
        )
        guard let client = try? JSONClient(configuration, group: group) else { return false }
        defer { client.shutdown() }
        let answer = try? await client.get(.native("/health"), as: Health.self, within: .status)
        return answer?.status == "ok"
    }

    private struct Health: Decodable {
        var status: String
    }
}

/// Has a model answer a first, internal request, so that its first user does not pay for it.
struct FirstRequest: Sendable {
    let adapter: @Sendable (RuntimeInstance) throws(UpstreamFault) -> any Inference.Provider
    /// Whether a model turns text into vectors: its engine has no answers to give.
    let isEmbedding: @Sendable (ModelID) -> Bool

    func warm(_ instance: RuntimeInstance) async throws(UpstreamFault) {
        let provider = try self.adapter(instance)
        if self.isEmbedding(instance.key.model) {
            _ = try await provider.embed(
                EmbeddingRequest(id: "warm-up", model: instance.key.model.name, inputs: ["Hi"]))
            return
        }
        let request = InferenceRequest(
            id: "warm-up",
            target: .model(instance.key.model),
            messages: [Message(.user, "Hi")],
            sampling: SamplingParameters(temperature: 0, maxOutputTokens: 1)
        )
        let stream = try await provider.start(
            UpstreamRequest(inference: request, model: instance.key.model.name, delivery: .whole))
        while try await stream.next() != nil {}
    }
}
