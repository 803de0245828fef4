internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct Rollback: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Go back to what an alias led to before its last change.",
            discussion: "'roundhouse aliases show ALIAS' lists the revisions that it can go back to."
        )

        @Argument(help: ArgumentHelp("The alias.", valueName: "alias"))
        var alias: String

        @Option(help: ArgumentHelp("The revision to go back to. Default: the newest.", valueName: "etag"))
        var revision: String?

        @Option(help: ArgumentHelp("Why, for the history and the event.", valueName: "text"))
        var reason: String?

        @Option(help: ArgumentHelp("Roll back only if this is the alias's etag still.", valueName: "etag"))
        var etag: String?

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response = try await console.waiting(for: "rolling \(self.alias) back", json: self.connection.json) {
                try await gateway.registry.rollbackAlias(
                    .with {
                        $0.alias = self.alias
                        $0.revision = self.revision ?? ""
                        $0.reason = self.reason ?? ""
                        $0.etag = self.etag ?? ""
                    },
                    options: gateway.workOptions
                )
            }
            guard !self.connection.json else { return try await console.write(json: response) }
            let targets = AliasTexts.targets(response.alias.targets, response.alias.mode)
            let before = response.previousModel.isEmpty ? "" : ", before to \(response.previousModel)"
            try await console.write(
                line: "\(self.alias) leads to \(targets) again\(before) (etag \(response.alias.etag))"
            )
        }
    }
}
