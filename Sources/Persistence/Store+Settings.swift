import GRDB

extension Store {
    /// A setting that was made at run time; `nil` when there is none.
    package func setting(_ name: String) async throws(StoreError) -> String? {
        try await self.read { database in
            try String.fetchOne(database, sql: "SELECT value FROM settings WHERE name = ?", arguments: [name])
        }
    }

    /// Keeps a setting; on disk before it returns. `nil` forgets it.
    package func set(_ value: String?, for name: String) async throws(StoreError) {
        try await self.writeDurably { database in
            if let value {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO settings (name, value, updated_at) VALUES (?, ?, ?)",
                    arguments: [name, value, WallClock.microseconds()])
            } else {
                try database.execute(sql: "DELETE FROM settings WHERE name = ?", arguments: [name])
            }
        }
    }
}
