import FoundationEssentials
import GRPCCore
import GRPCProtobuf
import GRPCTransport
import Glibc
import RoundhouseAPI
import Subprocess
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// Servers and engines that are killed, stopped or not there while models are loaded.
    @Suite struct Crashes {
        private static let question = "What is the capital of France?"
        private static let story = "Tell me a story about a fox named Max."
        private static let lazy = "local: { preload: false }\n"

        init() async throws {
            try await Program.installEngine()
        }

        // MARK: - The server

        @Test(arguments: [Roundhouse_V1_LoadPhase.queued, .starting, .loading])
        func `kill -9 of the server in mid-load leaves nothing, and the model loads again`(
            phase: Roundhouse_V1_LoadPhase
        ) async throws {
            let directory = try TemporaryDirectory()
            try await RunningServer.with(Self.lazy, in: directory, endingWith: .signaled(9)) { server in
                try await server.withClient { gateway in
                    _ = await #expect(throws: RPCError.self) {
                        try await gateway.lifecycle.loadModel(.with { $0.model = "local/small" }) { response in
                            for try await message in response.messages
                            where message.progress.phase.rawValue >= phase.rawValue { server.kill() }
                        }
                    }
                }
                await server.end()
            }
            try await RunningServer.with(Self.lazy, in: directory) { server in
                try await server.withClient { gateway in
                    let before = try await gateway.model("local/small")
                    #expect(before.state == .unloaded && before.canLoad, "\(before)")
                    let loaded = try #require(try await gateway.load("local/small").last?.loaded)
                    #expect(loaded.state == .ready && loaded.restartCount == 0)
                    let kept = try FileManager.default.contentsOfDirectory(atPath: "\(directory.path)/engines")
                    #expect(kept.count == 1, "one note, of the engine that runs: \(kept)")
                    try await Self.expectGapless(gateway)
                }
            }
        }

        @Test func `kill -9 of the server while Ollama loads, and Ollama loads on`() async throws {
            let gate = Gate()
            try await FakeOllama.run([FakeOllama.Model("a")]) { ollama in
                let configuration = """
                    local: { enabled: false }
                    providers: [{ id: ollama, kind: ollama, base_url: '\(ollama.baseURL)', models: [{ name: a }] }]
                    """
                let directory = try TemporaryDirectory()
                ollama.holdLoads(until: gate)
                try await RunningServer.with(configuration, in: directory, endingWith: .signaled(9)) { server in
                    try await server.withClient { gateway in
                        async let load = gateway.failure(ofLoading: "ollama/a")
                        let isAsked = try await Processes.until(within: .seconds(20)) {
                            ollama.upstream?.requests.all.contains { $0.text.contains("keep_alive") } == true
                        }
                        #expect(isAsked)
                        server.kill()
                        _ = try await load
                    }
                    await server.end()
                }
                try await RunningServer.with(configuration, in: directory) { server in
                    try await server.withClient { gateway in
                        let before = try await gateway.model("ollama/a")
                        #expect(before.state != .ready && before.canLoad, "\(before)")
                        gate.open()
                        let loaded = try #require(try await gateway.load("ollama/a").last?.loaded)
                        #expect(loaded.state == .ready)
                        let answer = try await gateway.generation.generate(.asking("hi", "ollama/a"))
                        #expect(!answer.text.isEmpty)
                        try await Self.expectGapless(gateway)
                    }
                }
            }
        }

        @Test func `An engine that outlived its server is ended by the next one, before anything is loaded`()
            async throws
        {
            let engines = try EngineFolder()
            try engines.install()
            try engines.begin(.stays)
            let directory = try TemporaryDirectory()
            let environment = engines.environment
            try await RunningServer.with(
                Self.lazy, in: directory, environment: environment, endingWith: .signaled(9)
            ) { first in
                try await first.withClient { gateway in
                    async let load = gateway.failure(ofLoading: "local/small")
                    let isNoted = try await Processes.until(within: .seconds(20)) {
                        let notes = try? FileManager.default.contentsOfDirectory(atPath: "\(directory.path)/engines")
                        return notes?.contains { $0.hasSuffix(".json") } == true
                    }
                    try #require(isNoted)
                    first.kill()
                    _ = try await load
                }
                await first.end()
                try #require(Processes.engines(of: first.pid).count == 1, "it has escaped")
                try await RunningServer.with(Self.lazy, in: directory, environment: environment) { second in
                    #expect(Processes.engines(of: first.pid).isEmpty)
                    let told = await second.log.first(containing: "outlived the server")
                    #expect(told?.contains("local/small") == true)
                    try engines.end(.stays)
                    try await second.withClient { _ = try await $0.load("local/small") }
                }
            }
        }

        // MARK: - The engine

        @Test func `An engine that dies five times in a row has failed, with its last words, until the next try`()
            async throws
        {
            let engines = try EngineFolder()
            try engines.install()
            try engines.begin(.dies)
            try await RunningServer.with(Self.lazy, environment: engines.environment) { server in
                try await server.withClient { gateway in
                    let error = try await #require(throws: RPCError.self) { try await gateway.load("local/small") }
                    #expect(error.code == .unavailable && error.message.contains("the boiler has burst"), "\(error)")
                    let failed = try await gateway.model("local/small")
                    #expect(failed.state == .failed && !failed.loaded && !failed.canLoad, "\(failed)")
                    #expect(failed.stateReason.contains("signal 9"), "\(failed)")
                    #expect(failed.stateReason.contains("the boiler has burst"))
                    #expect(failed.stateReason.contains("5 in a row"))
                    let events = try await gateway.events(.modelLoadError).filter { $0.model == "local/small" }
                    #expect(events.count == 5, "\(events)")
                    // Refused at once until the backoff is over, then tried.
                    let refused = try await gateway.failure(of: .asking(Self.question, "local/small"))
                    #expect(refused.code == .unavailable && refused.message.contains("boiler"), "\(refused)")
                    try engines.end(.dies)
                    let answers = try await Processes.until(within: .seconds(30)) {
                        let answer = try await gateway.stream(.asking(Self.question, "local/small"))
                        if let error = answer.error { try #require(error.code == .unavailable, "\(error)") }
                        return answer.error == nil
                    }
                    #expect(answers)
                    let after = try await gateway.model("local/small")
                    #expect(after.state == .ready && after.loaded && after.canLoad)
                }
            }
        }

        @Test func `A hung engine's streams end with UNAVAILABLE, and it is replaced`() async throws {
            let settings = Self.lazy + "lifecycle: { probe_interval: 100ms }\n"
            try await RunningServer.with(settings) { server in
                try await server.withClient { gateway in
                    let before = try #require(try await gateway.load("local/small").last?.loaded)
                    let cut = try await gateway.stream(.asking(Self.story, "local/small")) { message in
                        if case .started = message.event { kill(pid_t(before.processID), SIGSTOP) }
                    }
                    #expect(cut.error?.code == .unavailable && cut.isTruthful, "\(cut)")
                    #expect(cut.error?.message.contains("hung") == true, "\(cut)")
                    let isReplaced = try await Processes.until(within: .seconds(30)) {
                        let now = try await gateway.loaded().models.first
                        return now?.state == .ready && now?.processID != before.processID && now?.leaseCount == 0
                    }
                    #expect(isReplaced)
                    let answer = try await gateway.generation.generate(.asking(Self.question, "local/small"))
                    #expect(!answer.text.isEmpty)
                }
            }
        }

        // MARK: - No engine

        @Test func `Without an engine everything says so, and once it is installed models are preloaded`() async throws
        {
            let engines = try EngineFolder()
            try await RunningServer.with("", environment: engines.environment) { server in
                try await server.withClient { gateway in
                    let isKnown = try await Processes.until(within: .seconds(10)) {
                        try await gateway.model("local/small").state == .failed
                    }
                    #expect(isKnown)
                    let model = try await gateway.model("local/small")
                    #expect(!model.canLoad && model.stateReason.contains("roundhouse engines install"), "\(model)")
                    let error = try await #require(throws: RPCError.self) { try await gateway.load("local/small") }
                    #expect(error.code == .unavailable && error.message.contains("engines install"), "\(error)")
                    let refused = try await gateway.failure(of: .asking(Self.question, "local/small"))
                    #expect(refused.code == .unavailable && refused.message.contains("engines install"), "\(refused)")
                    let warm = try #require(try await gateway.warmUp().last?.summary)
                    #expect(warm.totalLoaded == 0 && warm.modelsLoaded.isEmpty && warm.status != "success", "\(warm)")
                    #expect(warm.results.count == 2 && warm.results.allSatisfy { $0.outcome == .failed }, "\(warm)")
                    let plan = try await gateway.plan("local/small")
                    #expect(!plan.feasible && plan.reason.contains("engines install"))
                    try engines.install()
                    for name in ["local/small", "local/tiny"] { try await gateway.untilServing(name) }
                }
            }
        }

        /// Expects that no event is missing and none is there twice.
        private static func expectGapless(_ gateway: Gateway) async throws {
            let numbers = try await gateway.events().map(\.sequence)
            #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $1 == $0 + 1 }, "\(numbers)")
        }
    }
}
