internal import FoundationEssentials
internal import GRPCCore
internal import GRPCTransport
internal import Inference
internal import LocalEngines
internal import Logging
internal import ModelLifecycle
internal import ModelRegistry
internal import NIOCore
internal import NIOPosix
internal import Persistence
internal import Providers
internal import Routing
internal import Synchronization
internal import Telemetry
internal import Tracing

/// What everything else of a server stands on: the store, the port, the threads.
struct Foundations: Sendable {
    let configuration: RoundhouseConfiguration
    /// The same as it may change while the server runs.
    let live: LiveConfiguration
    /// Moves what is logged; `nil` where the loggers are somebody else's.
    let logThreshold: LogThreshold?
    let requestLines: SwitchedRequestLines
    /// Absolute.
    let dataDirectory: String
    let environment: [String: String]
    let version: String
    let logger: Logger
    /// Beside the built-in ones.
    let strategies: [any SelectionStrategy]
    let store: Store
    let requestLog: RequestLog
    /// Figures of every finished request.
    let figures: TelemetryRecorder
    /// Takes every finished request into both.
    let requestBooks: RequestBooks
    let anomalies: AnomalyWatch
    let keyUses = KeyUses()
    let metricKeeper: MetricKeeper
    /// Requests under way and ended.
    let counters = RequestCounters()
    /// Where their time goes.
    let phases: PhaseFigures
    let eventLoops: MultiThreadedEventLoopGroup
    let health: HealthRegistry
    let transport: GRPCTransport.Server
    let addresses: BoundAddresses
    let httpAddresses = BoundAddresses()
    /// Of requests over HTTP, when the server ends.
    let httpEnd = DrainLimit()
    let installer: ModelInstaller
    let hardware: HardwareReader
    let tracing: TraceSetup
    /// By which HTTP reaches the services of the gRPC port.
    let loopback = LoopbackTransport()
    /// Ends watches of metrics.
    let watchEnd = WatchEnd()
    private let watches = Watches()

    /// - Throws: ``StartError`` for a store that cannot be opened or an address that cannot be.
    init(
        _ configuration: RoundhouseConfiguration,
        dataDirectory: String,
        environment: [String: String],
        version: String,
        strategies: [any SelectionStrategy] = [],
        tracer: (any Tracer)? = nil,
        live: LiveConfiguration? = nil,
        logThreshold: LogThreshold? = nil,
        logger: Logger
    ) throws(StartError) {
        self.strategies = strategies
        self.configuration = configuration
        self.live = live ?? LiveConfiguration(configuration, dataDirectory: dataDirectory)
        self.logThreshold = logThreshold
        self.requestLines = SwitchedRequestLines(configuration.log.requests, logger: logger)
        self.dataDirectory = dataDirectory
        self.environment = environment
        self.version = version
        self.logger = logger
        (self.store, self.requestLog) = try Self.storage(configuration.storage, in: dataDirectory, logger)
        self.phases = PhaseFigures(isCounting: configuration.telemetry.enabled)
        let figures = TelemetryRecorder()
        self.figures = figures
        self.requestBooks = RequestBooks(log: self.requestLog, figures: figures)
        self.anomalies = AnomalyWatch(figures)
        var keeping = MetricKeeper.Settings()
        keeping.days = max(keeping.days, configuration.storage.retention)
        self.metricKeeper = MetricKeeper(
            store: self.store, log: self.requestLog, books: self.requestBooks, figures: figures, watch: self.anomalies,
            keys: self.keyUses, settings: keeping, logger: logger)
        self.eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: Self.eventLoopCount)
        self.tracing = try TraceSetup(
            tracer, environment: environment, version: version, group: self.eventLoops, logger: logger)
        self.health = HealthRegistry(statuses: ["": .serving])
        var transport = try GRPCTransport.Server.Configuration(configuration.grpc, logger: logger)
        transport.handlerExecutor = Self.executors(on: self.eventLoops)
        self.transport = GRPCTransport.Server(transport)
        self.addresses = BoundAddresses()
        var settings = HTTPDownloader.Settings()
        settings.userAgent = "roundhouse/\(version)"
        let folders = Self.modelFolders(configuration.local, dataDirectory)
        self.installer = ModelInstaller(
            folder: folders.first ?? "\(dataDirectory)/models",
            downloader: ModelDownloader(downloader: HTTPDownloader(settings, group: self.eventLoops)),
            recipes: RecipeMaker(
                directories: EngineDirectories(environment: environment), environment: environment)
        )
        let threads = configuration.local.threads
        self.hardware = HardwareReader(
            disks: folders + [dataDirectory],
            gauge: BandwidthGauge(threads: threads > 0 ? threads : LocalModel.defaultThreads)
        )
    }

    /// Where models lie: the first one is where they are installed.
    var modelFolders: [String] { Self.modelFolders(self.configuration.local, self.dataDirectory) }

    private static func modelFolders(_ local: RoundhouseConfiguration.Local, _ dataDirectory: String) -> [String] {
        local.modelFolders.isEmpty ? ["\(dataDirectory)/models"] : local.modelFolders
    }

    /// As many as the bridge has queues: more threads than that only hand work to each other.
    private static var eventLoopCount: Int { min(max(1, System.coreCount / 4), 4) }

    /// Generation runs where upstreams are read: a token then goes from one socket to the other on one thread.
    private static func executors(
        on eventLoops: MultiThreadedEventLoopGroup
    ) -> @Sendable (MethodDescriptor) -> (any TaskExecutor)? {
        let executors = EventLoopExecutors(of: eventLoops)
        return { method in method.service == GenerationService.name ? executors.next() : nil }
    }

    private static func storage(
        _ configuration: RoundhouseConfiguration.Storage,
        in dataDirectory: String,
        _ logger: Logger
    ) throws(StartError) -> (Store, RequestLog) {
        do {
            let store = try Store(path: configuration.path ?? "\(dataDirectory)/roundhouse.db")
            var settings = RequestLog.Settings()
            settings.retention = configuration.retention
            return (store, RequestLog(store: store, settings: settings, logger: logger))
        } catch {
            throw StartError("\(error)")
        }
    }

    /// The file system that a file lies on, in bytes; 0 when that is not known.
    private static func room(of path: String) -> (available: Int64, total: Int64) {
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: path)
        func bytes(_ key: FileAttributeKey) -> Int64 {
            switch attributes?[key] {
            case let value as Int64: value
            case let value as Int: Int64(value)
            case let value as UInt64: Int64(clamping: value)
            default: 0
            }
        }
        return (bytes(.systemFreeSize), bytes(.systemSize))
    }

    /// Ends streams that would otherwise keep a server from stopping.
    func endWatches() {
        self.health.endWatches()
        self.watchEnd.come()
        self.watches.end()
    }

    /// Sets what else there is to end; at once when ``endWatches()`` was called before.
    func onEndingWatches(_ action: @escaping @Sendable () -> Void) {
        self.watches.onEnd(action)
    }

    /// Writes everything that is still in memory.
    func saving(events: EventLog, statistics: StatisticsBook) -> @Sendable () async throws -> SavedState {
        let (store, requestLog, metricKeeper) = (self.store, self.requestLog, self.metricKeeper)
        return {
            let before = requestLog.status.written
            try await requestLog.flush()
            try await metricKeeper.flush()
            try await statistics.flush()
            let sequence = try await events.flush()
            return SavedState(
                path: store.path,
                sizeBytes: Self.size(of: store.path),
                statisticsCount: statistics.snapshot().count,
                eventSequence: sequence,
                requestRecordCount: Int(requestLog.status.written - before)
            )
        }
    }

    /// What the database takes, and what is free beside it, in bytes. Looks at the disk.
    func storageFigures() -> @Sendable () -> (size: Int64, free: Int64)? {
        { [path = self.store.path] in
            let room = Self.room(of: path)
            return room.total > 0 ? (Self.size(of: path), room.available) : nil
        }
    }

    /// The database's file and its write-ahead log, which holds what was written last.
    private static func size(of path: String) -> Int64 {
        ["", "-wal"].reduce(0) { sum, suffix in
            let size = (try? FileManager.default.attributesOfItem(atPath: path + suffix))?[.size] as? Int
            return sum + Int64(size ?? 0)
        }
    }
}

/// Where the server listens, once it does.
final class BoundAddresses: Sendable {
    private let addresses = Mutex<[String]>([])

    func set(_ addresses: [String]) {
        self.addresses.withLock { $0 = addresses }
    }

    func reader() -> @Sendable () -> [String] {
        { self.addresses.withLock { $0 } }
    }
}

/// What ends with the server's readiness to serve, which may come before there is anything to end.
private final class Watches: Sendable {
    private struct State {
        var hasEnded = false
        var action: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    func end() {
        let action = self.state.withLock { state in
            state.hasEnded = true
            return state.action.take()
        }
        action?()
    }

    func onEnd(_ action: @escaping @Sendable () -> Void) {
        let isLate = self.state.withLock { state in
            if !state.hasEnded { state.action = action }
            return state.hasEnded
        }
        if isLate { action() }
    }
}

// MARK: - The services

extension Foundations {
    /// Every service of the port, and each one's name in the health registry.
    func services(
        _ ports: ServicePorts,
        router: Router,
        manager: LifecycleManager,
        events: EventLog,
        recorders: [any RequestRecorder],
        shared: SharedCalls
    ) throws(StartError) -> [any RegistrableRPCService] {
        let counters = self.counters
        let report = SystemReport(
            version: self.version,
            startedAt: .now(),
            grpcAddresses: self.addresses.reader(),
            engines: Self.engines(of: manager, availability: ports.availability),
            storage: self.storageReport(),
            issues: Self.issues(of: self.requestLog, events, self.metricKeeper),
            httpAddresses: self.httpAddresses.reader(),
            condition: self.condition()
        )
        let books: [any RequestRecorder] = self.configuration.telemetry.enabled ? [self.requestBooks] : []
        let recorder = RecorderFanOut(recorders: books + [self.requestLines] + recorders)
        let pipeline = Pipeline(
            router: router, recorder: recorder, counters: counters, shared: shared, phases: self.phases,
            tracing: RequestTracing(self.tracing.tracer) { [registry = ports.registry] in
                registry.snapshot.provider($0)
            },
            prompts: PromptLog(self.configuration.log, logger: self.logger))
        let generation = GenerationService(pipeline: pipeline, router: router)
        self.transport.handleDirectly(generation.directHandlers)
        let services: [any RegistrableRPCService] = [
            generation,
            RegistryService(ports: ports),
            LifecycleService(ports: ports),
            TelemetryService(ports: ports, live: LivePort(router, counters: counters, end: self.watchEnd)),
            AdminService(ports: ports),
            HealthService(
                report: report, ports: ports, health: self.healthPorts(ports, report), router: router,
                counters: counters),
            StandardHealthService(registry: self.health),
        ]
        return try self.withReflection(services)
    }

    private func withReflection(
        _ services: [any RegistrableRPCService]
    ) throws(StartError) -> [any RegistrableRPCService] {
        var router = RPCRouter<GRPCTransport.Server>()
        for service in services { service.registerMethods(with: &router) }
        for method in router.methods { self.health.set(.serving, for: method.service.fullyQualifiedService) }
        guard self.configuration.grpc.reflection else { return services }
        do {
            let reflection = try ReflectionService(methods: router.methods)
            return services + [reflection]
        } catch {
            throw StartError("the descriptor set that was built in cannot be read: \(error)")
        }
    }

    private static func engines(
        of manager: LifecycleManager,
        availability: @escaping @Sendable (ModelID) -> ProviderAvailability
    ) -> @Sendable () -> [SystemReport.EngineReport] {
        {
            manager.managedModels().filter { $0.id.provider == .local }.map { model in
                let status = manager.status(of: model.id)
                return SystemReport.EngineReport(
                    model: model.id,
                    engine: "llama.cpp",
                    availability: availability(model.id),
                    processID: status?.instance?.processID.map { Int($0) },
                    restarts: status?.restarts ?? 0
                )
            }
        }
    }

    private func storageReport() -> @Sendable () -> SystemReport.StorageReport {
        let (store, log) = (self.store, self.requestLog)
        return {
            let (status, room) = (log.status, Self.room(of: store.path))
            return SystemReport.StorageReport(
                path: store.path,
                sizeBytes: Self.size(of: store.path),
                pendingRecords: status.waiting,
                droppedRecords: status.dropped,
                availableBytes: room.available,
                totalBytes: room.total
            )
        }
    }

    /// Whether requests are taken and can be recorded; answers at once.
    func condition() -> @Sendable () -> Readiness.Condition {
        let (health, addresses, log) = (self.health, self.addresses.reader(), self.requestLog)
        return {
            var condition = Readiness.Condition()
            if health.status(of: "") != .serving {
                condition.phase = .shuttingDown
            } else if addresses().isEmpty {
                condition.phase = .starting
            }
            condition.databaseFailure = log.status.failure.map {
                Readiness.DatabaseFailure(message: "\($0)", isDiskFull: $0.code == .diskFull)
            }
            return condition
        }
    }

    private static func issues(
        of log: RequestLog, _ events: EventLog, _ metrics: MetricKeeper
    ) -> @Sendable () -> [String] {
        {
            let status = log.status
            var issues: [String] = []
            if let failure = status.failure { issues.append("request records cannot be written: \(failure)") }
            if status.dropped > 0 {
                issues.append("\(status.dropped) request records were lost because the store could not take them")
            }
            let eventStatus = events.status
            if let failure = eventStatus.failure { issues.append("events cannot be written: \(failure)") }
            if eventStatus.lost > 0 { issues.append("\(eventStatus.lost) events never reached the disk") }
            return issues + metrics.status.issues
        }
    }
}

extension GRPCTransport.Server.Configuration {
    /// - Throws: ``StartError`` for an address that the transport cannot listen on.
    init(_ grpc: RoundhouseConfiguration.GRPC, logger: Logger) throws(StartError) {
        let address: GRPCTransport.Address
        switch grpc.address {
        case .tcp(let host, let port): address = .hostPort(host: host, port: port)
        case .unix(let path): address = .unixDomainSocket(path: path)
        }
        self = .defaults(address: address)
        if let tls = grpc.tls {
            self.security = .tls(
                TLSConfiguration(
                    certificateChainPath: tls.certificate,
                    privateKeyPath: tls.privateKey,
                    clientAuthoritiesPath: tls.clientCA
                )
            )
        }
        self.limits.requestMessageBytes = grpc.maxMessageBytes
        self.limits.metadataBytes = grpc.maxMetadataBytes
        self.limits.connections = grpc.maxConnections
        self.limits.streamsPerConnection = grpc.maxConcurrentStreams
        self.limits.slowConsumerTimeout = grpc.slowConsumerTimeout
        self.keepalive.maximumConnectionAge = grpc.maxConnectionAge
        self.shutdown.grace = grpc.shutdownGrace
        self.onEvent = { event in logger.warning("\(event)") }
    }
}
