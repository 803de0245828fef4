internal import GRPCCore
internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import RoundhouseAPI
internal import Routing
internal import SwiftProtobuf

/// What `GetSystemStatus` tells of things that other rooms own. Each closure answers at once, from memory.
struct SystemReport: Sendable {
    var version: String
    var startedAt: WallTime
    var grpcAddresses: @Sendable () -> [String]
    var engines: @Sendable () -> [EngineReport]
    var storage: @Sendable () -> StorageReport
    /// Sentences on what is wrong and what to do, beyond what the other figures tell.
    var issues: @Sendable () -> [String]
    var httpAddresses: @Sendable () -> [String] = { [] }
    var condition: @Sendable () -> Readiness.Condition = { Readiness.Condition() }

    struct EngineReport: Sendable, Hashable {
        var model: ModelID
        var engine: String
        var availability: ProviderAvailability
        var processID: Int?
        var restarts: Int
    }

    struct StorageReport: Sendable, Hashable {
        var path: String
        var sizeBytes: Int64
        var pendingRecords: Int
        var droppedRecords: Int
        /// Of the file system; 0 when not known.
        var availableBytes: Int64 = 0
        var totalBytes: Int64 = 0
    }
}

/// `roundhouse.v1.HealthService`: the state of the server in one look. The machine, and what the
/// server stands on, are in files of their own.
struct HealthService: Roundhouse_V1_HealthService.SimpleServiceProtocol {
    let report: SystemReport
    let registry: Registry
    let router: Router
    let counters: RequestCounters
    let ports: ServicePorts
    let health: HealthPorts
    private let generation: RegistryGeneration
    private let clock = ContinuousClock()
    private let started: ContinuousClock.Instant

    init(
        report: SystemReport,
        ports: ServicePorts,
        health: HealthPorts,
        router: Router,
        counters: RequestCounters
    ) {
        self.report = report
        self.ports = ports
        self.health = health
        self.registry = ports.registry
        self.generation = RegistryGeneration(of: ports.registry)
        self.router = router
        self.counters = counters
        self.started = self.clock.now
    }

    func getSystemStatus(
        request: Roundhouse_V1_GetSystemStatusRequest,
        context: ServerContext
    ) async throws -> Roundhouse_V1_GetSystemStatusResponse {
        let snapshot = self.registry.snapshot
        let availabilities = snapshot.models.map { ($0.id, self.router.availability(of: $0.id)) }
        let ready = availabilities.count { $0.1 == .available }
        let readiness = Readiness(self.report.condition(), Readiness.Models(snapshot, availabilities))
        let issues = self.issues(snapshot, availabilities)
        return .with {
            $0.state = Self.verdict(readiness, issues: issues)
            $0.version = self.report.version
            $0.startTime = .init(self.report.startedAt)
            $0.uptime = .init(self.started.duration(to: self.clock.now))
            $0.grpcAddresses = self.report.grpcAddresses()
            $0.engines = self.report.engines().map(Roundhouse_V1_EngineStatus.init)
            $0.modelCount = Int32(clamping: availabilities.count)
            $0.readyModelCount = Int32(clamping: ready)
            $0.providerCount = Int32(clamping: snapshot.providers.count)
            $0.storage = .init(self.report.storage())
            $0.requests = .init(self.counters.counts)
            $0.issues = issues
            $0.configurationGeneration = self.generation.number
            $0.aliasCount = Int32(clamping: snapshot.aliases.count)
            $0.loadedModelCount = Int32(clamping: Set(self.ports.loading.loadedModels().inMemory).count)
            $0.ports =
                $0.grpcAddresses.map { Roundhouse_V1_ListenPort(grpc: $0) }
                + self.report.httpAddresses().map { Roundhouse_V1_ListenPort(http: $0) }
        }
    }

    private func issues(
        _ snapshot: RegistrySnapshot,
        _ availabilities: [(ModelID, ProviderAvailability)]
    ) -> [String] {
        var issues = self.report.issues()
        if snapshot.models.isEmpty && !snapshot.providers.contains(where: \.acceptsAnyModel) {
            issues.append(Readiness.noModel)
        }
        for case (let model, .unavailable(let reason)) in availabilities {
            issues.append("model '\(model)' cannot answer: \(reason)")
        }
        return issues
    }

    private static func verdict(_ readiness: Readiness, issues: [String]) -> Roundhouse_V1_SystemState {
        if !readiness.isReady { return .unhealthy }
        return issues.isEmpty ? .healthy : .degraded
    }
}

extension ProviderAvailability {
    /// Whether a request has a chance, at once or after a start.
    var canAnswer: Bool {
        switch self {
        case .available, .loading, .unloaded: true
        case .unavailable: false
        }
    }
}

extension Roundhouse_V1_EngineStatus {
    init(_ report: SystemReport.EngineReport) {
        self.init()
        self.model = report.model.description
        self.engine = report.engine
        (self.state, self.stateReason) = Roundhouse_V1_ModelState.of(report.availability)
        self.processID = Int64(report.processID ?? 0)
        self.restartCount = Int32(clamping: report.restarts)
    }
}

extension Roundhouse_V1_ListenPort {
    init(grpc address: String) { self.init("grpc", address) }

    init(http address: String) { self.init("http", address) }

    private init(_ spoken: String, _ address: String) {
        self.init()
        self.`protocol` = spoken
        self.address = address
        guard !address.hasPrefix("unix:"), let colon = address.lastIndex(of: ":") else { return }
        self.port = Int32(address[address.index(after: colon)...]) ?? 0
    }
}

extension Roundhouse_V1_StorageStatus {
    init(_ report: SystemReport.StorageReport) {
        self.init()
        self.path = report.path
        self.sizeBytes = report.sizeBytes
        self.pendingRecordCount = Int64(report.pendingRecords)
        self.droppedRecordCount = Int64(report.droppedRecords)
        self.availableBytes = report.availableBytes
        self.totalBytes = report.totalBytes
    }
}

extension Roundhouse_V1_RequestCounts {
    init(_ counts: (active: Int, succeeded: Int, failed: Int)) {
        self.init()
        self.active = Int64(counts.active)
        self.succeeded = Int64(counts.succeeded)
        self.failed = Int64(counts.failed)
    }
}
