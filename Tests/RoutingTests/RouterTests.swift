import Inference
import ModelRegistry
import Routing
import TestSupport
import Testing

/// Two providers, `first` and `second`, with a model `m` each; alias `pair` asks them in that order.
private struct Bench {
    let first: ScriptedProvider
    let second: ScriptedProvider
    let router: Router

    init(
        first: @escaping @Sendable (UpstreamRequest) -> ScriptedProvider.Script,
        second: @escaping @Sendable (UpstreamRequest) -> ScriptedProvider.Script = { _ in
            .answer([[.textDelta("two"), .finished(.stop)]])
        }
    ) throws {
        let firstID = try #require(ProviderID("first"))
        let secondID = try #require(ProviderID("second"))
        self.first = ScriptedProvider(firstID, script: first)
        self.second = ScriptedProvider(secondID, script: second)
        let models = [try #require(ModelID("first/m")), try #require(ModelID("second/m"))]
        let snapshot = try RegistrySnapshot(
            providers: [firstID, secondID].map { ProviderDescription(id: $0, kind: "custom") },
            models: [
                ModelDescription(id: models[0], priority: 1),
                ModelDescription(id: models[1], priority: 2),
            ],
            aliases: [Alias(name: "pair", targets: models)]
        )
        self.router = Router(registry: Registry(snapshot), providers: [firstID: self.first, secondID: self.second])
    }

    static func request(_ model: String) throws -> InferenceRequest {
        InferenceRequest(
            id: "r",
            target: try #require(InferenceRequest.Target(model)),
            messages: [Message(.user, "hi")]
        )
    }
}

@Suite("The router")
struct RouterTests {
    static let passing: [UpstreamFault.Kind] = [
        .rateLimited(retryAfter: .seconds(3)), .overloaded(retryAfter: nil), .serverError, .unreachable,
        .timedOut(.connect), .timedOut(.firstToken), .timedOut(.idle), .truncated, .malformed, .modelNotFound,
        .contentFiltered, .authenticationFailed, .contextLengthExceeded,
    ]

    @Test("A refusal that another may mend moves on, and is told", arguments: passing, ["pair", "auto", ""])
    func failsOver(kind: UpstreamFault.Kind, model: String) async throws {
        let bench = try Bench(first: { _ in .refuse(UpstreamFault(kind, "no")) })
        let routed = try await bench.router.begin(Bench.request(model), delivery: .streamed)
        #expect(routed.model.description == "second/m")
        #expect(routed.failedAttempts.map(\.fault?.kind) == [kind])
        #expect(routed.firstEvents == [.textDelta("two"), .finished(.stop)])
    }

    @Test("An answer that breaks before its first output moves on too")
    func failsOverBeforeOutput() async throws {
        let bench = try Bench(first: { _ in
            .answer([[.usage(Usage(inputTokens: 1, outputTokens: 0))]], fault: UpstreamFault(.truncated, "cut"))
        })
        let routed = try await bench.router.begin(Bench.request("pair"), delivery: .streamed)
        #expect(routed.model.description == "second/m")
        #expect(routed.failedAttempts.map(\.fault?.kind) == [.truncated])
    }

    @Test("A fault of the request itself ends the search", arguments: [UpstreamFault.Kind.invalidRequest, .cancelled])
    func stops(kind: UpstreamFault.Kind) async throws {
        let bench = try Bench(first: { _ in .refuse(UpstreamFault(kind, "no")) })
        let error = await #expect(throws: RoutingFailure.self) {
            try await bench.router.begin(Bench.request("pair"), delivery: .streamed)
        }
        guard case .allFailed(let attempts) = error else {
            Issue.record("unexpected \(String(describing: error))")
            return
        }
        #expect(attempts.map(\.fault?.kind) == [kind])
        #expect(bench.second.requests.isEmpty)
    }

    @Test("An explicit id asks nobody else")
    func explicitID() async throws {
        let bench = try Bench(first: { _ in .refuse(UpstreamFault(.serverError, "no")) })
        await #expect(throws: RoutingFailure.self) {
            try await bench.router.begin(Bench.request("first/m"), delivery: .streamed)
        }
        #expect(bench.second.requests.isEmpty)
    }

    @Test("Who cannot answer is not asked, and the attempts tell why", arguments: ["pair", "auto"])
    func leavesOutUnavailable(model: String) async throws {
        let bench = try Bench(first: { _ in .answer([]) })
        bench.first.set(.unavailable(reason: "no engine"), of: "m")
        let routed = try await bench.router.begin(Bench.request(model), delivery: .streamed)
        #expect(bench.first.requests.isEmpty)
        #expect(routed.failedAttempts.map(\.fault?.message) == ["no engine"])
    }

    @Test("With the choice its own, the router asks who runs before who must start")
    func readyFirst() async throws {
        let bench = try Bench(first: { _ in .answer([[.textDelta("one"), .finished(.stop)]]) })
        bench.first.set(.loading, of: "m")
        #expect(
            try await bench.router.begin(Bench.request("auto"), delivery: .streamed).model.description == "second/m")
        #expect(try await bench.router.begin(Bench.request("pair"), delivery: .streamed).model.description == "first/m")
    }

    @Test("Nobody ready is told with every reason")
    func nobodyReady() async throws {
        let bench = try Bench(first: { _ in .answer([]) })
        bench.first.set(.unavailable(reason: "one"), of: "m")
        bench.second.set(.unavailable(reason: "two"), of: "m")
        let error = await #expect(throws: RoutingFailure.self) {
            try await bench.router.begin(Bench.request("auto"), delivery: .streamed)
        }
        guard case .nobodyReady(let unavailable) = error else {
            Issue.record("unexpected \(String(describing: error))")
            return
        }
        #expect(unavailable.map(\.reason) == ["one", "two"])
    }

    @Test("An unknown id or alias is not found", arguments: ["first/x", "third/m", "nothing"])
    func notFound(model: String) async throws {
        let bench = try Bench(first: { _ in .answer([]) })
        await #expect(throws: RoutingFailure.modelNotFound(requested: model)) {
            try await bench.router.begin(Bench.request(model), delivery: .streamed)
        }
    }
}
