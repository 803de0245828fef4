import GRPCCore
import GRPCProtobuf
import GRPCTransport
import RoundhouseAPI
import Subprocess
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// What the calls of the lifecycle do in cases other than the plain one, with models of a fake Ollama.
    @Suite struct Operations {
        /// Models of an Ollama, a cloud model, and an alias of the first.
        private static func withServer(
            settings: String = "",
            in directory: TemporaryDirectory? = nil,
            _ body: @escaping @Sendable (FakeOllama, RunningServer, Gateway) async throws -> Void
        ) async throws {
            try await FakeOllama.run([FakeOllama.Model("a"), FakeOllama.Model("b")]) { ollama in
                let configuration = """
                    local: { enabled: false }
                    \(settings)
                    providers:
                      - { id: ollama, kind: ollama, base_url: '\(ollama.baseURL)', models: [{ name: a }, { name: b }] }
                      - { id: cloud, kind: custom, base_url: 'http://127.0.0.1:9', models: [{ name: m }] }
                    aliases: { app: [ollama/a], sky: [cloud/m] }
                    """
                try await RunningServer.with(configuration, in: directory) { server in
                    try await server.withClient { try await body(ollama, server, $0) }
                }
            }
        }

        @Test func `What cannot be loaded is told apart`() async throws {
            try await Self.withServer { _, _, gateway in
                let loaded = try #require(try await gateway.load("app").last?.loaded)
                #expect(loaded.model == "ollama/a" && loaded.state == .ready)
                _ = try await gateway.registry.disableModel(.with { $0.model = "ollama/b" })
                let cases: [(String, RPCError.Code, String)] = [
                    ("cloud/m", .failedPrecondition, "NOT_LOADABLE"), ("sky", .failedPrecondition, "NOT_LOADABLE"),
                    ("ollama/b", .failedPrecondition, "MODEL_DISABLED"), ("ollama/none", .notFound, "MODEL_NOT_FOUND"),
                    ("none", .notFound, "MODEL_NOT_FOUND"),
                ]
                for (name, code, reason) in cases {
                    let error = try await #require(throws: RPCError.self) { try await gateway.load(name) }
                    let info = try error.errorInfo()
                    #expect(error.code == code && info.reason == reason, "\(name): \(error) \(info)")
                }
                // Loaded already: nothing but the end is told.
                let again = try await gateway.load("ollama/a")
                #expect(again.map(\.progress.phase) == [.ready] && again.last?.loaded.model == "ollama/a")
                let answer = try await gateway.stream(.asking("hi", "ollama/a") { $0.includeProgress = true })
                #expect(answer.isTruthful && answer.error == nil)
                #expect(!answer.messages.contains { if case .progress = $0.event { true } else { false } })
                // A model that is disabled while it is loaded leaves memory.
                _ = try await gateway.registry.disableModel(.with { $0.model = "ollama/a" })
                let isGone = try await Processes.until(within: .seconds(10)) {
                    try await gateway.loaded().models.isEmpty
                }
                #expect(isGone)
                let refused = try await gateway.failure(of: .asking("hi", "ollama/a"))
                #expect(refused.code == .unavailable, "\(refused)")
            }
        }

        @Test func `Unloading without force waits for streams, and two unloads are one`() async throws {
            try await Self.withServer { ollama, _, gateway in
                let gate = Gate()
                try await gateway.load("ollama/a")
                ollama.holdAnswers(until: gate)
                let begun = Signal<Bool>()
                async let answer = gateway.stream(.asking("hi", "ollama/a")) { message in
                    if case .textDelta = message.event { begun.send(true) }
                }
                _ = await begun.value()
                async let first = gateway.unload("ollama/a")
                async let second = gateway.unload("ollama/a")
                let isDraining = try await Processes.until(within: .seconds(10)) {
                    try await gateway.loaded().models.first?.state == .draining
                }
                #expect(isDraining)
                gate.open()
                for outcome in [try await first, try await second] {
                    #expect(outcome.unloaded && outcome.cutLeaseCount == 0 && outcome.drainedLeaseCount == 1)
                }
                let whole = try await answer
                #expect(whole.error == nil && whole.isTruthful)
                #expect(ollama.loaded.isEmpty)
            }
        }

        @Test func `Unloading ends a load under way, and its callers are told`() async throws {
            try await Self.withServer { ollama, _, gateway in
                let gate = Gate()
                ollama.holdLoads(until: gate)
                async let load = gateway.failure(ofLoading: "ollama/a")
                async let request = gateway.failure(of: .asking("hi", "ollama/a"))
                let isLoading = try await Processes.until(within: .seconds(10)) {
                    let model = try await gateway.loaded().models.first
                    return model?.state == .loading && model?.waiterCount == 2
                }
                #expect(isLoading)
                let outcome = try await gateway.unload("ollama/a")
                #expect(outcome.unloaded)
                let error = try await load
                #expect(error.code == .aborted || error.code == .unavailable, "\(error)")
                let refused = try await request
                #expect(refused.code == .unavailable, "\(refused)")
                gate.open()
                ollama.expire("a")
                let again = try #require(try await gateway.load("ollama/a").last?.loaded)
                #expect(again.state == .ready)
            }
        }

        @Test func `A load that more wait for than may is RESOURCE_EXHAUSTED`() async throws {
            try await Self.withServer(settings: "lifecycle: { max_queue: 2 }") { ollama, _, gateway in
                let gate = Gate()
                ollama.holdLoads(until: gate)
                async let first = gateway.generation.generate(.asking("hi", "ollama/a"))
                async let second = gateway.generation.generate(.asking("hi", "ollama/a"))
                let areWaiting = try await Processes.until(within: .seconds(10)) {
                    try await gateway.loaded().models.first?.waiterCount == 2
                }
                #expect(areWaiting)
                let load = try await #require(throws: RPCError.self) { try await gateway.load("ollama/a") }
                #expect(load.code == .resourceExhausted, "\(load)")
                let third = try await gateway.failure(of: .asking("hi", "ollama/a"))
                #expect(third.code == .resourceExhausted, "\(third)")
                gate.open()
                let answers = [try await first, try await second]
                #expect(answers.allSatisfy { !$0.text.isEmpty })
            }
        }

        @Test func `max_loaded_models holds, and a pin survives a restart`() async throws {
            let directory = try TemporaryDirectory()
            let settings = "lifecycle: { max_loaded_models: 1, min_residency: 0s }"
            try await Self.withServer(settings: settings, in: directory) { ollama, _, gateway in
                try await gateway.load("ollama/a")
                try await gateway.load("ollama/b")
                let names = try await gateway.loaded().models.map(\.model)
                #expect(names == ["ollama/b"] && ollama.loaded.map(\.name) == ["b:latest"])
                _ = try await gateway.lifecycle.pinModel(.with { $0.model = "ollama/b" })
                try await Self.expectPlaceTaken(gateway)
            }
            try await Self.withServer(settings: settings, in: directory) { _, _, gateway in
                let pinned = try await gateway.model("ollama/b")
                #expect(pinned.pinned)
                try await gateway.load("ollama/b")
                try await Self.expectPlaceTaken(gateway)
            }
        }

        private static func expectPlaceTaken(_ gateway: Gateway) async throws {
            let plan = try await gateway.plan("ollama/a")
            #expect(!plan.feasible && plan.blockers.contains { $0.contains("ollama/b") }, "\(plan)")
            let error = try await #require(throws: RPCError.self) { try await gateway.load("ollama/a") }
            #expect(error.code == .failedPrecondition && error.message.contains("max_loaded_models"), "\(error)")
        }

        @Test func `WarmUp tells of each model, those that fail included`() async throws {
            try await Self.withServer { ollama, _, gateway in
                ollama.delete("b")
                let messages = try await gateway.warmUp("ollama/a", "ollama/b")
                let summary = try #require(messages.last?.summary)
                #expect(summary.modelsLoaded == ["ollama/a"] && summary.totalLoaded == 1, "\(summary)")
                let outcomes = Dictionary(uniqueKeysWithValues: summary.results.map { ($0.model, $0) })
                #expect(outcomes["ollama/a"]?.outcome == .warmed)
                #expect(outcomes["ollama/b"]?.outcome == .failed && outcomes["ollama/b"]?.reason.isEmpty == false)
                let error = try await #require(throws: RPCError.self) { try await gateway.warmUp("cloud/m") }
                #expect(error.code == .failedPrecondition, "\(error)")
            }
        }

        @Test func `A profile is kept with its model, also after a restart`() async throws {
            let directory = try TemporaryDirectory()
            try await Self.withServer(in: directory) { ollama, _, gateway in
                let messages = try await gateway.lifecycle.profileModel(
                    .with {
                        $0.model = "ollama/a"
                        $0.runCount = 3
                    }
                ) { try await $0.collected() }
                let runs = messages.compactMap { if case .run(let run) = $0.update { run } else { nil } }
                #expect(runs.map(\.run) == [1, 2, 3] && runs.allSatisfy { $0.runCount == 3 && $0.error.isEmpty })
                let profile = try #require(messages.last?.profile)
                let kept = try await gateway.model("ollama/a").profile
                #expect(kept == profile && kept.runCount == 3, "\(kept)")
                let types = try await gateway.events().map(\.type)
                #expect(types.contains(.profilingStarted) && types.contains(.profilingCompleted))
                // One that fails replaces nothing.
                ollama.divergeAnswers(.busy)
                let error = try await #require(throws: RPCError.self) {
                    try await gateway.lifecycle.profileModel(.with { $0.model = "ollama/a" }) {
                        try await $0.collected()
                    }
                }
                #expect(error.code == .unavailable, "\(error)")
                let after = try await gateway.model("ollama/a").profile
                #expect(after == profile)
            }
            try await Self.withServer(in: directory) { _, _, gateway in
                let kept = try await gateway.model("ollama/a")
                #expect(kept.hasProfile && kept.profile.runCount == 3)
            }
        }
    }
}
