import GRDB
import Inference
import ModelLifecycle
import ModelRegistry
import Testing

@testable import Persistence

@Suite("Event and statistics storage", .timeLimit(.minutes(1)))
struct EventStorageTests {
    private func store(_ directory: TemporaryDirectory, events: [StoredEvent]) async throws -> Store {
        let store = try Store(path: directory.database)
        try await store.append(events)
        return store
    }

    @Test("Events come back as they were, in both directions, for every filter", arguments: 0..<6)
    func roundTrip(seed: Int) async throws {
        let directory = try TemporaryDirectory()
        var random = RandomValues(seed: seed)
        let events = (1...120).map { random.event(Int64($0)) }
        let store = try await self.store(directory, events: events)
        try store.close()
        let again = try Store(path: directory.database)
        #expect(try await again.eventRange() == 1...120)
        for _ in 0..<40 {
            var filter = EventFilter()
            if random.flip() {
                filter.kinds = Set(random.list(0...6) { $0.pick(GatewayEvent.Kind.allCases, or: .initialized) })
            }
            if random.flip() { filter.model = ModelID("local/tiny") }
            if random.flip() { filter.provider = ProviderID("cloud") }
            if random.flip() { filter.alias = "fast" }
            let sequence = Int64.random(in: -1...122, using: &random)
            let limit = Int.random(in: -1...130, using: &random)
            let admitted = events.filter { filter.admits($0.event) }
            let after = try await again.events(after: sequence, limit: limit, filter: filter)
            #expect(after == Array(admitted.filter { $0.sequence > sequence }.prefix(max(limit, 0))))
            let before = try await again.events(before: sequence, limit: limit, filter: filter)
            #expect(before == Array(admitted.filter { $0.sequence < sequence }.reversed().prefix(max(limit, 0))))
        }
    }

    @Test(
        "A filter is read from its index in the order of the events", arguments: ["kind", "model", "provider", "alias"])
    func indices(column: String) async throws {
        let directory = try TemporaryDirectory()
        let store = try await self.store(directory, events: [])
        let plan = try await store.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    EXPLAIN QUERY PLAN SELECT * FROM events WHERE sequence > 5 AND \(column) = 'x'
                        ORDER BY sequence DESC LIMIT 10
                    """
            ).map { $0["detail"] as String }
        }
        #expect(plan == ["SEARCH events USING INDEX events_on_\(column) (\(column)=? AND rowid>?)"])
    }

    @Test("Events are added all or none; a sequence that was used is refused")
    func atomic() async throws {
        let directory = try TemporaryDirectory()
        var random = RandomValues(seed: 9)
        let store = try await self.store(directory, events: [random.event(1), random.event(2)])
        let events = [random.event(3), random.event(2)]
        await #expect(throws: StoreError.self) { try await store.append(events) }
        #expect(try await store.eventRange() == 1...2)
        try await store.append([])
    }

    @Test(
        "Pruning keeps the last ones",
        arguments: [(5000, 3501...5000), (1500, 3501...5000), (1499, 3502...5000), (1, 5000...5000)])
    func prune(count: Int, left: ClosedRange<Int64>) async throws {
        let directory = try TemporaryDirectory()
        let events = (1...5000).map {
            StoredEvent(sequence: $0, atMicroseconds: $0, event: GatewayEvent(.modelLoaded, reason: "r"))
        }
        let store = try await self.store(directory, events: events)
        try await store.pruneEvents(keeping: 1500)
        try await store.pruneEvents(keeping: count)
        #expect(try await store.eventRange() == left)
        let all = try await store.events(after: 0, limit: 9999, filter: EventFilter())
        #expect(all.map(\.sequence) == Array(left))
    }

    @Test("Nothing is kept of nothing")
    func empty() async throws {
        let directory = try TemporaryDirectory()
        let store = try await self.store(directory, events: [])
        #expect(try await store.eventRange() == nil)
        try await store.pruneEvents(keeping: 10)
        #expect(try await store.events(before: .max, limit: 10, filter: EventFilter()).isEmpty)
    }

    @Test("Kinds that a later version wrote do not shorten a page, and a damaged row tells what is left of it")
    func unreadable() async throws {
        let directory = try TemporaryDirectory()
        let model = try #require(ModelID("local/tiny"))
        let events = (1...10).map {
            StoredEvent(
                sequence: $0, atMicroseconds: $0,
                event: GatewayEvent(.modelLoaded, model: model, reason: "r", attributes: ["a": "b"]))
        }
        let store = try await self.store(directory, events: events)
        try await store.write { database in
            try database.execute(sql: "UPDATE events SET kind = 'model-sold' WHERE sequence IN (2, 3)")
            try database.execute(sql: "UPDATE events SET model = 'no id', attributes = '[' WHERE sequence = 4")
        }
        let page = try await store.events(after: 0, limit: 3, filter: EventFilter())
        #expect(page.map(\.sequence) == [1, 4, 5])
        #expect(page[1].event == GatewayEvent(.modelLoaded, provider: .local, reason: "r"))
    }

    // MARK: - Statistics

    @Test("Statistics come back as they were, and later ones replace them", arguments: 0..<6)
    func statistics(seed: Int) async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        var random = RandomValues(seed: seed)
        var expected: [ModelID: ModelStatistics] = [:]
        for _ in 0..<3 {
            var changed: [ModelID: ModelStatistics] = [:]
            for id in [ModelID("local/tiny"), random.modelID()] {
                if let id { changed[id] = random.statistics() }
            }
            expected.merge(changed) { $1 }
            try await store.save(changed)
        }
        try store.close()
        let again = try Store(path: directory.database)
        #expect(try await again.loadStatistics() == expected)
        #expect(again.problems.isEmpty)
        try await again.save([ModelID: ModelStatistics]())
    }

    @Test("A figure that is no number neither stops the save nor the load")
    func notANumber() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        let id = try #require(ModelID("local/tiny"))
        var statistics = ModelStatistics()
        statistics.latency.sum = .nan
        statistics.uses = 3
        try await store.save([id: statistics])
        let loaded = try #require(try await store.loadStatistics()[id])
        #expect(loaded.latency.sum.isNaN)
        #expect(loaded.uses == 3)
    }

    @Test("Statistics that cannot be read are told, start anew and are kept aside")
    func unreadableStatistics() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        let ids = ["local/a", "local/b", "local/c"].compactMap { ModelID($0) }
        var statistics = ModelStatistics()
        statistics.uses = 7
        try await store.save(Dictionary(uniqueKeysWithValues: ids.map { ($0, statistics) }))
        try await store.write { database in
            try database.execute(
                sql: "UPDATE model_statistics SET details = json_set(details, '$.format', 9) WHERE model = 'local/a'")
            try database.execute(
                sql:
                    "UPDATE model_statistics SET details = json_remove(details, '$.hours.uses[0]') WHERE model = 'local/b'"
            )
        }
        #expect(try await store.loadStatistics() == [ids[2]: statistics])
        #expect(
            store.problems == [
                "the statistics of model 'local/a' cannot be read: column 'details' has format 9, which a "
                    + "later version writes; this one knows up to 1; its rows stay in the table model_statistics",
                "the statistics of model 'local/b' cannot be read: 'hours' has 167 of 168 hours; its rows "
                    + "stay in the table model_statistics",
            ]
        )
        try await store.save([ids[0]: ModelStatistics()])
        let kept = try await store.read { database in
            try String.fetchAll(
                database,
                sql: "SELECT id || ' ' || json_extract(content, '$.model_statistics[0].uses') FROM unreadable_rows"
            )
        }
        #expect(kept == ["local/a 7"])
        #expect(store.problems.count == 1)
    }
}
