import GRDB
import Inference
import ModelRegistry

/// How a ``ProviderDescription`` is laid out in the table `providers`.
enum ProviderRow {
    private static let put = """
        INSERT OR REPLACE INTO providers (
            id, kind, base_url, has_credentials, credentials_variable, credentials_file, allows_insecure,
            accepts_any_model, priority, is_enabled, source, revision, created_at, updated_at
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """

    static func put(_ provider: ProviderDescription, into database: Database) throws {
        var variable: String?
        var file: String?
        switch provider.credentials {
        case .environment(let name): variable = name
        case .file(let path): file = path
        case nil: break
        }
        try database.cachedStatement(sql: Self.put).execute(arguments: [
            provider.id.rawValue, provider.kind.storable, provider.baseURL?.storable, provider.hasCredentials,
            variable?.storable, file?.storable, provider.allowsInsecure, provider.acceptsAnyModel, provider.priority,
            provider.isEnabled, provider.provenance.source.rawValue, provider.provenance.revision,
            provider.provenance.createdAtMicroseconds, provider.provenance.updatedAtMicroseconds,
        ])
    }

    static func provider(_ row: Row) throws -> ProviderDescription {
        guard let id = ProviderID(try row.value("id")) else { throw UnreadableRow("column 'id' holds no provider id") }
        let variable = try row.value("credentials_variable", as: String?.self)
        let file = try row.value("credentials_file", as: String?.self)
        return ProviderDescription(
            id: id,
            kind: try row.value("kind"),
            baseURL: try row.value("base_url"),
            hasCredentials: try row.value("has_credentials"),
            credentials: variable.map { .environment($0) } ?? file.map { .file($0) },
            allowsInsecure: try row.value("allows_insecure"),
            acceptsAnyModel: try row.value("accepts_any_model"),
            priority: try row.value("priority"),
            isEnabled: try row.value("is_enabled"),
            provenance: try Provenance(row)
        )
    }
}
