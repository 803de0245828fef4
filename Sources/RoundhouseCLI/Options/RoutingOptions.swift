internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

/// Who may answer, and who is asked first. The server knows the capabilities and the strategies, and names those that
/// it does not know.
struct RoutingOptions: ParsableArguments, Sendable {
    @Option(
        name: .customLong("require"),
        help: ArgumentHelp(
            "What the model must be able to do, such as 'tools' or 'vision'. May be repeated.",
            valueName: "capability"
        )
    )
    var capabilities: [String] = []

    @Flag(help: "Only models whose tokens are free.")
    var freeOnly = false

    @Flag(help: "Only models on the server's own machine.")
    var localOnly = false

    @Option(
        help: ArgumentHelp("How candidates are ordered, such as 'cost_optimized'.", valueName: "strategy")
    )
    var strategy: String?

    @Option(
        name: .customLong("tag"),
        help: ArgumentHelp("A label that routing rules look at. May be repeated.", valueName: "tag")
    )
    var tags: [String] = []

    @Option(help: "How urgent it is; routing rules look at it.")
    var priority: PriorityArgument?

    func apply(to request: inout some GenerationMessage) {
        if let requirements = self.requirements { request.requirements = requirements }
        request.strategy = self.strategy ?? ""
        request.tags = self.tags
        if let priority = self.priority { request.priority = priority.message }
    }

    func apply(to request: inout Roundhouse_V1_ExplainRouteRequest) {
        if let requirements = self.requirements { request.requirements = requirements }
        request.strategy = self.strategy ?? ""
        request.tags = self.tags
        if let priority = self.priority { request.priority = priority.message }
    }

    /// Nil: none, which is not the same on the wire as empty ones.
    private var requirements: Roundhouse_V1_ModelRequirements? {
        guard !self.capabilities.isEmpty || self.freeOnly || self.localOnly else { return nil }
        return .with {
            $0.capabilities = self.capabilities
            $0.freeOnly = self.freeOnly
            $0.localOnly = self.localOnly
        }
    }
}
