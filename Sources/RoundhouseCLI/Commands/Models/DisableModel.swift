internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct Disable: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep requests from a model, and unload it once those under way have ended."
        )

        @Argument(help: ArgumentHelp("The model's id.", valueName: "model"))
        var model: String

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await console.waiting(for: "disabling \(self.model)", json: self.connection.json) {
                try await gateway.registry.disableModel(
                    .with { $0.model = self.model },
                    options: gateway.workOptions
                )
            }
            guard !self.connection.json else { return try await console.write(json: response.model) }
            try await console.write(line: "\(response.model.id) is disabled; it is \(StateTexts.text(response.model))")
        }
    }
}
