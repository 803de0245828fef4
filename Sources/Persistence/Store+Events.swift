import GRDB
import Inference
package import ModelLifecycle

extension Store: EventStorage {
    package func eventRange() async throws(StoreError) -> ClosedRange<Int64>? {
        try await self.read { database in
            // Two looks at the ends of the tree. Asked for in one SELECT, SQLite would read every row.
            let sql = "SELECT (SELECT min(sequence) FROM events) AS first, (SELECT max(sequence) FROM events) AS last"
            guard let row = try Row.fetchOne(database, sql: sql), let first = row["first"] as Int64?,
                let last = row["last"] as Int64?
            else { return nil }
            return first...last
        }
    }

    package func append(_ events: [StoredEvent]) async throws(StoreError) {
        guard !events.isEmpty else { return }
        try await self.write { database in
            for event in events { try EventRow.insert(event, into: database) }
        }
    }

    package func events(
        after sequence: Int64,
        limit: Int,
        filter: EventFilter
    ) async throws(StoreError) -> [StoredEvent] {
        try await self.events("sequence > ?", sequence, order: "ASC", limit: limit, filter)
    }

    package func events(
        before sequence: Int64,
        limit: Int,
        filter: EventFilter
    ) async throws(StoreError) -> [StoredEvent] {
        try await self.events("sequence < ?", sequence, order: "DESC", limit: limit, filter)
    }

    package func pruneEvents(keeping count: Int) async throws(StoreError) {
        let newest = try await self.read { database in
            try Int64.fetchOne(
                database, sql: "SELECT sequence FROM events ORDER BY sequence DESC LIMIT 1 OFFSET ?",
                arguments: [max(count, 0)]
            )
        }
        guard let newest else { return }
        // In small transactions, between which other writers get their turn.
        var deleted = Self.pruneChunk
        while deleted == Self.pruneChunk {
            deleted = try await self.write { database in
                try database.execute(
                    sql: """
                        DELETE FROM events WHERE sequence IN (
                            SELECT sequence FROM events WHERE sequence <= ? ORDER BY sequence LIMIT ?
                        )
                        """,
                    arguments: [newest, Self.pruneChunk]
                )
                return database.changesCount
            }
        }
    }

    private static var pruneChunk: Int { 1000 }

    private func events(
        _ bound: String,
        _ sequence: Int64,
        order: String,
        limit: Int,
        _ filter: EventFilter
    ) async throws(StoreError) -> [StoredEvent] {
        try await self.read { database in
            var conditions = [bound]
            var arguments: StatementArguments = [sequence]
            func require(_ column: String, _ text: String?) {
                guard let text else { return }
                conditions.append("\(column) = ?")
                arguments += [text]
            }
            require("model", filter.model?.description)
            require("provider", filter.provider?.rawValue)
            require("alias", filter.alias?.storable)
            // Kinds that a later version wrote are passed over here, so that a short page means the end. Without a
            // filter the plus keeps SQLite from joining all kinds by the index instead of reading on in order.
            let kinds = filter.kinds.isEmpty ? Set(GatewayEvent.Kind.allCases) : filter.kinds
            let places = [String](repeating: "?", count: kinds.count).joined(separator: ", ")
            conditions.append("\(filter.kinds.isEmpty ? "+" : "")kind IN (\(places))")
            arguments += StatementArguments(kinds.map(\.rawValue).sorted())
            arguments += [max(limit, 0)]
            let sql = """
                SELECT * FROM events WHERE \(conditions.joined(separator: " AND ")) ORDER BY sequence \(order) LIMIT ?
                """
            return try Row.fetchAll(database, sql: sql, arguments: arguments).compactMap(EventRow.event)
        }
    }
}

/// How a ``StoredEvent`` is laid out in the table `events`.
enum EventRow {
    private static let insert = """
        INSERT INTO events (sequence, at, kind, model, provider, alias, reason, attributes)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """

    static func insert(_ stored: StoredEvent, into database: Database) throws {
        let event = stored.event
        try database.cachedStatement(sql: Self.insert).execute(arguments: [
            stored.sequence, stored.atMicroseconds, event.kind.rawValue, event.model?.description,
            event.provider?.rawValue, event.alias?.storable, event.reason.storable,
            event.attributes.isEmpty ? "{}" : try Stored.json(event.attributes),
        ])
    }

    /// What a damaged row still tells; `nil` when that is not even its kind.
    static func event(_ row: Row) -> StoredEvent? {
        func text(_ column: String) -> String? { try? row.value(column, as: String?.self) }
        guard let sequence = try? row.value("sequence", as: Int64.self),
            let kind = text("kind").flatMap(GatewayEvent.Kind.init(rawValue:))
        else { return nil }
        let attributes = text("attributes").flatMap { try? Stored.decode([String: String].self, from: $0, in: "") }
        var event = GatewayEvent(
            kind,
            model: text("model").flatMap { ModelID($0) },
            alias: text("alias"),
            reason: text("reason") ?? "",
            attributes: attributes ?? [:]
        )
        event.provider = text("provider").flatMap { ProviderID($0) }
        return StoredEvent(
            sequence: sequence, atMicroseconds: (try? row.value("at", as: Int64.self)) ?? 0, event: event)
    }
}
