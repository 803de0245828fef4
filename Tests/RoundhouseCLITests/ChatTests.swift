import ArgumentParser
import GRPCCore
import GRPCProtobuf
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import RoundhouseCLI

@Suite(.timeLimit(.minutes(1)))
struct ChatTests {
    @Test("text is shown as it arrives, before the answer is whole")
    func streams() async throws {
        let console = RecordingConsole()
        let server = ScriptedServer { _, writer, _ in
            try await writer.send([.started(), .text("Pa")])
            // Hangs if the client waits for more before it shows what it has.
            await console.shown("Pa")
            try await writer.send([.text("ris"), .completed()], from: 2)
        }
        #expect(try await server.run(["chat", "capital?"], console: console) == .success)
        #expect(console.transcript.output == "Paris\n")
        #expect(
            console.transcript.errors == "local/tiny · 11 tokens · 20.0 tokens/s · first token 100 ms · total 600 ms\n")
    }

    @Test("every option reaches the server")
    func options() async throws {
        let server = ScriptedServer()
        let status = try await server.run(
            [
                "chat", "hi", "-m", "fast", "-s", "be brief", "--temperature", "0.5", "--top-p", "0.9",
                "--max-output-tokens", "12", "--stop", "-x", "--stop", "END", "--seed", "-3", "--presence-penalty",
                "-1.5", "--frequency-penalty", "2", "--request-id", "r1", "--metadata", "team=a=b", "--metadata",
                "empty=", "--quiet",
            ],
            console: RecordingConsole()
        )
        #expect(status == .success)
        let expected = Roundhouse_V1_StreamGenerateRequest.with {
            $0.model = "fast"
            $0.messages = [.saying("be brief", as: .system), .saying("hi", as: .user)]
            $0.temperature = 0.5
            $0.topP = 0.9
            $0.maxOutputTokens = 12
            $0.stop = ["-x", "END"]
            $0.seed = -3
            $0.presencePenalty = -1.5
            $0.frequencyPenalty = 2
            $0.requestID = "r1"
            $0.metadata = ["team": "a=b", "empty": ""]
        }
        #expect(server.streamRequests == [expected])
    }

    @Test("what is not given is not sent, so that the upstream's defaults hold")
    func unset() async throws {
        let server = ScriptedServer()
        _ = try await server.run(["chat", "hi"], console: RecordingConsole())
        let bare = Roundhouse_V1_StreamGenerateRequest.with { $0.messages = [.saying("hi", as: .user)] }
        #expect(server.streamRequests == [bare])
    }

    @Test("with --json each event is a line of protobuf JSON and nothing else is said")
    func json() async throws {
        let console = RecordingConsole()
        let events: [Event] = [.started(), .reasoning("hm"), .text("a\nb"), .completed()]
        let server = ScriptedServer { _, writer, _ in try await writer.send(events) }
        #expect(try await server.run(["chat", "hi", "--json"], console: console) == .success)
        let lines = console.transcript.output.split(separator: "\n")
        let read = try lines.map { try Event(jsonString: String($0)) }
        #expect(read.map(\.event) == events.map(\.event))
        #expect(read.map(\.sequence) == [0, 1, 2, 3])
        #expect(console.transcript.errors.isEmpty)
    }

    @Test("thoughts go to standard error, marked, on lines of their own")
    func reasoning() async throws {
        let console = RecordingConsole()
        let server = ScriptedServer { _, writer, _ in
            try await writer.send([.started(), .reasoning("let me "), .reasoning("see"), .text("4"), .completed()])
        }
        _ = try await server.run(["chat", "2+2", "-q"], console: console)
        #expect(console.transcript.output == "4\n")
        #expect(console.transcript.both == "[thinking] let me see\n4\n")
    }

    @Test("fallbacks, cuts and estimates are told")
    func remarks() async throws {
        let console = RecordingConsole()
        var completed = Roundhouse_V1_Completed.scripted(.length, failed: [("a/x", "unreachable", "refused")])
        completed.usage.estimated = true
        let server = ScriptedServer { [completed] _, writer, _ in
            try await writer.send([.started(attempt: 2), .text("x"), .completed(completed)])
        }
        _ = try await server.run(["chat", "hi"], console: console)
        let lines = console.transcript.errors.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines.first?.hasPrefix("local/tiny · about 11 tokens · ") == true)
        #expect(lines.dropFirst().first == "the answer was cut by the token limit")
        #expect(lines.last == "local/tiny answered after a/x failed: unreachable: refused")
    }

    @Test("what was shown and is void is said plainly, and the next attempt's answer counts")
    func superseded() async throws {
        let server = ScriptedServer { _, writer, _ in
            try await writer.send([
                .started(model: "a/x"), .text("Once"), .superseded("truncated", "it broke off"),
                .started(attempt: 2), .text("Twice"), .completed(),
            ])
        }
        let console = RecordingConsole(input: ["tell", "go on"])
        #expect(try await server.run(["chat", "-q"], console: console) == .success)
        let void = "(what came before is void: truncated: it broke off; another attempt begins)"
        #expect(console.transcript.both == "Once\n\(void)\nTwice\nOnce\n\(void)\nTwice\n")
        #expect(server.streamRequests.last?.messages[1] == .saying("Twice", as: .assistant))
        let json = RecordingConsole()
        #expect(try await server.run(["chat", "tell", "--json"], console: json) == .success)
        #expect(json.transcript.errors.isEmpty)
    }

    @Test("an attempt that goes on from what was sent adds to it")
    func continued() async throws {
        let server = ScriptedServer { _, writer, _ in
            try await writer.send([
                .started(model: "a/x"), .text("Once "), .started(attempt: 2, continued: true), .text("upon"),
                .completed(),
            ])
        }
        let console = RecordingConsole()
        #expect(try await server.run(["chat", "tell"], console: console) == .success)
        #expect(console.transcript.output == "Once upon\n")
        #expect(console.transcript.errors.hasPrefix("local/tiny · 11 tokens"))
    }

    @Test(
        "what an answer cost is said where it is known",
        arguments: [(false, " · $0.000123\n"), (true, " · about $0.000123\n")]
    )
    func cost(estimated: Bool, words: String) async throws {
        var completed = Roundhouse_V1_Completed.scripted()
        completed.cost.nanoUsd = 123_000
        completed.cost.estimated = estimated
        let console = RecordingConsole()
        let server = ScriptedServer { [completed] _, writer, _ in
            try await writer.send([.started(), .text("x"), .completed(completed)])
        }
        _ = try await server.run(["chat", "hi"], console: console)
        #expect(console.transcript.errors.hasSuffix(words))
    }

    @Test("fragments of tool calls are put together by index")
    func toolCalls() async throws {
        let console = RecordingConsole()
        let server = ScriptedServer { _, writer, _ in
            try await writer.send([
                .started(), .toolCall(1, name: "b", arguments: "{\"y\""), .toolCall(0, name: "a", arguments: "{}"),
                .toolCall(1, arguments: ":2}"), .completed(.scripted(.toolCalls)),
            ])
        }
        _ = try await server.run(["chat", "hi", "-q"], console: console)
        #expect(
            console.transcript.errors == """
                the model wants a tool called: a({})
                the model wants a tool called: b({"y":2})

                """
        )
    }

    @Test("control sequences of a model do not reach a terminal, but do reach a file")
    func sanitized() async throws {
        let hostile = "a\u{1B}[2Jb\u{9B}c\r\n\td\u{7}"
        let server = ScriptedServer { _, writer, _ in try await writer.answer(hostile) }
        let terminal = RecordingConsole(traits: .init(isTerminal: true, columns: 80, isStyled: false))
        _ = try await server.run(["chat", "hi", "-q"], console: terminal)
        #expect(terminal.transcript.output == "a[2Jbc\n\td\n")
        let file = RecordingConsole()
        _ = try await server.run(["chat", "hi", "-q"], console: file)
        #expect(file.transcript.output == hostile + "\n")
    }

    @Test(
        "a stream that breaks its promises is an error, never an answer",
        arguments: [
            [Event.started(), .text("x")], [], [.started(), .completed(), .completed()], [.text("x"), .completed()],
            [.started(), .started(attempt: 2), .completed()], [.superseded("unreachable", "")],
            [.started(), .superseded("unreachable", ""), .completed()],
        ]
    )
    func brokenPromises(events: [Event]) async throws {
        let console = RecordingConsole()
        let server = ScriptedServer { _, writer, _ in try await writer.send(events) }
        #expect(try await server.run(["chat", "hi"], console: console) == .failure)
        #expect(console.transcript.errors.contains("the stream"))
    }

    @Test("a missing event is noticed")
    func gap() async throws {
        let console = RecordingConsole()
        let server = ScriptedServer { _, writer, _ in
            try await writer.send([.started(), .text("x")])
            try await writer.send([.completed()], from: 3)
        }
        #expect(try await server.run(["chat", "hi"], console: console) == .failure)
        #expect(console.transcript.errors.contains("event 3 came where 2 was expected"))
    }

    @Test("a cut answer keeps its text and its error starts on a new line")
    func cut() async throws {
        let console = RecordingConsole()
        let server = ScriptedServer { _, writer, _ in
            try await writer.send([.started(), .text("Once upon")])
            await console.shown("Once upon")
            throw RPCError(code: .unavailable, message: "the answer was cut")
        }
        #expect(try await server.run(["chat", "hi"], console: console) == .unavailable)
        #expect(console.transcript.both.hasPrefix("Once upon\nroundhouse: the answer was cut (UNAVAILABLE)\n"))
    }

    @Test("when nobody reads the output the command leaves the call and ends quietly")
    func closedOutput() async throws {
        let console = RecordingConsole(closesAfter: 4)
        let server = ScriptedServer { _, writer, context in
            try await writer.send([.started(), .text("more than four")])
            // The server never ends this stream: the command ends because it leaves the call.
            try await context.cancellation.cancelled
        }
        #expect(try await server.run(["chat", "hi"], console: console) == .success)
        #expect(console.transcript.errors.isEmpty)
    }

    @Test("Ctrl-C leaves the call, and the status says so")
    func interrupted() async throws {
        let (interruptions, interrupt) = AsyncStream.makeStream(of: Void.self)
        let console = RecordingConsole()
        let server = ScriptedServer { _, writer, context in
            try await writer.send([.started(), .text("x")])
            await console.shown("x")
            interrupt.yield()
            // The server never ends this stream: the command ends because it leaves the call.
            try await context.cancellation.cancelled
        }
        let status = await CommandRun.status(json: false, address: nil, console: console) {
            try await Interruption.run(
                {
                    try await server.withGateway { gateway in
                        try await (try ChatCommand.parse(["hi"])).execute(gateway, console)
                    }
                },
                until: interruptions
            )
        }
        #expect(status == .interrupted)
        #expect(console.transcript.output == "x\n")
        #expect(console.transcript.errors.isEmpty)
    }

    @Test("--timeout is the call's deadline")
    func deadline() async throws {
        let console = RecordingConsole()
        let server = ScriptedServer { _, writer, context in try await context.cancellation.cancelled }
        let status = try await server.run(["chat", "hi", "--timeout", "0.05"], console: console)
        #expect(status == .tryLater)
        #expect(console.transcript.errors.contains("DEADLINE_EXCEEDED"))
        #expect(console.transcript.errors.contains("--timeout"))
    }
}
