import FoundationEssentials
import GRDB
import Glibc
import Inference
import Logging
import ModelRegistry
import Testing

@testable import Persistence

@Suite("Crashes", .timeLimit(.minutes(2)))
struct CrashTests {
    @Test("A process killed at a random point loses nothing that was flushed, and leaves a sound database")
    func kill() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.database
        var generator = SystemRandomNumberGenerator()
        var flushed = 0
        for round in 0..<12 {
            let life = UInt32.random(in: 1000...60_000, using: &generator)
            let prefix = "r\(round)-"
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [path = path as String, prefix = prefix as String, life = life as UInt32] in
                try await Self.recordUntilKilled(path: path, prefix: prefix, afterMicroseconds: life)
            }
            let acknowledged = Self.acknowledged(path)
            // The lock went with the process, so this opens.
            let store = try Store(path: path)
            let check = try await store.read { try String.fetchAll($0, sql: "PRAGMA integrity_check") }
            #expect(check == ["ok"])
            for (prefix, count) in acknowledged {
                let found = try await store.read {
                    try Int.fetchOne(
                        $0, sql: "SELECT count(*) FROM requests WHERE id LIKE ?", arguments: ["\(prefix)%"])
                }
                #expect((found ?? 0) >= count, "\(prefix) after \(life) µs")
            }
            let orphans = try await store.read {
                try Int.fetchOne(
                    $0,
                    sql: """
                        SELECT count(*) FROM requests
                        WHERE (SELECT count(*) FROM attempts WHERE request = sequence) != 2
                        """
                )
            }
            #expect(orphans == 0, "a record is whole or not there")
            flushed = acknowledged.values.reduce(0, +)
            try store.close()
        }
        // Otherwise the rounds proved nothing.
        #expect(flushed > 0)
    }

    /// Records without end; writes down, where a crash cannot take it back, how many are known to be flushed.
    private static func recordUntilKilled(path: String, prefix: String, afterMicroseconds life: UInt32) async throws {
        let store = try Store(path: path)
        var settings = RequestLog.Settings()
        settings.batchSize = 16
        let log = RequestLog(store: store, settings: settings, logger: Logger(label: "crash"))
        let file = unsafe open("\(path).acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        try await withThrowingTaskGroup { group in
            group.addTask { await log.run() }
            await log.flushWhenRunning()
            Self.killSelf(afterMicroseconds: life)
            var count = 0
            while true {
                for _ in 0..<Int.random(in: 1...40) {
                    count += 1
                    log.record(.full("\(prefix)\(count)", startedAt: WallClock.microseconds()))
                }
                try await log.flush()
                let line = Array("\(prefix) \(count)\n".utf8)
                _ = unsafe line.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) }
            }
        }
    }

    /// From a plain thread: the kill must not wait for a turn.
    private static func killSelf(afterMicroseconds life: UInt32) {
        var thread = pthread_t()
        let argument = unsafe UnsafeMutableRawPointer(bitPattern: UInt(life))
        _ = unsafe pthread_create(
            &thread, nil,
            { argument in
                usleep(UInt32(UInt(bitPattern: argument)))
                Glibc.kill(getpid(), SIGKILL)
                return nil
            },
            argument
        )
    }

    @Test("What a save of the registry returned for is there after a kill, whole", arguments: [true, false])
    func registry(killsAtReturn: Bool) async throws {
        let directory = try TemporaryDirectory()
        let path = directory.database
        var acknowledged: [String: Int] = [:]
        for round in 0..<10 {
            // Zero: killed by its own hand the moment the last save has returned.
            let life = killsAtReturn ? 0 : UInt32.random(in: 1000...80_000)
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [path = path as String, prefix = "m\(round)" as String, life = life as UInt32] in
                try await Self.saveUntilKilled(path: path, prefix: prefix, afterMicroseconds: life)
            }
            let store = try Store(path: path)
            let stored = try await store.loadRegistry()
            #expect(stored.problems.isEmpty)
            acknowledged = Self.acknowledged(path)
            for (prefix, count) in acknowledged {
                let alias = stored.aliases.first { $0.name == prefix }
                let last = (alias?.activeModel?.name.dropFirst(prefix.count + 1)).flatMap { Int($0) } ?? 0
                // One more may have been saved and not acknowledged; either way all of it or nothing.
                #expect(last == count || last == count + 1, "\(prefix) after \(life) µs")
                let models = stored.models.filter { $0.id.provider.rawValue == prefix }
                #expect(models.count == last)
                #expect(stored.configDigests[prefix] == "\(last)")
                #expect(alias?.history.count == min(last - 1, Alias.historyLimit))
            }
            try store.close()
        }
        #expect(killsAtReturn ? acknowledged.count == 10 : !acknowledged.isEmpty)
    }

    /// Saves a model, the alias that leads to the newest one, and a digest, and writes down how many saves returned.
    private static func saveUntilKilled(path: String, prefix: String, afterMicroseconds life: UInt32) async throws {
        let store = try Store(path: path)
        let file = unsafe open("\(path).acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        if life > 0 { Self.killSelf(afterMicroseconds: life) }
        let last = life > 0 ? Int.max : Int.random(in: 1...40)
        var alias = Alias(name: prefix, weightedTargets: [])
        for count in 1...last {
            guard let id = ModelID("\(prefix)/\(prefix)-\(count)") else { return }
            if !alias.weightedTargets.isEmpty {
                let revision = Alias.Revision(
                    targets: alias.weightedTargets, mode: .ordered, etag: "\(count - 1)", replacedAtMicroseconds: 1,
                    reason: "switched")
                alias.history = Array(([revision] + alias.history).prefix(Alias.historyLimit))
            }
            alias.weightedTargets = [Alias.Target(model: id)]
            try await store.save([
                .putModel(ModelDescription(id: id)), .putAlias(alias),
                .putConfigDigest(key: prefix, digest: "\(count)"),
            ])
            let line = Array("\(prefix) \(count)\n".utf8)
            _ = unsafe line.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) }
        }
        Glibc.kill(getpid(), SIGKILL)
    }

    /// The highest count that each round acknowledged.
    private static func acknowledged(_ path: String) -> [String: Int] {
        guard let data = try? Data(contentsOf: URL(filePath: "\(path).acknowledged")) else { return [:] }
        var counts: [String: Int] = [:]
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: " ")
            guard parts.count == 2, let count = Int(parts[1]) else { continue }
            counts[String(parts[0]), default: 0] = max(count, counts[String(parts[0])] ?? 0)
        }
        return counts
    }
}
