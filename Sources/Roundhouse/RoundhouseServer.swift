internal import FoundationEssentials
internal import GRPCCore
internal import GRPCTransport
internal import Inference
internal import LocalEngines
public import Logging
internal import ModelLifecycle
internal import ModelRegistry
internal import NIOCore
internal import NIOPosix
internal import Persistence
public import Routing
public import Tracing

/// A Roundhouse server: what `roundhouse serve` runs, and what a Swift program embeds.
///
/// ```swift
/// let server = try RoundhouseServer(RoundhouseConfiguration(), dataDirectory: "/var/lib/roundhouse", logger: logger)
/// try await server.run { ready in print(ready.grpcAddresses) }
/// ```
public final class RoundhouseServer: Sendable {
    /// The version of Roundhouse, as SemVer.
    public static let version = "0.1.0"

    private let foundations: Foundations
    private let logger: Logger

    /// A server that serves.
    public struct Ready: Sendable, Hashable {
        /// `127.0.0.1:50051`, port 0 replaced by the one that was chosen; `unix:/run/roundhouse.sock`.
        public var grpcAddresses: [String]
        /// `127.0.0.1:8080`; `nil` when no HTTP port is wanted.
        public var httpAddress: String?
        /// Models that can be asked.
        public var modelCount: Int
    }

    /// Opens the store and makes every part; nothing listens yet. Blocks for the time that opening a database takes.
    ///
    /// - Parameters:
    ///   - dataDirectory: absolute; made when it is missing.
    ///   - strategies: of selection, beside the built-in ones; requests, rules and `routing.strategy` may name them.
    ///   - environment: for the folders of engines and models, see `docs/Configuration.md`; `nil` is the process's own.
    ///   - tracer: takes the spans of requests; without one, a collector of the environment's `OTEL_*` variables does, or
    ///     the tracer that the process has bootstrapped. See `docs/Tracing.md`.
    /// - Throws: ``StartError``.
    public init(
        _ configuration: RoundhouseConfiguration,
        dataDirectory: String,
        strategies: [any SelectionStrategy] = [],
        environment: [String: String]? = nil,
        tracer: (any Tracer)? = nil,
        logger: Logger
    ) throws(StartError) {
        self.logger = logger
        self.foundations = try Foundations(
            configuration,
            dataDirectory: dataDirectory,
            environment: environment ?? ProcessInfo.processInfo.environment,
            version: Self.version,
            strategies: strategies,
            tracer: tracer,
            logger: logger
        )
    }

    /// A server whose configuration came from a file, and may change with it.
    ///
    /// - Parameters:
    ///   - loader: as it made `loaded`.
    ///   - threshold: of the loggers, which `log.level` moves.
    /// - Throws: ``StartError``.
    package init(
        _ loaded: LoadedConfiguration,
        loader: ConfigurationLoader,
        threshold: LogThreshold,
        logger: Logger
    ) throws(StartError) {
        self.logger = logger
        self.foundations = try Foundations(
            loaded.configuration,
            dataDirectory: loaded.dataDirectory,
            environment: loader.environment,
            version: Self.version,
            live: LiveConfiguration(loaded, loader: loader),
            logThreshold: threshold,
            logger: logger
        )
    }

    /// Reads the configuration file again and takes what counts without a restart; says in the log what that was. When
    /// the file is wrong, the log says why, and what held goes on to hold.
    package func reloadConfiguration() async {
        await self.foundations.live.reload(telling: self.logger)
    }

    /// Serves until a shutdown has ended. Cancelling the task shuts down at once.
    ///
    /// What starts first ends last: what writes to the disk outlives the engines, and they outlive the gRPC port, so that
    /// no request loses its engine, its record or the event that tells of it.
    ///
    /// - Throws: ``StartError`` when what is stored cannot be read or the port cannot be opened.
    public func run(onReady: @escaping @Sendable (Ready) -> Void = { _ in }) async throws {
        BrokenPipes.becomeErrors()
        let outcome: Result<Void, any Error>
        do throws(StartError) {
            let composition = try await Composition(self.foundations)
            outcome = await self.write(composition, onReady: onReady)
        } catch {
            outcome = .failure(error)
        }
        try? await self.foundations.eventLoops.shutdownGracefully()
        do {
            try self.foundations.store.close()
        } catch {
            self.logger.error("The store could not be closed cleanly", metadata: ["error": "\(error)"])
        }
        self.logger.info("Stopped")
        try outcome.get()
    }

    /// Says NOT_SERVING, refuses new requests, and lets running ones end within `grpc.shutdown_grace`.
    public func beginGracefulShutdown() {
        self.foundations.health.shutdown()
        self.foundations.transport.beginGracefulShutdown()
        self.foundations.loopback.beginGracefulShutdown()
        self.foundations.httpEnd.begin(within: self.foundations.configuration.grpc.shutdownGrace)
        self.foundations.endWatches()
        // Last, so that it is true for whoever reads it.
        self.logger.info("Shutting down: running requests may end, new ones are refused")
    }

    /// Cancels every request at once.
    public func shutdownNow() {
        self.foundations.health.shutdown()
        self.foundations.endWatches()
        self.foundations.transport.shutdownNow()
        self.foundations.loopback.shutdownNow()
        self.foundations.httpEnd.begin(within: .zero)
        self.logger.notice("Shutting down at once: running requests are cancelled")
    }

    /// Runs everything that writes to the disk, and the rest inside of it.
    private func write(
        _ composition: Composition,
        onReady: @escaping @Sendable (Ready) -> Void
    ) async -> Result<Void, any Error> {
        await withDiscardingTaskGroup { group in
            // Not cancelled with the rest: they end when what the last requests left is written.
            group.addTask { await self.foundations.requestLog.run() }
            if let exporter = self.foundations.tracing.exporter { group.addTask { await exporter.run() } }
            group.addTask { await composition.statistics.run() }
            group.addTask { await composition.events.run() }
            self.foundations.onEndingWatches { composition.events.endWatches() }
            await self.foundations.metricKeeper.restore()
            composition.tellStart()
            let outcome = await self.keep(composition, onReady: onReady)
            composition.events.record(GatewayEvent(.stateSaved, reason: "the server stops"))
            group.cancelAll()
            return outcome
        }
    }

    /// Keeps figures while it serves; they end before the request log, whose records they count.
    private func keep(
        _ composition: Composition,
        onReady: @escaping @Sendable (Ready) -> Void
    ) async -> Result<Void, any Error> {
        await withDiscardingTaskGroup { group in
            group.addTask { await composition.keepFigures() }
            let outcome = await self.serve(composition, onReady: onReady)
            group.cancelAll()
            return outcome
        }
    }

    private func serve(
        _ composition: Composition,
        onReady: @escaping @Sendable (Ready) -> Void
    ) async -> Result<Void, any Error> {
        // Before anything is loaded: what a killed server left would take the memory twice.
        await composition.endOrphans()
        composition.begin()
        let reporter = ModelHealthReporter(composition)
        return await withDiscardingTaskGroup { group in
            group.addTask { await composition.manager.run() }
            // Before the port opens: nobody shall be told that all is well whose engine is not there.
            let own = composition.registry.snapshot.models.map(\.id).filter { $0.provider == .local }
            await composition.manager.firstLook(at: own, within: .milliseconds(500))
            reporter.report()
            group.addTask { await composition.switcher.run() }
            group.addTask { await composition.preloader.run() }
            group.addTask { await composition.shared.run() }
            group.addTask { await composition.aliasSupervisor.run() }
            group.addTask { await reporter.run() }
            group.addTask { await composition.discoverAtStart() }
            let http: HTTPServer?
            do throws(StartError) {
                http = try HTTPServer(composition)
            } catch {
                group.cancelAll()
                return .failure(error)
            }
            if let http {
                let inside = GRPCServer(
                    transport: self.foundations.loopback, services: composition.services,
                    interceptors: [CallTracing(self.foundations.tracing.tracer)])
                group.addTask { try? await inside.serve() }
                group.addTask { await http.run() }
                do throws(StartError) {
                    self.foundations.httpAddresses.set([try await http.boundAddress()])
                } catch {
                    group.cancelAll()
                    return .failure(error)
                }
            }
            group.addTask { await self.announce(composition, onReady) }
            let server = GRPCServer(
                transport: self.foundations.transport,
                services: composition.services,
                interceptors: [CallTracing(self.foundations.tracing.tracer)]
            )
            let outcome: Result<Void, any Error>
            do {
                try await server.serve()
                outcome = .success(())
            } catch {
                outcome = .failure(StartError.explaining(error))
            }
            // A port that failed ends the server without anybody's asking.
            if !self.foundations.httpEnd.hasBegun { self.foundations.httpEnd.begin(within: .seconds(2)) }
            await http?.drain()
            group.cancelAll()
            return outcome
        }
    }

    private func announce(_ composition: Composition, _ onReady: @Sendable (Ready) -> Void) async {
        guard let bound = try? await self.foundations.transport.listeningAddresses, !bound.isEmpty else { return }
        let addresses = bound.map(\.description)
        self.foundations.addresses.set(addresses)
        let models = composition.registry.snapshot.models.count
        self.logger.info(
            "Serving gRPC",
            metadata: ["addresses": "\(addresses.joined(separator: " "))", "models": "\(models)"]
        )
        let http = self.foundations.httpAddresses.reader()().first
        if let http { self.logger.info("Serving HTTP", metadata: ["address": "\(http)"]) }
        onReady(Ready(grpcAddresses: addresses, httpAddress: http, modelCount: models))
    }
}

extension StartError {
    /// What an error of the transport means for an operator.
    static func explaining(_ error: any Error) -> StartError {
        if let runtime = error as? RuntimeError, let cause = runtime.cause { return StartError("\(cause)") }
        return StartError("\(error)")
    }
}
