internal import ArgumentParser
internal import GRPCCore
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct List: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the models.",
            discussion: """
                A filter compares fields and joins comparisons with AND, OR and NOT:
                  --filter 'provider = "openai" AND capabilities:vision AND price_output <= 0.6'
                """
        )

        @Option(help: ArgumentHelp("Only models of this provider.", valueName: "provider"))
        var provider: String?

        @Option(help: ArgumentHelp("Only models for which this holds.", valueName: "filter"))
        var filter: String?

        @Option(
            help: ArgumentHelp("Fields to sort by: 'price_output, id desc'. Default: the id.", valueName: "fields")
        )
        var orderBy: String?

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await self.ask(gateway)
            if self.connection.json {
                try await console.write(json: response)
            } else if !response.models.isEmpty {
                try await console.write(ModelTexts.table(response.models))
            } else if self.provider == nil && self.filter == nil {
                await console.note("no models; 'roundhouse status' shows what is missing\n")
            } else {
                await console.note("no model is like that\n")
            }
        }

        private func ask(_ gateway: Gateway) async throws -> Roundhouse_V1_ListModelsResponse {
            do {
                return try await gateway.models(
                    .with {
                        $0.provider = self.provider ?? ""
                        $0.filter = self.filter ?? ""
                        $0.orderBy = self.orderBy ?? ""
                    }
                )
            } catch let error as RPCError {
                // The texts that the error's position is in.
                throw ExpressionError(
                    error: error,
                    expressions: ["filter": self.filter, "order_by": self.orderBy].compactMapValues { $0 }
                )
            }
        }
    }
}
