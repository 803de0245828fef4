import Inference
import ModelRegistry
import Testing

/// A snapshot that was made from another one and a few changes is the one that is made from nothing.
@Suite("Snapshots made from changes")
struct SnapshotChangeTests {
    private struct Changes {
        var models: [ModelID: ModelDescription?] = [:]
        var aliases: [String: Alias?] = [:]
    }

    @Test("They equal those made anew, and are refused when those are", arguments: 0..<16 as Range<UInt64>)
    func equalRebuilt(seed: UInt64) throws {
        var random = SeededGenerator(seed)
        let providers = try [
            ProviderDescription(id: provider("a"), kind: "openai"),
            ProviderDescription(id: provider("b"), kind: "openai", isEnabled: false),
            ProviderDescription(id: provider("open"), kind: "custom", acceptsAnyModel: true),
        ]
        var models: [ModelID: ModelDescription] = [:]
        var aliases: [String: Alias] = [:]
        var snapshot = try RegistrySnapshot(providers: providers, models: [], aliases: [])
        var refused = 0
        for step in 0..<200 {
            let changes = try Self.changes(&random)
            var (wantedModels, wantedAliases) = (models, aliases)
            for (id, model) in changes.models { wantedModels[id] = model }
            for (name, alias) in changes.aliases { wantedAliases[name] = alias }
            let rebuilt = try? RegistrySnapshot(
                providers: providers,
                models: wantedModels.values.shuffled(using: &random),
                aliases: wantedAliases.values.shuffled(using: &random)
            )
            let changed = try? snapshot.applying(models: changes.models, aliases: changes.aliases)
            try #require((rebuilt == nil) == (changed == nil), "step \(step): \(changes)")
            guard let rebuilt, let changed else {
                refused += 1
                continue
            }
            try Self.compare(changed, rebuilt, step)
            (models, aliases, snapshot) = (wantedModels, wantedAliases, changed)
        }
        #expect((1..<190).contains(refused))
    }

    private static func compare(_ changed: RegistrySnapshot, _ rebuilt: RegistrySnapshot, _ step: Int) throws {
        try #require(changed.models == rebuilt.models, "step \(step)")
        try #require(changed.modelsByPriority == rebuilt.modelsByPriority, "step \(step)")
        try #require(changed.aliases == rebuilt.aliases && changed.providers == rebuilt.providers, "step \(step)")
        try #require(changed.entries.map(\.aliases) == rebuilt.entries.map(\.aliases), "step \(step)")
        let automatic = changed.automaticEntries.map(\.model)
        try #require(automatic == rebuilt.automaticEntries.map(\.model), "step \(step)")
        for model in try Self.ids() {
            try #require(changed.model(model) == rebuilt.model(model), "step \(step)")
            try #require(changed.listedModel(model) == rebuilt.listedModel(model), "step \(step)")
            try #require(changed.aliasNames(of: model) == rebuilt.aliasNames(of: model), "step \(step)")
        }
        for provider in rebuilt.providers.map(\.id) {
            try #require(changed.modelCount(of: provider) == rebuilt.modelCount(of: provider), "step \(step)")
        }
        for name in Self.names { try #require(changed.alias(name) == rebuilt.alias(name), "step \(step)") }
    }

    private static let names = ["w", "x", "y", "z"]

    private static func ids() throws -> [ModelID] {
        try ["a", "b", "open", "nobody"].flatMap { provider in try (0..<6).map { try id("\(provider)/m\($0)") } }
    }

    /// A few models and aliases put and removed, now and then so that something leads nowhere.
    private static func changes(_ random: inout SeededGenerator) throws -> Changes {
        var changes = Changes()
        let known = try Self.ids().filter { $0.provider.rawValue != "nobody" }
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let id = random.happens(4) ? try id("nobody/m1") : random.one(of: known)
            guard random.happens(75) else {
                changes.models.updateValue(nil, forKey: id)
                continue
            }
            let source: Provenance.Source = random.one(of: [.api, .discovered])
            var model = ModelDescription(
                id: id,
                category: random.one(of: [.text, .text, .embedding]),
                priority: random.one(of: [-1, 0, 1, 1000]),
                isEnabled: random.happens(80),
                provenance: .first(source)
            )
            model.isMissing = random.happens(20)
            changes.models[id] = model
        }
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            let name = random.one(of: Self.names)
            guard random.happens(70) else {
                changes.aliases.updateValue(nil, forKey: name)
                continue
            }
            let count = Int.random(in: random.happens(5) ? 0...0 : 1...3, using: &random)
            let targets = (0..<count).map { _ in random.one(of: known) }
            changes.aliases[name] = Alias(name: name, targets: targets)
        }
        return changes
    }
}
