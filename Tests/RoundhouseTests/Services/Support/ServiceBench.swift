import GRPCCore
import GRPCInProcessTransport
import GRPCProtobuf
import Inference
import ModelLifecycle
import ModelRegistry
import Persistence
import RoundhouseAPI
import Routing
import Synchronization
import Testing

@testable import Roundhouse

/// The registry, lifecycle, telemetry and admin services over parts that are scripted, reached through generated clients.
///
/// It begins with the providers `local`, `cloud` and `conf`, the models `local/a` (versions `1` and `2`, 2 active),
/// `local/b`, `cloud/x` and `conf/c`, and the alias `default`, which leads to `local/a`. What is of `conf` and the alias
/// `fixed` come from the configuration file.
struct ServiceBench {
    typealias Transport = InProcessTransport.Client

    let base: Registry
    let storage = MemoryStorage()
    let editor: RegistryEditor
    let loading = ScriptedLoading()
    let events = EventKeeper()
    let files = ScriptedFiles()
    let switcher: ModelSwitcher
    let feed = ScriptedFeed()
    let scripts = Scripts()
    let machine = ScriptedMachine()
    let figures = ScriptedTelemetry()
    /// Of watches.
    let time = ProbeTime()
    let watchEnd = WatchEnd()
    private(set) var configuration = LiveConfiguration()
    private(set) var client: GRPCClient<Transport>?

    /// What the ports that are closures answer.
    final class Scripts: Sendable {
        struct Values: Sendable {
            var availability: [ModelID: ProviderAvailability] = [:]
            var listers: [ProviderID: ScriptedLister] = [:]
            var detected: Result<DetectedCapabilities, UpstreamFault> = .success(.init(capabilities: []))
            var probes: [Bool] = []
            var providerProblems: [FieldProblem] = []
            /// What each run of a profile gives, in turns.
            var samples: [Result<ProfileSample, UpstreamFault>] = [.success(ProfileSample(latency: .seconds(1)))]
            var profiles: [Profiler.Request] = []
            var live: [ModelID: LiveFigures] = [:]
            var liveModels: [LiveModel] = []
            var inFlight = 0
            var waiting: [ModelID: Int] = [:]
            var dropped = 0
            var statistics = StatisticsReport(models: [:], sinceMicroseconds: 0)
            var requests: @Sendable (RequestQuery) async throws -> RequestPage = { _ in RequestPage() }
            var hardware = HardwareReading()
            var saved: Result<SavedState, StartError> = .failure(StartError("the disk is full"))
        }

        private let values = Mutex(Values())

        func edit(_ body: (inout Values) -> Void) { self.values.withLock { body(&$0) } }
        func take<Result: Sendable>(_ body: @Sendable (inout Values) -> Result) -> Result {
            self.values.withLock { body(&$0) }
        }
        var now: Values { self.values.withLock { $0 } }
    }

    init() throws {
        self.base = Registry(try Self.snapshot())
        let clock = Mutex<Int64>(1_000_000)
        self.editor = RegistryEditor(registry: self.base, storage: self.storage, events: self.events) {
            clock.withLock { now in
                now += 1
                return now
            }
        }
        self.switcher = ModelSwitcher(loading: self.loading, events: self.events)
        for name in ["local/a", "local/b"] {
            let id = try #require(ModelID(name))
            self.loading.manage(ManagedModel(id: id, versions: [RuntimeModel(id: id)], sizeBytes: 100))
        }
    }

    static func with<Result: Sendable>(
        configuration: LiveConfiguration = LiveConfiguration(),
        _ body: (ServiceBench) async throws -> Result
    ) async throws -> Result {
        var bench = try ServiceBench()
        bench.configuration = configuration
        let transport = InProcessTransport()
        let services = bench.services
        return try await withThrowingTaskGroup(of: Void.self) { [switcher = bench.switcher] group in
            group.addTask { await switcher.run() }
            defer { group.cancelAll() }
            return try await withGRPCServer(transport: transport.server, services: services) { _ in
                try await withGRPCClient(transport: transport.client) { client in
                    bench.client = client
                    return try await body(bench)
                }
            }
        }
    }

    var services: [any RegistrableRPCService] {
        let ports = self.ports
        return [
            RegistryService(ports: ports), LifecycleService(ports: ports),
            TelemetryService(ports: ports, live: self.live),
            AdminService(ports: ports), self.healthService(ports),
        ]
    }

    /// What happens now, as the scripts say.
    var live: LivePort {
        let scripts = self.scripts
        return LivePort(
            figures: { scripts.now.live[$0] ?? LiveFigures() }, models: { scripts.now.liveModels },
            waiting: { scripts.now.waiting[$0] ?? 0 }, inFlight: { scripts.now.inFlight }, end: self.watchEnd,
            clock: self.time.clock)
    }

    private func healthService(_ ports: ServicePorts) -> HealthService {
        let report = SystemReport(
            version: "1", startedAt: ports.now(), grpcAddresses: { [] }, engines: { [] },
            storage: { .init(path: "/db", sizeBytes: 0, pendingRecords: 0, droppedRecords: 0) }, issues: { [] })
        return HealthService(
            report: report, ports: ports, health: self.machine.ports(ports, report),
            router: Router(registry: self.base, providers: [:]),
            counters: RequestCounters())
    }

    private var connected: GRPCClient<Transport> {
        get throws { try #require(self.client) }
    }
    var registry: Roundhouse_V1_RegistryService.Client<Transport> {
        get throws { .init(wrapping: try self.connected) }
    }
    var lifecycle: Roundhouse_V1_LifecycleService.Client<Transport> {
        get throws { .init(wrapping: try self.connected) }
    }
    var telemetry: Roundhouse_V1_TelemetryService.Client<Transport> {
        get throws { .init(wrapping: try self.connected) }
    }
    var health: Roundhouse_V1_HealthService.Client<Transport> {
        get throws { .init(wrapping: try self.connected) }
    }
    var admin: Roundhouse_V1_AdminService.Client<Transport> {
        get throws { .init(wrapping: try self.connected) }
    }

    func registered(_ name: String) throws -> ModelDescription {
        let id = try #require(ModelID(name))
        return try #require(self.base.snapshot.models.first { $0.id == id })
    }

    func setLoaded(_ name: String, edit: (inout LoadedModel) -> Void = { _ in }) throws {
        let id = try #require(ModelID(name))
        var loaded = LoadedModel(key: InstanceKey(model: id), state: .ready, engine: "llama.cpp")
        loaded.memory = [.cpu: 100]
        edit(&loaded)
        self.loading.set(loaded)
    }
}

extension ServiceBench {
    private static func snapshot() throws -> RegistrySnapshot {
        func provider(_ name: String, _ kind: String, _ source: Provenance.Source) throws -> ProviderDescription {
            ProviderDescription(
                id: try #require(ProviderID(name)), kind: kind, baseURL: "https://example.com/v1", priority: 40,
                provenance: Provenance(source: source, revision: 1))
        }
        func model(_ name: String, _ source: Provenance.Source = .api) throws -> ModelDescription {
            ModelDescription(
                id: try #require(ModelID(name)), priority: 10,
                provenance: Provenance(source: source, createdAtMicroseconds: 5, updatedAtMicroseconds: 7, revision: 1))
        }
        var local = try model("local/a")
        local.versions = [
            ModelVersion(version: "1", path: "/models/a-1.gguf", sizeBytes: 90, isInstalled: true),
            ModelVersion(version: "2", path: "/models/a-2.gguf", sizeBytes: 100, isInstalled: true),
        ]
        local.activeVersion = "2"
        var foreign = try model("local/b")
        foreign.versions = [ModelVersion(version: "1", path: "/elsewhere/b.gguf", sizeBytes: 100)]
        foreign.activeVersion = "1"
        return try RegistrySnapshot(
            providers: [
                try provider("local", "local", .config), try provider("cloud", "openai", .api),
                try provider("conf", "custom", .config), try provider("empty", "custom", .api),
            ],
            models: [local, foreign, try model("cloud/x"), try model("conf/c", .config)],
            aliases: [
                Alias(
                    name: "default", weightedTargets: [.init(model: local.id)],
                    provenance: Provenance(source: .api, revision: 1)),
                Alias(
                    name: "fixed", weightedTargets: [.init(model: try #require(ModelID("conf/c")))],
                    provenance: Provenance(source: .config, revision: 1)),
            ]
        )
    }

    var ports: ServicePorts {
        let scripts = self.scripts
        return ServicePorts(
            registry: self.base,
            editor: self.editor,
            loading: self.loading,
            recorder: self.events,
            availability: { scripts.now.availability[$0] ?? .available },
            discovery: DiscoveryPort(
                lister: { scripts.now.listers[$0] },
                detect: { _, probes in
                    try scripts.take {
                        $0.probes.append(probes)
                        return $0.detected
                    }.get()
                },
                problems: { _ in scripts.now.providerProblems }
            ),
            files: self.files,
            switching: RegistrySwitcher(registry: self.base, editor: self.editor, switcher: self.switcher),
            warmUp: WarmUp(loading: self.loading),
            profiling: ProfilingPort(
                profiler: Profiler(loading: self.loading, events: self.events),
                measure: { request in
                    try scripts.take { values in
                        values.profiles.append(request)
                        return values.samples[(values.profiles.count - 1) % values.samples.count]
                    }.get()
                }
            ),
            events: self.feed,
            statistics: { scripts.now.statistics },
            requests: { try await scripts.now.requests($0) },
            telemetry: self.figures,
            droppedRecords: { scripts.now.dropped },
            saveState: { try scripts.now.saved.get() },
            hardware: { scripts.now.hardware },
            configuration: self.configuration,
            now: { WallTime(microsecondsSince1970: 1_000_000_000) }
        )
    }
}

/// What a client is told of a call that must fail.
struct Refusal {
    var code: RPCError.Code
    var reason: String
    var metadata: [String: String]
    var fields: [String]
    var resource: String?
    var retryDelay: Duration?
    var pushback: String?
    var message: String
}

/// Runs a call that must fail and gives what its client is told.
func refusal<Result>(of call: () async throws -> Result) async throws -> Refusal {
    do {
        _ = try await call()
    } catch let error as RPCError {
        let info = try error.errorInfo()
        #expect(info.domain == "roundhouse")
        let details = try error.details().details
        return Refusal(
            code: error.code,
            reason: info.reason,
            metadata: info.metadata,
            fields: details.compactMap(\.badRequest).flatMap(\.violations).map(\.field),
            resource: details.compactMap(\.resourceInfo).first?.type,
            retryDelay: details.compactMap(\.retryInfo).first?.delay,
            pushback: error.metadata[stringValues: "grpc-retry-pushback-ms"].first { _ in true },
            message: error.message
        )
    }
    throw NotRefused()
}

struct NotRefused: Error {}

func modelID(_ text: String) throws -> ModelID { try #require(ModelID(text)) }
