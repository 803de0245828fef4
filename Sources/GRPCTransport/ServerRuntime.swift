internal import CGRPC
internal import GRPCCore
private import Synchronization

/// A server that runs: the bridge's server, the executors of its queues, and the handlers at work.
///
/// The bridge holds a reference to it, as the context of its callbacks, until its last thread has ended.
@safe
final class ServerRuntime: Sendable {
    typealias Handler =
        @Sendable @concurrent (
            RPCStream<
                RPCAsyncSequence<RPCRequestPart<Bytes>, any Error>, RPCWriter<RPCResponsePart<Bytes>>.Closable
            >, ServerContext
        ) async -> Void

    private struct Handlers {
        var count = 0
        var isStopping = false
    }

    private nonisolated(unsafe) let server: OpaquePointer
    private let executors: [QueueExecutor]
    private let methods: [MethodDescriptor]
    /// For each of the methods; nil where `GRPCServer` handles it.
    private let directHandlers: [Server.DirectHandler?]
    /// The addresses with the ports that were chosen, and gRPC's names for them.
    let addresses: [Address]
    private let localPeers: [String]
    private let handler: Handler
    private let configuration: Server.Configuration
    private let handlers = Mutex(Handlers())
    private let deadline = Mutex<ContinuousClock.Instant?>(nil)

    private let shutdownBegan = Signal()
    private let stopped = Signal()
    private let handlersReturned = Signal()
    private let terminated = Signal()

    private init(
        server: OpaquePointer,
        configuration: Server.Configuration,
        methods: [MethodDescriptor],
        directHandlers: [Server.DirectHandler],
        handler: @escaping Handler,
        addresses: [Address]
    ) {
        unsafe self.server = server
        self.configuration = configuration
        self.methods = methods
        self.directHandlers = methods.map { method in directHandlers.first { $0.method == method } }
        self.handler = handler
        self.addresses = addresses
        self.localPeers = addresses.map(\.peerName)
        self.executors = (0..<max(1, configuration.queues)).map { index in
            // The bridge gives each queue it has; the number is the one it was given.
            unsafe QueueExecutor(queue: cgrpc_server_queue(server, Int32(index)))
        }
    }

    deinit {
        unsafe cgrpc_server_release(self.server)
    }

    // MARK: Starting

    /// Binds, listens and serves.
    ///
    /// - Throws: ``ServerStartError``.
    static func start(
        _ configuration: Server.Configuration, methods: [MethodDescriptor], directHandlers: [Server.DirectHandler],
        handler: @escaping Handler
    ) throws -> ServerRuntime {
        cgrpc_raise_file_limit()
        guard let server = unsafe configuration.withOptions({ unsafe cgrpc_server_create($0) }) else {
            throw ServerStartError(description: "The server could not be made: memory ran out.")
        }
        for address in configuration.addresses {
            switch address {
            case .hostPort(let host, let port): unsafe cgrpc_server_add_address(server, host, Int32(port))
            case .unixDomainSocket(let path): unsafe cgrpc_server_add_address(server, path, -1)
            }
        }
        for method in methods {
            let type = method.type
            unsafe cgrpc_server_add_method(
                server, "/\(method.fullyQualifiedMethod)",
                type.map { !$0.isRequestStreaming } ?? false, type.map { !$0.isResponseStreaming } ?? false
            )
        }
        if let problem = unsafe cgrpc_server_bind(server) {
            unsafe cgrpc_server_release(server)
            throw unsafe ServerStartError(description: takeMessage(problem))
        }
        let addresses = configuration.addresses.enumerated().map { index, address in
            guard case .hostPort(let host, _) = address else { return address }
            return .hostPort(host: host, port: Int(unsafe cgrpc_server_port(server, Int32(index))))
        }
        let runtime = unsafe ServerRuntime(
            server: server, configuration: configuration, methods: methods, directHandlers: directHandlers,
            handler: handler, addresses: addresses)
        return try runtime.start()
    }

    private func start() throws -> ServerRuntime {
        var callbacks = unsafe cgrpc_server_callbacks()
        let context = unsafe Unmanaged.passRetained(self)
        unsafe callbacks.context = context.toOpaque()
        unsafe callbacks.on_call = { context, handle, info in
            guard let context = unsafe context, let handle = unsafe handle, let info = unsafe info else { return nil }
            return unsafe ServerRuntime.of(context).onCall(handle, info.pointee)
        }
        unsafe callbacks.on_event = { context, event, index, value in
            guard let context = unsafe context else { return }
            unsafe ServerRuntime.of(context).onEvent(event, index: Int(index), value: value)
        }
        unsafe callbacks.on_stopped = { context in
            guard let context = unsafe context else { return }
            unsafe ServerRuntime.of(context).onStopped()
        }
        unsafe callbacks.on_terminated = { context in
            guard let context = unsafe context else { return }
            // The reference that the bridge held.
            unsafe Unmanaged<ServerRuntime>.fromOpaque(context).takeRetainedValue().terminated.fire()
        }
        unsafe callbacks.call_callbacks = ServerRuntime.callCallbacks
        if let problem = unsafe cgrpc_server_start(self.server, &callbacks) {
            unsafe context.release()
            throw unsafe ServerStartError(description: takeMessage(problem))
        }
        return self
    }

    private static func of(_ context: UnsafeMutableRawPointer) -> ServerRuntime {
        unsafe Unmanaged<ServerRuntime>.fromOpaque(context).takeUnretainedValue()
    }

    private static var callCallbacks: cgrpc_call_callbacks {
        var callbacks = cgrpc_call_callbacks()
        unsafe callbacks.on_message = { context, result, slice in
            guard let context = unsafe context else { return }
            let call = unsafe Unmanaged<ServerCall>.fromOpaque(context).takeUnretainedValue()
            if let slice = unsafe slice {
                call.deliver(.message(unsafe Bytes(owning: slice.pointee)))
            } else {
                call.endReceiving(.finished)
            }
        }
        unsafe callbacks.on_writable = { context in
            guard let context = unsafe context else { return }
            unsafe Unmanaged<ServerCall>.fromOpaque(context).takeUnretainedValue().onRoom()
        }
        unsafe callbacks.on_end = { context, end in
            guard let context = unsafe context else { return }
            // The reference that the bridge held.
            let call = unsafe Unmanaged<ServerCall>.fromOpaque(context).takeRetainedValue()
            unsafe call.onEnd(code: end.code, message: String(end.message))
        }
        return callbacks
    }

    // MARK: Calls

    /// A call has come in: starts its handler on the queue's thread.
    private func onCall(_ handle: OpaquePointer, _ info: cgrpc_call_info) -> UnsafeMutableRawPointer {
        let index = unsafe Int(info.method_index)
        let descriptor =
            unsafe index >= 0 ? self.methods[index] : MethodDescriptor(path: String(info.method))
        let metadata = unsafe Metadata(info.headers)
        let details = unsafe CallDetails(info)
        let direct = index >= 0 ? self.directHandlers[index] : nil
        let call = unsafe ServerCall(
            handle: CallHandle(handle),
            metadata: direct == nil ? metadata : nil,
            message: info.message.map { unsafe Bytes(owning: $0.pointee) },
            endedRequests: info.ended_requests
        )
        self.handlers.withLock { $0.count += 1 }
        let executor = self.configuration.handlerExecutor?(descriptor) ?? self.executors[Int(unsafe info.queue_index)]
        let remotePeer = unsafe direct == nil ? String(info.peer) : ""
        // task: a call comes from a thread of the bridge, not from a task. `runUntilStopped` waits for it.
        let task = Task(executorPreference: executor) {
            if let direct {
                await DirectCall(call, metadata: metadata, details: details).run(direct.body)
                call.handlerReturned()
            } else {
                await self.handle(call, descriptor: descriptor, remotePeer: remotePeer, details: details)
            }
            self.handlerReturned()
        }
        call.setTask(task)
        return unsafe Unmanaged.passRetained(call).toOpaque()
    }

    private func handle(
        _ call: ServerCall, descriptor: MethodDescriptor, remotePeer: String, details: CallDetails
    ) async {
        await withServerContextRPCCancellationHandle { cancellation in
            call.setCancellation(cancellation)
            var context = ServerContext(
                descriptor: descriptor,
                remotePeer: remotePeer,
                localPeer: self.localPeer(for: remotePeer),
                cancellation: cancellation
            )
            context.transportSpecific = details
            let stream = RPCStream(
                descriptor: descriptor,
                inbound: RPCAsyncSequence<RPCRequestPart<Bytes>, any Error>(wrapping: call),
                outbound: RPCWriter<RPCResponsePart<Bytes>>.Closable(wrapping: call.writer)
            )
            await self.handler(stream, context)
        }
        call.handlerReturned()
    }

    /// The address that a peer of this kind can have come to.
    private func localPeer(for remotePeer: String) -> String {
        if self.localPeers.count == 1 { return self.localPeers[0] }
        let isPath = remotePeer.hasPrefix("unix:")
        return self.localPeers.first { $0.hasPrefix("unix:") == isPath } ?? ""
    }

    private func handlerReturned() {
        let isLast = self.handlers.withLock { handlers in
            handlers.count -= 1
            return handlers.count == 0 && handlers.isStopping
        }
        if isLast { self.lastHandlerReturned() }
    }

    /// No call is left, and none can come.
    private func onStopped() {
        let isIdle = self.handlers.withLock { handlers in
            handlers.isStopping = true
            return handlers.count == 0
        }
        if isIdle { self.lastHandlerReturned() }
        self.stopped.fire()
    }

    private func lastHandlerReturned() {
        // Their tasks were the only ones that run on the queues' executors.
        unsafe cgrpc_server_end_queues(self.server)
        self.handlersReturned.fire()
    }

    // MARK: Events

    private func onEvent(_ event: cgrpc_event, index: Int, value: Int64) {
        guard let report = self.configuration.onEvent else { return }
        switch event {
        case CGRPC_EVENT_STUCK_QUEUE: report(.queueBlocked(queue: index, duration: .milliseconds(value)))
        case CGRPC_EVENT_ACCEPT_FAILED: report(.acceptFailed(errno: Int32(truncatingIfNeeded: value)))
        case CGRPC_EVENT_CONNECTION_REFUSED: report(.connectionRefused(open: Int(value)))
        case CGRPC_EVENT_SLOW_CONSUMER: report(.slowConsumer(stalled: .milliseconds(value)))
        default: ()
        }
    }

    var counters: Server.Counters {
        let counters = unsafe cgrpc_server_read_counters(self.server)
        return Server.Counters(
            connectionsOpen: Int(counters.connections_open),
            connectionsAccepted: Int(counters.connections_accepted),
            connectionsRefused: Int(counters.connections_refused),
            callsOpen: Int(counters.calls_open),
            callsStarted: Int(counters.calls_started),
            callsRefused: Int(counters.calls_refused),
            slowConsumers: Int(counters.slow_consumers),
            queuesBlocked: Int(counters.stuck_queues)
        )
    }

    // MARK: Stopping

    /// Begins to shut down, or shortens the grace of a shutdown that has begun.
    func shutdown(grace: Duration) {
        let end = ContinuousClock.now + grace
        self.deadline.withLock { $0 = min($0 ?? end, end) }
        let options = self.configuration.shutdown
        let details = StatusDetails.retry(
            after: options.retryAfter, code: .unavailable, message: "The server is shutting down.")
        unsafe details.withView { details in
            unsafe cgrpc_server_shutdown(
                self.server, grace.milliseconds, min(options.goAwayAfter, grace).milliseconds,
                options.retryAfter.milliseconds, details
            )
        }
        self.shutdownBegan.fire()
    }

    /// Returns when the server has stopped and its handlers have returned; handlers that do not are left behind after a
    /// while, so that a shutdown always comes to its end.
    func runUntilStopped() async {
        // Cancellation of the task ends in `shutdown` too, so there is always a beginning of the end to wait for.
        while !(await self.shutdownBegan.wait(atMost: .seconds(3600))) {}
        while !(await self.stopped.wait(atMost: .milliseconds(100))) {
            // A blocked queue cannot finish its calls.
            if self.isPastDeadline(by: self.configuration.shutdown.abandonAfter) { break }
        }
        if await self.handlersReturned.wait(atMost: self.configuration.shutdown.abandonAfter) {
            _ = await self.terminated.wait(atMost: self.configuration.shutdown.abandonAfter)
        } else {
            let count = self.handlers.withLock { $0.count }
            self.configuration.onEvent?(.handlersAbandoned(count: count))
        }
    }

    private func isPastDeadline(by margin: Duration) -> Bool {
        guard let deadline = self.deadline.withLock({ $0 }) else { return false }
        return ContinuousClock.now > deadline + margin
    }
}
