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

/// Every part of a server, made from a configuration and joined. Nothing runs yet.
///
/// The one place that knows all rooms: read it to see what depends on what. ``Foundations`` are made first; what is
/// stored is read from them, and decides the rest.
struct Composition: Sendable {
    let foundations: Foundations
    let events: EventLog
    let statistics: StatisticsBook
    let registry: Registry
    let editor: RegistryEditor
    let manager: LifecycleManager
    let switcher: ModelSwitcher
    let preloader: Preloader
    let records: EngineRecords
    let router: Router
    let figures: RoutingFigures
    let openRouter: OpenRouterSettings
    let shared: SharedCalls
    let telemetry: TelemetryBook
    let aliasSupervisor: AliasSupervisor
    let discovery: DiscoveryPort
    let services: [any RegistrableRPCService]
    /// The page `/metrics`.
    let metrics: LiveMetricsPage
    /// Models whose load at the start has not begun yet.
    let starting: StartingModels
    /// What came back from the disk.
    let restored: ConfigMerge.Summary

    private let joint: ProviderJoint
    var providers: ProviderDirectory { self.joint.directory }

    /// Reads what is stored and joins the parts.
    ///
    /// - Throws: ``StartError`` when what is stored cannot be read, or a provider of the configuration cannot be used.
    init(_ foundations: Foundations) async throws(StartError) {
        self.foundations = foundations
        let configuration = foundations.configuration
        let logger = foundations.logger
        let store = foundations.store
        let local = LocalModels(
            configuration.local,
            lifecycle: configuration.lifecycle,
            environment: foundations.environment,
            logger: logger
        )
        let restored = try await Self.restore(configuration, local, from: foundations)
        (self.events, self.statistics, self.restored) = (restored.events, restored.statistics, restored.summary)
        let registry = Registry(restored.snapshot)
        self.registry = registry
        self.editor = RegistryEditor(
            registry: registry,
            storage: store,
            events: self.events,
            versionsKept: configuration.lifecycle.versionsKept,
            now: { WallTime.now().microsecondsSince1970 }
        )

        let counted = EventFigures(self.events, figures: foundations.figures)
        let joint = try Self.joint(foundations, registry: registry, events: counted)
        (self.joint, self.manager, self.records) = (joint, joint.manager, joint.records)
        let manager = joint.manager
        self.figures = RoutingFigures()
        let router = Router(
            registry: registry,
            catalog: joint.catalog,
            figures: self.figures,
            strategies: foundations.strategies,
            policy: FallbackPolicy(configuration.routing),
            events: counted,
            wallClock: { WallTime.now().microsecondsSince1970 }
        )
        self.router = router
        self.openRouter = restored.openRouter
        let problems = Self.problems(
            of: configuration.routing, in: registry.snapshot, strategies: router.selector.strategyNames)
        guard problems.isEmpty else {
            throw StartError(problems.map { "\($0.key): \($0.detail)" }.joined(separator: "; "))
        }
        restored.openRouter.onChange { filter in
            router.selector.setPolicy(SelectionPolicy(configuration.routing, filter: filter))
            router.selector.prepare(registry.snapshot)
        }
        self.shared = SharedCalls(isStandard: configuration.routing.shareIdentical)
        self.switcher = ModelSwitcher(loading: manager, events: self.events)
        foundations.live.begin(
            ConfigurationApplier(
                foundations: foundations, registry: registry, editor: self.editor, joint: joint, router: router,
                openRouter: restored.openRouter, events: self.events))
        let preloaded = local.preloaded
        self.starting = StartingModels(preloaded)
        let statistics = self.statistics
        self.preloader = Preloader(
            loading: manager,
            settings: PreloadSettings(
                atStart: { preloaded },
                atStartDone: { [starting = self.starting] in starting.end() },
                pattern: configuration.lifecycle.preloadPattern,
                keepWarm: configuration.lifecycle.keepWarm
            ),
            patterns: { statistics.snapshot().mapValues(\.hours) },
            changes: { manager.changes() },
            logger: logger
        )

        let folders = foundations.modelFolders
        let files = ModelFolder(installer: foundations.installer)
        self.discovery = .live(
            directory: joint.directory,
            folders: configuration.local.enabled ? folders : nil,
            files: files,
            catalog: joint.catalog
        )
        let switching = RegistrySwitcher(registry: registry, editor: self.editor, switcher: self.switcher)
        self.aliasSupervisor = AliasSupervisor(
            configuration.routing.autoSwitch, registry: registry, switching: switching, logger: logger)
        let facts = UsageFactsReader(
            registry: registry, loading: manager, memory: MachineMemory().read,
            memoryShare: configuration.lifecycle.memoryShare, figures: foundations.figures, events: counted,
            keys: foundations.keyUses, keyCounts: { [directory = joint.directory] in directory.keyCounts },
            lastUsed: { statistics.statistics(of: $0)?.lastUsedAtMicroseconds ?? 0 },
            inFlight: { router.liveFigures(of: $0).inFlight })
        self.telemetry = TelemetryBook(foundations.figures, watch: foundations.anomalies, facts: facts.facts)
        let ports = ServicePorts(
            registry: registry,
            editor: self.editor,
            loading: manager,
            recorder: self.events,
            availability: { router.availability(of: $0) },
            discovery: self.discovery,
            files: files,
            switching: switching,
            warmUp: WarmUp(loading: manager, priority: { registry.snapshot.model($0)?.priority ?? 0 }),
            profiling: ProfilingPort(
                profiler: Profiler(loading: manager, events: self.events),
                measure: ProfileMeasurement(router: router).measure
            ),
            events: self.events,
            statistics: { StatisticsReport(models: statistics.snapshot(), sinceMicroseconds: restored.since) },
            requests: { [store = foundations.store] in try await store.requests($0) },
            telemetry: self.telemetry,
            droppedRecords: { [log = foundations.requestLog] in log.status.dropped },
            openRouter: self.openRouter,
            saveState: foundations.saving(events: self.events, statistics: statistics),
            hardware: foundations.hardware.read,
            unloadGrace: configuration.lifecycle.unloadGrace,
            configuration: foundations.live
        )
        self.services = try foundations.services(
            ports,
            router: router,
            manager: manager,
            events: self.events,
            recorders: [statistics, self.aliasSupervisor],
            shared: self.shared
        )
        self.metrics = LiveMetricsPage(
            foundations,
            registry: registry,
            router: router,
            loading: manager,
            events: self.events,
            telemetry: self.telemetry
        )
    }

    /// Has every later change of the registry reach those who speak to providers, those who load models and those who
    /// choose between them. Call it once, before anything is served.
    func begin() {
        self.joint.follow(self.registry)
        // So that the change waits for it, and no request.
        self.registry.observe { [selector = self.router.selector] in selector.prepare($0) }
    }

    // MARK: - What is stored

    private struct Restored {
        var snapshot: RegistrySnapshot
        var summary: ConfigMerge.Summary
        var events: EventLog
        var statistics: StatisticsBook
        var openRouter: OpenRouterSettings
        /// Since when figures are kept, in microseconds since 1970-01-01 UTC.
        var since: Int64
    }

    /// What a configuration registers.
    static func said(
        _ configuration: RoundhouseConfiguration, _ local: LocalModels
    ) throws(StartError) -> StoredRegistry {
        let remote = try ConfiguredProviders(configuration.providers)
        let own =
            configuration.local.enabled ? [ProviderDescription(id: .local, kind: ProviderID.local.rawValue)] : []
        return StoredRegistry(
            models: local.descriptions + remote.models,
            providers: own + remote.descriptions,
            aliases: configuration.aliases.map { Alias($0) }
        )
    }

    private static func restore(
        _ configuration: RoundhouseConfiguration,
        _ local: LocalModels,
        from foundations: Foundations
    ) async throws(StartError) -> Restored {
        let said = try Self.said(configuration, local)
        let now = WallTime.now().microsecondsSince1970
        let store = foundations.store
        var settings = EventLog.Settings()
        settings.kept = configuration.lifecycle.eventsKept
        do {
            let (snapshot, summary) = try await store.restore(config: said, now: now)
            let statistics = try await store.loadStatistics()
            return Restored(
                snapshot: snapshot,
                summary: summary,
                events: try await EventLog.open(storage: store, settings: settings, logger: foundations.logger),
                statistics: StatisticsBook(stored: statistics, storage: store),
                openRouter: try await OpenRouterSettings.restore(configuration.openRouter, from: store),
                since: snapshot.models.map(\.provenance.createdAtMicroseconds).min() ?? now
            )
        } catch {
            throw StartError("what is stored in \(store.path) cannot be used: \(error)")
        }
    }

    /// What only the registry can tell of the routing's configuration.
    ///
    /// - Returns: everything that is wrong, by key.
    static func problems(
        of routing: RoundhouseConfiguration.Routing,
        in snapshot: RegistrySnapshot,
        strategies: [String]
    ) -> [(key: String, detail: String)] {
        var problems = RoutingRule.validate(routing.rules.map(RoutingRule.init), in: snapshot, strategies: strategies)
            .map { ("routing.rules[\($0.index)]", "\($0)") }
        if !strategies.contains(routing.strategy) {
            let known = strategies.joined(separator: ", ")
            problems.append(("routing.strategy", "found '\(routing.strategy)', expected one of \(known)"))
        }
        let chains = [
            ("context_length", routing.fallback.contextLength), ("content_filter", routing.fallback.contentFilter),
        ]
        for (name, chain) in chains {
            for (index, model) in chain.enumerated() where snapshot.model(model) == nil {
                problems.append(
                    ("routing.fallback.\(name)[\(index)]", "found '\(model)', expected a model that is registered"))
            }
        }
        for (index, setting) in routing.autoSwitch.enumerated() {
            guard let alias = snapshot.alias(setting.alias) else {
                problems.append(
                    ("routing.auto_switch[\(index)].alias", "found '\(setting.alias)', expected an alias that exists"))
                continue
            }
            if Set(alias.targets).count < 2 {
                problems.append(
                    (
                        "routing.auto_switch[\(index)].alias",
                        "found '\(setting.alias)' with one target, expected two at least"
                    ))
            }
        }
        return problems
    }

    // MARK: - Who speaks to providers

    private static func joint(
        _ foundations: Foundations,
        registry: Registry,
        events: any EventRecorder
    ) throws(StartError) -> ProviderJoint {
        let configuration = foundations.configuration
        let logger = foundations.logger
        let group = foundations.eventLoops
        let records = EngineRecords(directory: "\(foundations.dataDirectory)/engines", logger: logger)
        let llama = LlamaCppRuntime(
            engine: LlamaCppEngine(directories: EngineDirectories(environment: foundations.environment)),
            records: records,
            healthCheck: { _, port, key in await LocalAdapters.isHealthy(port: port, key: key, over: group) },
            gpuMemory: { ids in
                let gpus = NVML.shared
                return ids.reduce(into: [:]) { sum, id in
                    sum.merge(gpus?.usedBytes(by: id) ?? [:]) { $0 + $1 }
                }
            },
            logger: logger
        )
        let directory = ProviderDirectory(
            configuration.providers,
            environment: foundations.environment,
            group: group,
            version: foundations.version
        )
        let adapters = LocalAdapters(runtime: llama, group: group)
        let first = FirstRequest(
            adapter: { instance throws(UpstreamFault) in
                if instance.key.model.provider == .local { return try adapters.adapter(for: instance) }
                guard let parts = directory[instance.key.model.provider] else {
                    throw UpstreamFault(.unreachable, "provider '\(instance.key.model.provider)' is gone")
                }
                return parts.adapter
            },
            isEmbedding: { registry.snapshot.model($0)?.category == .embedding }
        )
        let memory = MachineMemory()
        let manager = LifecycleManager(
            runtimes: configuration.local.enabled ? [.local: llama] : [:],
            limits: LifecycleLimits(configuration.lifecycle, memories: memory.read()),
            memory: memory,
            events: events,
            logger: logger,
            warm: { instance throws(UpstreamFault) in try await first.warm(instance) }
        )
        let joint = ProviderJoint(
            directory: directory,
            manager: manager,
            records: records,
            rules: ManagedModels(configuration) { id in id == .local || directory[id]?.runtime != nil },
            logger: logger
        )
        if configuration.local.enabled {
            joint.catalog.set(
                LeasedProvider(id: ProviderID.local, manager: manager) { instance throws(UpstreamFault) in
                    try adapters.adapter(for: instance)
                },
                for: ProviderID.local
            )
        }
        // A key or an address of the configuration that cannot work prevents the start; others are told and left out.
        for (id, problem) in joint.take(registry.snapshot) where registry.snapshot.provider(id)?.isConfigured == true {
            throw problem
        }
        return joint
    }
}

extension ProviderDescription {
    fileprivate var isConfigured: Bool { self.provenance.source == .config }
}
