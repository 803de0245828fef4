internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension AliasesCommand {
    struct Delete: ClientCommand {
        static let configuration = CommandConfiguration(abstract: "Forget an alias.")

        @Argument(help: ArgumentHelp("The alias.", valueName: "alias"))
        var alias: String

        @Option(help: ArgumentHelp("Delete it only if this is its etag still.", valueName: "etag"))
        var etag: String?

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await gateway.registry.deleteAlias(
                .with {
                    $0.alias = self.alias
                    $0.etag = self.etag ?? ""
                },
                options: gateway.queryOptions
            )
            guard !self.connection.json else { return try await console.write(json: response) }
            try await console.write(line: "\(self.alias) is forgotten")
        }
    }
}
