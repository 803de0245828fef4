import GRPCCore
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import RoundhouseCLI

@Suite(.timeLimit(.minutes(1)))
struct ConversationTests {
    /// A server that answers each question with its number.
    private func counting(failing failures: [String: RPCError] = [:]) -> ScriptedServer {
        ScriptedServer { request, writer, _ in
            let question = request.messages.last?.parts.first?.text ?? ""
            if let failure = failures[question] { throw failure }
            try await writer.answer("re: \(question)")
        }
    }

    @Test("each line of a pipe is a turn that knows the turns before")
    func history() async throws {
        let server = self.counting()
        let console = RecordingConsole(input: ["one", "", "two"])
        #expect(try await server.run(["chat", "-q", "-s", "sys"], console: console) == .success)
        #expect(console.transcript.both == "re: one\nre: two\n")
        #expect(
            server.streamRequests.last?.messages == [
                .saying("sys", as: .system), .saying("one", as: .user), .saying("re: one", as: .assistant),
                .saying("two", as: .user),
            ]
        )
    }

    @Test("/clear forgets, /model changes the model, /quit ends")
    func commands() async throws {
        let server = self.counting()
        let console = RecordingConsole(input: ["one", "/clear", "/model fast", "two", "/quit", "three"])
        #expect(try await server.run(["chat", "-q"], console: console) == .success)
        #expect(server.streamRequests.map(\.model) == ["", "fast"])
        #expect(server.streamRequests.last?.messages == [.saying("two", as: .user)])
        #expect(console.transcript.output == "re: one\nre: two\n")
    }

    @Test("a failed turn is shown, forgotten and does not end the conversation; a script learns of it at the end")
    func failedTurn() async throws {
        let server = self.counting(failing: ["bad": RPCError(code: .notFound, message: "no such model")])
        let console = RecordingConsole(input: ["bad", "good"])
        #expect(try await server.run(["chat", "-q"], console: console) == .notFound)
        #expect(console.transcript.both == "roundhouse: no such model (NOT_FOUND)\nre: good\n")
        #expect(server.streamRequests.last?.messages == [.saying("good", as: .user)])
    }

    @Test("a person has seen the failure: the status is that of the conversation")
    func failedTurnOnTerminal() async throws {
        let server = self.counting(failing: ["bad": RPCError(code: .notFound, message: "no such model")])
        let console = RecordingConsole(input: ["bad"], isInputTerminal: true)
        #expect(try await server.run(["chat", "-q"], console: console) == .success)
        #expect(console.transcript.errors.contains("no such model"))
    }

    @Test("on a terminal there is a prompt, and a backslash goes on to the next line")
    func terminal() async throws {
        let server = self.counting()
        let console = RecordingConsole(input: ["one\\", "two"], isInputTerminal: true)
        #expect(try await server.run(["chat", "-q", "-m", "fast"], console: console) == .success)
        #expect(server.streamRequests.last?.messages == [.saying("one\ntwo", as: .user)])
        #expect(console.transcript.errors == "chat with fast at here:1; /help lists commands\n> . > \n")
    }

    @Test("the conversation goes on with the output closed only until the next word")
    func closedOutput() async throws {
        let server = self.counting()
        let console = RecordingConsole(input: ["one", "two"], closesAfter: 0)
        #expect(try await server.run(["chat"], console: console) == .success)
        #expect(server.streamRequests.count == 1)
    }

    @Test(
        "lines mean what they look like",
        arguments: [
            ("", ChatInput.nothing), ("  \t", .nothing), ("hi /quit", .say("hi /quit")), ("/quit", .quit),
            (" /exit ", .quit), ("/clear", .clear), ("/model", .model(nil)), ("/model  a/b ", .model("a/b")),
            ("/help", .help), ("/clera", .unknown(command: "/clera")), ("/clera x", .unknown(command: "/clera")),
            ("//quit", .say("/quit")), ("/etc/hosts is what?", .say("/etc/hosts is what?")), ("/2", .say("/2")),
        ]
    )
    func input(line: String, meaning: ChatInput) {
        #expect(ChatInput(line) == meaning)
    }
}
