import FoundationEssentials
import GRPCCore
import GRPCTransport
import Glibc
import Subprocess
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// A `roundhouse serve` that says that it is ready.
final class RunningServer: Sendable {
    let pid: pid_t
    let address: Address
    /// Where HTTP is served on loopback; `nil` when it is not.
    let httpPort: Int?
    /// What it logs.
    let log: Lines
    private let output: Lines
    private let isEnding = Mutex(false)

    private init(pid: pid_t, output: Lines, log: Lines) async throws {
        self.pid = pid
        self.output = output
        self.log = log
        let line = try #require(await output.first { _ in true }, "it ended before it was ready")
        let ready = try JSONDecoder().decode(Ready.self, from: Data(line.utf8))
        try #require(ready.event == "ready" && ready.pid == pid, "\(line)")
        self.address = try Address(parsing: ready.grpc)
        self.httpPort = ready.http?.split(separator: ":").last.flatMap { Int($0) }
    }

    /// The line that scripts wait for.
    private struct Ready: Decodable {
        var event: String
        var grpc: String
        var http: String?
        var pid: pid_t
    }

    /// Runs a server on a free port beside `body`, then ends it with SIGTERM and checks how it ended: with status 0
    /// unless told otherwise, and without an engine left behind.
    ///
    /// - Parameters:
    ///   - configuration: the YAML file. Empty: the defaults, with the bundled models.
    ///   - directory: the data directory; a fresh one unless told.
    ///   - readsLog: whether the log is read while it runs, and not at its end only.
    ///   - status: how it must end.
    static func with<Value: Sendable>(
        _ configuration: String,
        in directory: TemporaryDirectory? = nil,
        grpc: String = "127.0.0.1:0",
        http: String = "127.0.0.1:0",
        environment: [String: String] = [:],
        readsLog: Bool = true,
        endingWith status: TerminationStatus = .exited(0),
        sourceLocation: SourceLocation = #_sourceLocation,
        _ body: @Sendable (RunningServer) async throws -> Value
    ) async throws -> Value {
        let directory = try directory ?? TemporaryDirectory()
        let file = try directory.write(configuration, to: "roundhouse.yaml")
        let arguments = ["serve", "--grpc", grpc, "--http", http, "--data-dir", directory.path, "--config", file]
        let log = Lines()
        let result = try await Subprocess.run(
            .path(FilePath(Program.path)),
            arguments: Arguments(arguments),
            environment: Program.environment(environment),
            input: .none,
            output: .sequence,
            error: .sequence
        ) { execution in
            let output = Lines()
            return await withTaskGroup { group in
                group.addTask { await output.read(execution.standardOutput) }
                group.addTask {
                    if !readsLog { await output.end() }
                    await log.read(execution.standardError)
                }
                let pid = execution.processIdentifier.value
                let outcome: Result<Value, any Error>
                do {
                    let server = try await RunningServer(pid: pid, output: output, log: log)
                    outcome = .success(try await body(server))
                    server.terminateUnlessEnding()
                } catch {
                    outcome = .failure(error)
                    Glibc.kill(pid, SIGKILL)
                }
                await group.waitForAll()
                return outcome
            }
        }
        switch result.takeClosureResult() {
        case .failure(let error):
            Issue.record(
                "The server ended with \(result.terminationStatus); its log: \(log.all.suffix(30))",
                sourceLocation: sourceLocation)
            throw error
        case .success(let value):
            #expect(result.terminationStatus == status, "\(log.all.suffix(30))", sourceLocation: sourceLocation)
            try await Processes.expectNoEngine(of: result.processIdentifier.value, sourceLocation: sourceLocation)
            return value
        }
    }

    /// SIGTERM; the fixture then only waits.
    func terminate() {
        self.isEnding.withLock { $0 = true }
        Glibc.kill(self.pid, SIGTERM)
    }

    /// SIGKILL.
    func kill() {
        self.isEnding.withLock { $0 = true }
        Glibc.kill(self.pid, SIGKILL)
    }

    /// Returns when the process is gone.
    func end() async {
        await self.output.end()
    }

    /// Connects a client.
    func withClient<Value: Sendable>(
        to address: Address? = nil,
        security: ClientSecurity = .plaintext,
        _ body: (Gateway) async throws -> Value
    ) async throws -> Value {
        let transport = Client(target: address ?? self.address, security: security)
        return try await withGRPCClient(transport: transport) { client in
            try await body(Gateway(client: client))
        }
    }

    /// Asks over HTTP, on a connection of its own.
    func ask(_ path: String, method: String = "GET") async throws -> RawAnswer {
        let connection = try RawConnection(port: try #require(self.httpPort))
        return try #require(try await connection.ask(path, method: method))
    }

    private func terminateUnlessEnding() {
        let isEnding = self.isEnding.withLock { $0 }
        if !isEnding { self.terminate() }
    }
}
