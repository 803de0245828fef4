internal import ArgumentParser

struct ModelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "Look at models, register, install, load and switch them.",
        discussion: "Without a subcommand it lists the models.",
        groupedSubcommands: [
            CommandGroup(
                name: "Registry",
                subcommands: [
                    List.self, Show.self, Discover.self, Detect.self, Install.self, Uninstall.self, Create.self,
                    Update.self, Delete.self, Enable.self, Disable.self,
                ]
            ),
            CommandGroup(name: "Aliases", subcommands: [Switch.self, Rollback.self]),
            CommandGroup(
                name: "Memory",
                subcommands: [Load.self, Unload.self, Loaded.self, Pin.self, WarmUp.self, Plan.self]
            ),
            CommandGroup(name: "Figures", subcommands: [Profile.self, Statistics.self]),
        ],
        defaultSubcommand: List.self
    )
}
