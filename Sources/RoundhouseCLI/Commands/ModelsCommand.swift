internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

struct ModelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "Look at the models that the server knows.",
        subcommands: [List.self, Get.self]
    )

    struct List: ClientCommand {
        static let configuration = CommandConfiguration(abstract: "List the models.")

        @Option(help: ArgumentHelp("Only models of this provider.", valueName: "provider"))
        var provider: String?

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let models = try await gateway.models(provider: self.provider ?? "")
            if self.connection.json {
                let response = Roundhouse_V1_ListModelsResponse.with { $0.models = models }
                try await console.write(response.jsonString() + "\n")
            } else if models.isEmpty {
                await console.note("no models; 'roundhouse status' shows what is missing\n")
            } else {
                try await console.write(ModelTexts.table(models).rendered(for: console.output))
            }
        }
    }

    struct Get: ClientCommand {
        static let configuration = CommandConfiguration(abstract: "Show one model.")

        @Argument(help: ArgumentHelp("An id ('local/small') or an alias ('default').", valueName: "model"))
        var model: String

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await gateway.registry.getModel(
                .with { $0.model = self.model },
                options: gateway.queryOptions
            )
            if self.connection.json {
                try await console.write(response.model.jsonString() + "\n")
            } else {
                try await console.write(ModelTexts.page(response.model).rendered(for: console.output))
            }
        }
    }
}
