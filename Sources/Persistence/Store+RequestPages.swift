import GRDB
import Inference

extension Store {
    /// The records that a query asks for, newest first.
    ///
    /// Rows are looked at in pieces, each a read of its own, so that other readers get their turn, the write-ahead log can
    /// be moved into the file, and the call ends when its task is cancelled or its time is over. What was not looked at
    /// by then is for the next page. Records that are damaged are left out.
    ///
    /// - Parameters:
    ///   - timeLimit: After it no other piece is begun.
    ///   - firstPiece: How many sequences the first piece spans; later ones are larger while they take little time.
    package func requests(
        _ query: RequestQuery,
        timeLimit: Duration = .seconds(1),
        firstPiece: Int64 = 4096
    ) async throws(StoreError) -> RequestPage {
        let begin = ContinuousClock.now
        let ends = try await self.requestEnds()
        var page = RequestPage(lastSequence: ends?.upperBound ?? 0)
        guard let ends else { return page }
        let bounds = query.filter.bounds
        var low = max(ends.lowerBound, bounds.sequence.lowerBound, query.position?.notBelow ?? 0)
        var high = min(ends.upperBound, bounds.sequence.upperBound) + 1
        high = min(high, query.position?.before ?? high)
        var mayNarrow = query.position?.notBelow == nil && (bounds.since != nil || bounds.until != nil)
        /// Finds which sequences the times leave.
        func narrow() async throws(StoreError) {
            mayNarrow = false
            guard let range = try await self.sequences(since: bounds.since, until: bounds.until) else {
                low = high
                return
            }
            low = max(low, range.lowerBound)
            high = min(high, range.upperBound + 1)
        }
        // Everything after the time would be read for nothing. What is before it matters once the page is not full.
        if mayNarrow, bounds.until != nil { try await narrow() }
        var size = bounds.namesID ? Int64.max : max(firstPiece, 1)
        while low < high {
            let beganPiece = ContinuousClock.now
            let from = high - low > size ? high - size : low
            let asked = query.limit + 1 - page.requests.count
            let (found, reached) = try await self.requests(query.filter, from: from, before: high, limit: asked)
            page.requests += found
            high = reached
            if page.requests.count > query.limit {
                page.requests.removeLast()
                let before = page.requests.last?.sequence ?? high
                page.nextToken = query.token(before: before, notBelow: mayNarrow ? nil : low)
                return page
            }
            let now = ContinuousClock.now
            if now - begin >= timeLimit || Task.isCancelled { break }
            if now - beganPiece < Self.quickPiece, size < .max / 2 { size *= 2 }
            if mayNarrow { try await narrow() }
        }
        if low < high { page.nextToken = query.token(before: high, notBelow: mayNarrow ? nil : low) }
        return page
    }

    private static var quickPiece: Duration { .milliseconds(20) }

    /// The first and the last sequence; `nil` when there is none.
    private func requestEnds() async throws(StoreError) -> ClosedRange<Int64>? {
        try await self.read { database in
            // Two looks at the ends of the tree.
            let sql = """
                SELECT (SELECT min(sequence) FROM requests) AS first, (SELECT max(sequence) FROM requests) AS last
                """
            guard let row = try Row.fetchOne(database, sql: sql), let first = row["first"] as Int64?,
                let last = row["last"] as Int64?
            else { return nil }
            return first...last
        }
    }

    /// Between which sequences the records lie that began in a time, ends included; read from the index alone.
    private func sequences(since: Int64?, until: Int64?) async throws(StoreError) -> ClosedRange<Int64>? {
        try await self.read { database in
            let sql = """
                SELECT min(sequence) AS first, max(sequence) AS last FROM requests INDEXED BY requests_on_started_at
                WHERE started_at >= ? AND started_at <= ?
                """
            guard
                let row = try Row.fetchOne(
                    database, sql: sql, arguments: [since ?? Int64.min, until ?? Int64.max]),
                let first = row["first"] as Int64?, let last = row["last"] as Int64?
            else { return nil }
            return first...last
        }
    }

    /// - Returns: What passes in a piece, newest first, and the first sequence that was looked at.
    private func requests(
        _ filter: RequestFilter,
        from: Int64,
        before: Int64,
        limit: Int
    ) async throws(StoreError) -> (found: [StoredRequest], reached: Int64) {
        let sql = Self.pageSQL(filter)
        let arguments = [from.databaseValue, before.databaseValue] + (filter.condition?.arguments ?? [])
        return try await self.read { database in
            let rows = try Row.fetchAll(
                database, sql: sql, arguments: StatementArguments(arguments + [limit.databaseValue]))
            let found = rows.compactMap { row -> StoredRequest? in
                guard let sequence = try? row.value("sequence", as: Int64.self),
                    let record = try? RequestRow.record(row, in: database)
                else { return nil }
                return StoredRequest(sequence: sequence, record: record)
            }
            let last = rows.count == limit ? try rows.last?.value("sequence", as: Int64.self) : nil
            return (found, last ?? from)
        }
    }

    static func pageSQL(_ filter: RequestFilter) -> String {
        let condition = filter.condition.map { " AND (\($0.sql))" } ?? ""
        return """
            SELECT * FROM requests WHERE sequence >= ? AND sequence < ?\(condition) ORDER BY sequence DESC LIMIT ?
            """
    }
}
