import Inference
import Providers
import TestSupport
import Testing

/// What Ollama and LM Studio can answer instead, and what becomes of it.
@Suite(.timeLimit(.minutes(1))) struct RemoteRuntimeFaultTests {
    typealias Product = RemoteHarness.Product

    private static func unavailable(_ body: () async throws -> Void) async -> String? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? RuntimeUnavailable)?.reason
        }
    }

    @Test(arguments: [(Product.ollama, "ollama pull nothing"), (.lmStudio, "lms get nothing")])
    func `A model that is not there is unavailable, with the command that brings it`(
        _ product: Product, _ command: String
    ) async throws {
        try await RemoteHarness.run(product) { harness in
            let id = try #require(ModelID(provider: harness.model.provider, name: "nothing"))
            let reason = await Self.unavailable { _ = try await harness.runtime.prepare(RuntimeModel(id: id)) }
            #expect(reason?.contains(command) == true, "\(reason ?? "")")
            let exit = try await harness.launch("nothing") { _, _ in }
            guard case .unavailable(let said) = exit else {
                Issue.record("\(exit)")
                return
            }
            #expect(said.contains(command))
        }
    }

    @Test(arguments: Product.allCases)
    func `Preparing tells the size, and that its memory is not ours`(_ product: Product) async throws {
        try await RemoteHarness.run(product) { harness in
            let estimate = try await harness.runtime.prepare(RuntimeModel(id: harness.model))
            #expect(estimate.weightBytes > 1_000_000_000)
            #expect(estimate.devices.isEmpty)
        }
    }

    @Test(arguments: [(ProviderKind.ollama, "ollama serve"), (.lmStudio, "lms server start")])
    func `A server that is not running is unavailable, with the command that starts it`(
        _ kind: ProviderKind, _ command: String
    ) async throws {
        let closed = try #require(ClosedPort())
        let runtime = try #require(
            try ModelListers.runtime(
                for: Fixture.configuration("http://127.0.0.1:\(closed.port)/v1", kind: kind), group: Fixture.group))
        let model = RuntimeModel(id: try #require(ModelID("there/model")))
        let reason = await Self.unavailable { _ = try await runtime.prepare(model) }
        #expect(reason?.contains(command) == true, "\(reason ?? "")")
        let exit = await runtime.run(RuntimeLaunch(number: 1, model: model, stop: StopSignal())) { _ in }
        guard case .unavailable(let said) = exit else {
            Issue.record("\(exit)")
            return
        }
        #expect(said.contains(command))
        let instance = RuntimeInstance(key: model.key, launch: 1)
        let answers = await runtime.probe(instance)
        #expect(!answers)
    }

    @Test(arguments: Product.allCases)
    func `A load that fails for want of memory is refused, another failure is a crash`(
        _ product: Product
    ) async throws {
        let failures = [
            ("model requires more system memory (12.6 GiB) than is available (7.1 GiB)", true),
            ("llama runner process has terminated: exit status 2", false),
        ]
        for (message, isRefused) in failures {
            try await RemoteHarness.run(product) { harness in
                harness.failLoads(message)
                let exit = try await harness.launch { _, _ in }
                switch exit {
                case .refused(let reason): #expect(isRefused && reason.contains(message))
                case .crashed(let reason): #expect(!isRefused && reason.contains(message))
                default: Issue.record("\(exit)")
                }
            }
        }
    }

    @Test(arguments: Product.allCases)
    func `A server that is busy is worth another attempt`(_ product: Product) async throws {
        try await RemoteHarness.run(product) { harness in
            harness.diverge(harness.loadPath, .busy)
            let exit = try await harness.launch { _, _ in }
            guard case .crashed(let reason) = exit else {
                Issue.record("\(exit)")
                return
            }
            #expect(reason.contains("503"))
        }
    }

    /// Each a departure from what is documented, and the words that must name it.
    static let departures: [(Product, String, Divergence, String)] = [
        (.ollama, "/api/chat", .missing("done_reason"), "done_reason: missing"),
        (.ollama, "/api/chat", .missing("done"), "done: missing"),
        (.ollama, "/api/chat", .changed("done", .text("yes")), "done: expected true or false"),
        (.ollama, "/api/chat", .changed("done_reason", .text("stop")), #"done_reason "load", got true with "stop""#),
        (.ollama, "/api/chat", .changed("done", .boolean(false)), "got false"),
        (.ollama, "/api/chat", .html, "expected application/json, got text/html"),
        (.ollama, "/api/chat", .error("nothing works", status: "200 OK"), "nothing works"),
        (.ollama, "/api/tags", .missing("size"), "models[0].size: missing"),
        (.ollama, "/api/tags", .changed("models", .null), "models: expected a list, got null"),
        (.ollama, "/api/tags", .notFound, "HTTP 404"),
        (.ollama, "/api/ps", .missing("models"), "models: missing"),
        (.ollama, "/api/ps", .changed("models", .text("none")), "models: expected a list"),
        (.ollama, "/api/ps", .truncated, "middle of the answer"),
        (.lmStudio, "/api/v1/models/load", .missing("instance_id"), "instance_id: missing"),
        (.lmStudio, "/api/v1/models/load", .missing("status"), "status: missing"),
        (.lmStudio, "/api/v1/models/load", .changed("status", .text("loading")), #"expected "loaded", got "loading""#),
        (.lmStudio, "/api/v1/models/load", .changed("instance_id", .integer(3)), "instance_id: expected text"),
        (.lmStudio, "/api/v1/models/load", .html, "text/html"),
        (.lmStudio, "/api/v1/models", .missing("loaded_instances"), "models[0].loaded_instances: missing"),
        (.lmStudio, "/api/v1/models", .missing("size_bytes"), "models[0].size_bytes: missing"),
        (.lmStudio, "/api/v1/models", .changed("size_bytes", .text("12 GB")), "size_bytes: expected a whole number"),
    ]

    @Test(arguments: Self.departures.indices)
    func `A departure from the documented format ends the launch with words that name it`(
        _ place: Int
    ) async throws {
        let (product, path, divergence, words) = Self.departures[place]
        try await RemoteHarness.run(product) { harness in
            harness.diverge(path, divergence)
            let exit = try await harness.launch { _, _ in }
            switch exit {
            case .refused(let reason), .crashed(let reason):
                #expect(reason.contains(words), "\(reason)")
                #expect(reason.contains(path), "\(reason)")
            case .stopped, .released, .unavailable: Issue.record("\(exit)")
            }
            // What was loaded in spite of the wrong answer is not left behind.
            if divergence.isTold, path == harness.loadPath { #expect(harness.loadedCount() == 0) }
        }
    }

    @Test func `A wrong answer to an unload is no success`() async throws {
        try await RemoteHarness.run(.lmStudio) { harness in
            let exit = try await harness.launch { launch, _ in
                _ = try #require(await launch.instance())
                harness.diverge(harness.unloadPath, .changed("instance_id", .text("another")))
                launch.stop.send()
            }
            guard case .crashed(let reason) = exit else {
                Issue.record("\(exit)")
                return
            }
            #expect(reason.contains("instance_id"))
        }
    }

    @Test(arguments: [true, false])
    func `LM Studio before 0.4.0 cannot load, and that is said`(_ with200: Bool) async throws {
        try await FakeLMStudio.run { fake in
            fake.forgetVersion1(with200: with200)
            let runtime = try LMStudioRuntime(
                Fixture.configuration(fake.baseURL, kind: .lmStudio), group: Fixture.group)
            let model = RuntimeModel(id: try #require(ModelID("studio/openai/gpt-oss-20b")))
            let reason = await Self.unavailable { _ = try await runtime.prepare(model) }
            #expect(reason?.contains("0.4.0") == true, "\(reason ?? "")")
            let exit = await runtime.run(RuntimeLaunch(number: 1, model: model, stop: StopSignal())) { _ in }
            guard case .refused(let said) = exit else {
                Issue.record("\(exit)")
                return
            }
            #expect(said.contains("0.4.0"))
        }
    }

    @Test func `Kinds that nobody loads have no runtime`() throws {
        for kind in [ProviderKind.vllm, .llamaCpp, .custom] {
            let configuration = Fixture.configuration("http://127.0.0.1:1/v1", kind: kind)
            let runtime = try ModelListers.runtime(for: configuration, group: Fixture.group)
            #expect(runtime == nil)
        }
    }
}

extension Divergence {
    fileprivate var isTold: Bool {
        switch self {
        case .missing, .changed: true
        default: false
        }
    }
}
