import GRDB
import Inference
import ModelRegistry
import Testing

@testable import Persistence

@Suite("Rows that cannot be read", .timeLimit(.minutes(1)))
struct UnreadableRowsTests {
    struct Damage: Sendable, CustomTestStringConvertible {
        var sql: String
        var problem: String
        var testDescription: String { self.sql }
    }

    static let damages = [
        Damage(
            sql: "UPDATE models SET details = json_set(details, '$.format', 2) WHERE id = 'local/bad'",
            problem: "model 'local/bad' cannot be read: column 'details' has format 2, which a later "
                + "version writes; this one knows up to 1; its rows stay in the table models"
        ),
        Damage(
            sql: "UPDATE models SET details = '{\"format\":1' WHERE id = 'local/bad'",
            problem: "model 'local/bad' cannot be read: column 'details' is damaged; its rows stay in the "
                + "table models"
        ),
        Damage(
            sql: "UPDATE models SET details = json_remove(details, '$.tags') WHERE id = 'local/bad'",
            problem: "model 'local/bad' cannot be read: column 'details' lacks 'tags'; its rows stay in "
                + "the table models"
        ),
        Damage(
            sql: "UPDATE models SET category = 'smell' WHERE id = 'local/bad'",
            problem: "model 'local/bad' cannot be read: column 'category' holds 'smell', which this "
                + "version does not know; its rows stay in the table models"
        ),
        Damage(
            sql: "UPDATE models SET details = json_set(details, '$.capabilities[0]', 'flight') WHERE id = 'local/bad'",
            problem: "model 'local/bad' cannot be read: 'capabilities' holds 'flight', which this version "
                + "does not know; its rows stay in the table models"
        ),
        Damage(
            sql: "UPDATE models SET id = 'bad' WHERE id = 'local/bad'",
            problem: "model 'bad' cannot be read: column 'id' holds no model id; its rows stay in the "
                + "table models"
        ),
        Damage(
            sql: "UPDATE providers SET source = 'heaven' WHERE id = 'bad'",
            problem: "provider 'bad' cannot be read: column 'source' holds 'heaven', which this version "
                + "does not know; its rows stay in the table providers"
        ),
        Damage(
            sql: "DELETE FROM alias_targets WHERE alias = 'bad'",
            problem: "alias 'bad' cannot be read: it has no targets; its rows stay in the table aliases"
        ),
        Damage(
            sql: "UPDATE alias_history SET targets = '[{\"model\":\"x\",\"weight\":1}]' WHERE alias = 'bad'",
            problem: "alias 'bad' cannot be read: column 'targets' holds no model id; its rows stay in "
                + "the table aliases"
        ),
    ]

    /// A good and a bad entry of each kind; the bad ones are good until they are damaged.
    private func entries() throws -> (good: [RegistryChange], bad: [RegistryChange]) {
        func entries(_ name: String) throws -> [RegistryChange] {
            let id = try #require(ModelID("local/\(name)"))
            let other = try #require(ModelID("local/other"))
            let provider = try #require(ProviderID(name))
            var alias = Alias(name: name, targets: [id, other])
            alias.history = [
                Alias.Revision(
                    targets: alias.weightedTargets, mode: .ordered, etag: "1", replacedAtMicroseconds: 1, reason: "")
            ]
            let model = ModelDescription(id: id, versions: [ModelVersion(version: "v", path: "/x")])
            return [
                .putModel(model), .putProvider(ProviderDescription(id: provider, kind: "custom")), .putAlias(alias),
            ]
        }
        return (try entries("good"), try entries("bad"))
    }

    @Test("A row that cannot be read is told and left out, and nothing else is", arguments: Self.damages)
    func unreadable(_ damage: Damage) async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        let (good, bad) = try self.entries()
        try await store.save(good + bad)
        let whole = try await store.loadRegistry()
        try await store.pool.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA foreign_keys = OFF")
            try database.execute(sql: damage.sql)
            #expect(database.changesCount > 0)
            try database.execute(sql: "PRAGMA foreign_keys = ON")
        }
        let loaded = try await store.loadRegistry()
        #expect(loaded.problems == [damage.problem])
        #expect(store.problems == [damage.problem])
        let left = loaded.models.count + loaded.providers.count + loaded.aliases.count
        #expect(left == whole.models.count + whole.providers.count + whole.aliases.count - 1)
        let rows = try await store.read { database in
            try Int.fetchOne(
                database,
                sql:
                    "SELECT (SELECT count(*) FROM models) + (SELECT count(*) FROM providers) + (SELECT count(*) FROM aliases)"
            )
        }
        #expect(rows == 6, "the row is still there")
    }

    @Test("What depends on an unreadable row is left out as well: the registry would delete it otherwise")
    func dependents() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        let ids = ["good/a", "bad/a", "bad/b"].compactMap { ModelID($0) }
        try #require(ids.count == 3)
        let providers = ids.prefix(2).map { ProviderDescription(id: $0.provider, kind: "custom") }
        let aliases = [
            Alias(name: "gone", targets: [ids[1], ids[2]]), Alias(name: "half", targets: [ids[1], ids[0]]),
        ]
        try await store.save(
            providers.map { .putProvider($0) } + ids.map { .putModel(ModelDescription(id: $0)) }
                + aliases.map { .putAlias($0) })
        try await store.write { try $0.execute(sql: "UPDATE providers SET source = 'x' WHERE id = 'bad'") }
        let loaded = try await store.loadRegistry()
        #expect(loaded.providers == [providers[0]])
        #expect(loaded.models.map(\.id) == [ids[0]])
        #expect(loaded.aliases == [aliases[1]])
        #expect(
            loaded.problems == [
                "alias 'gone' cannot be read: none of its models can be; its rows stay in the table aliases",
                "model 'bad/a' cannot be read: its provider cannot be; its rows stay in the table models",
                "model 'bad/b' cannot be read: its provider cannot be; its rows stay in the table models",
                "provider 'bad' cannot be read: column 'source' holds 'x', which this version does not know; its rows "
                    + "stay in the table providers",
            ]
        )
        // As soon as the provider can be read again, everything is there.
        try await store.write { try $0.execute(sql: "UPDATE providers SET source = 'api' WHERE id = 'bad'") }
        let whole = try await store.loadRegistry()
        #expect(whole.models.count == 3 && whole.aliases.count == 2 && whole.problems.isEmpty)
    }

    @Test("What is written over an unreadable row is kept aside, once")
    func setAside() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        let (good, bad) = try self.entries()
        try await store.save(good + bad)
        try await store.write { database in
            try database.execute(sql: "UPDATE models SET category = 'smell' WHERE id = 'local/bad'")
            try database.execute(sql: "UPDATE aliases SET mode = 'fancy' WHERE name = 'bad'")
        }
        #expect(try await store.loadRegistry().problems.count == 2)
        try await store.save(good + bad)
        try await store.save(good + bad)
        let kept = try await store.read { database in
            try String.fetchAll(
                database,
                sql: """
                    SELECT json_array(origin, id, json_extract(content, '$.models[0].category'),
                        json_extract(content, '$.model_versions[0].path'), json_extract(content, '$.aliases[0].mode'),
                        json_extract(content, '$.alias_targets[0].model')) FROM unreadable_rows ORDER BY sequence
                    """
            )
        }
        #expect(
            kept == [
                #"["models","local/bad","smell","/x",null,null]"#, #"["aliases","bad",null,null,"fancy","local/bad"]"#,
            ])
        #expect(store.problems.isEmpty)
        #expect(try await store.loadRegistry().problems.isEmpty)
    }
}
