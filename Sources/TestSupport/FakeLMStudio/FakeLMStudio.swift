import Synchronization

/// A server on a loopback port that speaks LM Studio's API as far as Roundhouse uses it: `/api/v1/models` with load and
/// unload, `/api/v0/models`, and `/v1/chat/completions`.
package final class FakeLMStudio: Sendable {
    /// A model that it has.
    package struct Model: Sendable {
        package var key: String
        /// `llm` or `embedding`.
        package var kind = "llm"
        package var sizeBytes: Int64 = 12_109_566_560
        package var maxContextLength: Int64 = 131_072
        package var vision = false
        package var trainedForToolUse = true

        package init(_ key: String) {
            self.key = key
        }
    }

    /// An instance in memory.
    package struct Instance: Sendable, Hashable {
        package var id: String
        package var key: String
        package var contextLength: Int64
    }

    struct State {
        var models: [Model]
        var instances: [Instance] = []
        var loadGate: Gate?
        var loadFailure: String?
        var hasVersion1 = true
        var answersUnknownPathsWith200 = false
    }

    let state: Mutex<State>
    let server = FakeServerState()

    private init(_ models: [Model]) {
        self.state = Mutex(State(models: models))
    }

    /// Serves until `body` returns.
    package static func run<Result>(
        _ models: [Model] = [Model("openai/gpt-oss-20b")], _ body: (FakeLMStudio) async throws -> Result
    ) async throws -> Result {
        let fake = FakeLMStudio(models)
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
    /// `POST /api/v1/models/load`, in order.
    package var calls: [String] { self.server.calls }
    package var upstream: FaultUpstream? { self.server.upstream }
    /// What is in memory.
    package var instances: [Instance] { self.state.withLock { $0.instances } }

    /// From now on the endpoint departs from what is documented; `nil` ends that.
    package func diverge(at path: String, _ divergence: Divergence?) { self.server.set(divergence, at: path) }

    /// Its time to live has passed, or a person ejected it: every instance of the model leaves memory.
    package func expire(_ model: String) {
        self.state.withLock { $0.instances.removeAll { $0.key == model } }
    }

    /// A person has loaded it.
    @discardableResult
    package func preload(_ model: String, contextLength: Int64 = 4096) -> String {
        self.addInstance(model, contextLength: contextLength)
    }

    /// Loads wait for the gate from now on.
    package func holdLoads(until gate: Gate) { self.state.withLock { $0.loadGate = gate } }

    /// Loads fail from now on, with status 500 and this error.
    package func failLoads(_ message: String?) { self.state.withLock { $0.loadFailure = message } }

    /// It becomes older than 0.4.0.
    ///
    /// - Parameter with200: whether it answers paths that it does not know with 200 and an error, as it really does.
    package func forgetVersion1(with200: Bool) {
        self.state.withLock { state in
            state.hasVersion1 = false
            state.answersUnknownPathsWith200 = with200
        }
    }

    /// - Returns: the instance's id: the key, then `key:2` and so on.
    @discardableResult
    func addInstance(_ key: String, contextLength: Int64) -> String {
        self.state.withLock { state in
            let number = state.instances.count { $0.key == key } + 1
            let id = number == 1 ? key : "\(key):\(number)"
            state.instances.append(Instance(id: id, key: key, contextLength: contextLength))
            return id
        }
    }
}
