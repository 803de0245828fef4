import GRDB

/// The history of the tables. A migration that was released is never changed: a change is a new one at the end.
enum Migrations {
    /// `RHSE`: marks a database as ours, so that one of another program is not filled by mistake.
    static let applicationID = 0x5248_5345

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("0001-requests") { database in
            try database.execute(sql: "PRAGMA application_id = \(Self.applicationID)")
            try database.execute(sql: Self.requests)
            try database.execute(sql: Self.attempts)
        }
        // They add tables and a column and move nothing: looking through every request for broken references, which is
        // what GRDB does otherwise, would only make the first start of this version slow.
        migrator.registerMigration("0002-registry", foreignKeyChecks: .immediate) { database in
            try database.execute(sql: Self.models)
            try database.execute(sql: Self.providersAndAliases)
            try database.execute(sql: Self.unreadableRows)
        }
        migrator.registerMigration("0003-events", foreignKeyChecks: .immediate) { database in
            try database.execute(sql: Self.events)
        }
        migrator.registerMigration("0004-statistics", foreignKeyChecks: .immediate) { database in
            try database.execute(sql: Self.statistics)
        }
        migrator.registerMigration("0005-single-attempt", foreignKeyChecks: .immediate) { database in
            try database.execute(sql: Self.singleAttempt)
        }
        migrator.registerMigration("0006-costs", foreignKeyChecks: .immediate) { database in
            try database.execute(sql: Self.costs)
        }
        migrator.registerMigration("0007-settings", foreignKeyChecks: .immediate) { database in
            try database.execute(sql: Self.settings)
        }
        migrator.registerMigration("0008-request-details", foreignKeyChecks: .immediate) { database in
            try database.execute(sql: Self.requestDetails)
        }
        migrator.registerMigration("0009-metrics", foreignKeyChecks: .immediate) { database in
            try database.execute(sql: Self.metrics)
        }
        migrator.registerMigration("0010-traces", foreignKeyChecks: .immediate) { database in
            try database.execute(sql: Self.traces)
        }
        return migrator
    }

    // `id` is the client's and may repeat. Times are microseconds; `started_at` counts from 1970-01-01 UTC.
    private static let requests = """
        CREATE TABLE requests (
            sequence INTEGER PRIMARY KEY,
            id TEXT NOT NULL,
            requested_model TEXT NOT NULL,
            provider TEXT,
            model TEXT,
            started_at INTEGER NOT NULL,
            latency_us INTEGER NOT NULL,
            first_token_us INTEGER,
            input_tokens INTEGER,
            output_tokens INTEGER,
            cached_input_tokens INTEGER,
            reasoning_tokens INTEGER,
            is_estimated INTEGER,
            finish_reason TEXT,
            status TEXT NOT NULL,
            error_message TEXT,
            is_streamed INTEGER NOT NULL,
            metadata TEXT NOT NULL
        ) STRICT;
        CREATE INDEX requests_on_started_at ON requests (started_at);
        CREATE INDEX requests_on_id ON requests (id);
        """

    private static let attempts = """
        CREATE TABLE attempts (
            request INTEGER NOT NULL REFERENCES requests (sequence) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            provider TEXT NOT NULL,
            model TEXT NOT NULL,
            duration_us INTEGER NOT NULL,
            fault TEXT,
            fault_message TEXT,
            http_status INTEGER,
            retry_after_us INTEGER,
            PRIMARY KEY (request, position)
        ) STRICT, WITHOUT ROWID;
        """
}
