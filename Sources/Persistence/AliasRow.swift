import GRDB
import Inference
import ModelRegistry

/// How an ``Alias`` is laid out in the tables `aliases`, `alias_targets` and `alias_history`.
enum AliasRow {
    private static let put = """
        INSERT INTO aliases (name, mode, source, revision, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (name) DO UPDATE SET
            mode = excluded.mode, source = excluded.source, revision = excluded.revision,
            created_at = excluded.created_at, updated_at = excluded.updated_at
        """

    private static let putRevision = """
        INSERT INTO alias_history (alias, position, etag, mode, replaced_at, reason, targets)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """

    static func put(_ alias: Alias, into database: Database) throws {
        let name = alias.name.storable
        try database.cachedStatement(sql: Self.put).execute(arguments: [
            name, alias.mode.rawValue, alias.provenance.source.rawValue, alias.provenance.revision,
            alias.provenance.createdAtMicroseconds, alias.provenance.updatedAtMicroseconds,
        ])
        try database.cachedStatement(sql: "DELETE FROM alias_targets WHERE alias = ?").execute(arguments: [name])
        try database.cachedStatement(sql: "DELETE FROM alias_history WHERE alias = ?").execute(arguments: [name])
        for (position, target) in alias.weightedTargets.enumerated() {
            try database.cachedStatement(
                sql: "INSERT INTO alias_targets (alias, position, model, weight) VALUES (?, ?, ?, ?)"
            ).execute(arguments: [name, position, target.model.description, target.weight])
        }
        for (position, revision) in alias.history.enumerated() {
            try database.cachedStatement(sql: Self.putRevision).execute(arguments: [
                name, position, revision.etag.storable, revision.mode.rawValue, revision.replacedAtMicroseconds,
                revision.reason.storable, try Stored.json(revision.targets.map(Target.init)),
            ])
        }
    }

    /// - Parameters:
    ///   - targets: The alias's rows of `alias_targets`, in order.
    ///   - history: The alias's rows of `alias_history`, in order.
    static func alias(_ row: Row, targets: [Row], history: [Row]) throws -> Alias {
        guard !targets.isEmpty else { throw UnreadableRow("it has no targets") }
        return Alias(
            name: try row.value("name"),
            weightedTargets: try targets.map {
                Alias.Target(model: try $0.modelID("model"), weight: try $0.value("weight"))
            },
            mode: try row.word("mode"),
            history: try history.map(Self.revision),
            provenance: try Provenance(row)
        )
    }

    private static func revision(_ row: Row) throws -> Alias.Revision {
        let targets = try Stored.decode([Target].self, from: row.value("targets"), in: "column 'targets'")
        return Alias.Revision(
            targets: try targets.map { try $0.restored() },
            mode: try row.word("mode"),
            etag: try row.value("etag"),
            replacedAtMicroseconds: try row.value("replaced_at"),
            reason: try row.value("reason")
        )
    }

    /// A target in the column `targets` of `alias_history`.
    private struct Target: Codable {
        var model: String
        var weight: Int

        init(_ target: Alias.Target) {
            self.model = target.model.description
            self.weight = target.weight
        }

        func restored() throws -> Alias.Target {
            guard let id = ModelID(self.model) else { throw UnreadableRow("column 'targets' holds no model id") }
            return Alias.Target(model: id, weight: self.weight)
        }
    }
}
