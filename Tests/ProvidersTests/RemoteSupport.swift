import Inference
import Providers
import Synchronization
import TestSupport
import Testing

extension Fixture {
    static func configuration(
        _ url: String, kind: ProviderKind, key: String? = nil
    ) -> EndpointConfiguration {
        EndpointConfiguration(id: .local, kind: kind, baseURL: url, apiKey: key.map { Secret($0) })
    }

    static func lister(_ url: String, kind: ProviderKind) throws -> any ModelLister {
        try ModelListers.lister(
            for: Self.configuration(url, kind: kind, key: kind == .openrouter || kind == .openai ? "sk-test-key" : nil),
            group: Self.group)
    }
}

/// Time that stands still until a test moves it. Waits of less than a second take none.
final class StepClock: Sendable {
    /// Long waits, as they begin.
    let waits = Recorder<Duration>()
    /// Short waits.
    let pauses = Recorder<Duration>()
    private let onPause: @Sendable () -> Void
    private let state = Mutex(State())

    private struct State {
        var next = 0
        var sleepers: [Int: CheckedContinuation<Void, any Error>] = [:]
    }

    init(onPause: @escaping @Sendable () -> Void = {}) {
        self.onPause = onPause
    }

    var clock: RuntimeClock { RuntimeClock { try await self.sleep($0) } }

    /// Ends the waits that are under way.
    func tick() {
        let sleepers = self.state.withLock { state in
            defer { state.sleepers = [:] }
            return state.sleepers
        }
        for sleeper in sleepers.values { sleeper.resume() }
    }

    private func sleep(_ duration: Duration) async throws {
        guard duration >= .seconds(1) else {
            _ = self.pauses.append { _ in duration }
            self.onPause()
            return try Task.checkCancellation()
        }
        let number = self.state.withLock { state in
            state.next += 1
            return state.next
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isCancelled = self.state.withLock { state in
                    // Once: it may change between two looks.
                    let isCancelled = Task.isCancelled
                    if !isCancelled { state.sleepers[number] = continuation }
                    return isCancelled
                }
                if isCancelled { return continuation.resume(throwing: CancellationError()) }
                _ = self.waits.append { _ in duration }
            }
        } onCancel: {
            let sleeper = self.state.withLock { $0.sleepers.removeValue(forKey: number) }
            sleeper?.resume(throwing: CancellationError())
        }
    }
}

/// A runtime before its fake server, whichever it is.
struct RemoteHarness: Sendable {
    enum Product: Sendable, CaseIterable {
        case ollama
        case lmStudio
    }

    let runtime: any ModelRuntime
    let clock: StepClock
    let model: ModelID
    let calls: @Sendable () -> [String]
    /// How many instances are in memory.
    let loadedCount: @Sendable () -> Int
    let expire: @Sendable () -> Void
    let preload: @Sendable () -> Void
    let hold: @Sendable (Gate) -> Void
    let failLoads: @Sendable (String) -> Void
    let diverge: @Sendable (_ path: String, Divergence?) -> Void
    let upstream: FaultUpstream
    let listPath: String
    let loadPath: String
    let unloadPath: String

    static func run(
        _ product: Product, clock: StepClock = StepClock(), _ body: (RemoteHarness) async throws -> Void
    ) async throws {
        switch product {
        case .ollama:
            try await FakeOllama.run { fake in
                let runtime = try OllamaRuntime(
                    Fixture.configuration(fake.baseURL, kind: .ollama), group: Fixture.group, clock: clock.clock)
                try await body(
                    RemoteHarness(
                        runtime: runtime, clock: clock, model: try #require(ModelID("ollama/llama3.2")),
                        calls: { fake.calls },
                        loadedCount: { fake.loaded.count }, expire: { fake.expire("llama3.2") },
                        preload: { fake.preload("llama3.2") }, hold: { fake.holdLoads(until: $0) },
                        failLoads: { fake.failLoads($0) }, diverge: { fake.diverge(at: $0, $1) },
                        upstream: try #require(fake.upstream), listPath: "/api/ps", loadPath: "/api/chat",
                        unloadPath: "/api/chat"))
            }
        case .lmStudio:
            try await FakeLMStudio.run { fake in
                let runtime = try LMStudioRuntime(
                    Fixture.configuration(fake.baseURL, kind: .lmStudio), group: Fixture.group, clock: clock.clock)
                try await body(
                    RemoteHarness(
                        runtime: runtime, clock: clock, model: try #require(ModelID("studio/openai/gpt-oss-20b")),
                        calls: { fake.calls }, loadedCount: { fake.instances.count },
                        expire: { fake.expire("openai/gpt-oss-20b") }, preload: { fake.preload("openai/gpt-oss-20b") },
                        hold: { fake.holdLoads(until: $0) }, failLoads: { fake.failLoads($0) },
                        diverge: { fake.diverge(at: $0, $1) }, upstream: try #require(fake.upstream),
                        listPath: "/api/v1/models", loadPath: "/api/v1/models/load",
                        unloadPath: "/api/v1/models/unload"))
            }
        }
    }

    /// A launch under way.
    struct Launch: Sendable {
        let stop = StopSignal()
        let reports = Recorder<RuntimeReport>()

        /// Once it is ready.
        func instance() async -> RuntimeInstance? {
            guard case .ready(let instance) = await self.reports.element(1) else { return nil }
            return instance
        }
    }

    /// Runs a launch beside `body`.
    func launch(
        _ name: String? = nil, contextLength: Int? = nil,
        _ body: (Launch, Task<RuntimeExit, Never>) async throws -> Void
    ) async throws -> RuntimeExit {
        let launch = Launch()
        let id = try #require(ModelID(provider: self.model.provider, name: name ?? self.model.name))
        let running = Task {
            await self.runtime.run(
                RuntimeLaunch(number: 7, model: RuntimeModel(id: id, contextLength: contextLength), stop: launch.stop)
            ) { report in _ = launch.reports.append { _ in report } }
        }
        // A launch that is over reports and waits no more: who counts on it shall fail and not wait for ever.
        async let _: Void = {
            _ = await running.value
            for _ in 0..<8 {
                _ = launch.reports.append { _ in .started(processID: nil) }
                _ = self.clock.waits.append { _ in .zero }
            }
        }()
        do {
            try await body(launch, running)
        } catch {
            running.cancel()
            _ = await running.value
            throw error
        }
        return await running.value
    }
}
