internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

struct RecommendationsCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "recommendations",
        abstract: "Show what could be done better, why, and what it would bring; or do it.",
        discussion: """
            --apply takes a number of the list or, better for scripts, an id, which always means the same advice. It \
            shows the call, asks on the terminal, looks whether the advice still stands, and makes the call. What is \
            no call but a change of the configuration is only told, and the command exits with 3. More than one \
            --apply are numbers of the same list.
            """
    )

    @Option(
        help: ArgumentHelp("The time that the evidence is of: 1h, 6h, 24h, 7d or 30d. Default: 7d.", valueName: "range")
    )
    var range: RangeArgument?

    @Option(help: ArgumentHelp("Follow this one; repeatable.", valueName: "number|id"))
    var apply: [String] = []

    @Flag(help: "Apply without asking.")
    var yes = false

    @OptionGroup(title: "Connection")
    var connection: ConnectionOptions

    func validate() throws {
        if self.yes && self.apply.isEmpty { throw ValidationError("--yes needs --apply") }
    }

    func execute(_ gateway: Gateway, _ console: any Console) async throws {
        let range = self.range?.range ?? .unspecified
        guard self.apply.isEmpty else {
            return try await RecommendationRun(
                gateway: gateway, console: console, json: self.connection.json, isUnattended: self.yes, range: range
            )
            .apply(self.apply)
        }
        let answer = try await gateway.recommendations(range)
        if self.connection.json {
            try await console.write(json: answer)
        } else if answer.recommendations.isEmpty {
            await console.note("there is nothing to recommend\n")
        } else {
            try await console.write(RecommendationTexts.page(answer.recommendations, for: console.output))
        }
    }
}
