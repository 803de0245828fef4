import FoundationEssentials
import GRPCCore
import GRPCProtobuf
import GRPCTransport
import Glibc
import RoundhouseAPI
import Subprocess
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

extension EndToEnd {
    /// Loading, evicting and unloading, with llama.cpp and the bundled models.
    @Suite struct Lifecycle {
        private static let question = "What is the capital of France?"
        private static let models = ["local/small", "local/tiny"]
        /// Nothing is loaded before it is asked for.
        private static let lazy = "local: { preload: false }\n"

        init() async throws {
            try await Program.installEngine()
        }

        @Test func `A load streams its phases, is joined, and ends with the loaded model`() async throws {
            try await RunningServer.with(Self.lazy) { server in
                try await server.withClient { gateway in
                    let before = try await gateway.model("local/small")
                    #expect(before.state == .unloaded && !before.loaded && before.canLoad)
                    async let first = gateway.load("local/small")
                    async let second = gateway.load("local/small")
                    for messages in [try await first, try await second] {
                        let phases = messages.map(\.progress.phase)
                        #expect(phases.last == .ready && phases == phases.sorted { $0.rawValue < $1.rawValue })
                        let loaded = try #require(messages.last?.loaded)
                        #expect(loaded.model == "local/small" && loaded.state == .ready)
                        #expect(loaded.processID > 0 && loaded.memoryMeasured && loaded.memoryBytes > 1 << 20)
                        #expect(loaded.device == "cpu" && loaded.engine == "llama.cpp")
                    }
                    #expect(Processes.engines(of: server.pid).count == 1)
                    let listed = try await gateway.loaded()
                    #expect(listed.models.map(\.model) == ["local/small"])
                    let unloaded = try await gateway.unload("local/small")
                    #expect(unloaded.unloaded && unloaded.freedBytes > 0)
                    #expect(Processes.engines(of: server.pid).isEmpty)
                    let again = try await gateway.unload("local/small")
                    #expect(!again.unloaded)
                }
            }
        }

        @Test func `A load goes on when its caller leaves`() async throws {
            try await RunningServer.with(Self.lazy) { server in
                try await server.withClient { gateway in
                    try await gateway.lifecycle.loadModel(.with { $0.model = "local/small" }) { response in
                        for try await _ in response.messages { return }
                    }
                    let isLoaded = try await Processes.until(within: .seconds(60)) {
                        try await gateway.model("local/small").loaded
                    }
                    #expect(isLoaded)
                }
            }
        }

        @Test func `A first request loads a lazy model, with progress when asked for`() async throws {
            try await RunningServer.with("lifecycle: { lazy_load: true }\n") { server in
                try await server.withClient { gateway in
                    let before = try await gateway.model("local/tiny")
                    #expect(before.lazy && !before.loaded && before.canLoad)
                    let answer = try await gateway.stream(
                        .asking(Self.question, "local/tiny") { $0.includeProgress = true })
                    #expect(answer.error == nil && answer.isTruthful)
                    let progress = answer.messages.compactMap { message in
                        if case .progress(let progress) = message.event { progress } else { nil }
                    }
                    #expect(!progress.isEmpty && progress.allSatisfy { $0.model == "local/tiny" })
                    let silent = try await gateway.stream(.asking(Self.question, "local/tiny"))
                    #expect(silent.messages.first?.started.model == "local/tiny")
                }
            }
        }

        @Test(arguments: ["true", "false", "perhaps"])
        func `AI_MODELS_LAZY_LOAD makes big models lazy`(value: String) async throws {
            let configuration = "lifecycle: { lazy_threshold_bytes: 5MB }\n"
            guard value != "perhaps" else {
                let outcome = try await Program.run(
                    ["config", "validate"], environment: ["AI_MODELS_LAZY_LOAD": value])
                #expect(outcome.status != .exited(0) && outcome.text.contains("AI_MODELS_LAZY_LOAD"), "\(outcome.text)")
                return
            }
            try await RunningServer.with(configuration, environment: ["AI_MODELS_LAZY_LOAD": value]) { server in
                try await server.withClient { gateway in
                    try await gateway.untilServing("local/tiny")
                    let small = try await gateway.model("local/small")
                    let tiny = try await gateway.model("local/tiny")
                    #expect(small.lazy == (value == "true") && !tiny.lazy)
                    if value == "true" { #expect(!small.loaded) }
                }
            }
        }

        @Test func `A warm-up loads what is not loaded, and twice costs nothing`() async throws {
            try await RunningServer.with(Self.lazy) { server in
                try await server.withClient { gateway in
                    let first = try #require(try await gateway.warmUp().last?.summary)
                    #expect(first.status == "success" && first.totalLoaded == 2 && first.modelsLoaded == Self.models)
                    #expect(first.loadedCounts["text"] == 2)
                    let begin = ContinuousClock.now
                    let second = try #require(try await gateway.warmUp().last?.summary)
                    print("end to end: a second warm-up in \(begin.duration(to: .now))")
                    #expect(second.status == "already_warm" && second.modelsLoaded.isEmpty && second.totalLoaded == 2)
                }
            }
        }

        @Test func `Ten clients ask for two models where one fits, and all are answered`() async throws {
            let quota = try await Self.roomForOne()
            let settings = Self.lazy + "lifecycle: { memory_quota: { cpu: \(quota) }, min_residency: 200ms }\n"
            let time = Duration.seconds(Int(ProcessInfo.processInfo.environment["ROUNDHOUSE_TEST_SECONDS"] ?? "") ?? 8)
            try await RunningServer.with(settings) { server in
                try await server.withClient { gateway in
                    let isOver = Tally()
                    let answered = Tally()
                    try await withThrowingTaskGroup { group in
                        for client in 0..<10 {
                            group.addTask {
                                let end = ContinuousClock.now + time
                                var turn = client
                                while ContinuousClock.now < end {
                                    let model = Self.models[turn % 2]
                                    let answer = try await gateway.generation.generate(
                                        .asking(Self.question, model) { $0.maxOutputTokens = 8 })
                                    #expect(answer.model == model)
                                    answered.add()
                                    turn += 1
                                }
                            }
                        }
                        group.addTask {
                            while isOver.value == 0 {
                                let devices = try await gateway.loaded().devices
                                for device in devices where device.device == "cpu" {
                                    let held = device.predictedBytes + device.actualBytes + device.releasingBytes
                                    #expect(device.quotaBytes == quota && held <= quota, "\(device)")
                                }
                                try await Task.sleep(for: .milliseconds(20))
                            }
                        }
                        for _ in 0..<10 { try await group.next() }
                        isOver.add()
                        try await group.waitForAll()
                    }
                    let evictions = try await gateway.events(.modelEvicted)
                    let count = answered.value
                    print("end to end: \(count) answers in \(time), \(evictions.count) evictions")
                    #expect(evictions.count >= 2 && count >= 20)
                    #expect(Set(evictions.map(\.model)) == Set(Self.models))
                    // The last eviction's engine may just be ending.
                    let end = ContinuousClock.now + .seconds(10)
                    while Processes.engines(of: server.pid).count > 1, ContinuousClock.now < end {
                        try await Task.sleep(for: .milliseconds(20))
                    }
                    #expect(Processes.engines(of: server.pid).count == 1)
                }
            }
        }

        @Test func `A model that is larger than the quota is refused, with the figures`() async throws {
            let settings = Self.lazy + "lifecycle: { memory_quota: { cpu: 2MB } }\n"
            try await RunningServer.with(settings) { server in
                try await server.withClient { gateway in
                    let plan = try await gateway.plan("local/small")
                    #expect(!plan.feasible && !plan.reason.isEmpty && plan.estimate.totalBytes > 2_000_000)
                    let error = try await #require(throws: RPCError.self) {
                        try await gateway.load("local/small")
                    }
                    #expect(error.code == .failedPrecondition)
                    let info = try error.errorInfo()
                    #expect(info.reason == "INSUFFICIENT_MEMORY")
                    #expect(info.metadata["needed_bytes"].flatMap { Int($0) }.map { $0 > 2_000_000 } == true)
                    let refused = try await gateway.failure(of: .asking(Self.question, "local/small"))
                    #expect(refused.code == .failedPrecondition, "\(refused)")
                }
            }
        }

        @Test func `A pinned model is not evicted`() async throws {
            let quota = try await Self.roomForOne()
            let settings = Self.lazy + "lifecycle: { memory_quota: { cpu: \(quota) }, min_residency: 0s }\n"
            try await RunningServer.with(settings) { server in
                try await server.withClient { gateway in
                    try await gateway.load("local/small")
                    let pinned = try await gateway.lifecycle.pinModel(.with { $0.model = "local/small" }).model
                    #expect(pinned.pinned)
                    let plan = try await gateway.plan("local/tiny")
                    #expect(!plan.feasible && plan.blockers.contains { $0.contains("local/small") }, "\(plan)")
                    let error = try await #require(throws: RPCError.self) { try await gateway.load("local/tiny") }
                    #expect(error.code == .failedPrecondition)
                    _ = try await gateway.lifecycle.pinModel(
                        .with {
                            $0.model = "local/small"
                            $0.unpin = true
                        })
                    let free = try await gateway.plan("local/tiny")
                    #expect(free.feasible && free.evictions.map(\.model) == ["local/small"])
                    try await gateway.load("local/tiny")
                    let loaded = try await gateway.loaded().models.map(\.model)
                    #expect(loaded == ["local/tiny"])
                }
            }
        }

        @Test func `An idle model is unloaded after its time`() async throws {
            let settings = Self.lazy + "lifecycle: { idle_ttl: 300ms }\n"
            try await RunningServer.with(settings) { server in
                try await server.withClient { gateway in
                    _ = try await gateway.generation.generate(.asking(Self.question, "local/tiny"))
                    let isGone = try await Processes.until(within: .seconds(20)) {
                        try await gateway.loaded().models.isEmpty
                    }
                    #expect(isGone)
                    let events = try await gateway.events(.modelUnloaded)
                    #expect(
                        events.last?.model == "local/tiny" && events.last?.reason.contains("idle") == true, "\(events)")
                }
            }
        }

        @Test func `A hung engine is replaced`() async throws {
            let settings = Self.lazy + "lifecycle: { probe_interval: 500ms }\n"
            try await RunningServer.with(settings) { server in
                try await server.withClient { gateway in
                    let before = try #require(try await gateway.load("local/tiny").last?.loaded)
                    kill(pid_t(before.processID), SIGSTOP)
                    let isReplaced = try await Processes.until(within: .seconds(60)) {
                        let now = try await gateway.loaded().models.first
                        return now?.state == .ready && now?.processID != before.processID
                    }
                    #expect(isReplaced)
                    let answer = try await gateway.generation.generate(.asking(Self.question, "local/tiny"))
                    #expect(!answer.text.isEmpty)
                }
            }
        }

        /// Bytes that are enough for either bundled model and too few for both.
        private static func roomForOne() async throws -> Int64 {
            try await RunningServer.with(Self.lazy) { server in
                try await server.withClient { gateway in
                    var sizes: [Int64] = []
                    for model in Self.models {
                        sizes.append(try await gateway.plan(model).estimate.totalBytes)
                        sizes.append(try #require(try await gateway.load(model).last?.loaded.memoryBytes))
                    }
                    let least = try #require(sizes.min())
                    return try #require(sizes.max()) + least / 2
                }
            }
        }
    }
}
