import FoundationEssentials
import GRPCCore
import GRPCProtobuf
import GRPCTransport
import Glibc
import RoundhouseAPI
import Subprocess
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// A server that cannot start says why, and ends with a status that scripts can tell.
    @Suite struct Start {
        /// Runs `roundhouse serve`, which must refuse to.
        private func serve(
            _ configuration: String = "local: { enabled: false }\n",
            in directory: TemporaryDirectory,
            arguments: [String] = [],
            environment: [String: String] = [:]
        ) async throws -> Program.Outcome {
            let file = try directory.write(configuration, to: "roundhouse.yaml")
            let all = ["serve", "--http", "off", "--data-dir", directory.path, "--config", file] + arguments
            let outcome = try await Program.run(
                "timeout", ["60", Program.path] + all, environment: environment)
            #expect(!outcome.output.contains("ready"), "\(outcome.text)")
            return outcome
        }

        @Test(arguments: [
            ("grpc:\n  adress: 127.0.0.1:0\n", ":2:3: key 'grpc.adress': unknown; did you mean 'address'?"),
            ("log: { level: loud }\n", ":1:15: key 'log.level': found 'loud', expected trace, debug"),
            ("grpc:\n  max_message_bytes: 12\n", ":2:22: key 'grpc.max_message_bytes'"),
            ("providers: [\n", ":2:"),
        ])
        func `A wrong configuration is an error with its file, line and column`(
            _ configuration: String,
            _ complaint: String
        ) async throws {
            let directory = try TemporaryDirectory()
            let outcome = try await self.serve(configuration, in: directory)
            #expect(outcome.status == .exited(78))
            #expect(outcome.errors.contains("\(directory.path)/roundhouse.yaml\(complaint)"), "\(outcome.text)")
        }

        @Test func `A wrong variable is an error that names it`() async throws {
            let outcome = try await self.serve(
                in: TemporaryDirectory(), environment: ["ROUNDHOUSE_GRPC_SHUTDOWN_GRACE": "soon"])
            #expect(outcome.status == .exited(78))
            #expect(outcome.errors.contains("ROUNDHOUSE_GRPC_SHUTDOWN_GRACE: found 'soon'"), "\(outcome.text)")
        }

        @Test func `An address that others can reach needs TLS or a word that it is meant`() async throws {
            let directory = try TemporaryDirectory()
            let outcome = try await self.serve(in: directory, arguments: ["--grpc", "0.0.0.0:0"])
            #expect(outcome.status == .exited(78))
            #expect(outcome.errors.contains("0.0.0.0:0") && outcome.errors.contains("insecure"), "\(outcome.text)")
            // The way out that the message names works.
            try await RunningServer.with(
                "local: { enabled: false }\n", grpc: "0.0.0.0:0", environment: ["ROUNDHOUSE_GRPC_INSECURE": "true"]
            ) { server in
                guard case .hostPort(_, let port) = server.address else { return }
                try await server.withClient(to: .hostPort(host: "127.0.0.1", port: port)) { gateway in
                    try await gateway.expectServing()
                }
            }
        }

        @Test func `A port in use is an error that names the address`() async throws {
            try await RunningServer.with("local: { enabled: false }\n") { server in
                let outcome = try await self.serve(
                    in: TemporaryDirectory(), arguments: ["--grpc", "\(server.address)"])
                #expect(outcome.status == .exited(1))
                #expect(outcome.errors.contains("\(server.address)"), "\(outcome.text)")
                #expect(outcome.errors.lowercased().contains("in use"), "\(outcome.text)")
                // The first one has not noticed.
                try await server.withClient { try await $0.expectServing() }
            }
        }

        @Test func `A second server on the same data directory is refused`() async throws {
            let directory = try TemporaryDirectory()
            try await RunningServer.with("local: { enabled: false }\n", in: directory) { server in
                let outcome = try await self.serve(in: directory, arguments: ["--grpc", "127.0.0.1:0"])
                #expect(outcome.status == .exited(1))
                #expect(outcome.errors.contains("another Roundhouse server (process \(server.pid))"), "\(outcome.text)")
            }
            // The lock goes with its holder.
            try await RunningServer.with("local: { enabled: false }\n", in: directory) { _ in }
        }

        @Test func `A damaged database is an error that says what to do`() async throws {
            let directory = try TemporaryDirectory()
            try directory.write(String(repeating: "This is no database. ", count: 500), to: "roundhouse.db")
            let outcome = try await self.serve(in: directory, arguments: ["--grpc", "127.0.0.1:0"])
            #expect(outcome.status == .exited(1))
            #expect(outcome.errors.contains("\(directory.database): the database is damaged"), "\(outcome.text)")
        }

        @Test func `A data directory that cannot be written is an error that says what to do`() async throws {
            let directory = try TemporaryDirectory()
            let file = try directory.write("local: { enabled: false }\n", to: "roundhouse.yaml")
            unsafe chmod(directory.path, 0o555)
            defer { unsafe chmod(directory.path, 0o755) }
            let command = [
                Program.path, "serve", "--grpc", "127.0.0.1:0", "--http", "off", "--data-dir", directory.path,
                "--config", file,
            ]
            // To root every directory is writable, unless it gives up the right.
            let asUser = geteuid() == 0 ? ["setpriv", "--bounding-set=-dac_override"] : []
            let outcome = try await Program.run("timeout", ["60"] + asUser + command)
            #expect(outcome.status == .exited(1))
            #expect(
                outcome.errors.contains(directory.path) && outcome.errors.contains("write permission"),
                "\(outcome.text)")
        }

        @Test func `Without an engine the server starts, says what to do, and is UNAVAILABLE with the reason`()
            async throws
        {
            let engines = try TemporaryDirectory()
            // A PATH on which there is no llama-server.
            let environment = ["ROUNDHOUSE_ENGINES_DIR": engines.path, "PATH": engines.path]
            try await RunningServer.with("", environment: environment) { server in
                let cure = "roundhouse engines install llama.cpp"
                #expect(await server.log.first(containing: cure) != nil)
                try await server.withClient { gateway in
                    let status = try await gateway.system.getSystemStatus(.init())
                    #expect(status.state == .unhealthy)
                    #expect(status.modelCount == 2 && status.readyModelCount == 0)
                    #expect(status.issues.contains { $0.contains("local/small") && $0.contains(cure) }, "\(status)")
                    let error = try await gateway.failure(of: .asking("hi", ""))
                    #expect(error.code == .unavailable)
                    #expect(error.message.contains(cure), "\(error.message)")
                    let info = try error.errorInfo()
                    #expect(info.reason == "NO_READY_MODEL")
                    let isServing = try await gateway.isServing("local/small")
                    #expect(!isServing)
                }
            }
        }
    }
}
