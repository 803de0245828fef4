internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

struct TokensCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokens",
        abstract: "Measure prompts.",
        subcommands: [Count.self]
    )

    struct Count: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Count the input tokens that a prompt would take, without generating."
        )

        @Argument(help: ArgumentHelp("The prompt. Default or '-': standard input.", valueName: "text"))
        var text: String?

        @Option(name: .shortAndLong, help: ArgumentHelp("An id, an alias or 'auto'.", valueName: "model"))
        var model: String?

        @Option(name: .shortAndLong, help: ArgumentHelp("Instructions for the model.", valueName: "text"))
        var system: String?

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let text = try await PromptSource.prompt(self.text, from: console)
            let system = self.system.map { [Roundhouse_V1_Message.saying($0, as: .system)] } ?? []
            let response = try await gateway.generation.countTokens(
                .with {
                    $0.model = self.model ?? ""
                    $0.messages = system + [.saying(text, as: .user)]
                },
                options: gateway.queryOptions
            )
            if self.connection.json {
                try await console.write(response.jsonString() + "\n")
                return
            }
            try await console.write("\(response.inputTokens)\n")
            let how = response.estimated ? "estimated for" : "counted by"
            await console.note(console.errors.dim("\(how) \(TerminalText.singleLine(response.model))") + "\n")
        }
    }
}
