internal import ArgumentParser

struct ProvidersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "providers",
        abstract: "Look at providers, register and change them.",
        discussion: "Without a subcommand it lists them.",
        subcommands: [List.self, Show.self, Create.self, Update.self, Delete.self, Filter.self],
        defaultSubcommand: List.self
    )
}
