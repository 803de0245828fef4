internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ProvidersCommand {
    struct Create: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Register a provider.",
            discussion: """
                Keys stay on the server's machine: name the variable or the file that holds one, never the key itself.
                """
        )

        @Argument(help: ArgumentHelp("Its name, the first part of its models' ids.", valueName: "provider"))
        var provider: String

        @Option(help: ArgumentHelp("Its kind: 'openai', 'ollama', 'custom' and so on.", valueName: "kind"))
        var kind: String

        @Option(
            name: .customLong("base-url"),
            help: ArgumentHelp("Where it is; needed for the kind 'custom'.", valueName: "url")
        )
        var baseURL: String?

        @Option(help: ArgumentHelp("The server's environment variable that holds its key.", valueName: "name"))
        var apiKeyEnvironment: String?

        @Option(help: ArgumentHelp("The file on the server's machine that holds its key.", valueName: "file"))
        var apiKeyFile: String?

        @OptionGroup
        var edits: ProviderEditOptions

        @Flag(name: .customLong("dry-run"), help: "Check everything and register nothing.")
        var isDryRun = false

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let edits = try self.edits.edits()
            let response = try await gateway.registry.createProvider(
                .with {
                    $0.provider.id = self.provider
                    $0.provider.kind = self.kind
                    $0.provider.baseURL = self.baseURL ?? ""
                    $0.provider.apiKeyEnvironment = self.apiKeyEnvironment ?? ""
                    $0.provider.apiKeyFile = self.apiKeyFile ?? ""
                    $0.provider.enabled = true
                    edits.apply(to: &$0.provider)
                    $0.validateOnly = self.isDryRun
                },
                options: gateway.queryOptions
            )
            guard !self.connection.json else { return try await console.write(json: response.provider) }
            let did = self.isDryRun ? "can be registered" : "is registered (etag \(response.provider.etag))"
            try await console.write(line: "\(self.provider) \(did)")
            guard !self.isDryRun else { return }
            await console.note(
                line: "'roundhouse models discover --provider \(self.provider)' asks it for its models"
            )
        }
    }
}
