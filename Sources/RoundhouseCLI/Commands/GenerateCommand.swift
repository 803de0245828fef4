internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

struct GenerateCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Generate a whole answer, for scripts.",
        discussion: "With --json it prints the GenerateResponse as one line of protobuf JSON."
    )

    @Argument(help: ArgumentHelp("What to ask. Default or '-': standard input.", valueName: "prompt"))
    var prompt: String?

    @OptionGroup(title: "Generation")
    var generation: GenerationOptions

    @OptionGroup(title: "Connection")
    var connection: ConnectionOptions

    @Flag(name: .shortAndLong, help: "Leave out the figures after the answer.")
    var quiet = false

    func execute(_ gateway: Gateway, _ console: any Console) async throws {
        let request: Roundhouse_V1_GenerateRequest = try self.generation.request(
            prompt: try await PromptSource.prompt(self.prompt, from: console)
        )
        let response = try await gateway.generation.generate(request, options: gateway.generationOptions)
        if self.connection.json {
            try await console.write(response.jsonString() + "\n")
            return
        }
        let text = console.output.isTerminal ? TerminalText.sanitized(response.text) : response.text
        try await console.write(text.hasSuffix("\n") ? text : text + "\n")
        if !self.quiet {
            await console.show(AnswerSummary(model: response.model, completed: response.completed))
        }
    }
}
