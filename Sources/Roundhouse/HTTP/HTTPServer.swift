internal import Glibc
internal import Hummingbird
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Providers
internal import Synchronization

/// The HTTP port.
///
/// It has one event loop of its own. What probes and scrapers do, and connections that are opened by the hundred, then
/// never waits on a thread that tokens travel on, nor do tokens wait there for them.
final class HTTPServer: Sendable {
    struct Settings: Sendable {
        /// Of the `Server` header and the list at `/`: `roundhouse/0.1.0`.
        var name: String
        var address: ListenAddress
        var maxConnections: Int
        var maxHeaderBytes: Int
        var idleTimeout: Duration
    }

    private let settings: Settings
    private let responder: CountingResponder
    private let logger: Logger
    private let end: DrainLimit
    private let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let opening: EventLoopPromise<String>

    /// - Parameter end: begins when the server ends.
    init(_ settings: Settings, routes: [any HTTPRoutes], end: DrainLimit = DrainLimit(), logger: Logger) {
        self.settings = settings
        self.end = end
        self.responder = CountingResponder(
            HTTPRoute.responder(
                for: routes, title: settings.name, slowReaders: SlowReaders(limit: TimeAmount(settings.idleTimeout)),
                end: end))
        self.logger = logger
        self.opening = self.loops.next().makePromise()
    }

    /// Serves until the task is cancelled, or the port cannot be opened. Call it once.
    func run() async {
        do {
            try await self.serve()
            // A second result of a promise is none.
            self.opening.fail(CancellationError())
            if !Task.isCancelled { self.logger.error("The HTTP port has closed") }
        } catch {
            self.opening.fail(error)
        }
        try? await self.loops.shutdownGracefully()
    }

    /// Where it listens, once it does: `127.0.0.1:8080`.
    ///
    /// - Throws: a ``StartError`` that names the key and the address when the port cannot be opened.
    func boundAddress() async throws(StartError) -> String {
        do {
            return try await self.opening.futureResult.get()
        } catch {
            throw StartError(opening: self.settings.address, error)
        }
    }

    /// Returns when no request is being answered, or the time is over that they may still take. The port stays open.
    func drain() async {
        while self.responder.running > 0, !self.end.isOver(), !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Hummingbird tells of each start and connection, and of an orderly end as of an error; what is worth it is told by the
    /// server itself, and what goes wrong with a request by its context's logger.
    private var quietLogger: Logger {
        var logger = self.logger
        logger.logLevel = .critical
        return logger
    }

    private func serve() async throws {
        let (settings, opening, logger) = (self.settings, self.opening, self.logger)
        guard case .tcp(let host, let port) = settings.address else { return }
        let application = Application(
            responder: self.responder,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [ClientConnectionSetup()],
                    idleTimeout: TimeAmount(settings.idleTimeout),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: settings.maxHeaderBytes, maxHeaderListSize: settings.maxHeaderBytes,
                        maxHeaderFieldCount: 100))),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port), serverName: settings.name,
                availableConnectionsDelegate: .maximum(settings.maxConnections, logger: logger)),
            onServerRunning: { channel in
                try? await channel.eventLoop.submit {
                    try channel.pipeline.syncOperations.addHandler(AcceptErrors(logger: logger), position: .first)
                }.get()
                let port = channel.localAddress?.port ?? port
                opening.succeed(ListenAddress.tcp(host: host, port: port).description)
            },
            eventLoopGroupProvider: .shared(self.loops),
            logger: self.quietLogger
        )
        // Requests are answered on the connections' own thread: each token would change threads twice otherwise.
        try await withTaskExecutorPreference(EventLoopExecutor(self.loops.next())) { try await application.run() }
    }
}

/// Counts the requests that are being answered, streams to their end.
final class CountingResponder: HTTPResponder {
    private let responder: RouterResponder<HTTPContext>
    private let count = Atomic(0)

    init(_ responder: RouterResponder<HTTPContext>) {
        self.responder = responder
    }

    var running: Int { self.count.load(ordering: .relaxed) }

    func respond(to request: Request, context: HTTPContext) async throws -> Response {
        self.count.add(1, ordering: .relaxed)
        defer { self.count.subtract(1, ordering: .relaxed) }
        var response = try await self.responder.respond(to: request, context: context)
        let body = response.body
        guard body.contentLength == nil else { return response }
        response.body = ResponseBody { writer in
            self.count.add(1, ordering: .relaxed)
            defer { self.count.subtract(1, ordering: .relaxed) }
            try await body.write(writer)
        }
        return response
    }
}

extension StartError {
    init(opening address: ListenAddress, _ error: any Error) {
        let reason =
            switch error {
            case let error as IOError where error.errnoCode == EADDRINUSE: "another program listens there"
            case let error as IOError: unsafe String(cString: strerror(error.errnoCode))
            default: "\(error)"
            }
        self.init(
            "http.address: \(address) cannot be opened: \(reason); set another one, or 'off' for none (--http)")
    }
}
