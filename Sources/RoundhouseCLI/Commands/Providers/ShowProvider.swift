internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ProvidersCommand {
    struct Show: ClientCommand {
        static let configuration = CommandConfiguration(abstract: "Show one provider.", aliases: ["get"])

        @Argument(help: ArgumentHelp("The provider's name.", valueName: "provider"))
        var provider: String

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await gateway.registry.getProvider(
                .with { $0.provider = self.provider },
                options: gateway.queryOptions
            )
            guard !self.connection.json else { return try await console.write(json: response.provider) }
            try await console.write(ProviderTexts.page(response.provider))
        }
    }
}
