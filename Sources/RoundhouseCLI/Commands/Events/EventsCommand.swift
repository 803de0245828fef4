internal import ArgumentParser

struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Show what happened to models, and follow it.",
        discussion: "Without a subcommand it lists: 'roundhouse events --follow' works.",
        subcommands: [List.self],
        defaultSubcommand: List.self
    )
}
