import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import RoundhouseCLI

/// `chat` and `generate` with `--progress`.
@Suite(.timeLimit(.minutes(1)))
struct WaitingTests {
    private static func loading(_ done: Int64) -> Event {
        .with {
            $0.progress = .with {
                $0.model = "local/small"
                $0.phase = .loading
                $0.loadedBytes = done
                $0.totalBytes = 100
            }
        }
    }

    private let server = ScriptedServer { request, writer, _ in
        var events: [Event] = [.started(), .reasoning("hm"), .text("hel"), .text("lo"), .completed()]
        if request.includeProgress { events = [Self.loading(0), Self.loading(41)] + events }
        try await writer.send(events)
    }

    @Test("on a terminal the line of progress is gone before the answer comes", arguments: ["chat", "generate"])
    func terminal(command: String) async throws {
        let console = RecordingConsole(traits: .init(isTerminal: true, columns: 60, isStyled: false))
        #expect(try await self.server.run([command, "hi", "-q", "--progress"], console: console) == .success)
        #expect(console.transcript.both.contains("loading local/small  [===>        ]  41 %"))
        #expect(console.transcript.both.contains("  41 %"))
        #expect(console.transcript.both.hasSuffix("hello\n"))
        #expect(!console.transcript.errors.hasSuffix("41 %"))
        #expect(console.transcript.output == "hello\n")
        #expect(self.server.streamRequests.map(\.includeProgress) == [true])
    }

    @Test("elsewhere it is lines on standard error", arguments: ["chat", "generate"])
    func plain(command: String) async throws {
        let console = RecordingConsole()
        #expect(try await self.server.run([command, "hi", "-q", "--progress"], console: console) == .success)
        #expect(
            console.transcript.errors.hasPrefix(
                "loading local/small: 0 %, 0 B of 100 B\nloading local/small: 41 %, 41 B of 100 B\n"
            )
        )
        #expect(console.transcript.output == "hello\n")
    }

    @Test("without --progress none is asked for")
    func unasked() async throws {
        let console = RecordingConsole()
        #expect(try await self.server.run(["chat", "hi", "-q"], console: console) == .success)
        #expect(self.server.streamRequests.map(\.includeProgress) == [false])
    }

    @Test("chat --json passes progress on as it came; generate --json stays one message")
    func json() async throws {
        let console = RecordingConsole()
        #expect(try await self.server.run(["chat", "hi", "--progress", "--json"], console: console) == .success)
        let lines = try console.transcript.output.split(separator: "\n").map { try Event(jsonString: String($0)) }
        #expect(lines.count == 7 && lines.first?.progress.model == "local/small")
        #expect(console.transcript.errors.isEmpty)
        let generate = RecordingConsole()
        #expect(try await self.server.run(["generate", "hi", "--progress", "--json"], console: generate) == .success)
        #expect(self.server.generateRequests.count == 1)
        #expect(generate.transcript.errors.isEmpty)
    }

    @Test("generate --progress notices a stream that is cut short with OK")
    func truncated() async throws {
        let server = ScriptedServer { _, writer, _ in try await writer.send([.started(), .text("hel")]) }
        let console = RecordingConsole()
        #expect(try await server.run(["generate", "hi", "--progress"], console: console) == .failure)
        #expect(console.transcript.output.isEmpty)
        #expect(console.transcript.errors.contains("without 'completed'"))
    }
}
