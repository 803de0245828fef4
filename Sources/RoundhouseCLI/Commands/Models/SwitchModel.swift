internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ModelsCommand {
    struct Switch: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a model the active one of an alias, without dropping a request.",
            discussion: """
                The new model is loaded and warmed, the alias flips, and the old model ends its requests. Where both \
                do not fit into memory, the old one is drained first.
                """
        )

        @Argument(help: ArgumentHelp("The alias.", valueName: "alias"))
        var alias: String

        @Argument(help: ArgumentHelp("The id of the model that becomes its active one.", valueName: "model"))
        var model: String

        @Option(help: ArgumentHelp("Why, for the history and the event.", valueName: "text"))
        var reason: String?

        @Flag(name: .customLong("keep-loaded"), help: "Keep the old model in memory.")
        var keepsLoaded = false

        @OptionGroup
        var change: ChangeOptions

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let response: Roundhouse_V1_SwitchModelResponse
            do {
                response = try await console.waiting(
                    for: "switching \(self.alias) to \(self.model)", json: self.connection.json
                ) {
                    try await gateway.registry.switchModel(self.request, options: gateway.workOptions)
                }
            } catch {
                if Task.isCancelled, !self.connection.json, !self.change.isDryRun {
                    await console.note(line: "\(self.alias) was not switched; a load that had begun goes on")
                }
                throw error
            }
            guard !self.connection.json else { return try await console.write(json: response) }
            guard !self.change.isDryRun else { return try await self.showPlan(response, console) }
            try await console.write(line: SwitchTexts.sentence(response, alias: self.alias, model: self.model))
        }

        private var request: Roundhouse_V1_SwitchModelRequest {
            .with {
                $0.alias = self.alias
                $0.model = self.model
                $0.reason = self.reason ?? ""
                $0.etag = self.change.etag ?? ""
                $0.keepPreviousLoaded = self.keepsLoaded
                $0.validateOnly = self.change.isDryRun
            }
        }

        private func showPlan(_ response: Roundhouse_V1_SwitchModelResponse, _ console: any Console) async throws {
            let order = SwitchTexts.order(response.strategy, previous: response.previousModel)
            try await console.write(
                line: "\(self.alias) can be switched to \(self.model)" + (order.isEmpty ? "" : ": \(order)")
            )
            if response.hasPlan {
                try await console.write("\n" + PlanTexts.text(response.plan, for: console.output))
            }
        }
    }
}

/// Switches, as people read them.
enum SwitchTexts {
    /// "default leads to local/small now, before to local/tiny; loaded in 1.24 s, flipped in 0 ms".
    static func sentence(_ response: Roundhouse_V1_SwitchModelResponse, alias: String, model: String) -> String {
        let active = response.alias.activeModel.isEmpty ? model : response.alias.activeModel
        let before = response.previousModel.isEmpty ? "" : ", before to \(response.previousModel)"
        var parts: [String] = []
        let load = Duration(response.loadDuration)
        if load > .zero { parts.append("loaded in \(Figures.duration(load))") }
        if response.hasFlipDuration { parts.append("flipped in \(Figures.duration(Duration(response.flipDuration)))") }
        if response.strategy == .drainFirst { parts.append("the old model was drained first") }
        if !response.alias.etag.isEmpty { parts.append("etag \(response.alias.etag)") }
        return "\(alias) leads to \(active) now\(before)"
            + (parts.isEmpty ? "" : "; " + parts.joined(separator: ", "))
    }

    /// Empty: nothing has to be said.
    static func order(_ strategy: Roundhouse_V1_SwitchStrategy, previous: String) -> String {
        let old = previous.isEmpty ? "the old model" : previous
        return switch strategy {
        case .loadFirst: "it is loaded beside \(old), which is drained after the flip"
        case .drainFirst: "both do not fit, so \(old) is drained first and new requests wait meanwhile"
        case .unspecified, .UNRECOGNIZED: ""
        }
    }
}
