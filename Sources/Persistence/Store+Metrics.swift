import FoundationEssentials
import GRDB
package import Inference
package import Telemetry

/// How far a look at stored buckets has come: see ``Store/metrics(_:from:before:limit:)``.
package struct MetricCursor: Sendable, Hashable {
    /// Microseconds since 1970-01-01 UTC.
    package var startedAt: Int64
    var provider: String
    var model: String
}

/// What a key of a provider did in an hour. Keys are named by their places, never shown.
package struct StoredKeyUse: Sendable, Hashable {
    package var provider: ProviderID
    /// From 0.
    package var place: Int
    /// Microseconds since 1970-01-01 UTC.
    package var hour: Int64
    package var requests: Int64
    /// Of them those that were answered with 429.
    package var rateLimited: Int64

    package init(provider: ProviderID, place: Int, hour: Int64, requests: Int64, rateLimited: Int64) {
        self.provider = provider
        self.place = place
        self.hour = hour
        self.requests = requests
        self.rateLimited = rateLimited
    }
}

extension Store {
    /// Writes buckets over those of the same time, all or none.
    ///
    /// - Parameter sequence: the last request that is counted in them and all before: later ones are counted anew after a
    ///   restart. `nil` leaves it as it is.
    package func save(
        _ buckets: [MetricBucket], keys: [StoredKeyUse] = [], countedTo sequence: Int64?
    ) async throws(StoreError) {
        try await self.write { database in
            let statement = try database.cachedStatement(
                sql: """
                    INSERT INTO metric_buckets (length, started_at, provider, model, figures) VALUES (?, ?, ?, ?, ?)
                    ON CONFLICT (length, started_at, provider, model) DO UPDATE SET figures = excluded.figures
                    """)
            for bucket in buckets {
                let (provider, model) = bucket.subject.columns
                try statement.execute(arguments: [
                    bucket.tier.length, bucket.startMicroseconds, provider, model, Data(bucket.stored),
                ])
            }
            for use in keys {
                try database.cachedStatement(
                    sql: """
                        INSERT OR REPLACE INTO key_uses (started_at, provider, place, requests, rate_limited)
                        VALUES (?, ?, ?, ?, ?)
                        """
                ).execute(arguments: [use.hour, use.provider.rawValue, use.place, use.requests, use.rateLimited])
            }
            if let sequence {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO metric_position (id, sequence) VALUES (1, ?)", arguments: [sequence])
            }
        }
    }

    /// The last request that is counted in the stored buckets; `nil` when nothing was ever stored.
    package func metricPosition() async throws(StoreError) -> Int64? {
        try await self.read { try Int64.fetchOne($0, sql: "SELECT sequence FROM metric_position") }
    }

    /// The last request that is kept; `nil` when none is.
    package func lastRequestSequence() async throws(StoreError) -> Int64? {
        try await self.read { try Int64.fetchOne($0, sql: "SELECT max(sequence) FROM requests") }
    }

    /// Stored buckets of one length, the latest first. Those that are damaged are left out and told in ``problems``.
    ///
    /// - Parameters:
    ///   - from: microseconds since 1970-01-01 UTC; those that begin earlier are not wanted.
    ///   - cursor: of the page before.
    /// - Returns: at most `limit`, and where to go on; `nil` at the end.
    package func metrics(
        _ tier: MetricTier, from: Int64, before cursor: MetricCursor?, limit: Int
    ) async throws(StoreError) -> (buckets: [MetricBucket], next: MetricCursor?) {
        let (buckets, problems, next) = try await self.read { database in
            var buckets: [MetricBucket] = []
            var problems: [UnreadableRows.Key: String] = [:]
            var next: MetricCursor?
            var count = 0
            let before = cursor ?? MetricCursor(startedAt: .max, provider: "", model: "")
            let rows = try Row.fetchCursor(
                database.cachedStatement(
                    sql: """
                        SELECT started_at, provider, model, figures FROM metric_buckets
                        WHERE length = ? AND started_at >= ? AND (started_at, provider, model) < (?, ?, ?)
                        ORDER BY started_at DESC, provider DESC, model DESC LIMIT ?
                        """),
                arguments: [tier.length, from, before.startedAt, before.provider, before.model, limit])
            // A thousand rows are of few subjects, and a name is dear to take apart.
            var subjects: [String: [String: MetricSubject]] = [:]
            while let row = try rows.next() {
                count += 1
                let place = try MetricCursor(
                    startedAt: row.value("started_at"), provider: row.value("provider"), model: row.value("model"))
                next = place
                do {
                    var subject = subjects[place.provider]?[place.model]
                    if subject == nil {
                        subject = MetricSubject(provider: place.provider, model: place.model)
                        subjects[place.provider, default: [:]][place.model] = subject
                    }
                    buckets.append(try MetricRow.bucket(row, of: subject, tier, start: place.startedAt))
                } catch {
                    let key = UnreadableRows.Key(
                        origin: .metrics, id: place.provider.isEmpty ? place.model : "\(place.provider)/\(place.model)")
                    problems[key] = UnreadableRows.problem(key, error)
                }
            }
            return (buckets, problems, count == limit ? next : nil)
        }
        self.unreadable.add(problems)
        return (buckets, next)
    }

    /// A sentence for everyone of whom some figures cannot be read.
    package var unreadableMetrics: [String] { self.unreadable.problems(of: .metrics) }

    /// Deletes buckets of one length that began before `time`.
    ///
    /// - Returns: how many; at most `limit`, so that writers wait briefly.
    package func deleteMetrics(_ tier: MetricTier, before time: Int64, limit: Int) async throws(StoreError) -> Int {
        try await self.write { database in
            try database.execute(
                sql: """
                    DELETE FROM metric_buckets WHERE (length, started_at, provider, model) IN (
                        SELECT length, started_at, provider, model FROM metric_buckets
                        WHERE length = ? AND started_at < ? ORDER BY started_at LIMIT ?
                    )
                    """,
                arguments: [tier.length, time, limit])
            return database.changesCount
        }
    }

    /// What the keys of providers did since `time`.
    package func keyUses(from time: Int64) async throws(StoreError) -> [StoredKeyUse] {
        try await self.read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM key_uses WHERE started_at >= ?", arguments: [time])
                .compactMap { row in
                    guard let provider = ProviderID(try row.value("provider", as: String.self)) else { return nil }
                    return StoredKeyUse(
                        provider: provider, place: try row.value("place"), hour: try row.value("started_at"),
                        requests: try row.value("requests"), rateLimited: try row.value("rate_limited"))
                }
        }
    }

    package func deleteKeyUses(before time: Int64) async throws(StoreError) {
        try await self.write { database in
            try database.execute(sql: "DELETE FROM key_uses WHERE started_at < ?", arguments: [time])
        }
    }

    /// Requests in the order in which they were written, after a sequence. Those that are damaged are left out.
    ///
    /// - Returns: at most `limit`, and the sequence to go on after; `nil` at the end.
    package func requests(
        after sequence: Int64, limit: Int
    ) async throws(StoreError) -> (records: [RequestRecord], next: Int64?) {
        try await self.read { database in
            let rows = try Row.fetchAll(
                database, sql: "SELECT * FROM requests WHERE sequence > ? ORDER BY sequence LIMIT ?",
                arguments: [sequence, limit])
            let last = rows.count == limit ? try rows.last?.value("sequence", as: Int64.self) : nil
            return (rows.compactMap { try? RequestRow.record($0, in: database) }, last)
        }
    }
}

/// How a ``MetricBucket`` is laid out in the table `metric_buckets`.
private enum MetricRow {
    static func bucket(_ row: Row, of subject: MetricSubject?, _ tier: MetricTier, start: Int64) throws -> MetricBucket
    {
        guard let subject else { throw UnreadableRow("the columns 'provider' and 'model' name no model") }
        guard tier.start(of: start) == start else {
            throw UnreadableRow("column 'started_at' holds \(start), where no bucket begins")
        }
        let bytes = [UInt8](try row.value("figures", as: Data.self))
        do throws(StoredFormError) {
            return try MetricBucket(subject: subject, tier: tier, startMicroseconds: start, stored: bytes)
        } catch {
            throw UnreadableRow("column 'figures' is damaged: \(error)")
        }
    }
}
