internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct Show: ClientCommand {
        static let configuration = CommandConfiguration(abstract: "Show one model.", aliases: ["get"])

        @Argument(help: ArgumentHelp("An id ('local/small') or an alias ('default').", valueName: "model"))
        var model: String

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await gateway.registry.getModel(
                .with { $0.model = self.model },
                options: gateway.queryOptions
            )
            guard !self.connection.json else { return try await console.write(json: response.model) }
            try await console.write(ModelTexts.page(response.model))
            if !response.model.versions.isEmpty {
                try await console.write("\n")
                try await console.write(ModelTexts.versions(response.model))
            }
            if response.model.hasProfile {
                try await console.write("\n" + console.output.bold("Last profile") + "\n")
                try await console.write(ProfileTexts.page(response.model.profile))
            }
        }
    }
}
