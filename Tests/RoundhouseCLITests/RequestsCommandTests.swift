import ArgumentParser
import GRPCCore
import RoundhouseAPI
import SwiftProtobuf
import Synchronization
import Testing

@testable import RoundhouseCLI

@Suite(.timeLimit(.minutes(1)))
struct RequestsCommandTests {
    private typealias Asked = Roundhouse_V1_ListRequestsRequest
    private typealias Answer = Roundhouse_V1_ListRequestsResponse

    private static func request(_ sequence: Int64) -> Roundhouse_V1_RequestRecord {
        .with {
            $0.sequence = sequence
            $0.id = "request-\(sequence)"
            $0.requestedModel = "default"
            $0.model = "local/small"
            $0.startTime = .with { $0.seconds = 1_700_000_000 + sequence }
            $0.latency = .with { $0.nanos = 850_000_000 }
            $0.firstTokenLatency = .with { $0.nanos = 42_000_000 }
            $0.usage = .with { ($0.inputTokens, $0.outputTokens) = (12, 34567) }
            $0.cost = .with { $0.nanoUsd = 123_000 }
            $0.attempts = [.init(), .init()]
            $0.status = "OK"
        }
    }

    private static func answer(_ sequences: [Int64], next: String = "", last: Int64? = nil) -> Answer {
        .with {
            $0.requests = sequences.map(Self.request)
            $0.nextPageToken = next
            $0.lastSequence = last ?? sequences.first ?? 0
        }
    }

    private static let title =
        "TIME     ID                                   MODEL                            STATUS            "
        + "LATENCY  FIRST    IN/OUT      COST TRY\n2023-11-14 UTC\n"

    private static func line(_ sequence: Int64) -> String {
        "22:13:2\(sequence) request-\(sequence)                            local/small                      OK      "
            + "            850ms   42ms    12/35k $0.000123   2\n"
    }

    @Test("the newest are asked for and shown in the order of a log, under their day")
    func list() async throws {
        let server = ScriptedServer(scripts: [
            .answer { (request: Asked) in
                request.pageToken.isEmpty ? Self.answer([3, 2], next: "next") : Self.answer([1], next: "more")
            }
        ])
        let console = RecordingConsole()
        let arguments = ["requests", "-n", "3", "--filter", "status = OK"]
        #expect(try await server.run(arguments, console: console) == .success)
        #expect(console.transcript.output == Self.title + Self.line(1) + Self.line(2) + Self.line(3))
        let asked = server.requests(Asked.self)
        #expect(asked.map(\.pageSize) == [3, 1] && asked.map(\.pageToken) == ["", "next"])
        #expect(asked.allSatisfy { $0.filter == "status = OK" })
        let json = RecordingConsole()
        _ = try await server.run(["requests", "--limit", "2", "--json"], console: json)
        #expect(try Answer(jsonString: json.transcript.output) == Self.answer([3, 2]))
    }

    @Test("no requests are said beside the output, which stays empty")
    func none() async throws {
        let server = ScriptedServer(scripts: [.answer(Asked.self, with: Answer())])
        let console = RecordingConsole()
        #expect(try await server.run(["requests"], console: console) == .success)
        #expect(console.transcript.output.isEmpty && console.transcript.errors == "no requests\n")
        #expect(server.requests(Asked.self).map(\.pageSize) == [100])
    }

    @Test("a line fits the terminal, whatever stands in it", arguments: [80, 100, 200])
    func fits(columns: Int) {
        var lines = RequestLines(for: TerminalTraits(isTerminal: true, columns: columns, isStyled: false))
        var wide = Self.request(1)
        wide.id = "0123abcd-0123-4567-89ab-0123456789ab"
        wide.model = "openrouter/meta-llama/llama-3.3-70b-instruct:free\u{1B}[2J"
        wide.status = "DEADLINE_EXCEEDED"
        wide.latency = .with { $0.seconds = 359_990 }
        wide.firstTokenLatency = .with { ($0.seconds, $0.nanos) = (59, 994_000_000) }
        wide.usage = .with { ($0.inputTokens, $0.outputTokens) = (123_456_789, 999_499) }
        wide.cost = .with { $0.nanoUsd = 999_990_000_000 }
        wide.attempts = Array(repeating: .init(), count: 120)
        let text = lines.text(of: wide)
        let shown = text.split(separator: "\n")
        #expect(shown.count == 3 && !text.contains("\u{1B}"))
        #expect(shown.allSatisfy { TerminalText.width(String($0)) <= columns }, "\(text)")
        #expect(shown[2].hasPrefix("22:13:21 0123abcd openrouter/") && shown[2].hasSuffix(" 120"), "\(text)")
        #expect(shown[2].contains("99h59m 59.99s 123M/999k   $999.99"), "\(text)")
        // Nothing is known of it, and it came the next day.
        let bare = Roundhouse_V1_RequestRecord.with {
            $0.id = "customer-request-17"
            $0.requestedModel = "fast"
            $0.startTime = .with { $0.seconds = 1_700_100_000 }
            $0.status = "CANCELLED"
        }
        let next = lines.text(of: bare).split(separator: "\n")
        #expect(next.count == 2 && next[0] == "2023-11-16 UTC")
        let words = next[1].split(separator: " ")
        #expect(words.prefix(3) == ["02:00:00", "…uest-17", "fast"] && words.suffix(5) == ["0ms", "-", "-", "-", "0"])
    }

    @Test("figures are short and never claim nothing for something")
    func figures() {
        let durations: [(Duration, String)] = [
            (.zero, "0ms"), (.microseconds(999_400), "999ms"), (.microseconds(999_600), "1.00s"),
            (.milliseconds(59_994), "59.99s"), (.milliseconds(59_996), "1m00s"), (.seconds(185), "3m05s"),
            (.seconds(3599.6), "1h00m"), (.seconds(8040), "2h14m"), (.seconds(Int64.max), "99h59m"),
        ]
        for (duration, text) in durations { #expect(RequestLines.duration(duration) == text) }
        let counts: [(Int64, String)] = [
            (0, "0"), (9999, "9999"), (10_000, "10k"), (999_499, "999k"), (999_500, "1.0M"), (9_949_999, "9.9M"),
            (9_950_000, "10M"), (123_456_789, "123M"),
        ]
        for (count, text) in counts { #expect(RequestLines.count(count) == text) }
        let costs: [(Int64, String)] = [
            (0, "$0"), (1, "<$.000001"), (499, "<$.000001"), (500, "$0.000001"), (123_000, "$0.000123"),
            (9_999_000, "$0.009999"), (10_000_000, "$0.0100"), (1_234_560_000, "$1.2346"), (9_999_949_000, "$9.9999"),
            (9_999_951_000, "$10.00"), (12_345_678_901, "$12.35"), (999_990_000_000, "$999.99"),
        ]
        for (cost, text) in costs { #expect(RequestLines.cost(cost) == text) }
    }

    /// Follows a server whose answers are scripted one after another; the one after the last is an interruption.
    private func follow(
        _ arguments: [String] = [],
        console: RecordingConsole,
        answers: [@Sendable () throws -> Answer]
    ) async throws -> (status: RoundhouseCLI.ExitStatus, asked: [Asked]) {
        let (interruptions, interrupt) = AsyncStream.makeStream(of: Void.self)
        let count = Mutex(0)
        let server = ScriptedServer(scripts: [
            .answer { (_: Asked) in
                let index = count.withLock { count in
                    count += 1
                    return count - 1
                }
                if index < answers.count { return try answers[index]() }
                interrupt.yield()
                return try answers[answers.count - 1]()
            }
        ])
        let status = try await server.run(["requests", "--follow"] + arguments, console: console, until: interruptions)
        return (status, Array(server.requests(Asked.self).prefix(answers.count)))
    }

    @Test("follow shows the last ones, then looks every second for what came after the last sequence")
    func follows() async throws {
        let console = RecordingConsole()
        let (status, asked) = try await self.follow(
            ["--filter", "status = OK OR streamed"],
            console: console,
            answers: [
                { Self.answer([2, 1], last: 4) }, { Self.answer([], last: 4) },
                { Self.answer([6], next: "x", last: 7) },
                { Self.answer([5], last: 9) }, { Self.answer([], last: 7) },
            ]
        )
        #expect(status == .interrupted)
        #expect(
            console.transcript.output == Self.title + Self.line(1) + Self.line(2) + Self.line(5) + Self.line(6))
        let news = "(status = OK OR streamed) AND sequence > "
        #expect(
            asked.map(\.filter) == ["status = OK OR streamed", news + "4", news + "4", news + "4", news + "7"])
        #expect(asked.map(\.pageToken) == ["", "", "", "x", ""] && asked[0].pageSize == 10)
        #expect(console.time.sleeps.prefix(3).allSatisfy { $0 == .seconds(1) })
        #expect(console.transcript.errors.isEmpty)
    }

    @Test("follow waits for a server that is away, and begins anew with one that counts anew")
    func away() async throws {
        let console = RecordingConsole()
        let away: @Sendable () throws -> Answer = { throw RPCError(code: .unavailable, message: "refused") }
        let (_, asked) = try await self.follow(
            ["-n", "0"],
            console: console,
            answers: [
                { Self.answer([8]) }, away, away, away, { Self.answer([], last: 8) }, { Self.answer([], last: 1) },
                { Self.answer([1]) }, { Self.answer([], last: 1) },
            ]
        )
        #expect(console.transcript.output == Self.title + Self.line(1))
        #expect(asked.map(\.filter).suffix(4) == ["sequence > 8", "sequence > 8", "sequence > 0", "sequence > 1"])
        #expect(asked[0].pageSize == 1)
        #expect(console.time.sleeps.prefix(4) == [.seconds(1), .seconds(1), .seconds(2), .seconds(4)])
        #expect(
            console.transcript.errors == """
                the server is away (refused); waiting for it
                the server is back
                the server counts its requests anew: some may be missing here

                """
        )
    }

    @Test("a first look that fails is an error, and so is what another try cannot mend")
    func failures() async throws {
        for answers: [@Sendable () throws -> Answer] in [
            [{ throw RPCError(code: .unavailable, message: "because") }],
            [{ Self.answer([1]) }, { throw RPCError(code: .permissionDenied, message: "because") }],
        ] {
            let console = RecordingConsole()
            let (status, asked) = try await self.follow(console: console, answers: answers)
            #expect(status == (answers.count == 1 ? .unavailable : .denied) && asked.count == answers.count)
            #expect(console.transcript.errors.contains("because"))
        }
    }

    @Test("with --json each request that follows is a line, and nothing is said beside")
    func json() async throws {
        let console = RecordingConsole()
        _ = try await self.follow(
            ["--json"],
            console: console,
            answers: [
                { Self.answer([2, 1]) }, { throw RPCError(code: .unavailable, message: "away") }, { Self.answer([3]) },
                { Self.answer([], last: 3) },
            ])
        let lines = try console.transcript.output.split(separator: "\n").map {
            try Roundhouse_V1_RequestRecord(jsonString: String($0))
        }
        #expect(lines == [1, 2, 3].map(Self.request) && console.transcript.errors.isEmpty)
    }

    @Test(
        "a requests command that cannot be meant is refused with 64",
        arguments: [["--limit", "0"], ["--limit", "-1", "--follow"], ["--limit", "1000001"], ["x"]]
    )
    func usage(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try RoundhouseCommand.parseAsRoot(["requests"] + arguments) }
        guard let error else { return }
        #expect(RoundhouseCommand.exitCode(for: error).rawValue == ExitStatus.usage.rawValue)
    }
}
