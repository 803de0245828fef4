import ArgumentParser
import GRPCCore
import GRPCProtobuf
import RoundhouseAPI
import SwiftProtobuf
import Synchronization
import Testing

@testable import RoundhouseCLI

@Suite(.timeLimit(.minutes(1)))
struct EventCommandTests {
    private typealias Watch = Roundhouse_V1_WatchEventsRequest
    private typealias Update = Roundhouse_V1_WatchEventsResponse

    private static func event(_ sequence: Int64) -> Roundhouse_V1_Event {
        .with {
            $0.sequence = sequence
            $0.eventTime = .with {
                $0.seconds = 1_700_000_000 + sequence
                $0.nanos = 42_000_000
            }
            $0.type = .modelLoaded
            $0.model = "local/small"
            $0.reason = "a request asked for it"
            $0.attributes = ["bytes": "1024", "note": "two words"]
        }
    }

    private static func line(_ sequence: Int64) -> String {
        "2023-11-14T22:13:2\(sequence).042Z  model-loaded         local/small  a request asked for it  "
            + "bytes=1024 note=\"two words\"\n"
    }

    private static func failure(_ code: RPCError.Code, _ reason: String) -> GoogleRPCStatus {
        GoogleRPCStatus(code: code, message: "because", details: [.errorInfo(reason: reason, domain: "roundhouse")])
    }

    @Test("list asks for the newest and shows them in the order of a log")
    func list() async throws {
        let server = ScriptedServer(scripts: [
            .answer { (request: Roundhouse_V1_ListEventsRequest) in
                Roundhouse_V1_ListEventsResponse.with {
                    $0.events = request.pageToken.isEmpty ? [Self.event(3), Self.event(2)] : [Self.event(1)]
                    $0.nextPageToken = "next"
                }
            }
        ])
        let console = RecordingConsole()
        let arguments = [
            "events", "list", "-n", "3", "--type", "model-loaded", "--type", "EVENT_TYPE_MODEL_EVICTED", "--model",
            "local/small", "--alias", "a", "--provider", "p",
        ]
        #expect(try await server.run(arguments, console: console) == .success)
        #expect(console.transcript.output == Self.line(1) + Self.line(2) + Self.line(3))
        let asked = server.requests(Roundhouse_V1_ListEventsRequest.self)
        #expect(asked.map(\.pageSize) == [3, 1])
        #expect(asked.map(\.pageToken) == ["", "next"])
        #expect(asked.first?.types == [.modelLoaded, .modelEvicted])
        #expect(asked.first.map { [$0.model, $0.alias, $0.provider] } == ["local/small", "a", "p"])
        let json = RecordingConsole()
        _ = try await server.run(["events", "--limit", "2", "--json"], console: json)
        let listed = try Roundhouse_V1_ListEventsResponse(jsonString: json.transcript.output)
        #expect(listed.events == [Self.event(3), Self.event(2)])
    }

    @Test("the subject of an event is its alias and model, else its provider")
    func subjects() {
        var event = Roundhouse_V1_Event.with {
            $0.type = .configChanged
            $0.alias = "default"
            $0.model = "local/a"
            $0.reason = "line\nbreak"
        }
        let shown = EventTexts.line(event, for: .plain)
        #expect(shown.hasSuffix("  config-changed       default: local/a  line break\n"))
        event = .with {
            $0.type = .initialized
            $0.provider = "openai"
        }
        #expect(EventTexts.line(event, for: .plain).hasSuffix("  initialized          openai\n"))
        event.provider = ""
        #expect(EventTexts.line(event, for: .plain).hasSuffix("  initialized          -\n"))
    }

    @Test("every type has a name of its own, by which it can be asked for")
    func types() {
        #expect(Set(EventTexts.typeNames).count == Roundhouse_V1_EventType.allCases.count - 1)
        for name in EventTexts.typeNames {
            let type = EventTexts.type(named: name)
            #expect(type.map(EventTexts.name) == name)
            #expect(EventTexts.type(named: "EVENT_TYPE_" + name.uppercased().replacing("-", with: "_")) == type)
        }
        #expect(EventTexts.type(named: "unknown") == nil)
    }

    /// A server whose watches are scripted one after another; the one after the last is an interruption.
    private func follow(
        _ arguments: [String] = [],
        console: RecordingConsole,
        watches: [@Sendable (RPCWriter<Update>) async throws -> Void]
    ) async throws -> (status: RoundhouseCLI.ExitStatus, asked: [Watch]) {
        let (interruptions, interrupt) = AsyncStream.makeStream(of: Void.self)
        let count = Mutex(0)
        let server = ScriptedServer(scripts: [
            .stream { (_: Watch, writer: RPCWriter<Update>, context) in
                let index = count.withLock { count in
                    count += 1
                    return count - 1
                }
                if index < watches.count { return try await watches[index](writer) }
                interrupt.yield()
                try await context.cancellation.cancelled
            }
        ])
        let status = try await server.run(["events", "--follow"] + arguments, console: console, until: interruptions)
        return (status, server.requests(Watch.self))
    }

    private static func send(_ sequences: Int64...) -> @Sendable (RPCWriter<Update>) async throws -> Void {
        { writer in
            for sequence in sequences {
                try await writer.write(.with { $0.event = Self.event(sequence) })
            }
        }
    }

    @Test("follow goes on after the last event when the server ends, dies or says that it lagged")
    func reconnects() async throws {
        let console = RecordingConsole()
        let (status, asked) = try await self.follow(
            ["--type", "model-loaded", "--model", "local/small"],
            console: console,
            watches: [
                Self.send(1, 2),
                { _ in throw RPCError(code: .unavailable, message: "connection refused") },
                { _ in throw RPCError(code: .unavailable, message: "connection refused") },
                { writer in
                    try await writer.write(.with { $0.heartbeat.sequence = 5 })
                    throw RPCError(code: .unavailable, message: "socket closed")
                },
                { writer in
                    try await Self.send(6)(writer)
                    throw Self.failure(.resourceExhausted, "WATCH_LAGGED")
                },
            ]
        )
        #expect(status == .interrupted)
        #expect(console.transcript.output == Self.line(1) + Self.line(2) + Self.line(6))
        #expect(asked.map(\.hasAfterSequence) == [false, true, true, true, true, true])
        #expect(asked.map(\.afterSequence) == [0, 2, 2, 2, 5, 6])
        #expect(asked.allSatisfy { $0.types == [.modelLoaded] && $0.model == "local/small" })
        // Away from the first end to the fourth watch, away again after it; a lagging watcher goes on at once.
        #expect(console.time.sleeps == [.milliseconds(500), .seconds(1), .seconds(2), .milliseconds(500)])
        #expect(
            console.transcript.errors == """
                the server is away (it ended the stream); waiting for it
                the server is back
                the server is away (socket closed); waiting for it
                the server is back
                events came faster than they were read; going on after 6
                to go on from here: roundhouse events --follow --after 6

                """
        )
    }

    @Test("the pause between tries does not grow for ever")
    func backoff() async throws {
        let console = RecordingConsole()
        let away: @Sendable (RPCWriter<Update>) async throws -> Void = { _ in
            throw RPCError(code: .unavailable, message: "away")
        }
        _ = try await self.follow(console: console, watches: [Self.send(1)] + Array(repeating: away, count: 9))
        #expect(console.time.sleeps.max() == .seconds(10))
        #expect(console.time.sleeps.count == 10)
    }

    @Test("events that expired while the server was away are said to be missing, and what is kept is shown")
    func expired() async throws {
        let console = RecordingConsole()
        let (_, asked) = try await self.follow(
            ["--after", "0"],
            console: console,
            watches: [Self.send(1), { _ in throw Self.failure(.outOfRange, "EVENTS_EXPIRED") }, Self.send(7)]
        )
        #expect(asked.map(\.afterSequence) == [0, 1, 0, 7])
        #expect(console.transcript.output == Self.line(1) + Self.line(7))
        #expect(console.transcript.errors.contains("events after 1 are no longer kept: some are missing here\n"))
    }

    @Test("a server that counts anew is followed from its beginning")
    func unknown() async throws {
        let console = RecordingConsole()
        let (_, asked) = try await self.follow(
            console: console,
            watches: [Self.send(5), { _ in throw Self.failure(.outOfRange, "EVENTS_UNKNOWN") }, Self.send(1)]
        )
        #expect(asked.map(\.afterSequence) == [0, 5, 0, 1])
        #expect(console.transcript.output == Self.line(5) + Self.line(1))
        #expect(console.transcript.errors.contains("the server knows no event 5: it has begun to count anew\n"))
    }

    @Test("a server that has lost what it keeps does not keep the command busy for ever")
    func hopeless() async throws {
        let console = RecordingConsole()
        let expired: @Sendable (RPCWriter<Update>) async throws -> Void = { _ in
            throw Self.failure(.outOfRange, "EVENTS_EXPIRED")
        }
        let (status, asked) = try await self.follow(console: console, watches: [Self.send(5), expired, expired])
        #expect(status == .failure)
        #expect(asked.map(\.afterSequence) == [0, 5, 0])
    }

    @Test("a first watch that fails is an error: the address or the question is wrong")
    func firstFailure() async throws {
        for (code, reason, status, hint) in [
            (RPCError.Code.unavailable, "", RoundhouseCLI.ExitStatus.unavailable, "because"),
            (.outOfRange, "EVENTS_EXPIRED", .failure, "'--after 0' begins with the oldest event that is kept"),
            (.resourceExhausted, "TOO_MANY_WATCHERS", .tryLater, "because"),
        ] {
            let console = RecordingConsole()
            let (ended, asked) = try await self.follow(
                ["--after", "3"],
                console: console,
                watches: [{ _ in throw Self.failure(code, reason) }]
            )
            #expect(ended == status)
            #expect(asked.count == 1)
            #expect(console.transcript.errors.contains(hint))
        }
    }

    @Test("what another try cannot mend ends it, also later")
    func lateFailure() async throws {
        let console = RecordingConsole()
        let (status, _) = try await self.follow(
            console: console,
            watches: [Self.send(1), { _ in throw RPCError(code: .permissionDenied, message: "no") }]
        )
        #expect(status == .denied)
    }

    @Test("with --json each message is a line, heartbeats too, and nothing is said beside")
    func json() async throws {
        let console = RecordingConsole()
        let (_, asked) = try await self.follow(
            ["--json", "--after", "0"],
            console: console,
            watches: [
                { writer in
                    try await Self.send(1)(writer)
                    try await writer.write(.with { $0.heartbeat.sequence = 4 })
                }
            ]
        )
        let lines = try console.transcript.output.split(separator: "\n").map { try Update(jsonString: String($0)) }
        #expect(lines == [.with { $0.event = Self.event(1) }, .with { $0.heartbeat.sequence = 4 }])
        #expect(console.transcript.errors.isEmpty)
        #expect(asked.map(\.hasAfterSequence) == [true, true])
        #expect(asked.map(\.afterSequence) == [0, 4])
    }

    @Test("it ends without a word when nobody reads any more")
    func closedOutput() async throws {
        let console = RecordingConsole(closesAfter: 10)
        let (status, asked) = try await self.follow(console: console, watches: [Self.send(1, 2)])
        #expect(status == .success)
        #expect(asked.count == 1)
        #expect(console.transcript.errors.isEmpty)
    }

    @Test(
        "an events command that cannot be meant is refused with 64",
        arguments: [
            ["--after", "3"], ["--follow", "--limit", "3"], ["--follow", "--after", "-1"], ["--limit", "0"],
            ["--type", "model-exploded"], ["--type", "unknown"], ["list", "x"],
        ]
    )
    func usage(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try RoundhouseCommand.parseAsRoot(["events"] + arguments) }
        guard let error else { return }
        #expect(RoundhouseCommand.exitCode(for: error).rawValue == ExitStatus.usage.rawValue)
    }
}
