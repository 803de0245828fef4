import GRPCCore
import GRPCTransport
import RoundhouseAPI
import Subprocess
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// LM Studio and Ollama as runtimes, and what becomes of answers that are not as they document them.
    @Suite struct RemoteRuntimes {
        @Test func `LM Studio's models are loaded, listed, asked and unloaded by the same calls`() async throws {
            try await FakeLMStudio.run([FakeLMStudio.Model("maker/a")]) { studio in
                let configuration = """
                    local: { enabled: false }
                    providers: [{ id: studio, kind: lm_studio, base_url: '\(studio.baseURL)', models: [{ name: maker/a }] }]
                    """
                try await RunningServer.with(configuration) { server in
                    try await server.withClient { gateway in
                        let found = try await gateway.registry.discoverModels(.init()).providers
                        #expect(found.contains { $0.provider == "studio" && $0.error.isEmpty }, "\(found)")
                        let loaded = try #require(try await gateway.load("studio/maker/a").last?.loaded)
                        #expect(loaded.state == .ready && loaded.device == "remote" && loaded.engine == "lm_studio")
                        #expect(studio.instances.map(\.key) == ["maker/a"])
                        let answer = try await gateway.stream(.asking("hi", "studio/maker/a"))
                        #expect(answer.error == nil && answer.isTruthful && !answer.text.isEmpty)
                        let unloaded = try await gateway.unload("studio/maker/a")
                        #expect(unloaded.unloaded && studio.instances.isEmpty)
                        let listed = try await gateway.loaded().models
                        #expect(listed.isEmpty)
                        studio.failLoads("not enough memory")
                        let error = try await #require(throws: RPCError.self) {
                            try await gateway.load("studio/maker/a")
                        }
                        #expect(error.message.contains("not enough memory"), "\(error)")
                    }
                }
            }
        }

        @Test(arguments: [
            ("/api/tags", "size"), ("/api/tags", "html"), ("/api/ps", "truncated"),
        ])
        func `What Ollama does not document is an error, not a guess`(path: String, change: String) async throws {
            try await FakeOllama.run([FakeOllama.Model("a")]) { ollama in
                let configuration = """
                    local: { enabled: false }
                    providers: [{ id: ollama, kind: ollama, base_url: '\(ollama.baseURL)', models: [{ name: a }] }]
                    """
                try await RunningServer.with(configuration) { server in
                    try await server.withClient { gateway in
                        switch change {
                        case "html": ollama.diverge(at: path, .html)
                        case "truncated": ollama.diverge(at: path, .truncated)
                        default: ollama.diverge(at: path, .missing(change))
                        }
                        let error = try await #require(throws: RPCError.self) { try await gateway.load("ollama/a") }
                        #expect(error.code == .unavailable && !error.message.isEmpty, "\(error)")
                        let state = try await gateway.model("ollama/a")
                        #expect(!state.loaded && !state.stateReason.isEmpty, "\(state)")
                        ollama.diverge(at: path, nil)
                        let isLoaded = try await Processes.until(within: .seconds(60)) {
                            (try? await gateway.load("ollama/a")) != nil
                        }
                        #expect(isLoaded)
                    }
                }
            }
        }
    }
}
