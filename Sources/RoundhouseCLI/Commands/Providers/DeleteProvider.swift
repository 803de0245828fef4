internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ProvidersCommand {
    struct Delete: ClientCommand {
        static let configuration = CommandConfiguration(abstract: "Forget a provider that has no models any more.")

        @Argument(help: ArgumentHelp("The provider's name.", valueName: "provider"))
        var provider: String

        @Option(help: ArgumentHelp("Delete it only if this is its etag still.", valueName: "etag"))
        var etag: String?

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await gateway.registry.deleteProvider(
                .with {
                    $0.provider = self.provider
                    $0.etag = self.etag ?? ""
                },
                options: gateway.queryOptions
            )
            guard !self.connection.json else { return try await console.write(json: response) }
            try await console.write(line: "\(self.provider) is forgotten")
        }
    }
}
