import GRPCCore
import GRPCTransport
import RoundhouseAPI
import Subprocess
import SwiftProtobuf
import TestSupport
import Testing

extension EndToEnd {
    /// TLS, mutual TLS and UNIX-domain sockets around the whole server.
    @Suite struct Security {
        /// A certificate that vouches for itself, made by openssl.
        private struct Certificate {
            var certificate: String
            var key: String

            init(_ name: String, in directory: TemporaryDirectory) async throws {
                self.certificate = "\(directory.path)/\(name).pem"
                self.key = "\(directory.path)/\(name).key"
                let outcome = try await Program.run(
                    "openssl",
                    [
                        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                        "2", "-subj", "/CN=\(name)", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                        self.key, "-out", self.certificate,
                    ])
                try #require(outcome.status.isSuccess, "\(outcome.text)")
            }
        }

        private static func client(trusting server: Certificate, as client: Certificate? = nil) -> ClientSecurity {
            .tls(
                ClientTLSConfiguration(
                    authoritiesPath: server.certificate,
                    certificateChainPath: client?.certificate,
                    privateKeyPath: client?.key
                )
            )
        }

        /// Serves an answer with `settings`, and gives `body` a way to ask for it.
        private func serve(
            _ settings: String,
            grpc: String = "127.0.0.1:0",
            in directory: TemporaryDirectory,
            _ body: @escaping @Sendable (RunningServer) async throws -> Void
        ) async throws {
            try await FaultUpstream.run { request in
                .answer(to: request, ["safe"])
            } _: { upstream in
                try await RunningServer.with(
                    providers(upstream.baseURL, settings: settings), in: directory, grpc: grpc, body)
            }
        }

        @Test func `TLS serves those who trust the certificate`() async throws {
            let directory = try TemporaryDirectory()
            let own = try await Certificate("server", in: directory)
            let other = try await Certificate("other", in: directory)
            let settings = "grpc: { tls: { certificate: server.pem, private_key: server.key } }"
            try await self.serve(settings, in: directory) { server in
                let answer = try await server.withClient(security: Self.client(trusting: own)) {
                    try await $0.stream(.asking())
                }
                #expect(answer.text == "safe" && answer.isTruthful)
                for security in [ClientSecurity.plaintext, Self.client(trusting: other)] {
                    let refused = try await server.withClient(security: security) { try await $0.stream(.asking()) }
                    #expect(refused.error?.code == .unavailable && refused.messages.isEmpty)
                }
                let arguments = ["generate", "hi", "--model", "all", "--address", "\(server.address)"]
                let command = try await Program.run(arguments + ["--ca", own.certificate])
                #expect(command.status == .exited(0) && command.output == "safe\n", "\(command.text)")
            }
        }

        @Test func `Mutual TLS serves those whose certificate it trusts, and their requests bear its names`()
            async throws
        {
            let directory = try TemporaryDirectory()
            let own = try await Certificate("server", in: directory)
            let friend = try await Certificate("friend", in: directory)
            let stranger = try await Certificate("stranger", in: directory)
            let settings = """
                grpc: { tls: { certificate: server.pem, private_key: server.key, client_ca: friend.pem } }
                """
            try await self.serve(settings, in: directory) { server in
                let answer = try await server.withClient(security: Self.client(trusting: own, as: friend)) {
                    try await $0.stream(.asking())
                }
                #expect(answer.text == "safe" && answer.isTruthful)
                try await server.withClient(security: Self.client(trusting: own, as: friend)) { gateway in
                    var clients: [String] = []
                    let isThere = try await Processes.until(within: .seconds(20)) {
                        clients = try await gateway.telemetry.listRequests(.init()).requests.map(\.client)
                        return !clients.isEmpty
                    }
                    #expect(isThere && clients.count == 1 && clients[0].contains("localhost"), "\(clients)")
                }
                for client in [nil, stranger] {
                    let refused = try await server.withClient(security: Self.client(trusting: own, as: client)) {
                        try await $0.stream(.asking())
                    }
                    #expect(refused.error?.code == .unavailable && refused.messages.isEmpty)
                }
            }
        }

        @Test func `With TLS an address that others can reach needs no further word`() async throws {
            let directory = try TemporaryDirectory()
            let own = try await Certificate("server", in: directory)
            let settings = "grpc: { tls: { certificate: server.pem, private_key: server.key } }"
            try await self.serve(settings, grpc: "0.0.0.0:0", in: directory) { server in
                guard case .hostPort(_, let port) = server.address else { return }
                let here = Address.hostPort(host: "localhost", port: port)
                let answer = try await server.withClient(to: here, security: Self.client(trusting: own)) {
                    try await $0.stream(.asking())
                }
                #expect(answer.text == "safe")
            }
        }

        @Test func `A certificate that is not there stops the start`() async throws {
            let directory = try TemporaryDirectory()
            let file = try directory.write(
                "local: { enabled: false }\ngrpc: { tls: { certificate: no.pem, private_key: no.key } }\n",
                to: "roundhouse.yaml"
            )
            let command = [
                Program.path, "serve", "--grpc", "127.0.0.1:0", "--http", "off", "--data-dir", directory.path,
                "--config", file,
            ]
            let outcome = try await Program.run("timeout", ["60"] + command)
            #expect(!outcome.status.isSuccess && outcome.errors.contains("no.pem"), "\(outcome.text)")
        }

        @Test func `A UNIX-domain socket serves, and one that was left behind is in nobody's way`() async throws {
            let directory = try TemporaryDirectory()
            let grpc = "unix:\(directory.path)/grpc.sock"
            try await RunningServer.with(
                "local: { enabled: false }", in: directory, grpc: grpc, endingWith: .signaled(9)
            ) { server in
                server.kill()
            }
            try await self.serve("", grpc: grpc, in: directory) { server in
                #expect("\(server.address)" == grpc)
                let answer = try await server.withClient { try await $0.stream(.asking()) }
                #expect(answer.text == "safe" && answer.isTruthful)
                let command = try await Program.run(["generate", "hi", "--model", "all", "--address", grpc])
                #expect(command.status == .exited(0) && command.output == "safe\n", "\(command.text)")
            }
        }
    }
}
