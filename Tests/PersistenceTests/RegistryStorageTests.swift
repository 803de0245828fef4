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
                group.addTask { _ = try await store.insert([.plain("s\(index)")]) }
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
}
