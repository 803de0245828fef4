internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct Unload: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a model out of memory once its requests have ended.",
            discussion: "Returns when the memory is free. Ctrl-C ends the waiting, not the unloading."
        )

        @Argument(help: ArgumentHelp("An id ('local/small') or an alias ('default').", valueName: "model"))
        var model: String

        @Flag(help: "Cut requests that go on for longer than --grace.")
        var force = false

        @Option(
            help: ArgumentHelp(
                "How long requests may go on when forced, such as 30s; 0 to 1h.",
                discussion: "Default: 10s.",
                valueName: "duration"
            )
        )
        var grace: DurationArgument?

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func validate() throws {
            if self.grace != nil && !self.force { throw ValidationError("--grace needs --force") }
            if let grace = self.grace?.duration, grace > .seconds(3600) {
                throw ValidationError("--grace must be 0 to 1h, not \(Figures.duration(grace))")
            }
        }

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response: Roundhouse_V1_UnloadModelResponse
            do {
                response = try await console.waiting(for: "unloading \(self.model)", json: self.connection.json) {
                    try await gateway.lifecycle.unloadModel(
                        .with {
                            $0.model = self.model
                            $0.force = self.force
                            if let grace = self.grace { $0.grace = .init(rounding: grace.duration) }
                        },
                        options: gateway.workOptions
                    )
                }
            } catch {
                if Task.isCancelled, !self.connection.json {
                    await console.note(line: "the unloading of \(self.model) goes on in the server")
                }
                throw error
            }
            guard !self.connection.json else { return try await console.write(json: response) }
            try await console.write(line: LoadTexts.sentence(response))
        }
    }
}
