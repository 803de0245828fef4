internal import FoundationEssentials
internal import GRPCCore
internal import GRPCTransport
internal import Inference
internal import LocalEngines
internal import Logging
internal import ModelRegistry
internal import NIOCore
internal import NIOPosix
internal import Persistence
internal import Providers
internal import Routing
internal import Synchronization

/// Every part of a server, made from a configuration and joined. Nothing runs yet.
///
/// The one place that knows all rooms: read it to see what depends on what.
struct Composition: Sendable {
    let store: Store
    let requestLog: RequestLog
    let supervisor: EngineSupervisor
    let eventLoops: MultiThreadedEventLoopGroup
    let registry: Registry
    let router: Router
    let health: HealthRegistry
    let transport: GRPCTransport.Server
    let addresses: BoundAddresses
    let services: [any RegistrableRPCService]

    /// - Throws: ``StartError`` for what prevents a start: a store that cannot be opened, a provider that cannot be.
    init(
        _ configuration: RoundhouseConfiguration,
        dataDirectory: String,
        environment: [String: String],
        version: String,
        logger: Logger
    ) throws(StartError) {
        (self.store, self.requestLog) = try Self.storage(configuration.storage, in: dataDirectory, logger)
        self.eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: Self.eventLoopCount)

        let local = LocalModels(
            configuration.local, lifecycle: configuration.lifecycle, environment: environment, logger: logger)
        self.supervisor = EngineSupervisor(
            engine: LlamaCppEngine(directories: EngineDirectories(environment: environment)),
            models: local.models,
            logger: logger
        )
        let remote = try ConfiguredProviders(configuration.providers, group: self.eventLoops, version: version)
        self.registry = Registry(try Self.snapshot(configuration, local: local, remote: remote))

        var providers: [ProviderID: any Inference.Provider] = [:]
        for adapter in remote.adapters { providers[adapter.id] = adapter }
        if configuration.local.enabled {
            providers[.local] = LocalProvider.asking(self.supervisor, over: self.eventLoops)
        }
        self.router = Router(registry: self.registry, providers: providers)

        self.health = HealthRegistry(statuses: ["": .serving])
        var transport = try GRPCTransport.Server.Configuration(configuration.grpc, logger: logger)
        transport.handlerExecutor = Self.executors(on: self.eventLoops)
        self.transport = GRPCTransport.Server(transport)
        self.addresses = BoundAddresses()
        let counters = RequestCounters()
        let report = SystemReport(
            version: version,
            startedAt: .now(),
            grpcAddresses: self.addresses.reader(),
            engines: Self.engines(of: self.supervisor),
            storage: Self.storage(self.store, self.requestLog),
            issues: Self.issues(of: self.requestLog)
        )
        let ports = ServicePorts.pending(registry: self.registry, router: self.router)
        let pipeline = Pipeline(router: self.router, recorder: self.requestLog, counters: counters)
        self.services = try Self.services(
            [
                GenerationService(pipeline: pipeline, router: self.router),
                RegistryService(ports: ports),
                LifecycleService(ports: ports),
                TelemetryService(ports: ports),
                AdminService(ports: ports),
                HealthService(report: report, registry: self.registry, router: self.router, counters: counters),
                StandardHealthService(registry: self.health),
            ],
            health: self.health,
            hasReflection: configuration.grpc.reflection
        )
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

    private static func snapshot(
        _ configuration: RoundhouseConfiguration,
        local: LocalModels,
        remote: ConfiguredProviders
    ) throws(StartError) -> RegistrySnapshot {
        let ownProvider =
            configuration.local.enabled ? [ProviderDescription(id: .local, kind: ProviderID.local.rawValue)] : []
        do {
            return try RegistrySnapshot(
                providers: ownProvider + remote.descriptions,
                models: local.descriptions + remote.models,
                aliases: configuration.aliases.map { Alias($0) }
            )
        } catch {
            throw StartError("\(error)")
        }
    }

    /// The services, reflection among them, and each one's name in the health registry.
    private static func services(
        _ services: [any RegistrableRPCService],
        health: HealthRegistry,
        hasReflection: Bool
    ) throws(StartError) -> [any RegistrableRPCService] {
        var router = RPCRouter<GRPCTransport.Server>()
        for service in services { service.registerMethods(with: &router) }
        for method in router.methods { health.set(.serving, for: method.service.fullyQualifiedService) }
        guard hasReflection else { return services }
        do {
            let reflection = try ReflectionService(methods: router.methods)
            return services + [reflection]
        } catch {
            throw StartError("the descriptor set that was built in cannot be read: \(error)")
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

// MARK: - What GetSystemStatus tells

extension Composition {
    private static func engines(of supervisor: EngineSupervisor) -> @Sendable () -> [SystemReport.EngineReport] {
        {
            supervisor.status().compactMap { status in
                guard let id = ModelID(provider: .local, name: status.model) else { return nil }
                return SystemReport.EngineReport(
                    model: id,
                    engine: "llama.cpp",
                    availability: supervisor.availability(of: status.model),
                    processID: status.endpoint.map { Int($0.pid) },
                    restarts: status.restarts
                )
            }
        }
    }

    private static func storage(_ store: Store, _ log: RequestLog) -> @Sendable () -> SystemReport.StorageReport {
        {
            let status = log.status
            let size = (try? FileManager.default.attributesOfItem(atPath: store.path))?[.size] as? Int
            return SystemReport.StorageReport(
                path: store.path,
                sizeBytes: Int64(size ?? 0),
                pendingRecords: status.waiting,
                droppedRecords: status.dropped
            )
        }
    }

    private static func issues(of log: RequestLog) -> @Sendable () -> [String] {
        {
            let status = log.status
            var issues: [String] = []
            if let failure = status.failure { issues.append("request records cannot be written: \(failure)") }
            if status.dropped > 0 {
                issues.append("\(status.dropped) request records were lost because the store could not take them")
            }
            return issues
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
