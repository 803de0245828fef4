internal import ArgumentParser
internal import GRPCCore
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct Profile: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Measure a model by sending it the same request several times.",
            discussion: """
                The figures are kept with the model. Requests to a cloud model cost money. Ctrl-C ends it. With \
                --json each run is one line of JSON, the last with 'profile'.
                """
        )

        @Argument(help: ArgumentHelp("An id ('local/small') or an alias ('default').", valueName: "model"))
        var model: String

        @Option(help: ArgumentHelp("How many requests, 1 to 1000. Default: 10.", valueName: "count"))
        var runs: Int32?

        @Option(name: .shortAndLong, help: ArgumentHelp("The prompt. Default: a built-in one.", valueName: "text"))
        var prompt: String?

        @Option(help: ArgumentHelp("Tokens of each answer at most, 1 to 4096. Default: 32.", valueName: "count"))
        var maxOutputTokens: Int32?

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func validate() throws {
            // 0 means the default on the wire, which nobody who types 0 means.
            if let runs = self.runs, !(1...1000).contains(runs) {
                throw ValidationError("--runs must be 1 to 1000, not \(runs)")
            }
            if let tokens = self.maxOutputTokens, !(1...4096).contains(tokens) {
                throw ValidationError("--max-output-tokens must be 1 to 4096, not \(tokens)")
            }
        }

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let job = ProfileJob(model: self.model, console: console, json: self.connection.json)
            do {
                try await gateway.lifecycle.profileModel(
                    .with {
                        $0.model = self.model
                        $0.runCount = self.runs ?? 0
                        $0.prompt = self.prompt ?? ""
                        $0.maxOutputTokens = self.maxOutputTokens ?? 0
                    },
                    options: gateway.workOptions
                ) { try await job.follow($0.messages) }
            } catch {
                if Task.isCancelled, !self.connection.json {
                    await console.note("the profile was given up; nothing of it is kept\n")
                }
                throw error
            }
        }
    }
}
