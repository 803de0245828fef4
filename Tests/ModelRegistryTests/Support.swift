import Inference
import ModelRegistry
import Synchronization
import Testing

/// Random numbers that are the same in every run: a failure can be looked at again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func one<Element>(of elements: [Element]) -> Element {
        elements[Int.random(in: elements.indices, using: &self)]
    }
    mutating func happens(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}

func id(_ text: String) throws -> ModelID { try #require(ModelID(text)) }
func provider(_ text: String) throws -> ProviderID { try #require(ProviderID(text)) }

struct DiskFailure: Error, CustomStringConvertible {
    var description: String { "the disk is full" }
}

/// A storage in memory that can be told to fail.
final class MemoryStorage: RegistryStorage {
    private struct State {
        var registry: StoredRegistry
        var saves = 0
        var fails = false
    }

    private let state: Mutex<State>

    init(_ registry: StoredRegistry = StoredRegistry()) {
        self.state = Mutex(State(registry: registry))
    }

    var registry: StoredRegistry { self.state.withLock { $0.registry } }
    var saves: Int { self.state.withLock { $0.saves } }

    func fail(_ fails: Bool) { self.state.withLock { $0.fails = fails } }

    func loadRegistry() async throws -> StoredRegistry { self.registry }

    func save(_ changes: [RegistryChange]) async throws {
        await Task.yield()
        try self.state.withLock { state in
            if state.fails { throw DiskFailure() }
            state.saves += 1
            state.registry = state.registry.applying(changes)
        }
    }
}

final class EventKeeper: EventRecorder {
    private let kept = Mutex<[GatewayEvent]>([])

    var events: [GatewayEvent] { self.kept.withLock { $0 } }
    func record(_ event: GatewayEvent) { self.kept.withLock { $0.append(event) } }
    func take() -> [GatewayEvent] {
        self.kept.withLock { events in
            defer { events = [] }
            return events
        }
    }
}

/// A time of day that tests move.
final class WallTime: Sendable {
    private let time: Mutex<Int64>

    init(_ time: Int64 = 1_000) {
        self.time = Mutex(time)
    }

    var now: Int64 { self.time.withLock { $0 } }
    func advance(_ microseconds: Int64 = 1) { self.time.withLock { $0 += microseconds } }
}

/// An editor with everything around it in memory.
struct Bench {
    let registry: Registry
    let storage: MemoryStorage
    let events = EventKeeper()
    let time = WallTime()
    let editor: RegistryEditor

    init(
        providers: [ProviderDescription] = [],
        models: [ModelDescription] = [],
        aliases: [Alias] = [],
        versionsKept: Int = RegistryEditor.defaultVersionsKept
    ) throws {
        self.registry = Registry(try RegistrySnapshot(providers: providers, models: models, aliases: aliases))
        self.storage = MemoryStorage(
            StoredRegistry().applying(
                providers.map(RegistryChange.putProvider) + models.map(RegistryChange.putModel)
                    + aliases.map(RegistryChange.putAlias)))
        let time = self.time
        self.editor = RegistryEditor(
            registry: self.registry,
            storage: self.storage,
            events: self.events,
            versionsKept: versionsKept,
            now: { time.now }
        )
    }

    /// Two providers, a model of each from the configuration, and an alias that leads to both.
    static func usual() throws -> Bench {
        try Bench(
            providers: [
                ProviderDescription(id: .local, kind: "local", provenance: .first()),
                ProviderDescription(id: provider("open"), kind: "openai", provenance: .first()),
            ],
            models: [
                ModelDescription(
                    id: id("local/tiny"),
                    versions: [ModelVersion(version: "file", path: "/models/tiny.gguf")],
                    provenance: .first()
                ),
                ModelDescription(id: id("open/big"), provenance: .first()),
            ],
            aliases: [
                Alias(
                    name: "default",
                    weightedTargets: [.init(model: id("local/tiny")), .init(model: id("open/big"))],
                    provenance: .first()
                )
            ]
        )
    }

    var snapshot: RegistrySnapshot { self.registry.snapshot }

    /// Whether the disk holds what readers see.
    var isConsistent: Bool {
        let stored = self.storage.registry
        let snapshot = self.snapshot
        return stored.models == Array(snapshot.models) && stored.providers == snapshot.providers
            && stored.aliases == snapshot.aliases
    }
}

extension Provenance {
    static func first(_ source: Source = .config) -> Provenance {
        Provenance(source: source, createdAtMicroseconds: 1, updatedAtMicroseconds: 1, revision: 1)
    }
}
