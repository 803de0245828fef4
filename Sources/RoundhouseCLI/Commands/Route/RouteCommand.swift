internal import ArgumentParser

struct RouteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "route",
        abstract: "Look at how requests find their model.",
        subcommands: [Explain.self]
    )
}
