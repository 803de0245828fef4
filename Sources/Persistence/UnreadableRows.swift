import GRDB
import ModelRegistry
import Synchronization

/// Entries that are on disk and cannot be read.
///
/// They are reported and left where they are: the version that wrote them can read them again. What is written over one
/// of them all the same (the configuration file defines a model of that name, say) is copied to the table
/// `unreadable_rows` first, in the same transaction.
final class UnreadableRows: Sendable {
    /// The table that an entry's main row is in, and its id there.
    struct Key: Hashable, Sendable {
        var origin: Origin
        var id: String
    }

    enum Origin: String, Sendable {
        case models, providers, aliases
        case statistics = "model_statistics"
        case metrics = "metric_buckets"

        /// What people call it.
        var noun: String {
            switch self {
            case .models: "model"
            case .providers: "provider"
            case .aliases: "alias"
            case .statistics: "the statistics of model"
            case .metrics: "some figures of"
            }
        }

        /// Every table with rows of an entry, and the column that holds its id.
        var tables: [(name: String, key: String)] {
            switch self {
            case .models: [("models", "id"), ("model_versions", "model")]
            case .providers: [("providers", "id")]
            case .aliases: [("aliases", "name"), ("alias_targets", "alias"), ("alias_history", "alias")]
            case .statistics: [("model_statistics", "model")]
            // They are never written over while they can be read by another version: its buckets have other lengths.
            case .metrics: []
            }
        }
    }

    private let found = Mutex<[Key: String]>([:])

    /// A sentence for each, sorted.
    var problems: [String] { self.found.withLock { $0.values.sorted() } }

    func problems(of origin: Origin) -> [String] {
        self.found.withLock { found in found.filter { $0.key.origin == origin }.values.sorted() }
    }

    /// Notes what a look at all rows of some origins has found; what is readable by now is forgotten.
    func replace(_ problems: [Key: String], of origins: Set<Origin>) {
        self.found.withLock { found in
            found = found.filter { !origins.contains($0.key.origin) }.merging(problems) { $1 }
        }
    }

    /// Notes what a look at some rows has found.
    func add(_ problems: [Key: String]) {
        guard !problems.isEmpty else { return }
        self.found.withLock { $0.merge(problems) { $1 } }
    }

    func intersection(_ keys: [Key]) -> [Key] {
        self.found.withLock { found in keys.filter { found[$0] != nil } }
    }

    func forget(_ keys: [Key]) {
        guard !keys.isEmpty else { return }
        self.found.withLock { found in
            for key in keys { found[key] = nil }
        }
    }

    static func problem(_ key: Key, _ error: any Error) -> String {
        let reason = (error as? UnreadableRow)?.description ?? "\(error)"
        return "\(key.origin.noun) '\(key.id)' cannot be read: \(reason); its rows stay in the table "
            + "\(key.origin.rawValue)"
    }

    /// Copies an entry's rows as one JSON text.
    static func setAside(_ key: Key, at time: Int64, in database: Database) throws {
        var content: [String: [[String: Cell]]] = [:]
        for table in key.origin.tables {
            let sql = "SELECT * FROM \(table.name) WHERE \(table.key) = ?"
            content[table.name] = try Row.fetchAll(database, sql: sql, arguments: [key.id]).map { row in
                Dictionary(row.map { ($0.0, Cell(value: $0.1)) }) { first, _ in first }
            }
        }
        try database.execute(
            sql: "INSERT INTO unreadable_rows (origin, id, set_aside_at, content) VALUES (?, ?, ?, ?)",
            arguments: [key.origin.rawValue, key.id, time, try Stored.json(content)]
        )
    }

    /// A value of SQLite's as JSON; bytes in hexadecimal.
    private struct Cell: Encodable {
        var value: DatabaseValue

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self.value.storage {
            case .null: try container.encodeNil()
            case .int64(let number): try container.encode(number)
            case .double(let number): try container.encode(number)
            case .string(let text): try container.encode(text)
            case .blob(let data):
                try container.encode(
                    data.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined())
            }
        }
    }
}
