internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct Enable: ClientCommand {
        static let configuration = CommandConfiguration(abstract: "Let requests reach a model again.")

        @Argument(help: ArgumentHelp("The model's id.", valueName: "model"))
        var model: String

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await gateway.registry.enableModel(
                .with { $0.model = self.model },
                options: gateway.queryOptions
            )
            guard !self.connection.json else { return try await console.write(json: response.model) }
            try await console.write(line: "\(response.model.id) is enabled; it is \(StateTexts.text(response.model))")
        }
    }
}
