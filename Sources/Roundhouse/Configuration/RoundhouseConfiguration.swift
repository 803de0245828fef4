public import Inference
public import ModelRegistry

/// Everything that an operator can decide, as values.
///
/// A fresh `RoundhouseConfiguration()` is what a server without a configuration file runs with: the bundled models on
/// a loopback port. The command line fills one from a YAML file, `ROUNDHOUSE_*` variables and flags; a Swift server
/// that embeds Roundhouse may write one down in code. `docs/Configuration.md` lists the keys as they appear in YAML.
public struct RoundhouseConfiguration: Sendable, Hashable {
    /// The gRPC port.
    public var grpc: GRPC
    /// The HTTP port.
    public var http = HTTP()
    /// What is written to standard error.
    public var log: Log
    /// What is kept on disk.
    public var storage: Storage
    /// Whether requests are recorded.
    public var telemetry = TelemetrySettings()
    /// Models that Roundhouse runs itself.
    public var local: Local
    /// When models are loaded and unloaded.
    public var lifecycle: Lifecycle
    public var routing = Routing()
    public var openRouter = OpenRouter()
    /// Upstreams that are asked over the network. Ids are unique.
    public var providers: [Provider]
    /// Bare names that stand for models. Names are unique.
    public var aliases: [Alias]

    public init(
        grpc: GRPC = GRPC(),
        log: Log = Log(),
        storage: Storage = Storage(),
        local: Local = Local(),
        lifecycle: Lifecycle = Lifecycle(),
        providers: [Provider] = [],
        aliases: [Alias] = []
    ) {
        self.grpc = grpc
        self.log = log
        self.storage = storage
        self.local = local
        self.lifecycle = lifecycle
        self.providers = providers
        self.aliases = aliases
    }
}

extension RoundhouseConfiguration {
    /// The gRPC port: where it listens and what a client may cost.
    public struct GRPC: Sendable, Hashable {
        /// Where the server listens. Default `127.0.0.1:50051`; port 0 picks a free one.
        public var address = ListenAddress.standard
        /// Allows an address that other machines can reach without TLS. Default `false`.
        public var insecure = false
        /// Certificates. `nil` (default) serves without encryption.
        public var tls: TLS?
        /// The largest request or answer message, in bytes. 1 KiB to 1 GiB, default 32 MiB.
        public var maxMessageBytes = 32 << 20
        /// The largest request metadata, in bytes. 1 KiB to 1 MiB, default 16 KiB.
        public var maxMetadataBytes = 16 << 10
        /// Open connections at a time. 1 to 1,000,000, default 1024.
        public var maxConnections = 1024
        /// Calls at a time on one connection. 1 to 1,000,000, default 1024.
        public var maxConcurrentStreams = 1024
        /// After this time a connection is asked to reconnect, so that load spreads. 1 s to 365 d, default 1 h.
        public var maxConnectionAge = Duration.seconds(3600)
        /// A stream whose client reads nothing for this long is cancelled. 100 ms to 1 h, default 60 s.
        public var slowConsumerTimeout = Duration.seconds(60)
        /// How long running calls may go on after SIGTERM. 0 s to 1 h, default 30 s.
        public var shutdownGrace = Duration.seconds(30)
        /// Serves `grpc.reflection`, which grpcurl needs. Default `true`.
        public var reflection = true

        public init() {}
    }

    /// Certificates of the gRPC port, as paths of PEM files.
    public struct TLS: Sendable, Hashable {
        /// The server's certificate, followed by its chain.
        public var certificate: String
        /// The certificate's key.
        public var privateKey: String
        /// Certificates that client certificates must come from. Setting it demands one from every client (mTLS).
        public var clientCA: String?

        public init(certificate: String, privateKey: String, clientCA: String? = nil) {
            self.certificate = certificate
            self.privateKey = privateKey
            self.clientCA = clientCA
        }
    }

    /// The HTTP port, for probes and scrapers: where it listens and what a client may cost.
    public struct HTTP: Sendable, Hashable {
        /// Where the server listens, never a UNIX-domain socket. Default `127.0.0.1:8080`; port 0 picks a free one, `nil`
        /// opens no port.
        public var address: ListenAddress? = .tcp(host: "127.0.0.1", port: 8080)
        /// Allows an address that other machines can reach; nothing is encrypted there. Default `false`.
        public var insecure = false
        /// Open connections at a time; more wait. 1 to 1,000,000, default 1024.
        public var maxConnections = 1024
        /// The largest head of a request, in bytes. 1 KiB to 1 MiB, default 16 KiB.
        public var maxHeaderBytes = 16 << 10
        /// A connection that has brought no whole head of a request for so long is closed. 100 ms to 1 h, default 30 s.
        public var idleTimeout = Duration.seconds(30)
        /// The largest body of a request, in bytes. 1 KiB to 1 GiB, default 32 MiB.
        public var maxBodyBytes = 32 << 20
        /// A body that has not come whole for so long is refused and its connection closed. 100 ms to 1 h, default 60 s.
        public var bodyTimeout = Duration.seconds(60)
        /// Silence in an event stream after which a comment is sent, so that nobody in between takes the connection for dead.
        /// 100 ms to 1 h, default 15 s.
        public var keepAliveInterval = Duration.seconds(15)
        /// How long the status of an event stream may wait for the first output; then it is 200, whatever follows. 100 ms to
        /// 1 h; `nil`, the default: as long as it takes.
        public var firstBytePatience: Duration?
        /// A client that takes nothing of an event stream for so long is dropped. 100 ms to 1 h, default 60 s.
        public var slowConsumerTimeout = Duration.seconds(60)

        public init() {}
    }

    /// What is written to standard error.
    public struct Log: Sendable, Hashable {
        /// The least serious message that is written. Default `info`.
        public var level = Level.info
        /// Lines for people or for machines. Default `text`.
        public var format = Format.text
        /// Which requests have a line when they have ended. Default `failures`.
        public var requests = Requests.failures
        /// Writes prompts, texts for vectors and answers, 16 KiB of each at most, at level debug. Default `false`.
        public var prompts = false

        public init() {}

        /// Those of which there is a record.
        public enum Requests: String, Sendable, Hashable, CaseIterable {
            case off
            /// Those whose status is not `OK`.
            case failures
            case all
        }

        /// The levels of swift-log, under the same names.
        public enum Level: String, Sendable, Hashable, CaseIterable {
            case trace, debug, info, notice, warning, error, critical
        }

        public enum Format: String, Sendable, Hashable, CaseIterable {
            case text, json
        }
    }

    /// What is kept on disk: the registry, events, statistics, and names and figures of each request, never its text.
    public struct Storage: Sendable, Hashable {
        /// The SQLite file. `nil` stands for `roundhouse.db` in the data directory; a loaded configuration has a path.
        public var path: String?
        /// How long records of requests are kept. 1 h to 3650 d, default 30 d.
        public var retention = Duration.seconds(30 * 86_400)

        public init() {}
    }

    /// What is recorded of requests.
    public struct TelemetrySettings: Sendable, Hashable {
        /// Keeps a record and figures of every request. Default `true`.
        public var enabled = true

        public init() {}
    }

    /// A bare name that clients may ask for instead of a model: `default`, `fast`.
    public struct Alias: Sendable, Hashable {
        /// 1-63 characters of a-z, 0-9, `-`, `_` and `.`, beginning with a letter or a digit; not `auto`.
        public var name: String
        /// The models that it stands for, each with its share; never empty. Every weight is 1 in the mode `ordered`.
        public var weightedTargets: [ModelRegistry.Alias.Target]
        /// Whether they are asked in order, or one is drawn by weight. Default `ordered`.
        public var mode: ModelRegistry.Alias.Mode

        public init(name: String, targets: [ModelID]) {
            self.init(name: name, weightedTargets: targets.map { ModelRegistry.Alias.Target(model: $0) })
        }

        public init(
            name: String,
            weightedTargets: [ModelRegistry.Alias.Target],
            mode: ModelRegistry.Alias.Mode = .ordered
        ) {
            self.name = name
            self.weightedTargets = weightedTargets
            self.mode = mode
        }

        /// The models, in the order given.
        public var targets: [ModelID] { self.weightedTargets.map(\.model) }
    }
}
