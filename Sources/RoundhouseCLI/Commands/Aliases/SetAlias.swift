internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension AliasesCommand {
    struct Set: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set where an alias leads; make it if there is none.",
            discussion: """
                The first model is asked, the others in turn when it fails. With weights one is drawn for each request:
                  roundhouse aliases set default local/small=9 openai/gpt-4o-mini=1 --reason canary
                A weight of 0 means: asked only after the others failed.
                """
        )

        @Argument(help: ArgumentHelp("The alias.", valueName: "alias"))
        var alias: String

        @Argument(
            help: ArgumentHelp("Ids of models, each with a weight of 0 to 1000 if wanted.", valueName: "model[=weight]")
        )
        var targets: [String]

        @Flag(help: "Draw one by weight; those without a weight have 1. Any weight implies it.")
        var weighted = false

        @Option(help: ArgumentHelp("Why, for the history and the event.", valueName: "text"))
        var reason: String?

        @OptionGroup
        var change: ChangeOptions

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func validate() throws {
            _ = try self.parsedTargets()
        }

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let parsed = try self.parsedTargets()
            let response = try await gateway.registry.updateAlias(
                .with {
                    $0.alias.name = self.alias
                    $0.alias.targets = parsed.targets
                    $0.alias.mode = parsed.isWeighted ? .weighted : .ordered
                    $0.alias.etag = self.change.etag ?? ""
                    // An etag says that it exists.
                    $0.allowMissing = self.change.etag == nil
                    $0.reason = self.reason ?? ""
                    $0.validateOnly = self.change.isDryRun
                },
                options: gateway.queryOptions
            )
            guard !self.connection.json else { return try await console.write(json: response.alias) }
            let leads = AliasTexts.targets(response.alias.targets, response.alias.mode)
            let did = self.change.isDryRun ? "can lead to \(leads)" : "leads to \(leads) (etag \(response.alias.etag))"
            try await console.write(line: "\(self.alias) \(did)")
        }

        private func parsedTargets() throws -> (targets: [Roundhouse_V1_AliasTarget], isWeighted: Bool) {
            let parts = self.targets.map { $0.split(separator: "=", omittingEmptySubsequences: false).map(String.init) }
            let isWeighted = self.weighted || parts.contains { $0.count > 1 }
            let targets = try zip(self.targets, parts).map { text, parts -> Roundhouse_V1_AliasTarget in
                var target = Roundhouse_V1_AliasTarget.with { $0.model = parts[0] }
                if parts.count == 2, let weight = Int32(parts[1]), (0...1000).contains(weight) {
                    target.weight = weight
                } else if parts.count == 1 {
                    target.weight = isWeighted ? 1 : 0
                } else {
                    throw ValidationError("'\(text)' must be MODEL or MODEL=WEIGHT with a weight of 0 to 1000")
                }
                guard !target.model.isEmpty else { throw ValidationError("'\(text)' names no model") }
                return target
            }
            return (targets, isWeighted)
        }
    }
}
