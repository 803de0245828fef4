import GRDB
import Inference
import ModelRegistry

/// Reads the registry's tables within one transaction, entry by entry.
struct RegistryReader {
    let database: Database
    private(set) var problems: [UnreadableRows.Key: String] = [:]

    init(database: Database) {
        self.database = database
    }

    mutating func registry() throws -> StoredRegistry {
        var stored = StoredRegistry()
        let versions = try self.rows("SELECT * FROM model_versions ORDER BY model, position", by: "model")
        stored.models = try self.entries(.models, "SELECT * FROM models ORDER BY id", id: "id") { row, id in
            try ModelRow.model(row, versions: versions[id] ?? [])
        }
        stored.providers = try self.entries(.providers, "SELECT * FROM providers ORDER BY id", id: "id") { row, _ in
            try ProviderRow.provider(row)
        }
        let targets = try self.rows("SELECT * FROM alias_targets ORDER BY alias, position", by: "alias")
        let history = try self.rows("SELECT * FROM alias_history ORDER BY alias, position", by: "alias")
        stored.aliases = try self.entries(.aliases, "SELECT * FROM aliases ORDER BY name", id: "name") { row, id in
            try AliasRow.alias(row, targets: targets[id] ?? [], history: history[id] ?? [])
        }
        for row in try Row.fetchAll(self.database, sql: "SELECT key, digest FROM config_digests") {
            // Without its digest an entry of the file counts as changed, which does no harm.
            guard let key = try? row.value("key", as: String.self) else { continue }
            stored.configDigests[key] = try? row.value("digest", as: String.self)
        }
        self.leaveOutDependents(&stored)
        return stored
    }

    /// Leaves out the models of a provider that cannot be read, and the aliases that lead to nothing else.
    ///
    /// They are sound, but without what they need the registry would count them as left over, and delete them.
    private mutating func leaveOutDependents(_ stored: inout StoredRegistry) {
        let providers = Set(self.problems.keys.filter { $0.origin == .providers }.map(\.id))
        for model in stored.models where providers.contains(model.id.provider.rawValue) {
            let key = UnreadableRows.Key(origin: .models, id: model.id.description)
            self.problems[key] = UnreadableRows.problem(key, UnreadableRow("its provider cannot be"))
        }
        let models = Set(self.problems.keys.filter { $0.origin == .models }.map(\.id))
        func isThere(_ target: ModelID) -> Bool {
            !providers.contains(target.provider.rawValue) && !models.contains(target.description)
        }
        for alias in stored.aliases where !alias.targets.contains(where: isThere) {
            let key = UnreadableRows.Key(origin: .aliases, id: alias.name)
            self.problems[key] = UnreadableRows.problem(key, UnreadableRow("none of its models can be"))
        }
        stored.models.removeAll { self.problems[UnreadableRows.Key(origin: .models, id: $0.id.description)] != nil }
        stored.aliases.removeAll { self.problems[UnreadableRows.Key(origin: .aliases, id: $0.name)] != nil }
    }

    private mutating func entries<Entry>(
        _ origin: UnreadableRows.Origin,
        _ sql: String,
        id column: String,
        _ read: (Row, String) throws -> Entry
    ) throws -> [Entry] {
        var entries: [Entry] = []
        for row in try Row.fetchAll(self.database, sql: sql) {
            let id = Self.text(row, column)
            do {
                entries.append(try read(row, id))
            } catch {
                let key = UnreadableRows.Key(origin: origin, id: id)
                self.problems[key] = UnreadableRows.problem(key, error)
            }
        }
        return entries
    }

    private func rows(_ sql: String, by column: String) throws -> [String: [Row]] {
        Dictionary(grouping: try Row.fetchAll(self.database, sql: sql)) { Self.text($0, column) }
    }

    /// The id that a row has; empty when even that cannot be read.
    private static func text(_ row: Row, _ column: String) -> String {
        (try? row.value(column, as: String.self)) ?? ""
    }
}
