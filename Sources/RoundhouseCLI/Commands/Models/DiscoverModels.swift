internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct Discover: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ask providers what they have, and look into the model folders.",
            discussion: """
                Adds what is new, updates what was discovered before and marks what is gone. Nothing is deleted, and \
                nothing that a person registered is changed. Ends with 1 when a provider could not be asked.
                """
        )

        @Option(
            help: ArgumentHelp(
                "Ask only this one, 'local' for the model folders. May be repeated.",
                valueName: "provider"
            )
        )
        var provider: [String] = []

        @Flag(name: .customLong("dry-run"), help: "Only report, register nothing.")
        var isDryRun = false

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await console.waiting(for: "asking for models", json: self.connection.json) {
                try await gateway.registry.discoverModels(
                    .with {
                        $0.providers = self.provider
                        $0.validateOnly = self.isDryRun
                    },
                    options: gateway.workOptions
                )
            }
            if self.connection.json {
                try await console.write(json: response)
            } else {
                for provider in response.providers {
                    try await console.write(Self.text(provider, for: console.output))
                }
                if response.providers.isEmpty { await console.note("there is no provider to ask\n") }
                if self.isDryRun { await console.note("nothing was registered\n") }
            }
            if response.providers.contains(where: { !$0.error.isEmpty }) { throw QuietEnding(status: .failure) }
        }

        private static func text(_ found: Roundhouse_V1_ProviderDiscovery, for traits: TerminalTraits) -> String {
            let name = traits.bold(TerminalText.singleLine(found.provider))
            guard found.error.isEmpty else {
                return "\(name): could not be asked: \(TerminalText.singleLine(found.error))\n"
            }
            let counts = "\(found.added.count) new, \(found.changed.count) changed, \(found.gone.count) gone"
            let models = [("+", found.added), ("~", found.changed), ("-", found.gone), ("!", found.skipped)]
            let lines = models.flatMap { mark, entries in
                entries.map { "  \(mark) \(TerminalText.singleLine($0))\n" }
            }
            return "\(name): \(counts), \(found.unchangedCount) as known\n" + lines.joined()
        }
    }
}
