import Inference
import ModelRegistry
import Routing

// Rules, chains and watches, against what the configuration itself has. A model that it does not have may be registered
// by a call or a discovery: that is told when the server starts.
extension ConfigurationDecoder {
    mutating func resolveRouting(_ configuration: RoundhouseConfiguration) {
        let routing = configuration.routing
        self.requireUniqueNames(routing)
        if let snapshot = Self.snapshot(of: configuration) {
            let rules = routing.rules.map { RoutingRule($0) }
            for problem in RoutingRule.validate(rules, in: snapshot, strategies: SelectionNames.all) {
                let path = "routing.rules[\(problem.index)].\(Self.key(of: problem.field))"
                if problem.expected.hasPrefix("a registered model") {
                    self.warn(path, "found \(problem.found), which is not configured; the server needs it registered")
                } else if !self.hasProblem(where: { $0 == path }) {
                    self.report(path, found: problem.found, expected: problem.expected)
                }
            }
        }
        for (index, setting) in routing.autoSwitch.enumerated() {
            let path = "routing.auto_switch[\(index)].alias"
            guard let alias = configuration.aliases.first(where: { $0.name == setting.alias }) else {
                if !setting.alias.isEmpty {
                    self.warn(path, "found '\(setting.alias)', which is not configured; the server needs it registered")
                }
                continue
            }
            if Set(alias.targets).count < 2 {
                self.report(path, found: "'\(setting.alias)' with one target", expected: "an alias with two at least")
            }
        }
    }

    private mutating func requireUniqueNames(_ routing: RoundhouseConfiguration.Routing) {
        var aliases: Set<String> = []
        for (index, setting) in routing.autoSwitch.enumerated() where !aliases.insert(setting.alias).inserted {
            self.report(
                "routing.auto_switch[\(index)].alias", found: "'\(setting.alias)' again", expected: "each alias once")
        }
    }

    /// The file's name of what a rule calls its field.
    private static func key(of field: String) -> String {
        let renamed = field.hasPrefix("conditions") ? "when" + field.dropFirst("conditions".count) : field
        guard let times = renamed.firstRange(of: "times["), let end = renamed[times.upperBound...].firstIndex(of: "]")
        else { return renamed }
        return String(renamed[..<times.lowerBound] + renamed[renamed.index(end, offsetBy: 2)...])
    }

    /// What the configuration registers. Providers that are asked what they have may have anything.
    private static func snapshot(of configuration: RoundhouseConfiguration) -> RegistrySnapshot? {
        guard var remote = try? ConfiguredProviders(configuration.providers) else { return nil }
        let discovering = Set(configuration.providers.filter(\.discover).map(\.id))
        remote.passOn(discovering)
        let local = configuration.modelsByPriority.filter { $0.provider == .local }.map { id in
            ModelDescription(id: id, capabilities: Set(Capability.allCases))
        }
        let own = [ProviderDescription(id: .local, kind: ProviderID.local.rawValue)]
        let aliases = configuration.aliases.map { ModelRegistry.Alias($0) }
        return try? RegistrySnapshot(
            providers: own + remote.descriptions, models: local + remote.models, aliases: aliases)
    }
}
