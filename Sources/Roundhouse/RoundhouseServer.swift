internal import FoundationEssentials
internal import GRPCCore
internal import GRPCTransport
internal import Inference
internal import LocalEngines
public import Logging
internal import ModelRegistry
internal import NIOCore
internal import Persistence
internal import Routing

/// A Roundhouse server: what `roundhouse serve` runs, and what a Swift program embeds.
///
/// ```swift
/// let server = try RoundhouseServer(RoundhouseConfiguration(), dataDirectory: "/var/lib/roundhouse", logger: logger)
/// try await server.run { ready in print(ready.grpcAddresses) }
/// ```
public final class RoundhouseServer: Sendable {
    /// The version of Roundhouse, as SemVer.
    public static let version = "0.1.0"

    private let composition: Composition
    private let logger: Logger

    /// A server that serves.
    public struct Ready: Sendable, Hashable {
        /// `127.0.0.1:50051`, port 0 replaced by the one that was chosen; `unix:/run/roundhouse.sock`.
        public var grpcAddresses: [String]
        /// Models that can be asked.
        public var modelCount: Int
    }

    /// Opens the store and makes every part; nothing listens yet. Blocks for the time that opening a database takes.
    ///
    /// - Parameters:
    ///   - dataDirectory: absolute; made when it is missing.
    ///   - environment: for the folders of engines and models, see `docs/Configuration.md`; `nil` is the process's own.
    /// - Throws: ``StartError``.
    public init(
        _ configuration: RoundhouseConfiguration,
        dataDirectory: String,
        environment: [String: String]? = nil,
        logger: Logger
    ) throws(StartError) {
        self.logger = logger
        self.composition = try Composition(
            configuration,
            dataDirectory: dataDirectory,
            environment: environment ?? ProcessInfo.processInfo.environment,
            version: Self.version,
            logger: logger
        )
    }

    /// Serves until a shutdown has ended. Cancelling the task shuts down at once.
    ///
    /// What starts first ends last: the request log outlives the engines, and they outlive the gRPC port, so that no
    /// request loses its engine or its record.
    ///
    /// - Throws: ``StartError`` when the port cannot be opened.
    public func run(onReady: @escaping @Sendable (Ready) -> Void = { _ in }) async throws {
        let composition = self.composition
        let outcome: Result<Void, any Error> = await withDiscardingTaskGroup { group in
            // Not cancelled with the rest: it ends when the records of the last requests are written.
            group.addTask { await composition.requestLog.run() }
            let outcome = await self.serveWithEngines(onReady: onReady)
            group.cancelAll()
            return outcome
        }
        try? await composition.eventLoops.shutdownGracefully()
        do {
            try composition.store.close()
        } catch {
            self.logger.error("The store could not be closed cleanly", metadata: ["error": "\(error)"])
        }
        self.logger.info("Stopped")
        try outcome.get()
    }

    /// Says NOT_SERVING, refuses new requests, and lets running ones end within `grpc.shutdown_grace`.
    public func beginGracefulShutdown() {
        self.composition.health.shutdown()
        self.composition.transport.beginGracefulShutdown()
        self.composition.health.endWatches()
        // Last, so that it is true for whoever reads it.
        self.logger.info("Shutting down: running requests may end, new ones are refused")
    }

    /// Cancels every request at once.
    public func shutdownNow() {
        self.composition.health.shutdown()
        self.composition.health.endWatches()
        self.composition.transport.shutdownNow()
        self.logger.notice("Shutting down at once: running requests are cancelled")
    }

    private func serveWithEngines(onReady: @escaping @Sendable (Ready) -> Void) async -> Result<Void, any Error> {
        await withDiscardingTaskGroup { group in
            // Before the port opens: nobody shall be told that a model loads whose engine is not there, nor NOT_FOUND of
            // one that is.
            self.composition.supervisor.recheck()
            self.reportModelHealth()
            group.addTask { await self.composition.supervisor.run() }
            group.addTask { await self.keepReportingModelHealth() }
            group.addTask { await self.announce(onReady) }
            let server = GRPCServer(
                transport: self.composition.transport,
                services: self.composition.services,
                interceptors: []
            )
            let outcome: Result<Void, any Error>
            do {
                try await server.serve()
                outcome = .success(())
            } catch {
                outcome = .failure(StartError.explaining(error))
            }
            group.cancelAll()
            return outcome
        }
    }

    private func announce(_ onReady: @Sendable (Ready) -> Void) async {
        guard let bound = try? await self.composition.transport.listeningAddresses, !bound.isEmpty else { return }
        let addresses = bound.map(\.description)
        self.composition.addresses.set(addresses)
        let models = self.composition.registry.snapshot.models.count
        self.logger.info(
            "Serving gRPC",
            metadata: ["addresses": "\(addresses.joined(separator: " "))", "models": "\(models)"]
        )
        onReady(Ready(grpcAddresses: addresses, modelCount: models))
    }

    private func keepReportingModelHealth() async {
        // Availability is read from memory and has no events of its own: a few reads twice a second cost nothing.
        while (try? await Task.sleep(for: .milliseconds(500))) != nil { self.reportModelHealth() }
    }

    /// Tells `grpc.health.v1` of every model and alias. A model that its first request starts counts as serving, or a
    /// client that waits for it would wait for ever; one that is loading does not.
    private func reportModelHealth() {
        let snapshot = self.composition.registry.snapshot
        func isServing(_ model: ModelID) -> Bool {
            switch self.composition.router.availability(of: model) {
            case .available, .unloaded: true
            case .loading, .unavailable: false
            }
        }
        for model in snapshot.models {
            self.composition.health.set(isServing(model.id) ? .serving : .notServing, for: model.id.description)
        }
        for alias in snapshot.aliases {
            let answers = alias.targets.contains(where: isServing)
            self.composition.health.set(answers ? .serving : .notServing, for: alias.name)
        }
    }
}

extension StartError {
    /// What an error of the transport means for an operator.
    static func explaining(_ error: any Error) -> StartError {
        if let runtime = error as? RuntimeError, let cause = runtime.cause { return StartError("\(cause)") }
        return StartError("\(error)")
    }
}
