internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ProvidersCommand {
    struct List: ClientCommand {
        static let configuration = CommandConfiguration(abstract: "List the providers.")

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let providers = try await gateway.providers()
            if self.connection.json {
                try await console.write(json: Roundhouse_V1_ListProvidersResponse.with { $0.providers = providers })
            } else if providers.isEmpty {
                await console.note("no providers; 'roundhouse status' shows what is missing\n")
            } else {
                try await console.write(ProviderTexts.table(providers))
            }
        }
    }
}
