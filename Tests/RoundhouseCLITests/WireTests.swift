import ArgumentParser
import GRPCCore
import GRPCProtobuf
import GRPCTransport
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import RoundhouseCLI

/// The same commands over libgrpc++, from the address to the last byte.
@Suite(.timeLimit(.minutes(1)))
struct WireTests {
    /// Serves `server` on a free port.
    private func serving(
        _ server: ScriptedServer,
        _ body: @Sendable (ConnectionSettings) async throws -> Void
    ) async throws {
        let transport = Server(.defaults(address: .hostPort(host: "127.0.0.1", port: 0)))
        try await withGRPCServer(transport: transport, services: [server]) { _ in
            let address = try await transport.listeningAddresses.first
            try await body(ConnectionSettings(address: try #require(address).description))
            transport.shutdownNow()
        }
    }

    private func run(
        _ arguments: [String],
        _ settings: ConnectionSettings,
        _ console: RecordingConsole
    ) async throws -> RoundhouseCLI.ExitStatus {
        let command = try #require(try RoundhouseCommand.parseAsRoot(arguments) as? any ClientCommand)
        return await CommandRun.status(json: command.connection.json, address: settings.address, console: console) {
            try await ClientConnection(settings: settings).withGateway { try await command.execute($0, console) }
        }
    }

    @Test("an answer streams, and a question without a field is answered")
    func answers() async throws {
        let server = ScriptedServer(status: .with { $0.version = "1.2.3" })
        try await self.serving(server) { settings in
            let chat = RecordingConsole()
            let chatEnd = try await self.run(["chat", "hi", "-q"], settings, chat)
            #expect(chatEnd == .success)
            #expect(chat.transcript.output == "hello\n")
            let status = RecordingConsole()
            let statusEnd = try await self.run(["status"], settings, status)
            #expect(statusEnd == .success)
            #expect(status.transcript.output.hasPrefix("Roundhouse 1.2.3"))
        }
    }

    @Test("the details of an error arrive")
    func details() async throws {
        let server = ScriptedServer { _, _, _ in
            throw GoogleRPCStatus(
                code: .invalidArgument,
                message: "no",
                details: [
                    .errorInfo(reason: "INVALID_REQUEST", domain: "roundhouse"),
                    .badRequest(violations: [.init(field: "top_p", description: "is 3")]),
                ]
            )
        }
        try await self.serving(server) { settings in
            let console = RecordingConsole()
            let ended = try await self.run(["chat", "hi"], settings, console)
            #expect(ended == .invalidArgument)
            #expect(
                console.transcript.errors == "roundhouse: no (INVALID_ARGUMENT, INVALID_REQUEST)\n  top_p: is 3\n"
            )
        }
    }

    @Test("when nobody reads the output the server learns that the call is cancelled")
    func cancellation() async throws {
        let (cancellations, cancelled) = AsyncStream.makeStream(of: Void.self)
        let server = ScriptedServer { _, writer, context in
            try await writer.send([.started(), .text("more than four")])
            try await context.cancellation.cancelled
            cancelled.yield()
        }
        try await self.serving(server) { settings in
            let console = RecordingConsole(closesAfter: 4)
            let ended = try await self.run(["chat", "hi"], settings, console)
            #expect(ended == .success)
            // While the server still runs: its end would cancel the call too.
            var iterator = cancellations.makeAsyncIterator()
            await iterator.next()
            #expect(console.transcript.errors.isEmpty)
        }
    }

    @Test("nobody at the address is UNAVAILABLE at once, with advice")
    func nobody() async throws {
        let console = RecordingConsole()
        let settings = ConnectionSettings(address: "unix:/nonexistent/roundhouse.sock")
        #expect(try await self.run(["status"], settings, console) == .unavailable)
        #expect(console.transcript.errors.contains("start it with 'roundhouse serve'"))
    }

    @Test("a server without TLS is told apart from one that is not there")
    func plaintextServer() async throws {
        try await self.serving(ScriptedServer()) { settings in
            let console = RecordingConsole()
            var encrypted = settings
            encrypted.usesTLS = true
            let ended = try await self.run(["status"], encrypted, console)
            #expect(ended == .unavailable)
            #expect(console.transcript.errors.contains("does the server speak TLS"))
        }
    }

    @Test(
        "an address or a file that cannot be used is a usage error",
        arguments: [
            ConnectionSettings(address: "nowhere"),
            ConnectionSettings(address: "127.0.0.1:1", usesTLS: true, certificateAuthority: "/nonexistent.pem"),
        ]
    )
    func unusable(settings: ConnectionSettings) async throws {
        let console = RecordingConsole()
        #expect(try await self.run(["status"], settings, console) == .usage)
    }

    @Test("events are followed over a restart of the server, from the last one that was seen")
    func followsRestart() async throws {
        let (interruptions, interrupt) = AsyncStream.makeStream(of: Void.self)
        let console = RecordingConsole()
        let socket = "unix:/tmp/roundhouse-cli-\(UInt64.random(in: 0 ... .max)).sock"
        let settings = ConnectionSettings(address: socket)
        let (first, second) = (Self.eventServer(sending: 7), Self.eventServer(sending: 8))
        try await withThrowingTaskGroup(of: RoundhouseCLI.ExitStatus.self) { group in
            try await Self.serving(first, at: socket) {
                group.addTask {
                    await CommandRun.status(json: false, address: socket, console: console) {
                        let command = try EventsCommand.List.parse(["--follow", "--after", "6"])
                        try await Interruption.run(
                            {
                                try await ClientConnection(settings: settings).withGateway {
                                    try await command.execute($0, console)
                                }
                            },
                            until: interruptions
                        )
                    }
                }
                await console.shown("sequence=7")
            }
            try await Self.serving(second, at: socket) {
                await console.shown("sequence=8")
                interrupt.yield()
                let status = try await group.next()
                #expect(status == .interrupted)
            }
        }
        #expect(first.requests(Roundhouse_V1_WatchEventsRequest.self).map(\.afterSequence) == [6])
        #expect(second.requests(Roundhouse_V1_WatchEventsRequest.self).map(\.afterSequence) == [7])
        #expect(console.transcript.errors.contains("the server is away"))
        #expect(console.transcript.errors.contains("the server is back\n"))
        #expect(console.transcript.errors.hasSuffix("to go on from here: roundhouse events --follow --after 8\n"))
    }

    private static func eventServer(sending sequence: Int64) -> ScriptedServer {
        ScriptedServer(scripts: [
            .stream {
                (_: Roundhouse_V1_WatchEventsRequest, writer: RPCWriter<Roundhouse_V1_WatchEventsResponse>, context) in
                try await writer.write(
                    .with {
                        $0.event.sequence = sequence
                        $0.event.attributes = ["sequence": "\(sequence)"]
                    }
                )
                try await context.cancellation.cancelled
            }
        ])
    }

    /// Serves at an address while `body` runs, and ends every call after it.
    private static func serving(
        _ server: ScriptedServer,
        at address: String,
        _ body: () async throws -> Void
    ) async throws {
        let transport = Server(.defaults(address: try Address(parsing: address)))
        try await withGRPCServer(transport: transport, services: [server]) { _ in
            _ = try await transport.listeningAddresses.first
            try await body()
            transport.shutdownNow()
        }
    }
}
