internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct Statistics: ClientCommand {
        static let configuration = CommandConfiguration(
            commandName: "statistics",
            abstract: "Show how models are used.",
            discussion: """
                Success, latency, first token and tokens/s are moving averages. One model alone is shown with the \
                hours of the week in which it is asked.
                """,
            aliases: ["stats"]
        )

        @Argument(help: ArgumentHelp("Ids. Default: every model that was ever asked.", valueName: "model"))
        var models: [String] = []

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await gateway.telemetry.getStatistics(
                .with { $0.models = self.models },
                options: gateway.queryOptions
            )
            guard !self.connection.json else { return try await console.write(json: response) }
            if response.models.isEmpty {
                await console.note("no model was asked yet\n")
            } else {
                try await console.write(StatisticsTexts.table(response.models))
            }
            if self.models.count == 1, let model = response.models.first {
                let week = StatisticsTexts.week(model.hourlyUse)
                if !week.isEmpty { try await console.write("\n" + week) }
            }
            guard self.models.isEmpty, response.hasRegistry else { return }
            if !response.models.isEmpty { try await console.write("\n") }
            try await console.write(StatisticsTexts.page(response.registry))
        }
    }
}
