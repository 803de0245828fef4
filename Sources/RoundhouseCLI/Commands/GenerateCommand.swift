internal import ArgumentParser
internal import GRPCCore
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

    @Flag(help: "Show how a model is loaded while the answer waits for it.")
    var progress = false

    func execute(_ gateway: Gateway, _ console: any Console) async throws {
        let prompt = try await PromptSource.prompt(self.prompt, from: console)
        let response = try await self.answer(prompt, gateway, console)
        if self.connection.json {
            try await console.write(json: response)
            return
        }
        let text = console.output.isTerminal ? TerminalText.sanitized(response.text) : response.text
        try await console.write(text.hasSuffix("\n") ? text : text + "\n")
        if !self.quiet {
            await console.show(AnswerSummary(model: response.model, completed: response.completed))
        }
    }

    private func answer(
        _ prompt: String,
        _ gateway: Gateway,
        _ console: any Console
    ) async throws -> Roundhouse_V1_GenerateResponse {
        // Lines of progress would stand in the way of a program that reads the error.
        guard self.progress, !self.connection.json else {
            return try await gateway.generation.generate(
                try self.generation.request(prompt: prompt),
                options: gateway.workOptions
            )
        }
        var request: Roundhouse_V1_StreamGenerateRequest = try self.generation.request(prompt: prompt)
        request.includeProgress = true
        return try await gateway.generation.streamGenerate(request, options: gateway.workOptions) { response in
            var collector = AnswerCollector(console)
            return try await collector.collect(response.messages)
        }
    }
}
