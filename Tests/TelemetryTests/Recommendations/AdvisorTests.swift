import Inference
import Testing

@testable import Telemetry

@Suite("Recommendations")
struct AdvisorTests {
    private let now = monday + 30 * day
    private let gib: Int64 = 1 << 30

    private func local(_ change: (inout ModelFacts) -> Void) throws -> ModelFacts {
        var facts = ModelFacts(model: try id("local/x"))
        facts.isManaged = true
        facts.bytes = 4 * self.gib
        facts.loadTime = 10 * second
        change(&facts)
        return facts
    }

    private func told(
        _ models: [ModelFacts] = [], keys: [KeyFacts] = [], memory: MemoryFacts? = nil, days: Int64 = 30
    ) -> [Recommendation] {
        Advisor().recommendations(
            UsageFacts(
                startMicroseconds: self.now - days * day, endMicroseconds: self.now, models: models, keys: keys,
                memory: memory))
    }

    private var roomy: MemoryFacts {
        MemoryFacts(totalBytes: 64 * self.gib, freeBytes: 32 * self.gib, usedBytes: 8 * self.gib, share: 0.8)
    }

    @Test("Nothing is said of nothing, nor of models of which nothing is known")
    func quiet() throws {
        #expect(self.told().isEmpty)
        #expect(self.told(try ["a/x", "b/y"].map { ModelFacts(model: try id($0)) }, memory: self.roomy).isEmpty)
        #expect(self.told([try self.local { _ in }], memory: self.roomy).isEmpty)
    }

    @Test("Unloads what was not used for six hours, but not what is pinned, new or of somebody else")
    func unloading() throws {
        let unused = try self.local {
            ($0.isLoaded, $0.loadedSinceMicroseconds, $0.lastUsedMicroseconds) = (
                true, self.now - day, self.now - 7 * hour
            )
        }
        let told = self.told([unused])
        #expect(told.map(\.kind) == [.unloadUnused])
        #expect(told.first?.gain == .freedBytes(4 * self.gib))
        #expect(told.first?.reason == "local/x is in memory, and nobody used it for 7 hours")
        #expect(
            told.first?.action.call == "roundhouse.v1.LifecycleService/UnloadModel {\"model\": \"local/x\"}")
        let changes: [(inout ModelFacts) -> Void] = [
            { $0.isPinned = true }, { $0.isManaged = false }, { $0.isLoaded = false }, { $0.bytes = 0 },
            { $0.lastUsedMicroseconds = self.now - 5 * hour }, { $0.loadedSinceMicroseconds = self.now - hour },
        ]
        for change in changes {
            var facts = unused
            change(&facts)
            #expect(self.told([facts]).isEmpty)
        }
    }

    @Test("Makes lazy what a week did not need, and says nothing after a shorter time")
    func laziness() throws {
        let unused = try self.local { $0.isLazy = false }
        #expect(self.told([unused]).map(\.action) == [.setLazy(unused.model, true)])
        #expect(self.told([unused], days: 6).isEmpty)
        var used = unused
        used.uses = 1
        #expect(self.told([used]).isEmpty)
    }

    @Test("Loads what is loaded anew again and again, where it fits; pins it where others push it out")
    func reloads() throws {
        let often = try self.local { ($0.uses, $0.reloads, $0.loads) = (100, 20, 21) }
        #expect(self.told([often], memory: self.roomy).map(\.action) == [.load(often.model)])
        #expect(self.told([often], memory: self.roomy).first?.gain == .sparedMicroseconds(200 * second))
        var loaded = often
        (loaded.isLoaded, loaded.loadedSinceMicroseconds) = (true, self.now - minute)
        #expect(self.told([loaded], memory: self.roomy).map(\.action) == [.setLazy(often.model, false)])
        var full = self.roomy
        full.usedBytes = 50 * self.gib
        #expect(self.told([often], memory: full).isEmpty)
        #expect(self.told([often]).isEmpty)
        var rare = often
        rare.uses = 1000
        #expect(self.told([rare], memory: self.roomy).isEmpty)
        var evicted = often
        evicted.evictions = 10
        #expect(self.told([evicted], memory: self.roomy).map(\.action) == [.pin(often.model)])
        evicted.bytes = 40 * self.gib
        #expect(self.told([evicted], memory: self.roomy).isEmpty)
    }

    @Test("Moves the share of memory only as far as memory is free, or down where the machine ran short")
    func memoryShare() {
        func action(free: Int64, used: Int64, share: Double, evictions: Int64 = 20, shortages: Int64 = 0)
            -> RecommendedAction?
        {
            self.told(
                memory: MemoryFacts(
                    totalBytes: 100 * self.gib, freeBytes: free * self.gib, usedBytes: used * self.gib, share: share,
                    evictions: evictions, shortages: shortages)
            ).first?.action
        }
        #expect(action(free: 50, used: 48, share: 0.5) == .setMemoryShare(0.6))
        #expect(action(free: 15, used: 48, share: 0.5) == .setMemoryShare(0.58))
        #expect(action(free: 10, used: 48, share: 0.5) == nil)
        #expect(action(free: 50, used: 48, share: 0.5, evictions: 9) == nil)
        #expect(action(free: 50, used: 0, share: 0.9) == nil)
        #expect(action(free: 50, used: 48, share: 0.5, shortages: 1) == .setMemoryShare(0.4))
        #expect(action(free: 50, used: 48, share: 0.3, shortages: 1) == nil)
    }

    @Test("Says that a key is at its limit only when no other key of its provider is fresh")
    func keys() throws {
        let provider = try #require(ProviderID("openai"))
        func kinds(_ counts: (Int64, Int64)...) -> [Recommendation.Kind] {
            self.told(
                keys: counts.enumerated().map {
                    KeyFacts(provider: provider, index: $0.offset, requests: $0.element.0, rateLimited: $0.element.1)
                }
            ).map(\.kind)
        }
        #expect(kinds((1000, 50)) == [.addKey])
        #expect(kinds((1000, 9)).isEmpty && kinds((1000, 19)).isEmpty && kinds().isEmpty)
        #expect(kinds((1000, 50), (1000, 0)).isEmpty)
        #expect(kinds((1000, 50), (500, 30)) == [.addKey])
    }

    @Test("Tells what another model would save, and to clients themselves where no alias leads to it")
    func cheaper() throws {
        func model(_ name: String, price: Int64) throws -> ModelFacts {
            var facts = ModelFacts(model: try id(name))
            facts.prices = ModelPrices(input: price, output: price)
            (facts.judged, facts.failures, facts.quality, facts.medianLatency) = (500, 1, 0.7, 1e6)
            (facts.inputTokens, facts.outputTokens) = (1_000_000, 1_000_000)
            return facts
        }
        var dear = try model("a/dear", price: 5_000_000_000)
        dear.costNanoUSD = 8_000_000_000
        let cheap = try model("b/cheap", price: 1_000_000_000)
        let told = self.told([dear, cheap])
        #expect(told.map(\.action) == [.replace(dear.model, with: cheap.model)])
        #expect(told.first?.gain == .savedNanoUSD(6_400_000_000))
        dear.aliases = ["smart", "default"]
        #expect(self.told([dear, cheap]).map(\.action) == [.switchAlias("default", to: cheap.model)])
        // A model that says nothing of its context, its prices or its speed is not recommended.
        for change: (inout ModelFacts) -> Void in [
            { $0.prices = nil }, { $0.medianLatency = nil }, { $0.isEnabled = false }, { $0.category = .embedding },
            { $0.failures = 10 }, { $0.breakerOpenings = 3 }, { $0.judged = 99 },
        ] {
            var other = cheap
            change(&other)
            #expect(self.told([dear, other]).isEmpty)
        }
    }
}
