internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct Delete: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forget a model; its files stay.",
            discussion: "'models uninstall' deletes the files that 'models install' brought."
        )

        @Argument(help: ArgumentHelp("The model's id.", valueName: "model"))
        var model: String

        @Option(help: ArgumentHelp("Delete it only if this is its etag still.", valueName: "etag"))
        var etag: String?

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await console.waiting(for: "deleting \(self.model)", json: self.connection.json) {
                try await gateway.registry.deleteModel(
                    .with {
                        $0.model = self.model
                        $0.etag = self.etag ?? ""
                    },
                    // It is unloaded first.
                    options: gateway.workOptions
                )
            }
            guard !self.connection.json else { return try await console.write(json: response) }
            try await console.write(line: "\(self.model) is forgotten")
        }
    }
}
