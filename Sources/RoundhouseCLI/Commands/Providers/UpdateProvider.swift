internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ProvidersCommand {
    struct Update: ClientCommand {
        static let configuration = CommandConfiguration(abstract: "Change fields of a provider.")

        @Argument(help: ArgumentHelp("The provider's name.", valueName: "provider"))
        var provider: String

        @OptionGroup
        var edits: ProviderEditOptions

        @OptionGroup
        var change: ChangeOptions

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func validate() throws {
            guard !self.edits.settings.isEmpty else { throw ValidationError("nothing to change: --set is needed") }
        }

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let edits = try self.edits.edits()
            let response = try await gateway.registry.updateProvider(
                .with {
                    $0.provider.id = self.provider
                    $0.provider.etag = self.change.etag ?? ""
                    edits.apply(to: &$0.provider)
                    $0.updateMask.paths = edits.paths
                    $0.validateOnly = self.change.isDryRun
                },
                options: gateway.queryOptions
            )
            guard !self.connection.json else { return try await console.write(json: response.provider) }
            let did = self.change.isDryRun ? "can be changed so" : "was changed (etag \(response.provider.etag))"
            try await console.write(line: "\(response.provider.id) \(did)")
        }
    }
}
