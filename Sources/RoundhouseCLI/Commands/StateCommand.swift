internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

struct StateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "state",
        abstract: "What the server keeps on disk.",
        subcommands: [Save.self]
    )

    struct Save: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have the server write what is still in memory to disk, and say what is there.",
            discussion: """
                Statistics, events and request records wait in memory for a moment. Changes of models, providers and \
                aliases are on disk before their command ends.
                """
        )

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await gateway.admin.saveState(.init(), options: gateway.queryOptions)
            guard !self.connection.json else { return try await console.write(json: response) }
            var page = Page()
            page.add("database", "\(response.path), \(Figures.bytes(response.sizeBytes))")
            page.add("models", "\(response.modelCount), \(response.statisticsCount) with statistics")
            page.add("providers", "\(response.providerCount)")
            page.add("aliases", "\(response.aliasCount)")
            page.add("events", "up to \(response.eventSequence)")
            page.add("requests", "\(Figures.count(response.requestRecordCount, "record")) written now")
            page.add("took", response.hasElapsed ? Figures.duration(Duration(response.elapsed)) : "")
            try await console.write(page)
        }
    }
}
