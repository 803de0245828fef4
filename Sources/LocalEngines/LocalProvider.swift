package import Inference
import Synchronization

/// The provider `local`: starts the model's engine if need be, then speaks to it by an adapter.
package final class LocalProvider: Provider {
    /// Makes the adapter for an engine; it sends `endpoint.apiKey` as a bearer token.
    package typealias MakeAdapter = @Sendable (_ endpoint: EngineEndpoint, _ model: LocalModel) -> any Provider

    private struct Adapter {
        var launch: Int
        var provider: any Provider
    }

    private let supervisor: EngineSupervisor
    private let models: [String: LocalModel]
    private let makeAdapter: MakeAdapter
    /// By model; one for each life of a process, so that connections to a dead engine are not used again.
    private let adapters = Mutex<[String: Adapter]>([:])

    package init(supervisor: EngineSupervisor, makeAdapter: @escaping MakeAdapter) {
        self.supervisor = supervisor
        self.models = Dictionary(supervisor.models.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.makeAdapter = makeAdapter
    }

    package var id: ProviderID { .local }

    package func start(_ request: UpstreamRequest) async throws(UpstreamFault) -> any UpstreamStream {
        let (endpoint, adapter) = try await self.adapter(for: request.model)
        do throws(UpstreamFault) {
            return EngineAnswer(try await adapter.start(request), of: endpoint, model: request.model, self.supervisor)
        } catch {
            throw await self.supervisor.explain(error, endpoint, request.model)
        }
    }

    package func countTokens(_ request: UpstreamRequest) async throws(UpstreamFault) -> Int? {
        let (endpoint, adapter) = try await self.adapter(for: request.model)
        do throws(UpstreamFault) {
            return try await adapter.countTokens(request)
        } catch {
            throw await self.supervisor.explain(error, endpoint, request.model)
        }
    }

    package func availability(of model: String) -> ProviderAvailability {
        self.supervisor.availability(of: model)
    }

    private func adapter(for name: String) async throws(UpstreamFault) -> (EngineEndpoint, any Provider) {
        let endpoint = try await self.supervisor.ensureReady(name)
        guard let model = self.models[name] else {
            throw UpstreamFault(.modelNotFound, "there is no local model '\(name)'")
        }
        let provider = self.adapters.withLock { adapters in
            if let known = adapters[name], known.launch == endpoint.launch { return known.provider }
            let provider = self.makeAdapter(endpoint, model)
            adapters[name] = Adapter(launch: endpoint.launch, provider: provider)
            return provider
        }
        return (endpoint, provider)
    }
}

/// An engine's answer, with a better reason when the engine dies over it.
private final class EngineAnswer: UpstreamStream {
    private let answer: any UpstreamStream
    private let endpoint: EngineEndpoint
    private let model: String
    private let supervisor: EngineSupervisor

    init(_ answer: any UpstreamStream, of endpoint: EngineEndpoint, model: String, _ supervisor: EngineSupervisor) {
        self.answer = answer
        self.endpoint = endpoint
        self.model = model
        self.supervisor = supervisor
    }

    func next() async throws(UpstreamFault) -> [InferenceEvent]? {
        do throws(UpstreamFault) {
            return try await self.answer.next()
        } catch {
            throw await self.supervisor.explain(error, self.endpoint, self.model)
        }
    }

    func cancel() {
        self.answer.cancel()
    }
}

extension EngineSupervisor {
    /// A broken connection to a local engine mostly means that it crashed: says so, in its own last words.
    fileprivate func explain(_ fault: UpstreamFault, _ endpoint: EngineEndpoint, _ model: String) async -> UpstreamFault
    {
        guard fault.kind == .unreachable || fault.kind == .truncated,
            case .crashed(let reason) = await self.exit(of: endpoint, model: model)
        else { return fault }
        return UpstreamFault(fault.kind, reason, httpStatus: fault.httpStatus)
    }
}
