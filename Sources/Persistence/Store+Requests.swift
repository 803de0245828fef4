import GRDB
package import Inference

extension Store {
    /// Adds records, all or none.
    ///
    /// - Returns: the sequence of the last one.
    @discardableResult
    func insert(_ records: [RequestRecord]) async throws(StoreError) -> Int64? {
        try await self.write { database in
            for record in records {
                try RequestRow.insert(record, into: database)
            }
            guard !records.isEmpty else { return nil }
            // Attempts have no row ids: the last one that was given is the request's.
            return database.lastInsertedRowID
        }
    }

    /// Deletes records that began before `time`, with their attempts.
    ///
    /// - Parameters:
    ///   - time: Microseconds since 1970-01-01 UTC.
    ///   - limit: The most that are deleted: a small number keeps the transaction short and writers waiting briefly.
    /// - Returns: How many were deleted.
    func deleteRequests(before time: Int64, limit: Int) async throws(StoreError) -> Int {
        try await self.write { database in
            try database.execute(
                sql: """
                    DELETE FROM requests WHERE sequence IN (
                        SELECT sequence FROM requests WHERE started_at < ? ORDER BY started_at LIMIT ?
                    )
                    """,
                arguments: [time, limit]
            )
            return database.changesCount
        }
    }

    /// The records that were written last, newest first.
    package func recentRequests(limit: Int) async throws(StoreError) -> [RequestRecord] {
        try await self.read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM requests ORDER BY sequence DESC LIMIT ?", arguments: [max(limit, 0)]
            ).map { try RequestRow.record($0, in: database) }
        }
    }

    /// The newest record with this id; clients may use an id more than once.
    package func request(id: String) async throws(StoreError) -> RequestRecord? {
        try await self.read { database in
            try Row.fetchOne(
                database, sql: "SELECT * FROM requests WHERE id = ? ORDER BY sequence DESC LIMIT 1",
                arguments: [id.storable]
            ).map { try RequestRow.record($0, in: database) }
        }
    }

    /// How many records there are.
    package func requestCount() async throws(StoreError) -> Int {
        try await self.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM requests") ?? 0 }
    }
}
