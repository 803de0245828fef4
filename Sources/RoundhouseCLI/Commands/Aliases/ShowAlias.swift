internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension AliasesCommand {
    struct Show: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show one alias, and what it led to before.",
            aliases: ["get"]
        )

        @Argument(help: ArgumentHelp("The alias.", valueName: "alias"))
        var alias: String

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await gateway.registry.getAlias(
                .with { $0.alias = self.alias },
                options: gateway.queryOptions
            )
            guard !self.connection.json else { return try await console.write(json: response.alias) }
            try await console.write(AliasTexts.page(response.alias))
            if !response.alias.history.isEmpty {
                try await console.write("\n")
                try await console.write(AliasTexts.history(response.alias))
            }
        }
    }
}
