import GRDB
import Inference
import ModelRegistry
import Testing

@testable import Persistence

@Suite("Migrations", .timeLimit(.minutes(1)))
struct MigrationTests {
    /// A database as the first version left it: two requests, one of them with an attempt that failed.
    private func makeOld(_ path: String) throws {
        let queue = try DatabaseQueue(path: path)
        try Migrations.migrator.migrate(queue, upTo: "0001-requests")
        try queue.write { database in
            for (sequence, id) in [(1, "r1"), (2, "r2")] {
                try database.execute(
                    sql: """
                        INSERT INTO requests (sequence, id, requested_model, provider, model, started_at, latency_us,
                            status, is_streamed, metadata)
                        VALUES (?, ?, 'default', 'local', 'tiny', 1700000000000000, 1234, 'OK', 0, '{}')
                        """,
                    arguments: [sequence, id]
                )
            }
            try database.execute(
                sql: """
                    INSERT INTO attempts (request, position, provider, model, duration_us, fault, fault_message) VALUES
                        (1, 0, 'local', 'tiny', 1200, NULL, NULL),
                        (2, 0, 'cloud', 'a', 7, 'server_error', 'why'), (2, 1, 'local', 'tiny', 1200, NULL, NULL)
                    """
            )
        }
        try queue.close()
    }

    @Test("A database of the first version keeps its requests and takes models")
    func fromFirst() async throws {
        let directory = try TemporaryDirectory()
        try self.makeOld(directory.database)
        let store = try Store(path: directory.database)
        let other = try #require(ModelID("cloud/a"))
        var second = RequestRecord.plain("r2")
        second.attempts.insert(
            Attempt(model: other, duration: .microseconds(7), fault: UpstreamFault(.serverError, "why")), at: 0)
        #expect(try await store.recentRequests(limit: 5) == [second, .plain("r1")])
        #expect(try await store.loadRegistry() == StoredRegistry())
        #expect(try await store.eventRange() == nil)
        #expect(try await store.loadStatistics().isEmpty)
        var random = RandomValues(seed: 1)
        let model = random.model()
        try await store.save([.putModel(model)])
        try await store.insert([.plain("r3")])
        #expect(try await store.loadRegistry().models == [model])
        #expect(try await store.recentRequests(limit: 5) == [.plain("r3"), second, .plain("r1")])
        try store.close()
        // And a second start has nothing left to do.
        let again = try Store(path: directory.database)
        #expect(try await again.loadRegistry().models == [model])
    }

    @Test("Every table is strict, and references are sound")
    func strict() async throws {
        let directory = try TemporaryDirectory()
        try self.makeOld(directory.database)
        let store = try Store(path: directory.database)
        let (loose, broken) = try await store.read { database in
            let loose = try String.fetchAll(
                database,
                sql: """
                    SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0
                        AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'grdb%'
                    """
            )
            return (loose, try Row.fetchAll(database, sql: "PRAGMA foreign_key_check").count)
        }
        #expect(loose.isEmpty)
        #expect(broken == 0)
    }
}
