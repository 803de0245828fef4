internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

struct ProvidersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "providers",
        abstract: "Look at the providers that the server knows.",
        subcommands: [List.self]
    )

    struct List: ClientCommand {
        static let configuration = CommandConfiguration(abstract: "List the providers.")

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let providers = try await gateway.providers()
            if self.connection.json {
                let response = Roundhouse_V1_ListProvidersResponse.with { $0.providers = providers }
                try await console.write(response.jsonString() + "\n")
            } else if providers.isEmpty {
                await console.note("no providers; 'roundhouse status' shows what is missing\n")
            } else {
                try await console.write(Self.table(providers).rendered(for: console.output))
            }
        }

        private static func table(_ providers: [Roundhouse_V1_Provider]) -> Table {
            var table = Table([
                .init(title: "PROVIDER"), .init(title: "KIND"), .init(title: "MODELS", alignment: .right),
                .init(title: "CREDENTIALS"), .init(title: "ADDRESS", canShrink: true),
            ])
            for provider in providers {
                table.add([
                    provider.id, provider.kind, "\(provider.modelCount)", provider.hasCredentials_p ? "yes" : "no",
                    provider.baseURL,
                ])
            }
            return table
        }
    }
}
