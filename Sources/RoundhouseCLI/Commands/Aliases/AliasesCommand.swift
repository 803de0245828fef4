internal import ArgumentParser

struct AliasesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "aliases",
        abstract: "Look at aliases and change where they lead.",
        discussion: """
            Without a subcommand it lists them. 'models switch' and 'models rollback' change the active model of an \
            alias without dropping a request.
            """,
        subcommands: [List.self, Show.self, Set.self, Delete.self],
        defaultSubcommand: List.self
    )
}
