internal import ArgumentParser
internal import GRPCCore
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct WarmUp: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Load models and have each answer a first request, so that the first user does not wait.",
            discussion: """
                Without names: all enabled models that are not lazy and fit. Ends with 1 when a model could not be \
                warmed up. With --json each step is one line of JSON, the last with 'summary'.
                """
        )

        @Argument(help: ArgumentHelp("Ids or aliases.", valueName: "model"))
        var models: [String] = []

        @Flag(help: "Also load lazy models, when none are named.")
        var includeLazy = false

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func validate() throws {
            if self.includeLazy && !self.models.isEmpty {
                throw ValidationError("--include-lazy goes without names: a named model is loaded, lazy or not")
            }
        }

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let job = WarmUpJob(console: console, json: self.connection.json)
            do {
                try await gateway.lifecycle.warmUp(
                    .with {
                        $0.models = self.models
                        $0.includeLazy = self.includeLazy
                    },
                    options: gateway.workOptions
                ) { try await job.follow($0.messages) }
            } catch {
                if Task.isCancelled, !self.connection.json {
                    await console.note("loads that have begun go on in the server\n")
                }
                throw error
            }
        }
    }
}
