internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

struct RequestsCommand: ClientCommand {
    private static let defaultLimit = 100
    /// What is shown before what follows.
    private static let defaultBefore = 10

    static let configuration = CommandConfiguration(
        commandName: "requests",
        abstract: "List the last requests, the newest at the end, or follow them as they end.",
        discussion: """
            A line is: time (UTC), id, model, status, latency, time to the first token, tokens in and out, cost in \
            USD, attempts. --follow looks every second, until Ctrl-C, through restarts of the server. With --json \
            it writes each RequestRecord as one line.
            Filters are those of 'roundhouse models list': --filter 'status != OK AND latency > 2s', \
            --filter 'model = openai/* AND start_time >= 2026-01-31'. docs/Requests.md lists the fields.
            """
    )

    @Flag(name: .shortAndLong, help: "Go on with what ends from now on.")
    var follow = false

    @Option(help: ArgumentHelp("Only requests that pass.", valueName: "filter"))
    var filter: String?

    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp(
            "How many to list. Default: \(Self.defaultLimit), before those that follow \(Self.defaultBefore).",
            valueName: "count"
        )
    )
    var limit: Int?

    @OptionGroup(title: "Connection")
    var connection: ConnectionOptions

    func validate() throws {
        // Those that follow may be all that is wanted.
        let least = self.follow ? 0 : 1
        if let limit = self.limit, !(least...1_000_000).contains(limit) {
            throw ValidationError("--limit must be \(least) to 1000000, not \(limit)")
        }
    }

    func execute(_ gateway: Gateway, _ console: any Console) async throws {
        let filter = self.filter ?? ""
        guard !self.follow else {
            let follower = RequestFollower(
                gateway: gateway, console: console, json: self.connection.json, filter: filter)
            return try await follower.follow(after: self.limit ?? Self.defaultBefore)
        }
        let answer = try await gateway.requests(filter: filter, limit: self.limit ?? Self.defaultLimit)
        if self.connection.json {
            try await console.write(json: answer)
        } else if answer.requests.isEmpty {
            await console.note("no requests\n")
        } else {
            var lines = RequestLines(for: console.output)
            // As a log is read, and as --follow goes on.
            try await console.write(answer.requests.reversed().map { lines.text(of: $0) }.joined())
        }
    }
}
