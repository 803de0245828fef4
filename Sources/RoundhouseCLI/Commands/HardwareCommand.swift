internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

struct HardwareCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "hardware",
        abstract: "Show what the server's machine has, and which local models fit on it.",
        discussion: """
            Fit 'well' leaves room to spare; 'barely' does only with little room, or when others are unloaded. Speeds \
            with '~' are estimated from how fast memory can be read; the others were measured by 'models profile'.
            """
    )

    @Argument(
        help: ArgumentHelp(
            "Ids of models. Default: every one that could be loaded.", valueName: "model")
    )
    var models: [String] = []

    @Flag(help: "Exit with 1 when one of the models does not fit.")
    var check = false

    @OptionGroup(title: "Connection")
    var connection: ConnectionOptions

    func execute(_ gateway: Gateway, _ console: any Console) async throws {
        let answer = try await gateway.health.getHardware(
            .with { $0.models = self.models }, options: gateway.queryOptions)
        if self.connection.json {
            try await console.write(json: answer)
        } else {
            try await console.write(HardwareTexts.page(answer, for: console.output))
        }
        if self.check && answer.models.contains(where: { $0.fit == .not }) { throw QuietEnding(status: .failure) }
    }
}
