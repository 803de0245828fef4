import GRDB
import Inference
package import ModelRegistry

extension Store: RegistryStorage {
    /// Everything that is registered. What cannot be read is told in ``StoredRegistry/problems`` and stays on the disk.
    package func loadRegistry() async throws(StoreError) -> StoredRegistry {
        let (stored, problems) = try await self.read { database in
            var reader = RegistryReader(database: database)
            let stored = try reader.registry()
            return (stored, reader.problems)
        }
        self.unreadable.replace(problems, of: [.models, .providers, .aliases])
        var registry = stored
        registry.problems = problems.values.sorted()
        return registry
    }

    /// Writes changes, all or none, in their order; they survive a power failure once this has returned.
    package func save(_ changes: [RegistryChange]) async throws(StoreError) {
        guard !changes.isEmpty else { return }
        let overwritten = self.unreadable.intersection(changes.compactMap(\.key))
        try await self.writeDurably { database in
            for key in overwritten {
                try UnreadableRows.setAside(key, at: WallClock.microseconds(), in: database)
            }
            for change in changes { try change.apply(to: database) }
        }
        self.unreadable.forget(overwritten)
    }

    /// What has been found since the database was opened and cannot be read, a sentence for each.
    package var problems: [String] { self.unreadable.problems }
}

extension RegistryChange {
    /// The entry, where it is one that may be unreadable.
    fileprivate var key: UnreadableRows.Key? {
        switch self {
        case .putModel(let model): UnreadableRows.Key(origin: .models, id: model.id.description)
        case .deleteModel(let id): UnreadableRows.Key(origin: .models, id: id.description)
        case .putProvider(let provider): UnreadableRows.Key(origin: .providers, id: provider.id.rawValue)
        case .deleteProvider(let id): UnreadableRows.Key(origin: .providers, id: id.rawValue)
        case .putAlias(let alias): UnreadableRows.Key(origin: .aliases, id: alias.name.storable)
        case .deleteAlias(let name): UnreadableRows.Key(origin: .aliases, id: name.storable)
        case .putConfigDigest, .deleteConfigDigest: nil
        }
    }

    fileprivate func apply(to database: Database) throws {
        func run(_ sql: String, _ arguments: StatementArguments) throws {
            try database.cachedStatement(sql: sql).execute(arguments: arguments)
        }
        switch self {
        case .putModel(let model): try ModelRow.put(model, into: database)
        case .deleteModel(let id): try run("DELETE FROM models WHERE id = ?", [id.description])
        case .putProvider(let provider): try ProviderRow.put(provider, into: database)
        case .deleteProvider(let id): try run("DELETE FROM providers WHERE id = ?", [id.rawValue])
        case .putAlias(let alias): try AliasRow.put(alias, into: database)
        case .deleteAlias(let name): try run("DELETE FROM aliases WHERE name = ?", [name.storable])
        case .putConfigDigest(let key, let digest):
            try run(
                "INSERT OR REPLACE INTO config_digests (key, digest) VALUES (?, ?)", [key.storable, digest.storable])
        case .deleteConfigDigest(let key): try run("DELETE FROM config_digests WHERE key = ?", [key.storable])
        }
    }
}
