import ArgumentParser
import GRPCCore
import GRPCProtobuf
import Testing

@testable import RoundhouseCLI

@Suite(.timeLimit(.minutes(1)))
struct FailureTests {
    @Test(
        "each gRPC status has its documented exit status",
        arguments: [
            (RPCError.Code.invalidArgument, 65), (.notFound, 66), (.unavailable, 69), (.deadlineExceeded, 75),
            (.resourceExhausted, 75), (.unauthenticated, 77), (.permissionDenied, 77), (.internalError, 1),
            (.failedPrecondition, 1), (.cancelled, 1), (.unimplemented, 1),
        ] as [(RPCError.Code, Int32)]
    )
    func statuses(code: RPCError.Code, number: Int32) async throws {
        let console = RecordingConsole()
        let server = ScriptedServer { _, _, _ in throw RPCError(code: code, message: "why") }
        #expect(try await server.run(["chat", "hi"], console: console).rawValue == number)
        #expect(console.transcript.errors.hasPrefix("roundhouse: why ("))
        #expect(console.transcript.output.isEmpty)
    }

    private static func status(
        _ code: RPCError.Code,
        _ message: String,
        _ details: [ErrorDetails]
    ) -> RPCError {
        RPCError(GoogleRPCStatus(code: code, message: message, details: details))
    }

    private static let invalid = Self.status(
        .invalidArgument,
        "the request is invalid",
        [
            .errorInfo(reason: "INVALID_REQUEST", domain: "roundhouse"),
            .badRequest(violations: [
                .init(field: "temperature", description: "is 3, expected 0 to 2"),
                .init(field: "stop[1]", description: "is empty"),
            ]),
            .requestInfo(requestID: "r1", servingData: ""),
        ]
    )

    @Test("the line says what happened and why, and names every field at fault")
    func violations() {
        let report = FailureReport(Self.invalid)
        #expect(
            report.text == """
                the request is invalid (INVALID_ARGUMENT, INVALID_REQUEST)
                  temperature: is 3, expected 0 to 2
                  stop[1]: is empty

                """
        )
    }

    @Test("what the message says already is not said twice")
    func noRepetition() {
        let error = Self.status(
            .unavailable,
            "every model failed: a/x: unreachable; b/y: timed out",
            [
                .errorInfo(
                    reason: "UPSTREAM_UNREACHABLE",
                    domain: "roundhouse",
                    metadata: ["attempt_1": "a/x: unreachable", "attempt_10": "z", "attempt_2": "b/y: timed out"]
                )
            ]
        )
        let report = FailureReport(error, address: "h:1")
        #expect(report.attempts == ["a/x: unreachable", "b/y: timed out", "z"])
        #expect(
            report.text
                == """
                every model failed: a/x: unreachable; b/y: timed out (UNAVAILABLE, UPSTREAM_UNREACHABLE)

                """
                .replacing("\n", with: "\n  tried z\n", maxReplacements: 1)
        )
    }

    @Test("with --json the error is one line of JSON on standard error")
    func json() async throws {
        let console = RecordingConsole()
        let server = ScriptedServer { _, _, _ in throw Self.invalid }
        #expect(try await server.run(["chat", "hi", "--json"], console: console) == .invalidArgument)
        #expect(
            console.transcript.errors == #"""
                {"error":{"code":"INVALID_ARGUMENT","exitStatus":65,"message":"the request is invalid",\#
                "reason":"INVALID_REQUEST","requestId":"r1","violations":[\#
                {"description":"is 3, expected 0 to 2","field":"temperature"},\#
                {"description":"is empty","field":"stop[1]"}]}}

                """#
        )
        #expect(console.transcript.output.isEmpty)
    }

    @Test("a server that is not there is advised on, one that speaks for itself is not")
    func advice() {
        let silent = FailureReport(RPCError(code: .unavailable, message: "connection refused"), address: "h:1")
        #expect(silent.text.contains("is the server running at h:1? start it with 'roundhouse serve'"))
        let speaking = FailureReport(
            Self.status(.unavailable, "busy", [.errorInfo(reason: "UPSTREAM_OVERLOADED", domain: "roundhouse")]),
            address: "h:1"
        )
        #expect(speaking.hint == nil)
        let missing = FailureReport(
            Self.status(.notFound, "no", [.errorInfo(reason: "MODEL_NOT_FOUND", domain: "roundhouse")])
        )
        #expect(missing.hint == "'roundhouse models list' shows the models that exist")
    }

    @Test("details that cannot be read do not hide the error")
    func unreadableDetails() {
        let error = RPCError(
            code: .notFound,
            message: "why",
            metadata: ["grpc-status-details-bin": .binary([0xFF, 0xFF])]
        )
        let report = FailureReport(error)
        #expect(report.status == .notFound)
        #expect(report.text == "why (NOT_FOUND)\n")
    }

    @Test(
        "a command line that cannot be meant is refused with 64 before anything is sent",
        arguments: [
            ["chat", "hi", "--metadata", "x"], ["chat", "hi", "--metadata", "=x"],
            ["chat", "hi", "--metadata", "a=1", "--metadata", "a=2"], ["status", "--timeout", "0"],
            ["status", "--timeout", "nan"], ["status", "--certificate", "c"], ["chat", "two", "words"],
            ["chat", "hi", "--max-output-tokens", "3000000000"], ["models", "get"], ["nonsense"],
        ]
    )
    func usage(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try RoundhouseCommand.parseAsRoot(arguments) }
        guard let error else { return }
        #expect(RoundhouseCommand.exitCode(for: error).rawValue == ExitStatus.usage.rawValue)
    }

    @Test("the address comes from the flag, else the environment, else the default")
    func address() throws {
        let environment = ["ROUNDHOUSE_ADDRESS": "env:2"]
        #expect(
            try ConnectionOptions.parse(["--address", "flag:1"]).settings(environment: environment).address == "flag:1")
        #expect(try ConnectionOptions.parse([]).settings(environment: environment).address == "env:2")
        let none = try ConnectionOptions.parse([])
        #expect(none.settings(environment: ["ROUNDHOUSE_ADDRESS": ""]).address == "127.0.0.1:50051")
        #expect(!none.settings(environment: [:]).usesTLS)
        #expect(try ConnectionOptions.parse(["--ca", "f"]).settings(environment: [:]).usesTLS)
    }

    @Test("the help names every exit status")
    func help() {
        let help = RoundhouseCommand.helpMessage()
        for status in ExitStatus.allCases {
            #expect(help.contains("\(status.rawValue)  \(status.meaning)"))
        }
    }
}
