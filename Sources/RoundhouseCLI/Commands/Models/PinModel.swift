internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct Pin: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep a model from being evicted or unloaded for being idle.",
            discussion: "It is not loaded by this."
        )

        @Argument(help: ArgumentHelp("An id ('local/small') or an alias ('default').", valueName: "model"))
        var model: String

        @Flag(help: "Let go of it instead.")
        var unpin = false

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await gateway.lifecycle.pinModel(
                .with {
                    $0.model = self.model
                    $0.unpin = self.unpin
                },
                options: gateway.queryOptions
            )
            guard !self.connection.json else { return try await console.write(json: response.model) }
            let did = self.unpin ? "is no longer pinned" : "is pinned"
            try await console.write(line: "\(response.model.id) \(did); it is \(StateTexts.text(response.model))")
        }
    }
}
