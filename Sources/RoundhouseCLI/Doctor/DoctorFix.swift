internal import RoundhouseAPI
internal import SwiftProtobuf

/// What `doctor` can have the server do about a finding. Commands come from the server as text for people: only these are
/// understood, and none is handed to a shell.
enum DoctorFix: Sendable, Hashable {
    case installEngine(String)
    case switchProviderOff(String)

    /// Nil: it is for a person.
    init?(_ finding: Roundhouse_V1_HealthFinding) {
        let words = finding.command.split(separator: " ").map(String.init)
        if words.count == 4, words.prefix(3) == ["roundhouse", "engines", "install"], Self.isName(words[3]) {
            self = .installEngine(words[3])
        } else if words.count == 6, words.prefix(3) == ["roundhouse", "providers", "update"], Self.isName(words[3]),
            words.suffix(2) == ["--set", "enabled=false"]
        {
            self = .switchProviderOff(words[3])
        } else {
            return nil
        }
    }

    private static func isName(_ word: String) -> Bool { !word.hasPrefix("-") }

    /// Whether it takes nothing away, so that it may be done without asking. A provider that is down for a minute must
    /// not be off from then on because a script looked.
    var isHarmless: Bool {
        switch self {
        case .installEngine: true
        case .switchProviderOff: false
        }
    }

    var question: String {
        switch self {
        case .installEngine(let engine): "install \(engine) on the server's machine?"
        case .switchProviderOff(let provider): "switch provider \(provider) off, so that its models are not asked?"
        }
    }

    /// Does it and shows how it goes.
    func perform(_ gateway: Gateway, _ console: any Console, json: Bool) async throws {
        switch self {
        case .installEngine(let engine):
            try await EngineInstallation(engine: engine, json: json, console: console).run(on: gateway)
        case .switchProviderOff(let id):
            let provider = try await gateway.registry.updateProvider(
                .with {
                    $0.provider.id = id
                    $0.provider.enabled = false
                    $0.updateMask.paths = ["enabled"]
                },
                options: gateway.queryOptions
            )
            .provider
            guard !json else { return try await console.write(json: provider) }
            try await console.write(
                line: "\(provider.id) is off; 'roundhouse providers update \(provider.id) "
                    + "--set enabled=true' switches it on again")
        }
    }
}
