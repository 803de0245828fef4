internal import ArgumentParser
internal import GRPCCore
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct Load: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Load a model into memory, and wait until it can be asked.",
            discussion: """
                Joins a load that is under way. Ctrl-C ends the waiting, not the load. With --json each step is one \
                line of JSON, the last with 'loaded'.
                """
        )

        @Argument(help: ArgumentHelp("An id ('local/small') or an alias ('default').", valueName: "model"))
        var model: String

        @Flag(help: "Also keep it in memory: it is neither evicted nor unloaded for being idle.")
        var pin = false

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let job = LoadJob(console: console, json: self.connection.json)
            do {
                try await gateway.lifecycle.loadModel(
                    .with {
                        $0.model = self.model
                        $0.pin = self.pin
                    },
                    options: gateway.workOptions
                ) { try await job.follow($0.messages) }
            } catch {
                if Task.isCancelled, !self.connection.json {
                    await console.note(
                        line: "the load of \(self.model) goes on in the server; "
                            + "'roundhouse models load \(self.model)' joins it again, "
                            + "'roundhouse models unload \(self.model)' ends it"
                    )
                }
                throw error
            }
        }
    }
}
