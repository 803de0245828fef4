import FoundationEssentials
import GRPCCore
import GRPCTransport
import RoundhouseAPI
import Subprocess
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// A model takes another's place while requests go on.
    @Suite struct Swap {
        /// Where there is room for both, and where there is room for one.
        enum Room: String, CaseIterable, Sendable {
            case both, one

            var settings: String {
                self == .one ? "lifecycle: { max_loaded_models: 1, min_residency: 0s }\n" : ""
            }

            var strategy: Roundhouse_V1_SwitchStrategy { self == .one ? .drainFirst : .loadFirst }
        }

        @Test(arguments: Room.allCases)
        func `100 swaps under 50 streams cut none and fail none`(room: Room) async throws {
            let names = ["a", "b"]
            try await FakeOllama.run(names.map { FakeOllama.Model($0) }) { ollama in
                let configuration = """
                    local: { enabled: false }
                    \(room.settings)
                    providers:
                      - { id: ollama, kind: ollama, base_url: '\(ollama.baseURL)', models: [{ name: a }, { name: b }] }
                    aliases: { app: [ollama/a] }
                    """
                try await RunningServer.with(configuration) { server in
                    try await server.withClient { gateway in
                        _ = try await gateway.generation.generate(.asking("hi", "app"))
                        let isOver = Tally()
                        let answered = Tally()
                        let flips = try await Self.whileStreaming(gateway, until: isOver, answered) {
                            var flips: [Duration] = []
                            for number in 1...100 {
                                let target = "ollama/\(names[number % 2])"
                                let done = try await gateway.registry.switchModel(
                                    .with {
                                        $0.alias = "app"
                                        $0.model = target
                                        $0.reason = "swap \(number)"
                                    })
                                #expect(done.alias.activeModel == target)
                                #expect(done.strategy == room.strategy)
                                flips.append(
                                    .seconds(done.flipDuration.seconds) + .nanoseconds(Int64(done.flipDuration.nanos)))
                            }
                            return flips.sorted()
                        }
                        let median = try #require(flips.dropFirst(49).first)
                        print("end to end: \(answered.value) streams over 100 swaps, flip \(median) at the median")
                        #expect(answered.value >= 100)
                        let alias = try await gateway.registry.getAlias(.with { $0.alias = "app" }).alias
                        #expect(alias.history.count == 32 && alias.history.first?.reason == "swap 100")
                        let switched = try await gateway.events(.modelSwitched)
                        #expect(switched.count == 100 && switched.allSatisfy { $0.alias == "app" })
                    }
                }
            }
        }

        @Test func `A model that cannot be loaded leaves the old one in its place`() async throws {
            try await FakeOllama.run([FakeOllama.Model("a"), FakeOllama.Model("b")]) { ollama in
                let configuration = """
                    local: { enabled: false }
                    providers:
                      - { id: ollama, kind: ollama, base_url: '\(ollama.baseURL)', models: [{ name: a }, { name: b }] }
                    aliases: { app: [ollama/a] }
                    """
                try await RunningServer.with(configuration) { server in
                    try await server.withClient { gateway in
                        _ = try await gateway.generation.generate(.asking("hi", "app"))
                        ollama.failLoads("model requires more system memory than is available")
                        let error = try await #require(throws: RPCError.self) {
                            try await gateway.registry.switchModel(
                                .with {
                                    $0.alias = "app"
                                    $0.model = "ollama/b"
                                })
                        }
                        #expect(error.message.contains("more system memory"), "\(error)")
                        let answer = try await gateway.generation.generate(.asking("hi", "app"))
                        #expect(answer.model == "ollama/a")
                    }
                }
            }
        }

        @Test func `Ollama's models are loaded, listed and unloaded by the same calls`() async throws {
            try await FakeOllama.run([FakeOllama.Model("a")]) { ollama in
                let configuration = """
                    local: { enabled: false }
                    providers: [{ id: ollama, kind: ollama, base_url: '\(ollama.baseURL)' }]
                    """
                try await RunningServer.with(configuration) { server in
                    try await server.withClient { gateway in
                        let found = try await gateway.registry.discoverModels(.init()).providers
                        let model = try #require(found.first { $0.provider == "ollama" }?.added.first)
                        #expect(model.hasPrefix("ollama/a"))
                        let loaded = try #require(try await gateway.load(model).last?.loaded)
                        #expect(loaded.device == "remote" && loaded.memoryBytes > 0 && loaded.engine == "ollama")
                        #expect(ollama.loaded.map(\.keepAlive) == [-1])
                        let unloaded = try await gateway.unload(model)
                        #expect(unloaded.unloaded && ollama.loaded.isEmpty)
                        // Someone unloads it over there: we hear of it, and load it again for the next request.
                        try await gateway.load(model)
                        ollama.expire(String(model.dropFirst("ollama/".count)))
                        let isNoticed = try await Processes.until(within: .seconds(20)) {
                            try await !gateway.model(model).loaded
                        }
                        #expect(isNoticed)
                        let answer = try await gateway.generation.generate(.asking("hi", model))
                        #expect(!answer.text.isEmpty)
                    }
                }
            }
        }

        @Test func `The same with the real engine: every stream is whole`() async throws {
            try await Program.installEngine()
            let configuration = "local: { preload: false }\naliases: { app: [local/small], default: [local/small] }\n"
            try await RunningServer.with(configuration) { server in
                try await server.withClient { gateway in
                    _ = try await gateway.generation.generate(.asking("hi", "app"))
                    let isOver = Tally()
                    let answered = Tally()
                    _ = try await Self.whileStreaming(gateway, until: isOver, answered, count: 10) {
                        for number in 1...6 {
                            let target = number % 2 == 0 ? "local/small" : "local/tiny"
                            let done = try await gateway.registry.switchModel(
                                .with {
                                    $0.alias = "app"
                                    $0.model = target
                                })
                            #expect(done.alias.activeModel == target)
                        }
                        return []
                    }
                    #expect(answered.value >= 10)
                    let unloaded = try await Processes.until(within: .seconds(30)) {
                        Processes.engines(of: server.pid).count == 1
                    }
                    #expect(unloaded)
                }
            }
        }

        @Test func `A new version of a model takes the old one's place under 20 streams, and its engine goes`()
            async throws
        {
            try await Program.installEngine()
            let configuration = "local: { preload: false }\n"
            try await RunningServer.with(configuration) { server in
                try await server.withClient { gateway in
                    let files = try await gateway.registry.listModels(.init()).models.map(\.versions[0].path).sorted()
                    try #require(files.count == 2)
                    for (version, path) in zip(["1", "2"], files) {
                        _ = try await gateway.install {
                            $0.name = "own"
                            $0.path = path
                            $0.version = version
                        }
                    }
                    _ = try await gateway.registry.updateAlias(
                        .with {
                            $0.allowMissing = true
                            $0.alias.name = "app"
                            $0.alias.targets = [.with { $0.model = "local/own" }]
                        })
                    try await gateway.load("local/own")
                    let isOver = Tally()
                    let answered = Tally()
                    _ = try await Self.whileStreaming(gateway, until: isOver, answered, count: 20) {
                        for version in ["2", "1", "2"] {
                            let changed = try await gateway.registry.updateModel(
                                .with {
                                    $0.model.id = "local/own"
                                    $0.model.activeVersion = version
                                    $0.updateMask.paths = ["active_version"]
                                })
                            #expect(changed.model.activeVersion == version)
                            let isAlone = try await Processes.until(within: .seconds(20)) {
                                try await gateway.loaded().models.map(\.version) == [version]
                            }
                            #expect(isAlone)
                        }
                        return []
                    }
                    #expect(answered.value >= 20)
                    let isGone = try await Processes.until(within: .seconds(20)) {
                        Processes.engines(of: server.pid).count == 1
                    }
                    #expect(isGone)
                }
            }
        }

        /// Runs `body` while streams go through the alias `app`, and expects each of them to be whole.
        private static func whileStreaming(
            _ gateway: Gateway,
            until isOver: Tally,
            _ answered: Tally,
            count: Int = 50,
            _ body: () async throws -> [Duration]
        ) async throws -> [Duration] {
            try await withThrowingTaskGroup { group in
                for _ in 0..<count {
                    group.addTask {
                        while isOver.value == 0 {
                            let answer = try await gateway.stream(
                                .asking("Tell me.", "app") { $0.maxOutputTokens = 24 })
                            #expect(answer.error == nil && answer.isTruthful, "\(String(describing: answer.error))")
                            answered.add()
                        }
                    }
                }
                let result: Result<[Duration], any Error>
                do { result = .success(try await body()) } catch { result = .failure(error) }
                isOver.add()
                try await group.waitForAll()
                return try result.get()
            }
        }
    }
}
