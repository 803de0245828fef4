internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension EventsCommand {
    struct List: ClientCommand {
        private static let defaultLimit = 100

        static let configuration = CommandConfiguration(
            abstract: "List the last events, the newest at the end, or follow them as they happen.",
            discussion: """
                A line is: time, type, model (after its alias), reason, attributes. --follow goes on until Ctrl-C, \
                through restarts of the server, and loses nothing. With --json each WatchEventsResponse is one line.
                Types: \(EventTexts.typeNames.joined(separator: ", ")).
                """
        )

        @Flag(name: .shortAndLong, help: "Go on with what happens from now on.")
        var follow = false

        @Option(
            help: ArgumentHelp(
                "With --follow: begin with what came after this event; 0 for everything that is kept.",
                valueName: "sequence"
            )
        )
        var after: Int64?

        @Option(
            name: [.customShort("n"), .long],
            help: ArgumentHelp("How many to list. Default: \(Self.defaultLimit).", valueName: "count")
        )
        var limit: Int?

        @Option(help: ArgumentHelp("Only events of this type. May be repeated.", valueName: "type"))
        var type: [String] = []

        @Option(help: ArgumentHelp("Only events of this model.", valueName: "model"))
        var model: String?

        @Option(help: ArgumentHelp("Only events of this alias.", valueName: "alias"))
        var alias: String?

        @Option(help: ArgumentHelp("Only events of this provider.", valueName: "provider"))
        var provider: String?

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func validate() throws {
            _ = try self.types()
            if self.after != nil && !self.follow { throw ValidationError("--after needs --follow") }
            if self.limit != nil && self.follow { throw ValidationError("--limit goes without --follow") }
            if let after = self.after, after < 0 {
                throw ValidationError("--after must be at least 0, not \(after)")
            }
            if let limit = self.limit, !(1...1_000_000).contains(limit) {
                throw ValidationError("--limit must be 1 to 1000000, not \(limit)")
            }
        }

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            self.follow ? try await self.watch(gateway, console) : try await self.list(gateway, console)
        }

        private func list(_ gateway: Gateway, _ console: any Console) async throws {
            let types = try self.types()
            let events = try await gateway.events(
                .with {
                    $0.types = types
                    $0.model = self.model ?? ""
                    $0.alias = self.alias ?? ""
                    $0.provider = self.provider ?? ""
                },
                limit: self.limit ?? Self.defaultLimit
            )
            if self.connection.json {
                try await console.write(json: Roundhouse_V1_ListEventsResponse.with { $0.events = events })
            } else if events.isEmpty {
                await console.note("no events\n")
            } else {
                // As a log is read, and as --follow goes on.
                try await console.write(
                    events.reversed().map { EventTexts.line($0, for: console.output) }.joined()
                )
            }
        }

        private func watch(_ gateway: Gateway, _ console: any Console) async throws {
            let types = try self.types()
            let request = Roundhouse_V1_WatchEventsRequest.with {
                $0.types = types
                $0.model = self.model ?? ""
                $0.alias = self.alias ?? ""
                $0.provider = self.provider ?? ""
            }
            let follower = EventFollower(
                gateway: gateway,
                console: console,
                json: self.connection.json,
                request: request,
                after: self.after
            )
            do {
                try await follower.follow()
            } catch {
                if Task.isCancelled, !self.connection.json, let last = follower.last {
                    await console.note("to go on from here: roundhouse events --follow --after \(last)\n")
                }
                throw error
            }
        }

        private func types() throws -> [Roundhouse_V1_EventType] {
            try self.type.map { name in
                guard let type = EventTexts.type(named: name) else {
                    let known = EventTexts.typeNames.joined(separator: ", ")
                    throw ValidationError("--type: there is no '\(name)'; there are \(known)")
                }
                return type
            }
        }
    }
}
