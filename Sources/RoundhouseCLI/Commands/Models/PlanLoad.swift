internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct Plan: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tell what loading a model would take: memory, who would be evicted, and why not."
        )

        @Argument(help: ArgumentHelp("An id ('local/small') or an alias ('default').", valueName: "model"))
        var model: String

        @Option(
            help: ArgumentHelp("Tokens of context to plan for. Default: as configured.", valueName: "tokens")
        )
        var contextLength: Int32?

        @Flag(help: "Exit with 1 when it cannot be loaded.")
        var check = false

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func validate() throws {
            if let tokens = self.contextLength, tokens < 1 {
                throw ValidationError("--context-length must be at least 1, not \(tokens)")
            }
        }

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await gateway.lifecycle.planLoad(
                .with {
                    $0.model = self.model
                    $0.contextLength = self.contextLength ?? 0
                },
                options: gateway.queryOptions
            )
            if self.connection.json {
                try await console.write(json: response.plan)
            } else {
                try await console.write(PlanTexts.text(response.plan, for: console.output))
            }
            let isPossible = response.plan.feasible || response.plan.alreadyLoaded
            if self.check && !isPossible { throw QuietEnding(status: .failure) }
        }
    }
}
