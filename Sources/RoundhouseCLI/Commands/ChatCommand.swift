internal import ArgumentParser

struct ChatCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat",
        abstract: "Talk with a model; the answer appears as it is made.",
        discussion: """
            Without a prompt it is a conversation: each line of the input is a turn, /help lists commands, Ctrl-D ends.
            The answer goes to standard output; thoughts, figures and errors go to standard error. With --json each \
            event of the stream is one line of JSON.
            """
    )

    @Argument(help: ArgumentHelp("What to ask. '-' reads it from standard input.", valueName: "prompt"))
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
        var session = ChatSession(
            gateway: gateway,
            console: console,
            options: self.generation,
            json: self.connection.json,
            quiet: self.quiet,
            showsProgress: self.progress
        )
        guard let prompt = self.prompt else { return try await session.converse() }
        try await session.ask(try await PromptSource.prompt(prompt, from: console))
    }
}
