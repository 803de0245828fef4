private import CGRPC
public import GRPCCore
private import Synchronization

/// A gRPC server over libgrpc++: a `ServerTransport` for `GRPCCore.GRPCServer`.
///
/// Each of the server's queues has one thread, which reads the sockets and runs the handlers of the calls that came
/// from them. A call so never changes threads, and a handler must never block its thread: work that can block (files,
/// databases, processes) belongs on another executor. A thread that is held up is reported, see
/// ``Configuration/onEvent``.
///
/// ## Running a server
///
/// ```swift
/// let transport = Server(.defaults(address: .hostPort(host: "127.0.0.1", port: 50051)))
/// let server = GRPCServer(transport: transport, services: [Greeter()])
/// try await withThrowingDiscardingTaskGroup { group in
///     group.addTask { try await server.serve() }
///     print("listening on", try await transport.listeningAddresses)
/// }
/// ```
///
/// `beginGracefulShutdown()` lets running calls end within the grace period; ``shutdownNow()`` cancels them.
public final class Server: ServerTransport {
    /// The bag-of-bytes type of this transport.
    public typealias Bytes = GRPCTransport.Bytes

    private enum Phase {
        case idle
        case starting
        case running(ServerRuntime)
        /// With what was counted until then. Nothing is left of the runtime, whose handler refers to the `GRPCServer`
        /// that owns this transport.
        case stopped(Counters)
    }

    private struct State {
        var phase = Phase.idle
        var methods: [MethodDescriptor] = []
        var directHandlers: [DirectHandler] = []
        var addresses: Result<[Address], any Error>?
        /// Shutdown was asked for: with that grace.
        var shutdown: Duration?
    }

    private let configuration: Configuration
    private let state = Mutex(State())
    private let started = Signal()
    private let shutdownBegan = Signal()

    /// Makes a server that does not listen yet.
    public init(_ configuration: Configuration) {
        self.configuration = configuration
    }

    /// The addresses that the server listens on, port 0 replaced by the port that was chosen. Waits for the start.
    ///
    /// - Throws: what prevented the start (``ServerStartError``), or `CancellationError`.
    public var listeningAddresses: [Address] {
        get async throws {
            try await self.started.wait()
            return try self.state.withLock { $0.addresses }?.get() ?? []
        }
    }

    /// Suspends until a shutdown begins: for handlers of streams that otherwise have no end.
    ///
    /// - Throws: `CancellationError`.
    public func waitUntilShutdownBegins() async throws {
        try await self.shutdownBegan.wait()
    }

    /// What the server counts. Zeros before the start.
    public var counters: Counters {
        self.state.withLock { state in
            switch state.phase {
            case .idle, .starting: Counters()
            case .running(let runtime): runtime.counters
            case .stopped(let counters): counters
            }
        }
    }

    /// Remembers the methods, so that unary calls can be announced and answered in one piece.
    public func configure(context: GRPCServerContext) {
        self.state.withLock { $0.methods = context.methods }
    }

    /// Has these methods' calls handled as they come, see ``DirectCall``. To be called before the server listens.
    public func handleDirectly(_ handlers: [DirectHandler]) {
        self.state.withLock { $0.directHandlers += handlers }
    }

    /// Listens and serves until the server has shut down. Cancelling the task is ``shutdownNow()``.
    ///
    /// - Throws: ``ServerStartError`` if it cannot listen, `RuntimeError` if it was started before.
    public func listen(
        streamHandler:
            @escaping @Sendable @concurrent (
                _ stream: RPCStream<Inbound, Outbound>, _ context: ServerContext
            ) async -> Void
    ) async throws {
        let (methods, directHandlers) = try self.state.withLock { state in
            guard case .idle = state.phase else {
                throw RuntimeError(code: .serverIsAlreadyRunning, message: "This transport has been started before.")
            }
            state.phase = .starting
            return (state.methods, state.directHandlers)
        }
        let runtime: ServerRuntime
        do {
            runtime = try ServerRuntime.start(
                self.configuration, methods: methods, directHandlers: directHandlers, handler: streamHandler)
        } catch {
            self.state.withLock { state in
                state.phase = .stopped(Counters())
                state.addresses = .failure(error)
            }
            self.started.fire()
            throw error
        }
        let shutdown = self.state.withLock { state in
            state.phase = .running(runtime)
            state.addresses = .success(runtime.addresses)
            return state.shutdown
        }
        self.started.fire()
        if let shutdown { runtime.shutdown(grace: shutdown) }
        await withTaskCancellationHandler {
            await runtime.runUntilStopped()
        } onCancel: {
            self.shutdownNow()
        }
        self.state.withLock { $0.phase = .stopped(runtime.counters) }
    }

    /// Stops listening and refuses new calls with UNAVAILABLE and a hint when to retry; running calls may end until
    /// the configured grace period is over and are then cancelled.
    public func beginGracefulShutdown() {
        self.beginShutdown(grace: self.configuration.shutdown.grace)
    }

    /// Cancels all calls at once: what a second signal asks for.
    public func shutdownNow() {
        self.beginShutdown(grace: .zero)
    }

    private func beginShutdown(grace: Duration) {
        let runtime = self.state.withLock { state -> ServerRuntime? in
            state.shutdown = min(state.shutdown ?? grace, grace)
            if case .running(let runtime) = state.phase { return runtime }
            return nil
        }
        runtime?.shutdown(grace: grace)
        self.shutdownBegan.fire()
    }
}

/// Why a server could not start.
public struct ServerStartError: Error, Hashable, CustomStringConvertible {
    /// What is wrong, with the address or file it is about.
    public let description: String
}
