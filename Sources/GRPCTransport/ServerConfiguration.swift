public import GRPCCore

extension Server {
    /// What a server is made of. ``defaults(address:)`` is a good start.
    public struct Configuration: Sendable {
        /// Where to listen; at least one.
        public var addresses: [Address]
        /// Plaintext or TLS, for all addresses.
        public var security: ServerSecurity
        /// Sizes and numbers beyond which the server says no.
        public var limits: Limits
        /// Pings and ages of connections.
        public var keepalive: Keepalive
        /// Threads that read sockets and run handlers. Default: one for each 4 cores, from 1 to 4.
        public var queues: Int
        /// How a shutdown goes.
        public var shutdown: Shutdown
        /// Compression of responses, for clients that accept it. Requests may always be compressed.
        public var responseCompression: Compression
        /// A queue's thread that is in one job for longer than this is reported as blocked. Nil: never.
        public var stuckQueueThreshold: Duration?
        /// Where the handlers of a method run. Nil, or nil for a method: on the thread of the call's queue, which is
        /// cheapest for handlers that wait for nothing else. A handler that lives on another thread's events, such as
        /// those of an event loop that reads an upstream, saves a change of threads for each of them by running there.
        /// The executor must outlive the server.
        public var handlerExecutor: (@Sendable (MethodDescriptor) -> (any TaskExecutor)?)?
        /// Told of what an operator wants to know. Called from any thread; must not block.
        public var onEvent: (@Sendable (Event) -> Void)?

        /// For tests of the exception barrier: a call of this method throws a C++ exception inside the bridge.
        package var faultMethod: String?

        /// The defaults, on one address: plaintext, 64 MiB messages, 16 KiB metadata, keepalive pings every minute.
        public static func defaults(address: Address) -> Configuration {
            Configuration.defaults(addresses: [address])
        }

        /// The defaults, on several addresses.
        public static func defaults(addresses: [Address]) -> Configuration {
            Configuration(
                addresses: addresses,
                security: .plaintext,
                limits: Limits(),
                keepalive: Keepalive(),
                queues: Server.defaultQueues,
                shutdown: Shutdown(),
                responseCompression: .none,
                stuckQueueThreshold: .milliseconds(250)
            )
        }
    }

    /// Sizes and numbers beyond which the server says no.
    public struct Limits: Sendable {
        /// Bytes of one request message; more is RESOURCE_EXHAUSTED. Default 64 MiB.
        public var requestMessageBytes = 64 << 20
        /// Bytes of one response message. Default: no limit.
        public var responseMessageBytes: Int?
        /// Bytes of one call's metadata. Default 16 KiB.
        public var metadataBytes = 16 << 10
        /// Calls at a time on one connection; more wait at the client. Default 1000.
        public var streamsPerConnection: Int? = 1000
        /// Calls at a time in all; more are RESOURCE_EXHAUSTED. Default: no limit.
        public var calls: Int?
        /// Connections at a time; more are closed at once. Default: what file descriptors allow.
        public var connections: Int?
        /// Bytes of buffers in all, beyond which gRPC holds back and at last closes connections. Default 512 MiB.
        public var bufferBytes: Int? = 512 << 20
        /// Bytes of unsent messages of one call at which a writer is suspended. Default 64 KiB.
        public var writeHighWaterBytes = 64 << 10
        /// Bytes at which it goes on. Default 16 KiB.
        public var writeLowWaterBytes = 16 << 10
        /// A client that takes nothing for this long is cut off with RESOURCE_EXHAUSTED, `SLOW_CONSUMER`. Nil: never.
        public var slowConsumerTimeout: Duration? = .seconds(60)

        public init() {}
    }

    /// How a shutdown goes.
    public struct Shutdown: Sendable {
        /// How long running calls may go on. Default 30 s.
        public var grace: Duration = .seconds(30)
        /// How long connections still take calls, only to have them refused with a hint when to retry, before they are
        /// told to go away (GOAWAY). Default 250 ms; less if no call runs.
        public var goAwayAfter: Duration = .milliseconds(250)
        /// What refused clients are told to wait before they try again. Default 1 s.
        public var retryAfter: Duration = .seconds(1)
        /// How long to wait for handlers that do not heed cancellation, before the server is left to end without them.
        /// Default 5 s.
        public var abandonAfter: Duration = .seconds(5)

        public init() {}
    }

    /// What an operator wants to know.
    public enum Event: Sendable, Hashable, CustomStringConvertible {
        /// A handler has been blocking a queue's thread for that long: all calls of that queue wait.
        case queueBlocked(queue: Int, duration: Duration)
        /// A connection could not be accepted, with the system's error number; the server goes on.
        case acceptFailed(errno: Int32)
        /// A connection was closed at once since that many are open.
        case connectionRefused(open: Int)
        /// A call was cancelled since its client took nothing for that long.
        case slowConsumer(stalled: Duration)
        /// Handlers did not return after their calls were cancelled; the server ended without them.
        case handlersAbandoned(count: Int)

        public var description: String {
            switch self {
            case .queueBlocked(let queue, let duration):
                """
                A handler has blocked the thread of queue \(queue) for \(duration). Blocking work belongs on another \
                executor.
                """
            case .acceptFailed(let errno):
                "A connection could not be accepted (errno \(errno)). If file descriptors ran out, raise `ulimit -n`."
            case .connectionRefused(let open): "A connection was refused since \(open) are open."
            case .slowConsumer(let stalled): "A call was cancelled since its client took nothing for \(stalled)."
            case .handlersAbandoned(let count): "\(count) handlers did not heed cancellation and were left behind."
            }
        }
    }

    /// What a server counts.
    public struct Counters: Sendable, Hashable {
        /// Connections that are open now.
        public var connectionsOpen = 0
        /// Connections accepted since the start.
        public var connectionsAccepted = 0
        /// Connections closed at once, for want of descriptors or by the limit.
        public var connectionsRefused = 0
        /// Calls that are open now.
        public var callsOpen = 0
        /// Calls that have come in since the start.
        public var callsStarted = 0
        /// Calls refused during shutdown or by the limit.
        public var callsRefused = 0
        /// Calls cancelled since their client took nothing.
        public var slowConsumers = 0
        /// How often a queue's thread was found blocked.
        public var queuesBlocked = 0
    }

    /// One queue for each 4 cores, at least 1 and at most 4.
    ///
    /// More queues are not faster before one thread is busy: libgrpc lets one thread at a time wait for all sockets,
    /// and when that is not the one to which the call belongs it has to wake the other. Measured with one call at a time on
    /// 2 cores: 22 µs of processor time and 33 µs per call with one queue, 58-122 µs and 51-98 µs with two.
    static var defaultQueues: Int { min(max(1, availableCores() / 4), 4) }
}

/// Pings and ages of connections. Nil leaves gRPC's own default.
public struct Keepalive: Sendable {
    /// How long a connection is silent before it is pinged. Default 60 s.
    public var time: Duration? = .seconds(60)
    /// How long the answer to a ping may take. Default 20 s.
    public var timeout: Duration? = .seconds(20)
    /// Ping also while no call is open. Default true.
    public var permitWithoutCalls = true
    /// Server: peers that ping more often are told to go away. Default 10 s.
    public var minimumReceivedPingInterval: Duration? = .seconds(10)
    /// Server: connections without a call for this long are closed.
    public var maximumConnectionIdle: Duration?
    /// Server: connections older than this (10 % more or less) are told to go away, so that load spreads anew.
    public var maximumConnectionAge: Duration?
    /// Server: how long their calls may still go on: longer than the longest answer. Default 1 h.
    public var maximumConnectionAgeGrace: Duration? = .seconds(3600)

    public init() {}
}

/// How messages are compressed.
public enum Compression: Int32, Sendable, Hashable {
    case none = 0
    case deflate = 1
    case gzip = 2
}

/// Plaintext or TLS, for a server.
public enum ServerSecurity: Sendable {
    case plaintext
    case tls(TLSConfiguration)
}

/// Plaintext or TLS, for a client.
public enum ClientSecurity: Sendable {
    case plaintext
    case tls(ClientTLSConfiguration)
}

/// A server's certificate, and whom it asks for one.
public struct TLSConfiguration: Sendable {
    /// Path of the PEM file with the certificate and those that vouch for it.
    public var certificateChainPath: String
    /// Path of the PEM file with its private key.
    public var privateKeyPath: String
    /// Mutual TLS: path of the PEM file with the authorities whose certificates clients must show. Nil: anyone may
    /// connect.
    public var clientAuthoritiesPath: String?
    /// How often the files are looked at for changes, which then hold for new connections. At least 1 s; default 10 s.
    public var reloadInterval: Duration

    public init(
        certificateChainPath: String,
        privateKeyPath: String,
        clientAuthoritiesPath: String? = nil,
        reloadInterval: Duration = .seconds(10)
    ) {
        self.certificateChainPath = certificateChainPath
        self.privateKeyPath = privateKeyPath
        self.clientAuthoritiesPath = clientAuthoritiesPath
        self.reloadInterval = reloadInterval
    }
}

/// Whom a client trusts, and how it shows who it is.
public struct ClientTLSConfiguration: Sendable {
    /// Path of the PEM file with the authorities to trust. Nil: those of the system.
    public var authoritiesPath: String?
    /// Paths of the PEM files with the client's own certificate and key, for mutual TLS.
    public var certificateChainPath: String?
    public var privateKeyPath: String?
    /// The name to expect in the server's certificate. Nil: the host of the target.
    public var serverName: String?

    public init(
        authoritiesPath: String? = nil,
        certificateChainPath: String? = nil,
        privateKeyPath: String? = nil,
        serverName: String? = nil
    ) {
        self.authoritiesPath = authoritiesPath
        self.certificateChainPath = certificateChainPath
        self.privateKeyPath = privateKeyPath
        self.serverName = serverName
    }
}
