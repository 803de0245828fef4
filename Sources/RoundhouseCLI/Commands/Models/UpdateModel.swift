internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct Update: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change fields of a model.",
            discussion: """
                roundhouse models update openai/gpt-4o-mini --set price_input=0.15 --set price_output=0.6 --set tags=cheap
                """
        )

        @Argument(help: ArgumentHelp("The model's id.", valueName: "model"))
        var model: String

        @OptionGroup
        var edits: ModelEditOptions

        @OptionGroup
        var change: ChangeOptions

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func validate() throws {
            guard !self.edits.settings.isEmpty else { throw ValidationError("nothing to change: --set is needed") }
        }

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let edits = try self.edits.edits()
            let response = try await gateway.registry.updateModel(
                .with {
                    $0.model.id = self.model
                    $0.model.etag = self.change.etag ?? ""
                    edits.apply(to: &$0.model)
                    $0.updateMask.paths = edits.paths
                    $0.validateOnly = self.change.isDryRun
                },
                options: gateway.workOptions
            )
            guard !self.connection.json else { return try await console.write(json: response.model) }
            let did = self.change.isDryRun ? "can be changed so" : "was changed (etag \(response.model.etag))"
            try await console.write(line: "\(response.model.id) \(did)")
        }
    }
}
