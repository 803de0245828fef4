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

/// By provider and id; the filter `loaded` is the only one it knows, and every other text is an error.
final class PlainSearch: ModelSearching {
    private let asked = Mutex<[ModelQuery]>([])
    var queries: [ModelQuery] { self.asked.withLock { $0 } }

    func page(
        of query: ModelQuery,
        in snapshot: RegistrySnapshot,
        isLoaded: (ModelID) -> Bool
    ) throws(ModelQueryError) -> ModelPage {
        self.asked.withLock { $0.append(query) }
        if !["", "loaded = true"].contains(query.filter) {
            throw ModelQueryError(field: "filter", position: 7, found: "'=='", expected: "a comparison such as =")
        }
        if !["", "id"].contains(query.orderBy) {
            throw ModelQueryError(field: "order_by", position: 1, found: "'colour'", expected: "a field")
        }
        let models = snapshot.models.filter { model in
            (query.provider == nil || model.id.provider == query.provider)
                && (query.filter.isEmpty || isLoaded(model.id))
        }
        let rest = models.drop { !query.pageToken.isEmpty && $0.id.description <= query.pageToken }
        let page = Array(rest.prefix(query.pageSize))
        return ModelPage(
            models: page,
            nextToken: page.count < rest.count ? page.last?.id.description ?? "" : "",
            totalCount: models.count
        )
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
    let interrupted = Mutex(0)

    init() {
        (self.begun, self.begin) = AsyncStream.makeStream()
    }

    var requests: [ModelFileRequest] { self.state.withLock { $0.requests } }
    var removed: [String] { self.state.withLock { $0.removed } }
    func add(_ facts: ModelFileFacts) { self.state.withLock { $0.facts[facts.path] = facts } }
    func fail(with error: ModelFileError?) { self.state.withLock { $0.failure = error } }
    /// Installations then go on until they are cancelled.
    func hold() { self.state.withLock { $0.holds = true } }
    func installationBegan() async { for await _ in self.begun { return } }

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
        if holds {
            try? await Task.sleep(for: .seconds(3600))
            self.interrupted.withLock { $0 += 1 }
            throw ModelFileError(kind: .cancelled, message: "cancelled")
        }
        if let failure { throw failure }
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

/// Switches by flipping at once.
final class PlainSwitching: ModelSwitching {
    enum Call: Sendable, Hashable {
        case alias(AliasSwitch)
        case rollBack(String, revision: String?, etag: String?, reason: String)
        case version(ModelID, String)
    }

    private let editor: MemoryEditor
    private let made = Mutex<[Call]>([])
    private let failure = Mutex<(any Error)?>(nil)

    init(_ editor: MemoryEditor) { self.editor = editor }

    var calls: [Call] { self.made.withLock { $0 } }
    func fail(with error: (any Error)?) { self.failure.withLock { $0 = error } }

    private func note(_ call: Call) throws {
        self.made.withLock { $0.append(call) }
        if let failure = self.failure.withLock({ $0 }) { throw failure }
    }

    func switchAlias(_ request: AliasSwitch) async throws -> SwitchOutcome {
        try self.note(.alias(request))
        guard let old = self.editor.registry.snapshot.alias(request.alias) else {
            throw RegistryEditError.aliasNotFound(request.alias)
        }
        let alias =
            request.isDryRun
            ? old
            : try await self.editor.switchAlias(
                request.alias, to: request.model, etag: request.etag, reason: request.reason)
        return SwitchOutcome(
            alias: alias,
            previousModel: old.activeModel,
            strategy: .drainFirst,
            plan: LoadPlan(key: InstanceKey(model: request.model), isFeasible: true),
            loadDuration: .milliseconds(1500),
            flipDuration: .microseconds(20)
        )
    }

    func rollBack(_ alias: String, to revision: String?, etag: String?, reason: String) async throws -> SwitchOutcome {
        try self.note(.rollBack(alias, revision: revision, etag: etag, reason: reason))
        let previous = self.editor.registry.snapshot.alias(alias)?.activeModel
        let changed = try await self.editor.rollbackAlias(alias, revision: revision, etag: etag, reason: reason)
        return SwitchOutcome(alias: changed, previousModel: previous, strategy: .loadFirst)
    }

    func switchVersion(
        of model: ModelID,
        to version: String,
        flip: @escaping @Sendable () async throws(RegistryEditError) -> ModelDescription
    ) async throws -> ModelDescription {
        try self.note(.version(model, version))
        return try await flip()
    }
}

/// Events that the test puts there; a watch gives them, a heartbeat, and ends as it is told.
final class ScriptedFeed: EventFeed {
    private struct State {
        var events: [StoredEvent] = []
        var failure: EventFeedError?
        var watches: [(after: Int64?, filter: EventFilter)] = []
    }

    private let state = Mutex(State())

    func add(_ events: [StoredEvent]) { self.state.withLock { $0.events += events } }
    func fail(with error: EventFeedError?) { self.state.withLock { $0.failure = error } }
    var watches: [(after: Int64?, filter: EventFilter)] { self.state.withLock { $0.watches } }

    func list(
        before sequence: Int64?,
        limit: Int,
        filter: EventFilter
    ) async throws(EventFeedError) -> [StoredEvent] {
        let (events, failure) = self.state.withLock { ($0.events, $0.failure) }
        if let failure { throw failure }
        let admitted = events.filter { filter.admits($0.event) && $0.sequence < sequence ?? .max }
        return Array(admitted.sorted { $0.sequence > $1.sequence }.prefix(limit))
    }

    func watch(
        after sequence: Int64?,
        filter: EventFilter,
        deliver: @Sendable (EventFeedItem) async throws -> Void
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
