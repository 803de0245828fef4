import Inference
import ModelLifecycle
import ModelRegistry

@testable import Persistence

/// Values in every field, the same ones for the same seed (SplitMix64).
struct RandomValues: RandomNumberGenerator {
    private var state: UInt64

    init(seed: Int) {
        self.state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func flip() -> Bool { Bool.random(using: &self) }

    mutating func maybe<Value>(_ make: (inout Self) -> Value) -> Value? { self.flip() ? make(&self) : nil }

    mutating func list<Value>(_ counts: ClosedRange<Int>, _ make: (inout Self) -> Value) -> [Value] {
        (0..<Int.random(in: counts, using: &self)).map { _ in make(&self) }
    }

    mutating func pick<Value>(_ values: [Value], or other: Value) -> Value {
        values.randomElement(using: &self) ?? other
    }

    /// Small ones, and the ends of the range.
    mutating func integer() -> Int64 {
        self.pick([0, 1, -1, .max, .min, Int64.random(in: .min ... .max, using: &self)], or: 7)
    }

    mutating func count() -> Int { Int(self.integer()) }

    mutating func real() -> Double {
        self.pick(
            [0, -0.0, 0.1, 1, .infinity, .leastNonzeroMagnitude, Double.random(in: 0...1e9, using: &self)], or: 7)
    }

    mutating func duration() -> Duration { .nanoseconds(Int64.random(in: 0 ... .max, using: &self)) }

    mutating func text() -> String {
        let pieces = ["a", "Z9", " ", "'", "\"", "\\", "é", "🚂", "\n", "%", "\u{7F}", "{}", "NULL", "漢"]
        return self.list(0...12) { $0.pick(pieces, or: "") }.joined()
    }

    mutating func modelID() -> ModelID {
        let names = ["tiny", "meta-llama/llama-3", "gpt'4\"o", "é🚂", "a:b@c"]
        let name = self.pick(names, or: "x") + "-\(UInt16.random(in: 0...UInt16.max, using: &self))"
        guard let id = ModelID(provider: self.providerID(), name: name) else { preconditionFailure("\(name)") }
        return id
    }

    mutating func providerID() -> ProviderID {
        ProviderID("p\(UInt8.random(in: 0...UInt8.max, using: &self))") ?? .local
    }

    mutating func provenance() -> Provenance {
        Provenance(
            source: self.pick(Provenance.Source.allCases, or: .api),
            createdAtMicroseconds: self.integer(),
            updatedAtMicroseconds: self.integer(),
            revision: self.integer()
        )
    }

    mutating func model(_ id: ModelID? = nil) -> ModelDescription {
        var model = ModelDescription(
            id: id ?? self.modelID(),
            displayName: self.text(),
            category: self.pick(ModelCategory.allCases, or: .text),
            capabilities: Set(Capability.allCases.filter { _ in self.flip() }),
            contextLength: self.maybe { $0.count() },
            maxOutputTokens: self.maybe { $0.count() },
            prices: self.maybe {
                ModelPrices(input: $0.integer(), output: $0.integer(), cachedInput: $0.maybe { $0.integer() })
            },
            qualityScore: self.maybe { $0.real() },
            safetyScore: self.maybe { $0.real() },
            priority: self.count(),
            sizeBytes: self.maybe { $0.integer() },
            engine: self.maybe { $0.text() },
            engineSettings: EngineSettings(
                contextLength: self.maybe { $0.count() },
                threads: self.maybe { $0.count() },
                parallel: self.maybe { $0.count() },
                gpuLayers: self.maybe { $0.count() }
            ),
            isEnabled: self.flip(),
            isLazy: self.flip(),
            isPinned: self.flip(),
            idleTTL: self.maybe { $0.duration() },
            tags: self.list(0...4) { $0.text() },
            provenance: self.provenance()
        )
        model.versions = self.list(0...3) { $0.version() }
        model.activeVersion = self.maybe { $0.text() }
        model.profile = self.maybe { $0.profile() }
        model.isMissing = self.flip()
        return model
    }

    mutating func version() -> ModelVersion {
        ModelVersion(
            version: self.text() + "\(UInt64.random(in: 0 ... .max, using: &self))",
            path: self.text(),
            sha256: self.maybe { $0.text() },
            sizeBytes: self.integer(),
            createdAtMicroseconds: self.integer(),
            isInstalled: self.flip()
        )
    }

    mutating func profile() -> ModelProfile {
        var profile = ModelProfile()
        profile.madeAtMicroseconds = self.integer()
        profile.runs = self.count()
        profile.failedRuns = self.count()
        profile.latencyP50 = self.duration()
        profile.latencyP95 = self.duration()
        profile.latencyP99 = self.duration()
        profile.firstTokenP50 = self.duration()
        profile.firstTokenP95 = self.duration()
        profile.tokensPerSecond = self.real()
        profile.memoryBytes = self.integer()
        profile.inputTokens = self.count()
        profile.outputTokens = self.count()
        return profile
    }

    mutating func provider() -> ProviderDescription {
        ProviderDescription(
            id: self.providerID(),
            kind: self.text(),
            baseURL: self.maybe { $0.text() },
            hasCredentials: self.flip(),
            credentials: self.maybe { $0.flip() ? .environment($0.text()) : .file($0.text()) },
            allowsInsecure: self.flip(),
            acceptsAnyModel: self.flip(),
            priority: self.count(),
            isEnabled: self.flip(),
            provenance: self.provenance()
        )
    }

    mutating func targets() -> [Alias.Target] {
        self.list(1...4) { Alias.Target(model: $0.modelID(), weight: $0.count()) }
    }

    mutating func alias() -> Alias {
        Alias(
            name: self.text() + "\(UInt64.random(in: 0 ... .max, using: &self))",
            weightedTargets: self.targets(),
            mode: self.pick(Alias.Mode.allCases, or: .ordered),
            history: self.list(0...3) {
                Alias.Revision(
                    targets: $0.targets(),
                    mode: $0.pick(Alias.Mode.allCases, or: .ordered),
                    etag: $0.text(),
                    replacedAtMicroseconds: $0.integer(),
                    reason: $0.text()
                )
            },
            provenance: self.provenance()
        )
    }

    mutating func average() -> DecayingAverage {
        var average = DecayingAverage()
        average.weight = self.real()
        average.sum = self.real()
        average.updatedAtMicroseconds = self.integer()
        return average
    }

    mutating func statistics() -> ModelStatistics {
        var statistics = ModelStatistics()
        statistics.uses = self.integer()
        statistics.failures = self.integer()
        statistics.lastUsedAtMicroseconds = self.integer()
        statistics.inputTokens = self.integer()
        statistics.outputTokens = self.integer()
        statistics.success = self.average()
        statistics.latency = self.average()
        statistics.firstTokenLatency = self.average()
        statistics.tokensPerSecond = self.average()
        statistics.hours.uses = statistics.hours.uses.map { _ in self.real() }
        statistics.hours.updatedAtMicroseconds = self.integer()
        return statistics
    }

    mutating func event(_ sequence: Int64) -> StoredEvent {
        // Few names, so that filters find several.
        let models = [ModelID("local/tiny"), ModelID("cloud/a"), nil]
        var event = GatewayEvent(
            self.pick(GatewayEvent.Kind.allCases, or: .initialized),
            model: self.pick(models, or: nil),
            alias: self.pick(["default", "fast", nil], or: nil),
            reason: self.text(),
            attributes: self.flip() ? [:] : [self.text(): self.text(), "bytes": "\(self.integer())"]
        )
        if self.flip() { event.provider = self.pick([.local, ProviderID("cloud"), nil], or: nil) }
        return StoredEvent(sequence: sequence, atMicroseconds: self.integer(), event: event)
    }
}
