internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension RouteCommand {
    struct Explain: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show who would be asked, in which order, and who would not and why. Nothing is sent to them.",
            discussion: "The prompt counts by its length. The score is the strategy's: smaller is asked first."
        )

        @Argument(help: ArgumentHelp("The prompt; words are joined. '-' reads standard input.", valueName: "prompt"))
        var prompt: [String] = []

        @Option(name: .shortAndLong, help: ArgumentHelp("An id, an alias or 'auto'.", valueName: "model"))
        var model: String?

        @Option(help: ArgumentHelp("The most tokens to generate, for the cost.", valueName: "count"))
        var maxOutputTokens: Int32?

        @OptionGroup(title: "Routing")
        var routing: RoutingOptions

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            var request = Roundhouse_V1_ExplainRouteRequest()
            request.model = self.model ?? ""
            if !self.prompt.isEmpty {
                let words = self.prompt.joined(separator: " ")
                request.messages = [.saying(try await PromptSource.prompt(words, from: console), as: .user)]
            }
            if let value = self.maxOutputTokens { request.maxOutputTokens = value }
            self.routing.apply(to: &request)
            let response = try await gateway.generation.explainRoute(request, options: gateway.queryOptions)
            guard !self.connection.json else { return try await console.write(json: response) }
            try await console.write(RouteTexts.page(response.route, for: console.output))
        }
    }
}
