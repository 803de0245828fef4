import GRDB

/// The embedded database: one SQLite file, opened by one server at a time.
///
/// Writes run one after another on the database's own queue and reads beside them, never on a thread of Swift's pool.
/// A commit survives the end of the process however it comes; after a power failure the last commits may be missing,
/// but the file is whole (WAL with `synchronous = NORMAL`). What must not be missing goes through ``writeDurably(_:)``.
package final class Store: Sendable {
    package let path: String
    let pool: DatabasePool
    private let lock: StoreLock
    let unreadable = UnreadableRows()

    /// Opens the database, making its directory, file and tables where they are missing. Blocks, so call it before
    /// serving.
    ///
    /// - Parameters:
    ///   - path: The file. Beside it stand `-wal`, `-shm` and `.lock`.
    ///   - busyTimeout: In seconds; how long to wait for another program (a backup, `sqlite3`) that holds the database.
    /// - Throws: ``StoreError`` when the file is damaged, foreign, locked, newer than this version or not writable.
    package init(path: String, busyTimeout: Double = 5) throws(StoreError) {
        try StoreFiles.prepare(path)
        self.lock = try StoreLock(database: path)
        self.path = path
        do {
            var configuration = GRDB.Configuration()
            configuration.label = "roundhouse.store"
            configuration.busyMode = .timeout(busyTimeout)
            configuration.foreignKeysEnabled = true
            configuration.maximumReaderCount = 2
            self.pool = try DatabasePool(path: path, configuration: configuration)
            try Self.migrate(self.pool, path: path)
        } catch {
            throw StoreError(error, path: path)
        }
    }

    /// Moves what is in the write-ahead log into the file and lets go of the database, so that another
    /// process may open it. Blocks; nothing may follow but another `close()`.
    package func close() throws(StoreError) {
        do {
            try self.pool.close()
            self.lock.release()
        } catch {
            throw StoreError(error, path: self.path)
        }
    }

    private static func migrate(_ pool: DatabasePool, path: String) throws {
        let migrator = Migrations.migrator
        try pool.write { database in
            let id = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
            let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") ?? 0
            guard id == Migrations.applicationID || (id == 0 && tables == 0) else {
                throw StoreError(.foreign, path: path, "this is a database of another program; set storage.path")
            }
            let unknown = try migrator.appliedIdentifiers(database).subtracting(migrator.migrations).sorted()
            guard unknown.isEmpty else {
                throw StoreError(
                    .newerSchema,
                    path: path,
                    "a later version of Roundhouse wrote this database (\(unknown.joined(separator: ", "))); "
                        + "run that version, or move the file away"
                )
            }
        }
        try migrator.migrate(pool)
    }

    /// Runs `updates` in a transaction on the database's queue.
    ///
    /// Unlike GRDB's own async functions, this one goes through when the task is cancelled: the last batch is written
    /// by a task that is being shut down.
    func write<Value: Sendable>(
        _ updates: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        let result: Result<Value, any Error> = await withCheckedContinuation { continuation in
            self.pool.asyncWrite(updates) { _, result in continuation.resume(returning: result) }
        }
        do {
            return try result.get()
        } catch {
            throw StoreError(error, path: self.path)
        }
    }

    /// Runs `updates` in a transaction that is on the disk when this returns, so that it survives a power failure.
    ///
    /// `synchronous` cannot change inside a transaction, so the connection is switched around it. A second connection
    /// with a setting of its own would have to take turns with this one by SQLite's file lock, which polls: a save could
    /// wait long, or fail as busy, behind a batch of requests. On the one queue nobody waits for more than the
    /// transactions ahead. The sync at the end is of the whole write-ahead log: earlier commits become durable as well.
    func writeDurably<Value: Sendable>(
        _ updates: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        let result: Result<Value, any Error> = await withCheckedContinuation { continuation in
            self.pool.asyncWriteWithoutTransaction { database in
                continuation.resume(returning: Result { try Self.durably(database, updates) })
            }
        }
        do {
            return try result.get()
        } catch {
            throw StoreError(error, path: self.path)
        }
    }

    /// Makes every commit so far survive a power failure: syncs the write-ahead log and moves it into the file.
    ///
    /// Commits that come while this runs may or may not be part of it.
    package func synchronize() async throws(StoreError) {
        let result: Result<Void, any Error> = await withCheckedContinuation { continuation in
            self.pool.asyncWriteWithoutTransaction { database in
                // Passive: waits for nobody. What readers keep it from moving was synced all the same.
                continuation.resume(returning: Result { _ = try database.checkpoint(.passive) })
            }
        }
        do {
            try result.get()
        } catch {
            throw StoreError(error, path: self.path)
        }
    }

    private static func durably<Value>(_ database: Database, _ updates: (Database) throws -> Value) throws -> Value {
        try database.execute(sql: "PRAGMA synchronous = FULL")
        // Should this fail, later commits are slower and as safe.
        defer { try? database.execute(sql: "PRAGMA synchronous = NORMAL") }
        var value: Value?
        try database.inTransaction(.immediate) {
            value = try updates(database)
            return .commit
        }
        guard let value else { throw DatabaseError(resultCode: .SQLITE_ABORT) }
        return value
    }

    /// Runs `query` beside the writers, on a view of the last commit.
    func read<Value: Sendable>(
        _ query: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        let result: Result<Value, any Error> = await withCheckedContinuation { continuation in
            self.pool.asyncRead { access in
                continuation.resume(returning: access.flatMap { database in Result { try query(database) } })
            }
        }
        do {
            return try result.get()
        } catch {
            throw StoreError(error, path: self.path)
        }
    }
}
