import FoundationEssentials
import GRDB
import Glibc
import Inference
import ModelRegistry
import Testing

@testable import Persistence

@Suite("Registry storage", .timeLimit(.minutes(2)))
struct RegistryStorageTests {
    /// What a save of everything and a load of a fresh store should agree on.
    private func sorted(_ registry: StoredRegistry) -> StoredRegistry {
        var registry = registry
        registry.models.sort { $0.id < $1.id }
        registry.providers.sort { $0.id < $1.id }
        registry.aliases.sort { $0.name < $1.name }
        return registry
    }

    @Test("Every field comes back as it was", arguments: 0..<24)
    func roundTrip(seed: Int) async throws {
        let directory = try TemporaryDirectory()
        var random = RandomValues(seed: seed)
        var expected = StoredRegistry()
        var changes: [RegistryChange] = []
        for model in random.list(1...8, { $0.model() }) where !expected.models.contains(where: { $0.id == model.id }) {
            expected.models.append(model)
            // A put replaces all of what was there.
            changes += [.putModel(random.model(model.id)), .putModel(model)]
        }
        for provider in random.list(1...4, { $0.provider() })
        where !expected.providers.contains(where: { $0.id == provider.id }) {
            expected.providers.append(provider)
            changes.append(.putProvider(provider))
        }
        for alias in random.list(1...4, { $0.alias() }) {
            expected.aliases.append(alias)
            var other = random.alias()
            other.name = alias.name
            changes += [.putAlias(other), .putAlias(alias)]
        }
        for _ in 0..<3 {
            let (key, digest) = (random.text() + "k", random.text())
            expected.configDigests[key] = digest
            changes += [.putConfigDigest(key: key, digest: "old"), .putConfigDigest(key: key, digest: digest)]
        }
        let store = try Store(path: directory.database)
        try await store.save(changes)
        try store.close()
        let again = try Store(path: directory.database)
        let loaded = try await again.loadRegistry()
        #expect(self.sorted(loaded) == self.sorted(expected))
        #expect(again.problems.isEmpty)
    }

    @Test("What was deleted is gone, with everything that belonged to it")
    func deletion() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        var random = RandomValues(seed: 1)
        var (model, provider, alias) = (random.model(), random.provider(), random.alias())
        model.versions = [random.version(), random.version()]
        alias.history = [
            Alias.Revision(targets: random.targets(), mode: .weighted, etag: "1", replacedAtMicroseconds: 1, reason: "")
        ]
        provider.kind = "custom"
        try await store.save([
            .putModel(model), .putProvider(provider), .putAlias(alias), .putConfigDigest(key: "k", digest: "d"),
        ])
        try await store.save([
            .deleteModel(model.id), .deleteProvider(provider.id), .deleteAlias(alias.name),
            .deleteConfigDigest(key: "k"),
            // What is not there is deleted already.
            .deleteModel(model.id),
        ])
        #expect(try await store.loadRegistry() == StoredRegistry())
        for table in ["model_versions", "alias_targets", "alias_history"] {
            let count = try await store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table)") }
            #expect(count == 0, "\(table)")
        }
    }

    @Test("Changes are made in their order, and all or none of them")
    func atomic() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        var random = RandomValues(seed: 2)
        let (first, second) = (random.model(), random.model())
        try await store.save([.putModel(first), .deleteModel(first.id), .putModel(second)])
        let before = try await store.loadRegistry()
        #expect(before.models == [second])
        var twice = first
        twice.versions = [ModelVersion(version: "v", path: "/a"), ModelVersion(version: "v", path: "/b")]
        await #expect(throws: StoreError.self) {
            try await store.save([.deleteModel(second.id), .putProvider(random.provider()), .putModel(twice)])
        }
        #expect(try await store.loadRegistry() == before)
        try await store.save([] as [RegistryChange])
    }

    @Test("People find what they look for in columns")
    func columns() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        let id = try #require(ModelID("local/mine"))
        var model = ModelDescription(
            id: id, engine: "llama.cpp", versions: [ModelVersion(version: "v1", path: "/m.gguf")])
        model.provenance = Provenance(
            source: .api, createdAtMicroseconds: 5, updatedAtMicroseconds: 6, revision: 3)
        try await store.save([.putModel(model)])
        let row = try await store.read { database in
            try String.fetchOne(
                database,
                sql: """
                    SELECT json_array(id, provider, category, engine, active_version, is_enabled, source, revision,
                        created_at, updated_at, json_extract(details, '$.capabilities[0]')) FROM models
                    """
            )
        }
        #expect(row == #"["local/mine","local","text","llama.cpp","v1",1,"api",3,5,6,"chat"]"#)
    }

    // MARK: - Durability

    @Test("A save is synced, what comes after it is not, and a failure changes nothing of that")
    func synchronous() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        let level: @Sendable (Database) throws -> Int? = { try Int.fetchOne($0, sql: "PRAGMA synchronous") }
        #expect(try await store.write(level) == 1)
        #expect(try await store.writeDurably(level) == 2)
        #expect(try await store.write(level) == 1)
        let error = await #expect(throws: StoreError.self) {
            try await store.writeDurably { try $0.execute(sql: "INSERT INTO models (id) VALUES ('x')") }
        }
        #expect(error?.code == .failed)
        #expect(try await store.write(level) == 1)
    }

    @Test("Synchronizing moves everything into the file, beside readers and writers")
    func synchronize() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        var random = RandomValues(seed: 6)
        let model = random.model()
        try await store.save([.putModel(model)])
        try await store.insert([.plain("r1")])
        try await store.synchronize()
        // The file alone, without its log, holds it all.
        let copy = "\(directory.path)/copy.db"
        try FileManager.default.copyItem(atPath: directory.database, toPath: copy)
        let other = try Store(path: copy)
        #expect(try await other.loadRegistry().models == [model])
        #expect(try await other.requestCount() == 1)
        try await withThrowingTaskGroup { group in
            for index in 0..<20 {
                group.addTask { try await store.insert([.plain("s\(index)")]) }
                group.addTask { try await store.synchronize() }
                group.addTask { _ = try await store.loadRegistry() }
            }
            try await group.waitForAll()
        }
        #expect(try await store.requestCount() == 21)
    }

    @Test("When the disk is full, a save fails as such and the old state stays; with room it goes through")
    func diskFull() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        var random = RandomValues(seed: 3)
        let old = random.model()
        try await store.save([.putModel(old)])
        let pages = try await store.write { try Int.fetchOne($0, sql: "PRAGMA page_count") ?? 0 }
        try await store.limit(pages: pages)
        var models = (0..<200).map { _ in random.model() }
        models.append(old)
        let changes = models.map { RegistryChange.putModel($0) } + [.deleteModel(old.id)]
        let error = await #expect(throws: StoreError.self) { try await store.save(changes) }
        #expect(error?.code == .diskFull)
        #expect(try await store.loadRegistry().models == [old])
        try await store.limit(pages: 100_000)
        try await store.save(changes)
        let count = try await store.loadRegistry().models.count
        #expect(count == Set(models.map(\.id)).count - 1)
    }

    @Test("A disk that takes no more bytes, and one that must not be written, leave the old state as it was")
    func failingDisk() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.database
        // In a process of its own: the limit is the process's.
        await #expect(processExitsWith: .success) { [path = path as String] in
            let store = try Store(path: path)
            var random = RandomValues(seed: 4)
            let old = random.model()
            try await store.save([.putModel(old)])
            var status = stat()
            guard unsafe stat("\(path)-wal", &status) == 0 else { exit(1) }
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit(rlim_cur: rlim_t(status.st_size) + 100, rlim_max: .max)
            guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { exit(2) }
            do throws(StoreError) {
                try await store.save([.putModel(random.model())])
                exit(3)
            } catch {
                guard error.code == .failed, error.message.contains("the disk failed") else { exit(4) }
            }
            guard try await store.loadRegistry().models == [old] else { exit(5) }
            limit.rlim_cur = .max
            guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { exit(6) }
            try await store.pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA query_only = ON") }
            do throws(StoreError) {
                try await store.save([.putModel(random.model())])
                exit(7)
            } catch {
                guard error.code == .readOnly else { exit(8) }
            }
            try await store.pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA query_only = OFF") }
            let new = random.model()
            try await store.save([.putModel(new)])
            let models = try await store.loadRegistry().models
            exit(models == [old, new].sorted { $0.id < $1.id } ? 0 : 9)
        }
    }

    @Test("Saves and batches from many tasks at once all arrive")
    func concurrency() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.database)
        try await withThrowingTaskGroup { group in
            for task in 0..<6 {
                group.addTask {
                    var random = RandomValues(seed: 100 + task)
                    for index in 0..<20 {
                        guard let id = ModelID("p\(task)/m\(index)") else { return }
                        try await store.save([
                            .putModel(random.model(id)), .putConfigDigest(key: "model:\(id)", digest: "d"),
                        ])
                        let loaded = try await store.loadRegistry()
                        // Each save is seen whole.
                        #expect(loaded.models.count == loaded.configDigests.count)
                        #expect(loaded.models.contains { $0.id == id })
                    }
                }
                group.addTask {
                    for index in 0..<20 { try await store.insert((0..<50).map { .full("\(task)-\(index)-\($0)") }) }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await store.loadRegistry().models.count == 120)
        #expect(try await store.requestCount() == 6000)
    }

    // MARK: - What cannot be read

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
