internal import ArgumentParser
internal import RoundhouseAPI

extension ModelsCommand {
    struct Loaded: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what is in memory, and how full each memory is.",
            discussion: "A '~' before a size marks what was predicted and not measured yet.",
            aliases: ["ps"]
        )

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await gateway.loadedModels()
            guard !self.connection.json else { return try await console.write(json: response) }
            if response.models.isEmpty {
                await console.note("nothing is loaded\n")
            } else {
                try await console.write(LoadTexts.table(response.models))
            }
            guard !response.devices.isEmpty else { return }
            if !response.models.isEmpty { try await console.write("\n") }
            try await console.write(LoadTexts.table(response.devices))
        }
    }
}
