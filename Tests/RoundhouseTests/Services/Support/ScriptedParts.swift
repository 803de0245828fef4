import Inference
import ModelLifecycle
import ModelRegistry
import Synchronization

@testable import Roundhouse

/// Keeps events that are recorded.
final class EventKeeper: EventRecorder {
    private let kept = Mutex<[GatewayEvent]>([])
    var events: [GatewayEvent] { self.kept.withLock { $0 } }
    func record(_ event: GatewayEvent) { self.kept.withLock { $0.append(event) } }
}

/// A registry's disk, which can break.
final class MemoryStorage: RegistryStorage {
    private let saved = Mutex<(changes: [RegistryChange], isBroken: Bool)>(([], false))

    var changes: [RegistryChange] { self.saved.withLock { $0.changes } }
    func breakDown() { self.saved.withLock { $0.isBroken = true } }

    func loadRegistry() async throws -> StoredRegistry { StoredRegistry() }

    func save(_ changes: [RegistryChange]) async throws {
        let isBroken = self.saved.withLock { saved in
            if !saved.isBroken { saved.changes += changes }
            return saved.isBroken
        }
        if isBroken { throw StartError("the disk is full") }
    }
}

/// Finds what it was given.
final class ScriptedLister: ModelLister {
    private let answer: Result<ModelListing, UpstreamFault>

    init(_ answer: Result<ModelListing, UpstreamFault>) { self.answer = answer }

    func listModels() async throws(UpstreamFault) -> ModelListing { try self.answer.get() }
}

/// A model folder that holds what the test says.
final class ScriptedFiles: ModelFiles {
    private struct State {
        var facts: [String: ModelFileFacts] = [:]
        var failure: ModelFileError?
        var requests: [ModelFileRequest] = []
        var removed: [String] = []
        var holds = false
    }

    private let state = Mutex(State())
    private let begun: AsyncStream<Void>
    private let begin: AsyncStream<Void>.Continuation
    private let gate = AsyncStream<Void>.makeStream()

    init() {
        (self.begun, self.begin) = AsyncStream.makeStream()
    }

    var requests: [ModelFileRequest] { self.state.withLock { $0.requests } }
    var removed: [String] { self.state.withLock { $0.removed } }
    func add(_ facts: ModelFileFacts) { self.state.withLock { $0.facts[facts.path] = facts } }
    func fail(with error: ModelFileError?) { self.state.withLock { $0.failure = error } }
    /// Installations then wait for ``goOn()``.
    func hold() { self.state.withLock { $0.holds = true } }
    func installationBegan() async { for await _ in self.begun { return } }
    func goOn() { self.gate.continuation.finish() }

    func inspect(_ path: String) async throws(ModelFileError) -> ModelFileFacts {
        let (facts, failure) = self.state.withLock { ($0.facts[path], $0.failure) }
        if let failure { throw failure }
        guard let facts else { throw ModelFileError(kind: .notFound, message: "there is no file '\(path)'") }
        return facts
    }

    func install(
        _ request: ModelFileRequest,
        report: @escaping @Sendable (InstallProgress) -> Void
    ) async throws(ModelFileError) -> InstalledFile {
        let (failure, holds) = self.state.withLock { state in
            state.requests.append(request)
            return (state.failure, state.holds)
        }
        report(InstallProgress(phase: .checking, totalBytes: 100))
        report(InstallProgress(phase: .transferring, receivedBytes: 60, totalBytes: 100, resumedBytes: 40))
        self.begin.yield()
        if holds { for await _ in self.gate.stream {} }
        if let failure { throw failure }
        if case .recipe = request.source {
            report(InstallProgress(phase: .converting, receivedBytes: 70, totalBytes: 100))
        }
        report(InstallProgress(phase: .verifying, receivedBytes: 100, totalBytes: 100))
        let version = request.version ?? "0123456789ab"
        let facts = ModelFileFacts(
            path: "/models/\(request.name)-\(version).gguf", sizeBytes: 100, architecture: "llama", contextLength: 4096,
            capabilities: [.chat, .streaming, .tools], category: .text)
        self.add(facts)
        return InstalledFile(facts: facts, sha256: String(repeating: "0123456789ab0123", count: 4), version: version)
    }

    func remove(_ path: String) async throws(ModelFileError) -> Int64 {
        self.state.withLock { state in
            state.removed.append(path)
            return state.facts.removeValue(forKey: path)?.sizeBytes ?? 0
        }
    }
}

/// Events that the test puts there; a watch gives them, a heartbeat, and ends as it is told.
final class ScriptedFeed: EventFeed {
    private struct State {
        var events: [StoredEvent] = []
        var failure: EventWatchError?
        var watches: [(after: Int64?, filter: EventFilter)] = []
    }

    private let state = Mutex(State())

    func add(_ events: [StoredEvent]) { self.state.withLock { $0.events += events } }
    func fail(with error: EventWatchError?) { self.state.withLock { $0.failure = error } }
    var watches: [(after: Int64?, filter: EventFilter)] { self.state.withLock { $0.watches } }

    func list(before sequence: Int64?, limit: Int, filter: EventFilter) async throws -> [StoredEvent] {
        let (events, failure) = self.state.withLock { ($0.events, $0.failure) }
        if let failure { throw failure }
        let admitted = events.filter { filter.admits($0.event) && $0.sequence < sequence ?? .max }
        return Array(admitted.sorted { $0.sequence > $1.sequence }.prefix(limit))
    }

    func watch(
        after sequence: Int64?,
        filter: EventFilter,
        deliver: @Sendable (EventUpdate) async throws -> Void
    ) async throws {
        let (events, failure) = self.state.withLock { state in
            state.watches.append((sequence, filter))
            return (state.events, state.failure)
        }
        for event in events where event.sequence > sequence ?? .max && filter.admits(event.event) {
            try await deliver(.event(event))
        }
        try await deliver(.heartbeat(sequence: events.last?.sequence ?? 0))
        if let failure { throw failure }
    }
}
