public import GRPCCore
private import Synchronization

/// A gRPC client over libgrpc++: a `ClientTransport` for `GRPCCore.GRPCClient`.
///
/// One channel, polled by threads of its own, so that a call after an idle spell is as quick as any other. It connects
/// when the first call is made, and again whenever it has to.
///
/// ```swift
/// try await withGRPCClient(transport: Client(target: .hostPort(host: "127.0.0.1", port: 50051))) { client in
///     let greeter = Greeter.Client(wrapping: client)
///     print(try await greeter.hello(.with { $0.name = "you" }).text)
/// }
/// ```
///
/// Unless a call's options say `waitForReady`, it fails with UNAVAILABLE at once when the server cannot be reached.
public final class Client: ClientTransport {
    /// The bag-of-bytes type of this transport.
    public typealias Bytes = GRPCTransport.Bytes

    /// What can be set about a client.
    public struct Options: Sendable {
        /// Bytes of one response message. Default 64 MiB.
        public var responseMessageBytes = 64 << 20
        /// Bytes of one request message. Default: no limit.
        public var requestMessageBytes: Int?
        /// Bytes of one call's response metadata. Default 16 KiB.
        public var metadataBytes = 16 << 10
        /// Bytes of unsent messages of one call at which a writer is suspended, and at which it goes on.
        public var writeHighWaterBytes = 64 << 10
        public var writeLowWaterBytes = 16 << 10
        /// Pings. Default: gRPC's own, which are none.
        public var keepalive = Keepalive.none
        /// Threads that read sockets. Default 1.
        public var queues = 1
        /// How long to wait before the first and at most before any further attempt to connect. Default 200 ms, 5 s.
        public var initialReconnectBackoff: Duration = .milliseconds(200)
        public var maximumReconnectBackoff: Duration = .seconds(5)
        /// Put in front of gRPC's own user agent.
        public var userAgent: String?
        /// Settings per method, such as timeouts and retries, and the retry throttle.
        public var serviceConfig = ServiceConfig()

        public init() {}
    }

    private enum Phase {
        case open(ClientRuntime?)
        case closed
    }

    private struct State {
        var phase = Phase.open(nil)
        var calls: [UInt64: ClientCall] = [:]
        var nextCall: UInt64 = 0
    }

    private let target: Address
    private let security: ClientSecurity
    private let options: Options
    private let methodConfigs: [MethodConfig.Name: MethodConfig]
    private let state = Mutex(State())
    private let closed = Signal()

    /// The throttle of retries, if the service config has one.
    public let retryThrottle: RetryThrottle?

    /// Makes a client that has not connected yet.
    public init(target: Address, security: ClientSecurity = .plaintext, options: Options = Options()) {
        self.target = target
        self.security = security
        self.options = options
        self.retryThrottle = options.serviceConfig.retryThrottling.map { RetryThrottle(policy: $0) }
        self.methodConfigs = Dictionary(
            options.serviceConfig.methodConfig.flatMap { config in config.names.map { ($0, config) } },
            uniquingKeysWith: { _, last in last }
        )
    }

    /// Runs until ``beginGracefulShutdown()`` was called and the last call has ended. Cancelling the task cancels all
    /// calls. Calls need not wait for it.
    public func connect() async throws {
        do {
            try await self.closed.wait()
        } catch {
            self.beginGracefulShutdown()
            let calls = self.state.withLock { Array($0.calls.values) }
            for call in calls { call.cancel(RPCError(code: .cancelled, message: "The client is shutting down.")) }
            _ = await self.closed.wait(atMost: .seconds(5))
        }
    }

    /// No more calls; those that are open go on.
    public func beginGracefulShutdown() {
        let isIdle = self.state.withLock { state in
            // The open calls hold the runtime, whose threads end with the last of them.
            state.phase = .closed
            return state.calls.isEmpty
        }
        if isIdle { self.closed.fire() }
    }

    /// Makes a call and hands its stream to the closure; what is open when the closure returns is cancelled, and so is
    /// everything when the task is cancelled.
    public func withStream<T: Sendable>(
        descriptor: MethodDescriptor,
        options: CallOptions,
        _ closure: @concurrent (_ stream: RPCStream<Inbound, Outbound>, _ context: ClientContext) async throws -> T
    ) async throws -> T {
        let (id, call) = try self.open(descriptor, options)
        let stream = RPCStream(
            descriptor: descriptor,
            inbound: RPCAsyncSequence<RPCResponsePart<Bytes>, any Error>(wrapping: call),
            outbound: RPCWriter<RPCRequestPart<Bytes>>.Closable(wrapping: call.writer)
        )
        let context = ClientContext(
            descriptor: descriptor, remotePeer: self.target.peerName, localPeer: "")
        defer { self.close(id, call) }
        return try await withTaskCancellationHandler {
            try await closure(stream, context)
        } onCancel: {
            call.cancel(RPCError(code: .cancelled, message: "The call was cancelled."))
        }
    }

    private func open(_ descriptor: MethodDescriptor, _ options: CallOptions) throws -> (UInt64, ClientCall) {
        try self.state.withLock { state in
            guard case .open(let existing) = state.phase else {
                throw RPCError(code: .failedPrecondition, message: "The client transport is closed.")
            }
            let runtime =
                try existing ?? ClientRuntime(target: self.target, security: self.security, options: self.options)
            state.phase = .open(runtime)
            let call = ClientCall(client: runtime, descriptor: descriptor, options: options)
            let id = state.nextCall
            state.nextCall += 1
            state.calls[id] = call
            return (id, call)
        }
    }

    private func close(_ id: UInt64, _ call: ClientCall) {
        call.cancel(RPCError(code: .cancelled, message: "The call was left by its caller."))
        let isLast = self.state.withLock { state in
            state.calls[id] = nil
            if case .closed = state.phase { return state.calls.isEmpty }
            return false
        }
        if isLast { self.closed.fire() }
    }

    /// The settings for a method, its service, or all.
    public func config(forMethod descriptor: MethodDescriptor) -> MethodConfig? {
        var name = MethodConfig.Name(
            service: descriptor.service.fullyQualifiedService, method: descriptor.method)
        if let config = self.methodConfigs[name] { return config }
        name.method = ""
        if let config = self.methodConfigs[name] { return config }
        name.service = ""
        return self.methodConfigs[name]
    }
}

extension Keepalive {
    /// gRPC's own defaults everywhere: for a client, no pings.
    public static var none: Keepalive {
        var keepalive = Keepalive()
        keepalive.time = nil
        keepalive.timeout = nil
        keepalive.permitWithoutCalls = false
        keepalive.minimumReceivedPingInterval = nil
        keepalive.maximumConnectionAgeGrace = nil
        return keepalive
    }
}
