import GRPCCore
import Inference
import ModelLifecycle
import ModelRegistry
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

@Suite("LifecycleService")
struct LifecycleServiceTests {
    private func load(
        _ bench: ServiceBench,
        _ model: String,
        pin: Bool = false
    ) async throws -> [Roundhouse_V1_LoadModelResponse] {
        try await bench.lifecycle.loadModel(
            .with {
                $0.model = model
                $0.pin = pin
            }
        ) { response in
            try await response.messages.reduce(into: []) { $0.append($1) }
        }
    }

    // MARK: - Loading

    @Test("A load tells its phases, and the last message has the loaded model", arguments: ["local/a", "default"])
    func loads(name: String) async throws {
        try await ServiceBench.with { bench in
            let id = try modelID("local/a")
            bench.loading.set(progress: [
                LoadProgress(model: id, phase: .queued, queuePosition: 2, message: "waits for local/b"),
                LoadProgress(model: id, phase: .starting),
                LoadProgress(model: id, phase: .loading, loadedBytes: 4, totalBytes: 9, elapsed: .milliseconds(1500)),
                LoadProgress(model: id, phase: .warming),
            ])
            let messages = try await load(bench, name)
            #expect(messages.map(\.progress.phase) == [.queued, .starting, .loading, .warming, .ready])
            #expect(messages.map(\.progress.model) == Array(repeating: "local/a", count: 5))
            #expect(messages[0].progress.queuePosition == 2 && messages[0].progress.message == "waits for local/b")
            #expect(messages[2].progress.loadedBytes == 4 && messages[2].progress.totalBytes == 9)
            #expect(messages[2].progress.elapsed.nanos == 500_000_000)
            #expect(messages.map(\.hasLoaded) == [false, false, false, false, true])
            let loaded = try #require(messages.last?.loaded)
            #expect(loaded.model == "local/a" && loaded.state == .ready && loaded.memoryBytes == 10)
            #expect(bench.loading.calls == [.load(id, version: nil, warms: true)])
        }
    }

    @Test("Of what waits for a slow client only the newest of each phase is told, and the end never comes before it")
    func coalesces() async throws {
        try await ServiceBench.with { bench in
            let id = try modelID("local/a")
            bench.loading.set(
                progress: (0..<5000).map {
                    LoadProgress(model: id, phase: .loading, loadedBytes: $0, totalBytes: 5000)
                })
            let messages = try await load(bench, "local/a")
            let bytes = messages.dropLast().map(\.progress.loadedBytes)
            #expect(bytes == bytes.sorted() && bytes.last == 4999)
            #expect(messages.count < 5000)
        }
    }

    @Test("A pinned load is pinned before it begins")
    func pinsLoads() async throws {
        try await ServiceBench.with { bench in
            bench.loading.fail(with: .shuttingDown)
            _ = try await refusal { try await load(bench, "local/a", pin: true) }
            #expect(try bench.registered("local/a").isPinned)
        }
    }

    static let failures: [(LifecycleError, RPCError.Code, String, [String: String], Duration?, String?)] = {
        guard let id = ModelID("local/a") else { return [] }
        return [
            (
                .insufficientMemory(id, device: .cpu, needed: 9, available: 4, evictable: 2, reason: "too large"),
                .failedPrecondition, "INSUFFICIENT_MEMORY",
                [
                    "model": "local/a", "device": "cpu", "needed_bytes": "9", "available_bytes": "4",
                    "evictable_bytes": "2",
                ], nil, nil
            ),
            (
                .loadFailed(id, reason: "it crashed", retryAfter: .milliseconds(2500)), .unavailable,
                "MODEL_LOAD_FAILED", ["model": "local/a"], .milliseconds(2500), "2500"
            ),
            (
                .loadFailed(id, reason: "the file is broken", retryAfter: nil), .unavailable, "MODEL_LOAD_FAILED",
                ["model": "local/a"], nil, "-1"
            ),
            (
                .queueFull(id, limit: 8), .resourceExhausted, "QUEUE_FULL", ["model": "local/a", "limit": "8"],
                .seconds(1), "1000"
            ),
            (.disabled(id), .failedPrecondition, "MODEL_DISABLED", ["model": "local/a"], nil, nil),
            (
                .unloaded(id, reason: "someone asked for it"), .aborted, "OPERATION_CONFLICT", ["model": "local/a"],
                nil,
                nil
            ),
            (.shuttingDown, .unavailable, "SHUTTING_DOWN", [:], nil, nil),
            (.notFound("local/a"), .notFound, "MODEL_NOT_FOUND", ["model": "local/a"], nil, nil),
            (.notLoadable(id), .failedPrecondition, "NOT_LOADABLE", ["model": "local/a"], nil, nil),
            (.cancelled, .cancelled, "CANCELLED", [:], nil, nil),
        ]
    }()

    @Test("A load that fails says why, with figures, and when to come back", arguments: failures.indices)
    func tellsFailures(index: Int) async throws {
        let (error, code, reason, metadata, delay, pushback) = Self.failures[index]
        try await ServiceBench.with { bench in
            bench.loading.fail(with: error)
            let refusal = try await refusal { try await load(bench, "local/a") }
            #expect(refusal.code == code)
            #expect(refusal.reason == reason)
            #expect(refusal.metadata == metadata)
            #expect(refusal.retryDelay == delay)
            #expect(refusal.pushback == pushback)
            #expect(!refusal.message.isEmpty)
        }
    }

    @Test(
        "Calls that load refuse cloud models, unknown ones and what is no name",
        arguments: [
            ("cloud/x", RPCError.Code.failedPrecondition, "NOT_LOADABLE"),
            ("fixed", .failedPrecondition, "NOT_LOADABLE"),
            ("local/zzz", .notFound, "MODEL_NOT_FOUND"), ("nothing", .notFound, "MODEL_NOT_FOUND"),
            ("", .invalidArgument, "INVALID_REQUEST"), ("A/b", .invalidArgument, "INVALID_REQUEST"),
        ])
    func refusesOthers(name: String, code: RPCError.Code, reason: String) async throws {
        try await ServiceBench.with { bench in
            let refusals = [
                try await refusal { try await load(bench, name, pin: true) },
                try await refusal { try await bench.lifecycle.unloadModel(.with { $0.model = name }) },
                try await refusal { try await bench.lifecycle.pinModel(.with { $0.model = name }) },
                try await refusal { try await bench.lifecycle.planLoad(.with { $0.model = name }) },
                try await refusal {
                    try await bench.lifecycle.warmUp(.with { $0.models = ["local/a", name] }) { response in
                        for try await _ in response.messages {}
                    }
                },
            ]
            for refusal in refusals { #expect(refusal.code == code && refusal.reason == reason) }
            if code == .invalidArgument { #expect(refusals.last?.fields == ["models[1]"]) }
            #expect(bench.loading.calls.isEmpty && bench.storage.changes.isEmpty)
        }
    }

    // MARK: - Unloading

    static let graces: [(Bool, Google_Protobuf_Duration?, Duration?)] = [
        (false, nil, nil), (true, nil, .seconds(10)), (true, .init(), .zero),
        (true, .with { $0.nanos = 5_000_000 }, .milliseconds(5)), (true, .with { $0.seconds = 3600 }, .seconds(3600)),
    ]

    @Test("An unload waits for requests, or for as long as its grace", arguments: graces.indices)
    func unloads(index: Int) async throws {
        let (force, given, grace) = Self.graces[index]
        try await ServiceBench.with { bench in
            bench.loading.set(
                outcome: UnloadOutcome(wasLoaded: true, freedBytes: 77, drainedLeases: 3, cutLeases: 1))
            let answer = try await bench.lifecycle.unloadModel(
                .with {
                    $0.model = "default"
                    $0.force = force
                    if let given { $0.grace = given }
                })
            #expect(answer.model == "local/a" && answer.unloaded && answer.freedBytes == 77)
            #expect(answer.drainedLeaseCount == 3 && answer.cutLeaseCount == 1 && answer.hasElapsed)
            let id = try modelID("local/a")
            #expect(bench.loading.calls == [.unload(id, version: nil, grace: grace, reason: "UnloadModel was called")])
        }
    }

    @Test("A grace out of range, or without force, is named")
    func refusesGraces() async throws {
        try await ServiceBench.with { bench in
            for (force, seconds, nanos) in [(true, Int64(3601), Int32(0)), (true, -1, 0), (true, 1, -1), (false, 5, 0)]
            {
                let refusal = try await refusal {
                    try await bench.lifecycle.unloadModel(
                        .with {
                            $0.model = "local/a"
                            $0.force = force
                            $0.grace.seconds = seconds
                            $0.grace.nanos = nanos
                        })
                }
                #expect(refusal.code == .invalidArgument && refusal.fields == ["grace"])
            }
            #expect(bench.loading.calls.isEmpty)
        }
    }

    // MARK: - Looking

    @Test("What is in memory is listed with its figures, page by page, beside every memory")
    func lists() async throws {
        try await ServiceBench.with { bench in
            bench.loading.set(devices: [
                DeviceMemory(
                    device: .cpu, totalBytes: 100, freeBytes: 60, quotaBytes: 80, predictedBytes: 1, actualBytes: 2,
                    releasingBytes: 3)
            ])
            try bench.setLoaded("local/a") {
                $0.key.version = "2"
                $0.reason = "r"
                $0.sinceMicroseconds = 2_000_000
                $0.memory = [.cpu: 5, .cuda(1): 9]
                $0.isMemoryMeasured = true
                $0.leases = 2
                $0.waiters = 1
                $0.idle = .seconds(4)
                $0.expiresIn = .seconds(60)
                $0.isPinned = true
                $0.loadDuration = .seconds(3)
                $0.restarts = 7
                var instance = RuntimeInstance(key: $0.key, launch: 1)
                instance.processID = 4711
                instance.contextLength = 2048
                instance.device = .cuda(1)
                $0.instance = instance
            }
            try bench.setLoaded("local/b") { $0.state = .loading }
            let first = try await bench.lifecycle.listLoadedModels(.with { $0.pageSize = 1 })
            let model = try #require(first.models.first)
            #expect(first.models.count == 1 && first.nextPageToken == "local/a@2")
            #expect(model.model == "local/a" && model.version == "2" && model.state == .ready)
            #expect(model.stateReason == "r" && model.stateTime.seconds == 2 && model.engine == "llama.cpp")
            #expect(model.device == "cuda:1" && model.memoryBytes == 14 && model.memoryMeasured)
            #expect(model.processID == 4711 && model.leaseCount == 2 && model.waiterCount == 1)
            #expect(model.idleDuration.seconds == 4 && model.expireTime.seconds == 1060 && model.pinned)
            #expect(model.loadDuration.seconds == 3 && model.restartCount == 7 && model.contextLength == 2048)
            let second = try await bench.lifecycle.listLoadedModels(.with { $0.pageToken = first.nextPageToken })
            #expect(second.models.map(\.model) == ["local/b"] && second.models[0].state == .loading)
            #expect(
                !second.models[0].hasIdleDuration && !second.models[0].hasExpireTime && second.nextPageToken.isEmpty)
            let device = try #require(second.devices.first)
            #expect(device.device == "cpu" && device.totalBytes == 100 && device.freeBytes == 60)
            #expect(device.quotaBytes == 80 && device.predictedBytes == 1 && device.actualBytes == 2)
            #expect(device.releasingBytes == 3)
            let negative = try await refusal { try await bench.lifecycle.listLoadedModels(.with { $0.pageSize = -1 }) }
            #expect(negative.fields == ["page_size"])
        }
    }

    @Test("Pinning changes the registration and loads nothing")
    func pins() async throws {
        try await ServiceBench.with { bench in
            let pinned = try await bench.lifecycle.pinModel(.with { $0.model = "default" }).model
            #expect(pinned.pinned && pinned.id == "local/a")
            let free = try await bench.lifecycle.pinModel(
                .with {
                    $0.model = "local/a"
                    $0.unpin = true
                }
            ).model
            #expect(!free.pinned)
            #expect(bench.loading.calls.isEmpty)
        }
    }

    @Test("A plan tells what would be loaded, evicted, and why not")
    func plans() async throws {
        try await ServiceBench.with { bench in
            let (a, b) = (try modelID("local/a"), try modelID("local/b"))
            bench.loading.set(
                plan: LoadPlan(
                    key: InstanceKey(model: a), isFeasible: false, isLoaded: false,
                    estimate: MemoryEstimate(weightBytes: 1, cacheBytes: 2, computeBytes: 3),
                    evictions: [.init(key: InstanceKey(model: b), freedBytes: 5, idle: .seconds(6), isBusy: true)],
                    blockers: ["local/b: it is pinned"], reason: "it does not fit",
                    devices: [DeviceMemory(device: .cpu, totalBytes: 9, freeBytes: 8, quotaBytes: 7)]))
            let plan = try await bench.lifecycle.planLoad(
                .with {
                    $0.model = "local/a"
                    $0.contextLength = 4096
                }
            ).plan
            #expect(plan.model == "local/a" && !plan.feasible && !plan.alreadyLoaded)
            #expect(plan.estimate.totalBytes == 6 && plan.estimate.deviceBytes == ["cpu": 6])
            #expect(plan.evictions.map(\.model) == ["local/b"] && plan.evictions[0].freedBytes == 5)
            #expect(plan.evictions[0].idleDuration.seconds == 6 && plan.evictions[0].busy)
            #expect(plan.blockers == ["local/b: it is pinned"] && plan.reason == "it does not fit")
            #expect(plan.devices.map(\.quotaBytes) == [7])
            #expect(bench.loading.calls == [.plan(a, contextLength: 4096)])
            let negative = try await refusal {
                try await bench.lifecycle.planLoad(
                    .with {
                        $0.model = "local/a"
                        $0.contextLength = -1
                    })
            }
            #expect(negative.fields == ["context_length"])
        }
    }

    // MARK: - Warming up

    @Test("A warm-up tells each model's result, then the summary; a second one has nothing to do")
    func warmsUp() async throws {
        try await ServiceBench.with { bench in
            func warmUp(_ models: [String]) async throws -> [Roundhouse_V1_WarmUpResponse] {
                try await bench.lifecycle.warmUp(.with { $0.models = models }) { response in
                    try await response.messages.reduce(into: []) { $0.append($1) }
                }
            }
            bench.loading.set(progress: [LoadProgress(model: try modelID("local/a"), phase: .loading)])
            let first = try await warmUp(["default"])
            #expect(first.contains { $0.progress.phase == .loading })
            let result = try #require(first.first { $0.result != .init() }?.result)
            #expect(result.model == "local/a" && result.outcome == .warmed)
            let summary = try #require(first.last?.summary)
            #expect(summary.status == "success" && summary.modelsLoaded == ["local/a"])
            #expect(summary.loadedCounts == ["text": 1, "image": 0, "voice": 0, "video": 0, "embedding": 0])
            #expect(summary.totalLoaded == 1 && summary.results.count == 1 && summary.hasElapsed)
            #expect(summary.elapsedTimeSeconds > 0)
            let elapsed = Double(summary.elapsed.seconds) + Double(summary.elapsed.nanos) / 1e9
            #expect(abs(summary.elapsedTimeSeconds - elapsed) < 1e-9)
            let second = try await warmUp(["local/a", "default"])
            #expect(second.last?.summary.status == "already_warm")
            #expect(second.last?.summary.results.map(\.outcome) == [.alreadyWarm])
            let all = try await warmUp([])
            #expect(all.last?.summary.modelsLoaded == ["local/b"])
        }
    }

    @Test("A model that cannot be warmed up is a result, not an error")
    func warmsUpWithFailure() async throws {
        try await ServiceBench.with { bench in
            bench.loading.set(plan: LoadPlan(key: InstanceKey(model: try modelID("local/a")), isFeasible: true))
            bench.loading.fail(with: .loadFailed(try modelID("local/a"), reason: "it crashed", retryAfter: nil))
            let messages = try await bench.lifecycle.warmUp(.with { $0.models = ["local/a"] }) { response in
                try await response.messages.reduce(into: [Roundhouse_V1_WarmUpResponse]()) { $0.append($1) }
            }
            let summary = try #require(messages.last?.summary)
            #expect(summary.status == "failed" && summary.results.map(\.outcome) == [.failed])
            #expect(summary.results[0].reason.contains("it crashed"))
        }
    }

    // MARK: - Profiling

    private func profile(
        _ bench: ServiceBench,
        _ edit: (inout Roundhouse_V1_ProfileModelRequest) -> Void
    ) async throws -> [Roundhouse_V1_ProfileModelResponse] {
        try await bench.lifecycle.profileModel(.with(edit)) { response in
            try await response.messages.reduce(into: []) { $0.append($1) }
        }
    }

    @Test(
        "A profile tells each run, ends with the figures, and is kept with the model",
        arguments: ["local/a", "cloud/x"])
    func profiles(name: String) async throws {
        try await ServiceBench.with { bench in
            bench.scripts.edit {
                $0.samples = [
                    .success(
                        ProfileSample(
                            latency: .seconds(2), firstToken: .seconds(1), inputTokens: 5, outputTokens: 11)),
                    .failure(UpstreamFault(.overloaded(retryAfter: nil), "busy")),
                ]
            }
            let messages = try await profile(bench) {
                $0.model = name
                $0.runCount = 4
                $0.prompt = "hi"
                $0.maxOutputTokens = 11
            }
            let runs = messages.map(\.run).filter { $0 != .init() }
            #expect(runs.map(\.run) == [1, 2, 3, 4] && runs.map(\.runCount) == [4, 4, 4, 4])
            #expect(
                runs[0].latency.seconds == 2 && runs[0].firstTokenLatency.seconds == 1 && runs[0].outputTokens == 11)
            #expect(runs[0].error.isEmpty && runs[1].error.contains("busy"))
            let result = try #require(messages.last?.profile)
            #expect(result.latencyP50.seconds == 2 && result.tokensPerSecond == 10 && result.failedRunCount == 2)
            #expect(result.inputTokens == 5 && result.outputTokens == 22)
            let kept = try await bench.registry.getModel(.with { $0.model = name }).model.profile
            #expect(kept == result)
            let asked = bench.scripts.now.profiles
            #expect(asked.map(\.prompt) == Array(repeating: "hi", count: 4) && asked[0].maxOutputTokens == 11)
        }
    }

    @Test("An embedding model is asked for vectors, and its profile says nothing of a first token")
    func profilesEmbeddings() async throws {
        try await ServiceBench.with { bench in
            _ = try await bench.editor.updateModel(try modelID("cloud/x"), etag: nil, validateOnly: false) {
                $0.category = .embedding
                $0.capabilities = [.embeddings]
            }
            bench.scripts.edit {
                $0.samples = [
                    .success(ProfileSample(latency: .milliseconds(20), inputTokens: 8, tokensPerSecond: 400))
                ]
            }
            let messages = try await profile(bench) {
                $0.model = "cloud/x"
                $0.runCount = 2
            }
            #expect(bench.scripts.now.profiles.map(\.isEmbedding) == [true, true])
            let result = try #require(messages.last?.profile)
            #expect(result.tokensPerSecond == 400 && result.inputTokens == 8 && result.outputTokens == 0)
            #expect(result.latencyP50.nanos == 20_000_000 && !result.hasFirstTokenP50 && !result.hasFirstTokenP95)
            _ = try await profile(bench) { $0.model = "local/a" }
            #expect(bench.scripts.now.profiles.last?.isEmbedding == false)
        }
    }

    @Test("Without figures ten runs of 32 tokens are measured")
    func profileDefaults() async throws {
        try await ServiceBench.with { bench in
            _ = try await profile(bench) { $0.model = "cloud/x" }
            #expect(bench.scripts.now.profiles.count == 10)
            #expect(bench.scripts.now.profiles.allSatisfy { $0.maxOutputTokens == 32 && !$0.prompt.isEmpty })
        }
    }

    @Test("A profile that cannot be made says why, and keeps the one before")
    func refusesProfiles() async throws {
        try await ServiceBench.with { bench in
            for (runs, tokens, fields) in [
                (Int32(-1), Int32(0), ["run_count"]), (1001, 0, ["run_count"]), (0, 4097, ["max_output_tokens"]),
            ] {
                let refusal = try await refusal {
                    try await profile(bench) {
                        $0.model = "cloud/x"
                        $0.runCount = runs
                        $0.maxOutputTokens = tokens
                    }
                }
                #expect(refusal.code == .invalidArgument && refusal.fields == fields)
            }
            bench.scripts.edit { $0.samples = [.failure(UpstreamFault(.authenticationFailed, "no key"))] }
            let failing = try await refusal { try await profile(bench) { $0.model = "cloud/x" } }
            #expect(failing.code == .unavailable && failing.reason == "PROFILE_FAILED" && failing.pushback == "-1")
            #expect(try bench.registered("cloud/x").profile == nil)
            _ = try await bench.registry.disableModel(.with { $0.model = "cloud/x" })
            let disabled = try await refusal { try await profile(bench) { $0.model = "cloud/x" } }
            #expect(disabled.reason == "MODEL_DISABLED")
        }
    }
}
