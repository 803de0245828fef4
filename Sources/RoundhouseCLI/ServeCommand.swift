internal import ArgumentParser
internal import FoundationEssentials
internal import Glibc
internal import Logging
internal import Roundhouse
internal import UnixSignals

/// `roundhouse serve`: the server, in the foreground.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the server in the foreground.",
        discussion: """
            Logs go to standard error. Once it serves, one line of JSON goes to standard output: \
            {"event":"ready","grpc":"127.0.0.1:50051","http":"127.0.0.1:8080","pid":4711,"version":"…","models":2}.
            SIGTERM or SIGINT lets running requests end within grpc.shutdown_grace; a second one ends them at once. \
            SIGHUP reads the configuration file again and takes what counts without a restart.
            """
    )

    @Option(help: "Where to listen: HOST:PORT or unix:PATH; port 0 picks a free one. Default 127.0.0.1:50051.")
    var grpc: String?

    @Option(help: "Where to serve /healthz, /readyz and /metrics: HOST:PORT or off. Default 127.0.0.1:8080.")
    var http: String?

    @Option(help: "Where the database and the default configuration file are. Default $XDG_DATA_HOME/roundhouse.")
    var dataDir: String?

    @Option(help: "The configuration file. Default roundhouse.yaml in the data directory.")
    var config: String?

    @Option(help: "The least serious message that is logged: trace, debug, info, notice, warning, error, critical.")
    var logLevel: String?

    @Option(help: "How messages are logged: text or json.")
    var logFormat: String?

    @Flag(help: "Allow an address that other machines can reach without TLS.")
    var insecure = false

    func run() async throws {
        // gRPC's own lines would stand between ours, which machines may read; what matters of them, the bridge reports.
        // Whoever sets the variable has them.
        _ = unsafe setenv("GRPC_VERBOSITY", "NONE", 0)
        let loader = self.loader
        let loaded = try self.load(loader)
        let log = loaded.configuration.log
        let threshold = LogThreshold(log.level)
        LoggingSystem.bootstrap { label in LogOutput(label: label, log: log, threshold: threshold) }
        defer { LogOutput.flush() }
        let logger = Logger(label: "roundhouse")
        for warning in loaded.warnings { logger.warning("Configuration: \(warning)") }
        do {
            let server = try RoundhouseServer(loaded, loader: loader, threshold: threshold, logger: logger)
            try await Self.serve(server)
        } catch let error as StartError {
            Self.complain("\(error)")
            throw ExitCode(EXIT_FAILURE)
        }
    }

    private var loader: ConfigurationLoader {
        var overrides: [ConfigurationLoader.Override] = []
        func override(_ key: String, _ value: String?, _ flag: String) {
            if let value { overrides.append(.init(key: key, value: value, flag: flag)) }
        }
        override("grpc.address", self.grpc, "--grpc")
        override("http.address", self.http, "--http")
        override("grpc.insecure", self.insecure ? "true" : nil, "--insecure")
        override("http.insecure", self.insecure ? "true" : nil, "--insecure")
        override("log.level", self.logLevel, "--log-level")
        override("log.format", self.logFormat, "--log-format")
        return ConfigurationLoader(
            file: self.config,
            dataDirectory: self.dataDir,
            environment: ProcessInfo.processInfo.environment,
            overrides: overrides
        )
    }

    private func load(_ loader: ConfigurationLoader) throws -> LoadedConfiguration {
        do {
            return try loader.load()
        } catch {
            for problem in error.problems { Self.complain("\(problem)") }
            throw ExitCode(EX_CONFIG)
        }
    }

    /// Runs the server and heeds signals: the first one asks, the second one insists.
    private static func serve(_ server: RoundhouseServer) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var isShuttingDown = false
                await withDiscardingTaskGroup { reloads in
                    for await signal in signals {
                        // Beside the signals, which must not wait for it.
                        guard signal != .sighup else {
                            reloads.addTask { await server.reloadConfiguration() }
                            continue
                        }
                        if isShuttingDown { server.shutdownNow() } else { server.beginGracefulShutdown() }
                        isShuttingDown = true
                    }
                }
            }
            try await server.run { ready in
                let addresses = ready.grpcAddresses.first ?? ""
                let http = ready.httpAddress.map { "\"http\":\"\($0)\"," } ?? ""
                Self.say(
                    "{\"event\":\"ready\",\"grpc\":\"\(addresses)\",\(http)\"pid\":\(getpid()),"
                        + "\"version\":\"\(RoundhouseServer.version)\",\"models\":\(ready.modelCount)}"
                )
            }
            group.cancelAll()
        }
    }

    private static func say(_ line: String) {
        Self.write(line, to: STDOUT_FILENO)
    }

    private static func complain(_ line: String) {
        Self.write("roundhouse: \(line)", to: STDERR_FILENO)
    }

    private static func write(_ line: String, to descriptor: Int32) {
        let bytes = Array((line + "\n").utf8)
        unsafe bytes.withUnsafeBytes { buffer in _ = unsafe Glibc.write(descriptor, buffer.baseAddress, buffer.count) }
    }
}
