import Synchronization

/// A server on a loopback port that speaks Ollama's API as far as Roundhouse uses it: `/api/tags`, `/api/show`,
/// `/api/ps`, `/api/chat`, `/api/generate`, `/api/embed` and `/v1/chat/completions`.
package final class FakeOllama: Sendable {
    /// A model that it has.
    package struct Model: Sendable {
        /// With its tag: `llama3.2:latest`.
        package var name: String
        package var sizeBytes: Int64 = 2_019_393_189
        package var digest: String
        package var capabilities = ["completion", "tools"]
        package var architecture = "llama"
        package var contextLength: Int64 = 131_072

        package init(_ name: String, digest: String? = nil) {
            self.name = Self.full(name)
            self.digest = digest ?? "sha256-of-\(self.name)"
        }

        static func full(_ name: String) -> String {
            name.split(separator: "/").last?.contains(":") == true ? name : "\(name):latest"
        }
    }

    /// A model that it has in memory.
    package struct Loaded: Sendable, Hashable {
        package var name: String
        /// Seconds, or -1 for ever.
        package var keepAlive: Int64

        package init(name: String, keepAlive: Int64) {
            self.name = name
            self.keepAlive = keepAlive
        }
    }

    struct State {
        var models: [Model]
        var loaded: [Loaded] = []
        /// Loads wait for it.
        var loadGate: Gate?
        var loadFailure: String?
        /// Answers wait for it after their first word.
        var answerGate: Gate?
        var answerDivergence: Divergence?
    }

    let state: Mutex<State>
    let server = FakeServerState()

    private init(_ models: [Model]) {
        self.state = Mutex(State(models: models))
    }

    /// Serves until `body` returns.
    package static func run<Result>(
        _ models: [Model] = [Model("llama3.2")], _ body: (FakeOllama) async throws -> Result
    ) async throws -> Result {
        let fake = FakeOllama(models)
        return try await FaultUpstream.run(
            script: { fake.steps(for: $0) },
            { upstream in
                fake.server.upstream = upstream
                return try await body(fake)
            })
    }

    // MARK: - For tests

    /// The address for a provider's configuration.
    package var baseURL: String { self.server.upstream?.baseURL ?? "" }
    /// `POST /api/chat`, in order.
    package var calls: [String] { self.server.calls }
    package var upstream: FaultUpstream? { self.server.upstream }
    /// What is in memory.
    package var loaded: [Loaded] { self.state.withLock { $0.loaded } }

    /// From now on the endpoint departs from what is documented; `nil` ends that.
    package func diverge(at path: String, _ divergence: Divergence?) { self.server.set(divergence, at: path) }

    /// Its keep-alive has passed: the model leaves memory.
    package func expire(_ model: String) {
        let name = Model.full(model)
        self.state.withLock { $0.loaded.removeAll { $0.name == name } }
    }

    /// Somebody deletes a model.
    package func delete(_ model: String) {
        let name = Model.full(model)
        self.expire(model)
        self.state.withLock { $0.models.removeAll { $0.name == name } }
    }

    /// Somebody else's request has loaded it.
    package func preload(_ model: String, keepAlive: Int64 = 300) {
        self.setLoaded(Model.full(model), keepAlive: keepAlive)
    }

    /// Loads wait for the gate from now on.
    package func holdLoads(until gate: Gate) { self.state.withLock { $0.loadGate = gate } }

    /// Loads fail from now on, with status 500 and this error.
    package func failLoads(_ message: String?) { self.state.withLock { $0.loadFailure = message } }

    /// Answers say their first word and wait for the gate from now on, whichever API asks for them.
    package func holdAnswers(until gate: Gate) { self.state.withLock { $0.answerGate = gate } }

    /// From now on requests for an answer, whichever API brings them, get this instead; loads and unloads do not.
    package func divergeAnswers(_ divergence: Divergence?) { self.state.withLock { $0.answerDivergence = divergence } }

    /// Another size in memory.
    package func resize(_ model: String, to bytes: Int64) {
        let name = Model.full(model)
        self.state.withLock { state in
            guard let place = state.models.firstIndex(where: { $0.name == name }) else { return }
            state.models[place].sizeBytes = bytes
        }
    }

    func setLoaded(_ name: String, keepAlive: Int64?) {
        self.state.withLock { state in
            if let place = state.loaded.firstIndex(where: { $0.name == name }) {
                if let keepAlive { state.loaded[place].keepAlive = keepAlive }
            } else {
                state.loaded.append(Loaded(name: name, keepAlive: keepAlive ?? 300))
            }
        }
    }
}
