import Inference
import ModelRegistry
import Routing
import Synchronization
import Testing

@Suite("Choosing candidates")
struct CandidateSelectionTests {
    static func id(_ text: String) throws -> ModelID { try #require(ModelID(text)) }

    /// Models `p/a`, `p/b`, … with these changes, and an alias over the targets.
    static func snapshot(
        _ names: String,
        targets: String = "",
        mode: Alias.Mode = .ordered,
        providerIsEnabled: Bool = true,
        change: (inout ModelDescription) -> Void = { _ in }
    ) throws -> RegistrySnapshot {
        let models = try names.split(separator: " ").map { name in
            var model = ModelDescription(id: try self.id("p/\(name)"))
            change(&model)
            return model
        }
        let weighted = try targets.split(separator: " ").map { text in
            let parts = text.split(separator: "=")
            return Alias.Target(
                model: try self.id("p/\(parts[0])"), weight: parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
        }
        return try RegistrySnapshot(
            providers: [
                ProviderDescription(id: try #require(ProviderID("p")), kind: "openai", isEnabled: providerIsEnabled)
            ],
            models: models,
            aliases: weighted.isEmpty ? [] : [Alias(name: "x", weightedTargets: weighted, mode: mode)]
        )
    }

    static func names(_ candidates: Candidates) -> String { candidates.models.map(\.id.name).joined(separator: " ") }

    @Test(
        "The draw falls by weight, the others follow by weight, and weight 0 comes last",
        arguments: [(0, "c b d a"), (4, "c b d a"), (5, "b c d a"), (7, "b c d a"), (8, "d c b a"), (9, "d c b a")]
    )
    func weighted(drawn: Int, expected: String) throws {
        let snapshot = try Self.snapshot("a b c d", targets: "a=0 b=3 c=5 d=2", mode: .weighted)
        let selection = CandidateSelection(
            availability: { _ in .available },
            draw: { range in
                #expect(range == 0..<10)
                return drawn
            }
        )
        #expect(Self.names(try selection.candidates(for: .alias("x"), in: snapshot)) == expected)
    }

    @Test("Among models of one priority the one that a profile found quickest is asked first")
    func quickestFirst() throws {
        let latencies = ["b": Duration.milliseconds(30), "c": .milliseconds(10), "d": .milliseconds(5)]
        let snapshot = try Self.snapshot("a b c d") { model in
            if model.id.name == "d" { model.priority = 200 }
            guard let latency = latencies[model.id.name] else { return }
            var profile = ModelProfile()
            profile.latencyP50 = latency
            model.profile = profile
        }
        let selection = CandidateSelection(availability: { _ in .available })
        #expect(Self.names(try selection.candidates(for: .automatic, in: snapshot)) == "c b a d")
    }

    @Test("Each target gets its share, and that of one that cannot answer falls to all others")
    func shares() throws {
        let snapshot = try Self.snapshot("a b c", targets: "a=60 b=30 c=10", mode: .weighted)
        func firsts(_ selection: CandidateSelection) throws -> [String: Int] {
            try (0..<100).reduce(into: [:]) { counts, _ in
                let first = try selection.candidates(for: .alias("x"), in: snapshot).models.first
                counts[first?.id.name ?? "", default: 0] += 1
            }
        }
        let next = Counter()
        let all = CandidateSelection(
            availability: { _ in .available }, draw: { range in next.next() % range.upperBound })
        #expect(try firsts(all) == ["a": 60, "b": 30, "c": 10])
        let without = CandidateSelection(
            availability: { $0.name == "a" ? .unavailable(reason: "no") : .available },
            draw: { range in
                #expect(range == 0..<40)
                return next.next() % range.upperBound
            }
        )
        let shares = try firsts(without)
        #expect(shares["a"] == nil && (shares["b"] ?? 0) > 60 && (shares["c"] ?? 0) > 15)
    }

    @Test("Where all weights are 0 the order given holds, and a draw that lies harms nobody")
    func noWeights() throws {
        let snapshot = try Self.snapshot("a b", targets: "b=0 a=0", mode: .weighted)
        let selection = CandidateSelection(availability: { _ in .available }, draw: { _ in 7 })
        #expect(Self.names(try selection.candidates(for: .alias("x"), in: snapshot)) == "b a")
        let weighted = try Self.snapshot("a b", targets: "b=1 a=1", mode: .weighted)
        let lying = CandidateSelection(availability: { _ in .available }, draw: { _ in 99 })
        #expect(Self.names(try lying.candidates(for: .alias("x"), in: weighted)) == "b a")
    }

    @Test("An ordered alias keeps its order, whatever the weights")
    func ordered() throws {
        let snapshot = try Self.snapshot("a b c", targets: "b=1 a=9 c=5")
        let selection = CandidateSelection(availability: { $0.name == "b" ? .unloaded : .available })
        #expect(Self.names(try selection.candidates(for: .alias("x"), in: snapshot)) == "b a c")
    }

    @Test("A disabled model is not asked, and the reason says how to change that")
    func disabled() throws {
        let snapshot = try Self.snapshot("a b", targets: "a b") { $0.isEnabled = $0.id.name != "a" }
        let selection = CandidateSelection(availability: { _ in .available })
        let candidates = try selection.candidates(for: .alias("x"), in: snapshot)
        #expect(Self.names(candidates) == "b")
        #expect(candidates.unavailable.map(\.model.name) == ["a"])
        #expect(candidates.unavailable[0].reason.contains("EnableModel"))
        let error = #expect(throws: SelectionError.self) {
            try selection.candidates(for: .model(Self.id("p/a")), in: snapshot)
        }
        #expect(error == .nobodyReady(candidates.unavailable))
        // For a request that names nobody it is no news.
        #expect(try selection.candidates(for: .automatic, in: snapshot).unavailable.isEmpty)
    }

    @Test("Models of a disabled provider are not asked; where nobody is left, that is told")
    func disabledProvider() throws {
        let snapshot = try Self.snapshot("a b", targets: "a b", providerIsEnabled: false)
        let selection = CandidateSelection(availability: { _ in .available })
        for target in [InferenceRequest.Target.alias("x"), .automatic] {
            let error = #expect(throws: SelectionError.self) { try selection.candidates(for: target, in: snapshot) }
            guard case .nobodyReady(let unavailable) = error else {
                Issue.record("unexpected \(String(describing: error))")
                continue
            }
            #expect(unavailable.map(\.model.name) == ["a", "b"])
            #expect(unavailable.allSatisfy { $0.reason.contains("provider 'p' is disabled") })
        }
    }

    @Test(
        "A request that names nobody gets text models that are there, running ones first, registered before discovered")
    func automatic() throws {
        let snapshot = try Self.snapshot("a b c d e f") { model in
            switch model.id.name {
            case "a": model.category = .embedding
            case "b": model.provenance.source = .discovered
            case "c":
                model.provenance.source = .discovered
                model.isMissing = true
            case "d": model.priority = 1
            case "e": model.isMissing = true
            default: break
            }
        }
        let selection = CandidateSelection(availability: { $0.name == "d" ? .unloaded : .available })
        #expect(Self.names(try selection.candidates(for: .automatic, in: snapshot)) == "e f b d")
    }

    @Test("Of hundreds of models, a request that names nobody is tried on the first 32")
    func bounded() throws {
        let snapshot = try Self.snapshot((0..<300).map { "m\(1000 + $0)" }.joined(separator: " "))
        let selection = CandidateSelection(availability: { _ in .available })
        let candidates = try selection.candidates(for: .automatic, in: snapshot)
        #expect(candidates.models.map(\.id.name) == (1000..<1032).map { "m\($0)" })
    }
}

/// Counts up, from any thread.
private final class Counter: Sendable {
    private let value = Mutex(0)

    func next() -> Int {
        self.value.withLock { value in
            defer { value += 1 }
            return value
        }
    }
}
