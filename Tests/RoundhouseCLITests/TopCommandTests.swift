import ArgumentParser
import GRPCCore
import RoundhouseAPI
import SwiftProtobuf
import Synchronization
import Testing

@testable import RoundhouseCLI

@Suite("Command line: top", .timeLimit(.minutes(1)))
struct TopCommandTests {
    private typealias Asked = Roundhouse_V1_WatchMetricsRequest
    private typealias Message = Roundhouse_V1_WatchMetricsResponse

    private static let terminal = TerminalTraits(isTerminal: true, columns: 80, isStyled: false)

    /// Each watch is answered by the next script; the last one stays.
    private func server(
        _ watches: [@Sendable (RPCWriter<Message>, ServerContext) async throws -> Void]
    ) -> ScriptedServer {
        let count = Mutex(0)
        return ScriptedServer(scripts: [
            .stream { (_: Asked, writer: RPCWriter<Message>, context) in
                let index = count.withLock { count in
                    defer { count += 1 }
                    return count
                }
                try await watches[min(index, watches.count - 1)](writer, context)
            }
        ])
    }

    private static func messages(_ seconds: ClosedRange<Int64>) -> [Message] {
        seconds.map { TopFrameTests.message(TopFrameTests.three, second: $0, rate: Double($0), isFirst: $0 == 0) }
    }

    private static func send(_ messages: [Message], _ writer: RPCWriter<Message>) async throws {
        for message in messages { try await writer.write(message) }
    }

    private static let staying: @Sendable (RPCWriter<Message>, ServerContext) async throws -> Void = {
        writer, context in
        try await Self.send(Self.messages(0...3), writer)
        try await context.cancellation.cancelled
    }

    // MARK: - For programs

    @Test(
        "where the output is no terminal, or with --once, one picture is written after one interval",
        arguments: [true, false])
    func once(isTerminal: Bool) async throws {
        let server = self.server([Self.staying])
        let console = RecordingConsole(traits: isTerminal ? Self.terminal : .plain)
        let arguments = isTerminal ? ["top", "--once", "--interval", "5s", "local/small"] : ["top", "--sort", "name"]
        #expect(try await server.run(arguments, console: console) == .success)
        let lines = console.transcript.output.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.first == "roundhouse top  here:1  2026-11-27 08:00:01 UTC")
        #expect(lines.count == 10 && !console.transcript.output.contains("\u{1B}"))
        #expect(lines.contains { $0.hasPrefix("openrouter/anthropic/claude-sonnet-4.5") } == !isTerminal)
        let asked = server.requests(Asked.self)
        #expect(asked.map(\.models) == [isTerminal ? ["local/small"] : []])
        #expect(asked.map(\.interval.seconds) == [isTerminal ? 5 : 0])
    }

    @Test("with --json each message is a line, through a restart of the server; with --once it is one")
    func json() async throws {
        let server = self.server([
            { writer, _ in try await Self.send(Self.messages(0...2), writer) },
            { _, _ in throw RPCError(code: .unavailable, message: "away") },
            { writer, _ in
                try await Self.send(Self.messages(3...4), writer)
                throw RPCError(code: .permissionDenied, message: "no more")
            },
        ])
        let console = RecordingConsole(traits: Self.terminal)
        #expect(try await server.run(["top", "--json"], console: console) == .denied)
        let lines = try console.transcript.output.split(separator: "\n").map { try Message(jsonString: String($0)) }
        #expect(lines == Self.messages(0...4))
        let one = RecordingConsole()
        #expect(try await self.server([Self.staying]).run(["top", "--json", "--once"], console: one) == .success)
        #expect(try Message(jsonString: one.transcript.output) == Self.messages(1...1)[0])
    }

    @Test("a first watch that fails is an error, on a terminal too", arguments: [TerminalTraits.plain, terminal])
    func failure(traits: TerminalTraits) async throws {
        let console = RecordingConsole(traits: traits)
        let server = self.server([{ _, _ in throw RPCError(code: .unavailable, message: "refused") }])
        #expect(try await server.run(["top"], console: console) == .unavailable)
        #expect(console.transcript.errors.contains("refused"))
        #expect(console.transcript.output == (traits.isTerminal ? "<screen></screen>" : ""))
    }

    @Test(
        "a top command that cannot be meant is refused",
        arguments: [["--interval", "100ms"], ["--interval", "61s"], ["--interval", "x"], ["--sort", "colour"]])
    func usage(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try RoundhouseCommand.parseAsRoot(["top"] + arguments) }
        guard let error else { return }
        #expect(RoundhouseCommand.exitCode(for: error).rawValue == ExitStatus.usage.rawValue)
    }

    // MARK: - On a terminal

    /// Runs `top` while `body` looks at the terminal and presses keys.
    private func run(
        _ server: ScriptedServer,
        _ console: RecordingConsole,
        until interruptions: AsyncStream<Void>? = nil,
        _ body: @escaping @Sendable () async -> Void
    ) async throws -> RoundhouseCLI.ExitStatus {
        try await withThrowingTaskGroup(of: RoundhouseCLI.ExitStatus?.self) { group in
            group.addTask { try await server.run(["top"], console: console, until: interruptions) }
            group.addTask {
                await body()
                return nil
            }
            var status = RoundhouseCLI.ExitStatus.failure
            for try await result in group {
                if let result { status = result }
            }
            return status
        }
    }

    @Test("pictures are drawn over each other, keys and sizes change them, and q ends it")
    func session() async throws {
        let console = RecordingConsole(isInputTerminal: true, traits: Self.terminal)
        let status = try await self.run(self.server([Self.staying]), console) {
            await console.shown("2026-11-27 08:00:03 UTC")
            console.press(.character("m"))
            await console.shown("m memory*")
            console.resize(columns: 40, rows: 10)
            await console.shown("MODEL                  STREAMS  TOKENS/S\r\n")
            console.press(.suspend)
            await console.shown("<suspended>")
            console.press(.character("q"))
        }
        #expect(status == .success)
        let text = console.transcript.output
        #expect(text.hasPrefix("<screen>\u{1B}[?2026h\u{1B}[H") && text.hasSuffix("\u{1B}[?2026l</screen>"))
        #expect(!text.contains("\u{1B}[2J"), "clearing the whole screen flickers")
        #expect(console.transcript.errors.isEmpty)
    }

    @Test("a server that goes away is waited for, with the last picture and a note")
    func away() async throws {
        let console = RecordingConsole(isInputTerminal: true, traits: Self.terminal)
        let server = self.server([
            { writer, _ in try await Self.send(Self.messages(0...3), writer) },
            { _, _ in throw RPCError(code: .unavailable, message: "connection refused") },
            { writer, context in
                await console.shown("the server is away; figures of 2026-11-27 08:00:03 UTC (connection refused)")
                try await Self.send(Self.messages(7...7), writer)
                try await context.cancellation.cancelled
            },
        ])
        let status = try await self.run(server, console) {
            await console.shown("roundhouse top  here:1  2026-11-27 08:00:07 UTC")
            console.press(.character("q"))
        }
        #expect(status == .success)
        #expect(console.time.sleeps.prefix(2) == [.milliseconds(500), .seconds(1)])
    }

    @Test("Ctrl-C, an error and a terminal that is gone end it, and the terminal is given back")
    func endings() async throws {
        let (interruptions, interrupt) = AsyncStream.makeStream(of: Void.self)
        let console = RecordingConsole(isInputTerminal: true, traits: Self.terminal)
        let status = try await self.run(self.server([Self.staying]), console, until: interruptions) {
            await console.shown("08:00:03 UTC")
            interrupt.yield()
        }
        #expect(status == .interrupted && console.transcript.output.hasSuffix("</screen>"))

        let denied = RecordingConsole(traits: Self.terminal)
        let server = self.server([
            { writer, _ in
                try await Self.send(Self.messages(0...1), writer)
                throw RPCError(code: .permissionDenied, message: "not you")
            }
        ])
        #expect(try await server.run(["top"], console: denied) == .denied)
        #expect(denied.transcript.output.hasSuffix("</screen>") && denied.transcript.errors.contains("not you"))

        let gone = RecordingConsole(traits: Self.terminal, closesAfter: 20)
        #expect(try await self.server([Self.staying]).run(["top"], console: gone) == .success)
    }
}
