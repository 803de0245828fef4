internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension AliasesCommand {
    struct List: ClientCommand {
        static let configuration = CommandConfiguration(abstract: "List the aliases.")

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let aliases = try await gateway.aliases()
            if self.connection.json {
                try await console.write(json: Roundhouse_V1_ListAliasesResponse.with { $0.aliases = aliases })
            } else if aliases.isEmpty {
                await console.note("no aliases; 'roundhouse aliases set ALIAS MODEL' makes one\n")
            } else {
                try await console.write(AliasTexts.table(aliases))
            }
        }
    }
}
