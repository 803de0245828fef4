import Inference
import ModelLifecycle
import ModelRegistry
import Providers
import Telemetry
import Testing

@testable import Roundhouse

@Suite("Recommendations of a live server")
struct RecommendationFactsTests {
    /// The parts that facts are read from, in the state of a server that has run for a month.
    private struct Parts {
        let now = monday + 30 * day
        let figures = TelemetryRecorder()
        let loading = ScriptedLoading()
        let keys = KeyUses()
        let time: SetTime
        let events: EventFigures
        var models: [ModelDescription] = []
        var aliases: [Alias] = []
        var lastUsed: [ModelID: Int64] = [:]
        var readings = [MemoryReading(device: .cpu, totalBytes: 100 << 30, freeBytes: 60 << 30)]
        var keyCounts: [ProviderID: KeyUses.Reading] = [:]

        init() {
            let time = SetTime(monday)
            self.time = time
            self.events = EventFigures(EventKeeper(), figures: self.figures, now: { time.value })
            self.setMemory(taken: 10 << 30)
        }

        func setMemory(taken: Int64, quota: Int64 = 50 << 30) {
            self.loading.set(devices: [
                DeviceMemory(
                    device: .cpu, totalBytes: 100 << 30, freeBytes: 60 << 30, quotaBytes: quota, actualBytes: taken)
            ])
        }

        mutating func add(
            _ name: String, isLazy: Bool = true, isPinned: Bool = false, prices: ModelPrices? = nil,
            quality: Double? = nil, gigabytes: Int64 = 4, isLoaded: Bool = false
        ) throws -> ModelID {
            let id = try modelID(name)
            var model = ModelDescription(id: id, prices: prices, qualityScore: quality)
            model.isLazy = isLazy
            model.isPinned = isPinned
            self.models.append(model)
            guard id.provider == .local else { return id }
            self.loading.manage(
                ManagedModel(
                    id: id, versions: [RuntimeModel(id: id)], isLazy: isLazy, isPinned: isPinned,
                    sizeBytes: gigabytes << 30))
            if isLoaded {
                var loaded = LoadedModel(key: InstanceKey(model: id), state: .ready, engine: "llama.cpp")
                loaded.memory = [.cpu: gigabytes << 30]
                loaded.sinceMicroseconds = monday
                loaded.loadDuration = .seconds(20)
                self.loading.set(loaded)
            }
            return id
        }

        /// Requests of the last day.
        mutating func ask(
            _ model: ModelID, times: Int, failing: Int = 0, nanoUSD: Int64 = 0, fault: UpstreamFault.Kind = .serverError
        ) {
            for index in 0..<times {
                let fails = index < failing
                let attempt = Attempt(
                    model: model, duration: .seconds(1), fault: fails ? UpstreamFault(fault, "no") : nil)
                self.figures.record(
                    FinishedRequest(
                        counted: RequestRecord(
                            id: "\(index)", requestedModel: "x", model: model,
                            startedAtMicroseconds: self.now - day / 2 + Int64(index) * second, latency: .seconds(1),
                            usage: Usage(inputTokens: 1000, outputTokens: 500), cost: Cost(nanoUSD: nanoUSD),
                            attempts: [attempt], status: fails ? "UNAVAILABLE" : "OK", isStreamed: false)))
            }
            self.lastUsed[model] = self.now - day / 2 + Int64(times) * second
        }

        func happen(_ kind: GatewayEvent.Kind, to model: ModelID?, at time: Int64, provider: ProviderID? = nil) {
            self.time.value = time
            self.events.record(
                GatewayEvent(
                    kind, model: model, provider: provider,
                    attributes: ["memory_bytes": "\(4 << 30)", "load_milliseconds": "20000"]))
        }

        /// Loaded and gone again, every ten minutes of the last hours.
        func reload(_ model: ModelID, times: Int, by kind: GatewayEvent.Kind) {
            for index in 0...times {
                let time = self.now - 3 * hour + Int64(index) * 10 * minute
                self.happen(.modelLoaded, to: model, at: time)
                self.happen(kind, to: model, at: time + minute)
            }
        }

        func recommendations(_ range: MetricRange) throws -> [Recommendation] {
            let providers = Set(self.models.map(\.id.provider)).sorted().map {
                ProviderDescription(id: $0, kind: "openai", baseURL: "https://example.com")
            }
            let registry = Registry(
                try RegistrySnapshot(providers: providers, models: self.models, aliases: self.aliases))
            let reader = UsageFactsReader(
                registry: registry, loading: self.loading, memory: { [readings = self.readings] in readings },
                memoryShare: 0.5, figures: self.figures, events: self.events, keys: self.keys,
                keyCounts: { [keyCounts = self.keyCounts] in keyCounts },
                lastUsed: { [lastUsed = self.lastUsed] in lastUsed[$0] ?? 0 }, inFlight: { _ in 0 })
            let book = TelemetryBook(self.figures, facts: reader.facts, now: { [now = self.now] in now })
            return book.recommendations(range)
        }
    }

    @Test("Each kind is said where a server is in the state that calls for it", arguments: Recommendation.Kind.allCases)
    func kinds(kind: Recommendation.Kind) throws {
        var parts = Parts()
        var range = MetricRange.day
        let action: RecommendedAction
        switch kind {
        case .unloadUnused:
            action = .unload(try parts.add("local/idle", isLoaded: true))
        case .load:
            let model = try parts.add("local/often")
            parts.ask(model, times: 40)
            parts.reload(model, times: 6, by: .modelUnloaded)
            action = .load(model)
        case .makeLazy:
            range = .month
            action = .setLazy(try parts.add("local/never", isLazy: false), true)
        case .pin:
            let model = try parts.add("local/wanted")
            parts.ask(model, times: 60)
            parts.reload(model, times: 4, by: .modelEvicted)
            action = .pin(model)
        case .raiseMemoryShare:
            let model = try parts.add("local/crowded")
            parts.ask(model, times: 12, failing: 12, fault: .insufficientMemory)
            parts.setMemory(taken: 45 << 30)
            action = .setMemoryShare(0.6)
        case .lowerMemoryShare:
            _ = try parts.add("local/large", isLoaded: true)
            parts.figures.record(.shortages, of: nil, at: parts.now - hour)
            action = .setMemoryShare(0.4)
        case .cheaperModel:
            let dear = try parts.add(
                "cloud/dear", prices: ModelPrices(input: 3_000_000, output: 9_000_000), quality: 0.8)
            let cheap = try parts.add(
                "other/cheap", prices: ModelPrices(input: 1_000_000, output: 3_000_000), quality: 0.8)
            parts.ask(dear, times: 200, nanoUSD: 10_000_000)
            parts.ask(cheap, times: 200)
            parts.aliases = [Alias(name: "default", weightedTargets: [.init(model: dear)])]
            action = .switchAlias("default", to: cheap)
        case .addKey:
            let provider = try modelID("cloud/x").provider
            let ring = KeyUses()
            parts.keyCounts[provider] = .init(
                ring: ObjectIdentifier(ring), counts: [.init(requests: 500, rateLimited: 20)])
            action = .addKey(provider)
        case .flappingModel:
            let model = try parts.add("cloud/flapping")
            parts.ask(model, times: 100, failing: 30)
            for index in 0..<3 { parts.happen(.breakerOpened, to: model, at: parts.now - hour + Int64(index) * minute) }
            action = .disable(model)
        }
        let said = try parts.recommendations(range).filter { $0.kind == kind }
        #expect(said.map(\.action) == [action])
        #expect(said.allSatisfy { !$0.evidence.isEmpty })
    }

    @Test("Nothing is said of a server that does well")
    func quiet() throws {
        var parts = Parts()
        let model = try parts.add("local/well", isLazy: false, isLoaded: true)
        parts.ask(model, times: 200)
        parts.lastUsed[model] = parts.now - minute
        parts.happen(.modelLoaded, to: model, at: parts.now - 20 * day)
        let cloud = try parts.add("cloud/x", prices: ModelPrices(input: 1, output: 1), quality: 0.5)
        parts.ask(cloud, times: 200, failing: 2)
        parts.keyCounts[cloud.provider] = .init(
            ring: ObjectIdentifier(parts.keys),
            counts: [.init(requests: 500, rateLimited: 20), .init(requests: 0, rateLimited: 0)])
        for range in MetricRange.allCases { #expect(try parts.recommendations(range) == []) }
    }

    @Test("A load counts as a reload within an hour after the model was in memory")
    func reloads() throws {
        let parts = Parts()
        let model = try modelID("local/a")
        parts.happen(.modelLoaded, to: model, at: monday)
        parts.happen(.modelUnloaded, to: model, at: monday + hour)
        parts.happen(.modelLoaded, to: model, at: monday + 2 * hour)
        parts.happen(.modelEvicted, to: model, at: monday + 3 * hour)
        parts.happen(.modelLoaded, to: model, at: monday + 4 * hour + second)
        parts.happen(.breakerOpened, to: nil, at: monday + 4 * hour, provider: model.provider)
        let now = monday + 5 * hour
        let own = parts.figures.total(of: .model(model), .day, at: now).counts
        #expect(own[.loads] == 3 && own[.reloads] == 1 && own[.evictions] == 1 && own[.breakerOpenings] == 0)
        #expect(parts.figures.total(of: .system, .day, at: now).counts[.breakerOpenings] == 1)
        #expect(parts.events.lastLoad(of: model) == .init(bytes: 4 << 30, time: 20_000_000))
    }

    @Test("A shortage of memory is told once for as long as it lasts, and only while models take some of it")
    func shortages() {
        let watch = MemoryWatch()
        func look(free: Int64, taken: Int64) -> Int {
            watch.look(
                [MemoryReading(device: .cpu, totalBytes: 3200, freeBytes: free)],
                [DeviceMemory(device: .cpu, totalBytes: 3200, freeBytes: 0, quotaBytes: 1600, actualBytes: taken)])
        }
        #expect(look(free: 10, taken: 0) == 0)
        #expect(look(free: 100, taken: 5) == 0)
        #expect(look(free: 99, taken: 5) == 1)
        #expect(look(free: 10, taken: 5) == 0)
        #expect(look(free: 150, taken: 5) == 0)
        #expect(look(free: 10, taken: 5) == 0)
        #expect(look(free: 200, taken: 5) == 0)
        #expect(look(free: 10, taken: 5) == 1)
    }

    @Test("Keys are counted by the hour, over a restart, a change of the ring and keys that are loaded anew")
    func keys() throws {
        let provider = try modelID("cloud/x").provider
        let (first, second) = (KeyUses(), KeyUses())
        let ring = ObjectIdentifier(first)
        first.take([provider: .init(ring: ring, counts: [.init(requests: 10, rateLimited: 1)])], at: monday)
        first.take([provider: .init(ring: ring, counts: [.init(requests: 15, rateLimited: 1)])], at: monday + hour)
        #expect(first.facts(from: monday) == [KeyFacts(provider: provider, index: 0, requests: 15, rateLimited: 1)])
        #expect(first.facts(from: monday + hour).map(\.requests) == [5])
        let changes = first.takeChanges()
        #expect(changes.count == 2 && first.takeChanges().isEmpty)
        first.putBack(changes)
        #expect(Set(first.takeChanges()) == Set(changes))
        second.restore(changes)
        let other = ObjectIdentifier(second)
        let counts: [KeyUses.Reading] = [
            .init(ring: other, counts: [.init(requests: 3, rateLimited: 3), .init()]),
            .init(ring: other, counts: [.init(requests: 1, rateLimited: 0), .init(requests: 2, rateLimited: 0)]),
        ]
        for reading in counts { second.take([provider: reading], at: monday + 2 * hour) }
        let facts = second.facts(from: monday)
        #expect(facts.map(\.requests) == [19, 2] && facts.map(\.rateLimited) == [4, 0])
        second.forget(before: monday + hour)
        #expect(second.facts(from: monday).map(\.requests) == [9, 2])
    }
}
