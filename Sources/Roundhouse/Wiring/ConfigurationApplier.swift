internal import Inference
internal import Logging
internal import ModelLifecycle
internal import ModelRegistry
internal import Routing

/// Takes a configuration into a server that runs: what is registered, how providers are reached, who is chosen, what is
/// logged, how many models are loaded.
struct ConfigurationApplier: ConfigurationApplying {
    let foundations: Foundations
    let registry: Registry
    let editor: RegistryEditor
    let joint: ProviderJoint
    let router: Router
    let openRouter: OpenRouterSettings
    let events: any EventRecorder

    /// What a start would find wrong that the file itself does not show.
    func problems(of configuration: RoundhouseConfiguration) async -> [ConfigurationProblem] {
        var problems: [ConfigurationProblem] = []
        for (index, provider) in configuration.providers.enumerated() {
            guard let problem = self.joint.directory.problem(of: provider) else { continue }
            let key = "providers[\(index)].\(problem.field)"
            problems.append(Self.problem(key, "found \(problem.found), expected \(problem.expected)"))
        }
        do {
            let snapshot = try await self.editor.preview(self.said(configuration))
            let strategies = self.router.selector.strategyNames
            problems += Composition.problems(of: configuration.routing, in: snapshot, strategies: strategies)
                .map { Self.problem($0.key, $0.detail) }
        } catch {
            problems.append(Self.problem(nil, "cannot be registered: \(error)"))
        }
        return problems
    }

    private static func problem(_ key: String?, _ detail: String) -> ConfigurationProblem {
        ConfigurationProblem(location: .defaults, key: key, detail: detail)
    }

    private func said(_ configuration: RoundhouseConfiguration) throws(StartError) -> StoredRegistry {
        try Composition.said(
            configuration,
            LocalModels(
                configuration.local, lifecycle: configuration.lifecycle, environment: self.foundations.environment,
                logger: self.foundations.logger))
    }

    func apply(_ configuration: RoundhouseConfiguration) async throws(ConfigurationRefusal) -> [String] {
        let summary: ConfigMerge.Summary
        let before = self.joint.directory.configured
        // What speaks to a provider is made anew when the registry says that it changed, with what is said of it here.
        self.joint.directory.configure(configuration.providers)
        do {
            summary = try await self.editor.take(self.said(configuration))
        } catch {
            self.joint.directory.configure(before)
            throw .storage("\(error)")
        }
        let (selector, registry, routing) = (self.router.selector, self.registry, configuration.routing)
        self.openRouter.onChange { filter in
            selector.setPolicy(SelectionPolicy(routing, filter: filter))
            selector.prepare(registry.snapshot)
        }
        self.joint.manager.apply(LifecycleLimits(configuration.lifecycle, memories: MachineMemory().read()))
        self.foundations.requestLines.set(configuration.log.requests)
        self.foundations.logThreshold?.set(configuration.log.level)
        self.tell(summary)
        return summary.warnings
    }

    /// Entries that the file added, changed or took away are told as those are that calls change.
    private func tell(_ summary: ConfigMerge.Summary) {
        for (action, keys) in [
            ("created", summary.added), ("updated", summary.updated), ("deleted", summary.removed),
        ] {
            for key in keys {
                let parts = key.split(separator: ":", maxSplits: 1).map(String.init)
                guard parts.count == 2 else { continue }
                self.events.record(
                    GatewayEvent(
                        .configChanged,
                        model: parts[0] == "model" ? ModelID(parts[1]) : nil,
                        provider: parts[0] == "provider" ? ProviderID(parts[1]) : nil,
                        alias: parts[0] == "alias" ? parts[1] : nil,
                        reason: "the configuration file changed",
                        attributes: ["entry": parts[0], "name": parts[1], "action": action]
                    ))
            }
        }
    }
}
