internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

struct AnomaliesCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "anomalies",
        abstract: "Show what was out of the ordinary: slow answers, errors, surges of traffic.",
        discussion: "Those that are not over come first, then the latest. docs/Telemetry.md tells what counts as one."
    )

    @Argument(
        help: ArgumentHelp(
            "Only those of this model, by id; 'system' for those of all requests together. Default: all.",
            valueName: "model"
        )
    )
    var model: String?

    @Option(help: ArgumentHelp("How far back: 1h, 6h, 24h, 7d or 30d. Default: 24h.", valueName: "range"))
    var range: RangeArgument?

    @OptionGroup(title: "Connection")
    var connection: ConnectionOptions

    func execute(_ gateway: Gateway, _ console: any Console) async throws {
        let answer = try await gateway.anomalies(of: self.model ?? "", self.range?.range ?? .oneDay)
        if self.connection.json {
            try await console.write(json: answer)
        } else if answer.anomalies.isEmpty {
            await console.note("nothing was out of the ordinary\n")
        } else {
            try await console.write(AnomalyTexts.page(answer.anomalies, for: console.output))
        }
    }
}
