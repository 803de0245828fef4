import Inference
import ModelRegistry
import Testing

/// Random changes, made by the editor and by a model of it that is as simple as can be.
@Suite("The editor under random changes")
struct EditorModelTests {
    /// What ought to be registered: revisions, tags and targets by name.
    private struct Expectation {
        var models: [String: (revision: Int, tag: String)] = [:]
        var aliases: [String: (revision: Int, targets: [String])] = [:]
    }

    @Test(
        "It does what a simple model does, the disk holds what readers see, and failures change nothing",
        arguments: 0..<12 as Range<UInt64>)
    func agrees(seed: UInt64) async throws {
        var random = SeededGenerator(seed)
        let bench = try Bench(providers: [ProviderDescription(id: provider("open"), kind: "openai")])
        var expected = Expectation()
        for step in 0..<300 {
            let fails = random.happens(15)
            bench.storage.fail(fails)
            bench.time.advance()
            let saves = bench.storage.saves
            var wanted = expected
            let error = await Self.change(&wanted, &random, bench, step)
            if error == nil {
                #expect(!fails || saves == bench.storage.saves)
                expected = wanted
            } else {
                #expect(bench.storage.saves == saves, "\(String(describing: error))")
            }
            try #require(bench.isConsistent, "step \(step)")
            Self.compare(bench.snapshot, expected, step)
        }
        #expect(bench.snapshot.models.count == expected.models.count)
        #expect(bench.events.events.count == bench.storage.saves)
    }

    private static func compare(_ snapshot: RegistrySnapshot, _ expected: Expectation, _ step: Int) {
        #expect(snapshot.models.map(\.id.name) == expected.models.keys.sorted(), "step \(step)")
        for model in snapshot.models {
            #expect(Int(model.provenance.revision) == expected.models[model.id.name]?.revision, "step \(step)")
            #expect(model.tags == [expected.models[model.id.name]?.tag], "step \(step)")
        }
        #expect(snapshot.aliases.map(\.name) == expected.aliases.keys.sorted(), "step \(step)")
        for alias in snapshot.aliases {
            #expect(Int(alias.provenance.revision) == expected.aliases[alias.name]?.revision, "step \(step)")
            #expect(alias.targets.map(\.name) == expected.aliases[alias.name]?.targets, "step \(step)")
            #expect(alias.history.count == min(32, Int(alias.provenance.revision) - 1), "step \(step)")
        }
    }

    /// Makes one change; `expected` becomes what it ought to lead to. `nil` when both agree that it was made.
    private static func change(
        _ expected: inout Expectation,
        _ random: inout SeededGenerator,
        _ bench: Bench,
        _ step: Int
    ) async -> RegistryEditError? {
        let name = random.one(of: ["a", "b", "c", "d"])
        let alias = random.one(of: ["x", "y"])
        let tag = "t\(random.one(of: [1, 2]))"
        guard let model = ModelID("open/\(name)") else { return .modelNotFound(name) }
        do {
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                _ = try await bench.editor.createModel(ModelDescription(id: model, tags: [tag]), validateOnly: false)
                #expect(expected.models[name] == nil, "step \(step)")
                expected.models[name] = (1, tag)
            case 1:
                let etag = expected.models[name].map { "\($0.revision)" }
                let isStale = random.happens(20)
                _ = try await bench.editor.updateModel(model, etag: isStale ? "0" : etag, validateOnly: false) {
                    $0.tags = [tag]
                }
                #expect(!isStale, "step \(step)")
                let current = try #require(expected.models[name])
                if current.tag != tag { expected.models[name] = (current.revision + 1, tag) }
            case 2:
                try await bench.editor.deleteModel(model, etag: nil)
                #expect(!expected.aliases.values.contains { $0.targets.contains(name) }, "step \(step)")
                #expect(expected.models.removeValue(forKey: name) != nil, "step \(step)")
            case 3:
                let targets = ["a", "b", "c", "d"].shuffled(using: &random).prefix(
                    Int.random(in: 1...3, using: &random))
                _ = try await bench.editor.updateAlias(
                    alias, targets: targets.compactMap { ModelID("open/\($0)") }.map { .init(model: $0) },
                    mode: .ordered, etag: nil, allowMissing: true, reason: "", validateOnly: false)
                #expect(targets.allSatisfy { expected.models[$0] != nil }, "step \(step)")
                Self.lead(&expected, alias, to: Array(targets))
            case 4:
                _ = try await bench.editor.switchAlias(alias, to: model, etag: nil, reason: "")
                var targets = try #require(expected.aliases[alias]).targets
                #expect(expected.models[name] != nil, "step \(step)")
                if targets.contains(name) {
                    targets.removeAll { $0 == name }
                    targets.insert(name, at: 0)
                } else {
                    targets[0] = name
                }
                Self.lead(&expected, alias, to: targets)
            default:
                try await bench.editor.deleteAlias(alias, etag: nil)
                #expect(expected.aliases.removeValue(forKey: alias) != nil, "step \(step)")
            }
            return nil
        } catch let error as RegistryEditError {
            return error
        } catch {
            Issue.record("step \(step): \(error)")
            return .blocked("\(error)")
        }
    }

    private static func lead(_ expected: inout Expectation, _ alias: String, to targets: [String]) {
        guard let current = expected.aliases[alias] else {
            expected.aliases[alias] = (1, targets)
            return
        }
        if current.targets != targets { expected.aliases[alias] = (current.revision + 1, targets) }
    }
}
