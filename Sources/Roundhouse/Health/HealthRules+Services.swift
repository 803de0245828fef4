internal import Inference

// Providers.

extension HealthRules {
    func services() -> Judged {
        var judged: Judged = ([], [])
        for provider in self.setup.providers {
            let (dependency, finding) = self.service(provider)
            judged.dependencies.append(dependency)
            if let finding { judged.findings.append(finding) }
        }
        return judged
    }

    private func service(
        _ provider: HealthSetup.ProviderSetup
    ) -> (HealthReport.Dependency, HealthReport.Finding?) {
        var dependency = HealthReport.Dependency(name: provider.id.rawValue, kind: .service, need: .core)
        dependency.path = provider.address
        dependency.credentials = provider.hasKey ? .unknown : .none
        let subject = provider.id.rawValue
        guard provider.isEnabled else {
            dependency.status = .notChecked
            dependency.error = "it is switched off"
            dependency.need = .nothing
            return (dependency, nil)
        }
        let look = self.looks.services[provider.id]
        dependency.latency = look?.latency
        switch look {
        case nil, .seen(.notAskable, _):
            dependency.status = .notChecked
            return (dependency, nil)
        case .hung:
            dependency.status = .timedOut
            dependency.error = "no answer within \(self.limitText)"
            return (
                dependency,
                Self.issue(
                    subject, "provider '\(subject)' did not answer within \(self.limitText)",
                    fix: "see whether \(Self.place(provider)) can be reached from the server's machine and is not "
                        + "overloaded; requests to it may hang as well")
            )
        case .seen(.unusable(let problem), _):
            dependency.status = .failed
            (dependency.error, dependency.latency) = (problem, nil)
            return (
                dependency,
                Self.issue(
                    subject, "provider '\(subject)' cannot be used, \(problem)",
                    fix: "correct it and start the server again")
            )
        case .seen(.listed, _):
            dependency.isReachable = true
            if provider.hasKey && Self.listingNeedsKey(provider.kind) { dependency.credentials = .accepted }
            return (dependency, nil)
        case .seen(.fault(let fault), _):
            return self.service(provider, dependency, fault)
        }
    }

    private func service(
        _ provider: HealthSetup.ProviderSetup,
        _ dependency: HealthReport.Dependency,
        _ fault: UpstreamFault
    ) -> (HealthReport.Dependency, HealthReport.Finding?) {
        var dependency = dependency
        dependency.error = fault.message
        dependency.status = .failed
        dependency.isReachable = fault.wasAnswered
        let subject = provider.id.rawValue
        let finding: HealthReport.Finding?
        switch fault.kind {
        case .unsupported, .diverged, .cancelled:
            // Azure's deployments, which no key lists.
            (dependency.status, dependency.isReachable, dependency.latency) = (.notChecked, false, nil)
            finding = nil
        case .authenticationFailed:
            dependency.status = .unauthenticated
            dependency.credentials = provider.hasKey ? .refused : .none
            let fix =
                if !provider.hasKey {
                    "give it a key: api_key or api_key_file of the provider in the configuration"
                } else if provider.keyPlace.isEmpty {
                    "put a valid key where the configuration of provider '\(subject)' names it"
                } else {
                    "put a valid key into \(provider.keyPlace)"
                }
            let does = provider.hasKey ? "refuses our key" : "wants a key and has none"
            finding = Self.issue(subject, "provider '\(subject)' \(does) (\(fault.message))", fix: fix)
        case .unreachable, .timedOut:
            if case .timedOut = fault.kind { dependency.status = .timedOut }
            finding = Self.issue(
                subject, "provider '\(subject)' cannot be reached (\(fault.message))",
                fix: "start the server at \(Self.place(provider)) or correct base_url; or switch the provider off",
                command: "roundhouse providers update \(subject) --set enabled=false")
        case .rateLimited:
            dependency.status = .ok
            finding = Self.warning(
                subject, "provider '\(subject)' limits our requests (\(fault.message))",
                fix: "ask less of it, raise the limit at the provider, or give it another key")
        case .overloaded, .serverError, .truncated, .queueFull, .insufficientMemory:
            finding = Self.issue(
                subject, "provider '\(subject)' is in trouble itself (\(fault.message))",
                fix: "look at its own status page or log; requests go to other providers where there are any")
        case .malformed, .contextLengthExceeded, .contentFiltered, .modelNotFound, .invalidRequest:
            finding = Self.warning(
                subject,
                "provider '\(subject)' answers, but lists its models in a way that we do not know (\(fault.message))",
                fix: "see that its kind, '\(provider.kind)', and its base_url are right; name its models in the "
                    + "configuration if it has no listing")
        }
        return (dependency, finding)
    }

    /// Kinds that list their models to anybody: that they list them says nothing about a key.
    private static let openKinds: Set = ["openrouter", "llama_cpp", "ollama", "lm_studio", "custom"]

    static func listingNeedsKey(_ kind: String) -> Bool { !Self.openKinds.contains(kind) }

    private static func place(_ provider: HealthSetup.ProviderSetup) -> String {
        provider.address.isEmpty ? "the usual address of '\(provider.kind)'" : provider.address
    }
}

extension UpstreamFault {
    /// Whether somebody answered, whatever it was.
    fileprivate var wasAnswered: Bool {
        switch self.kind {
        case .unreachable, .timedOut, .cancelled: false
        default: true
        }
    }
}
