// Tables of the registry, the events and the statistics. Times are microseconds since 1970-01-01 UTC. What people and
// queries look at are columns; what only we read is one JSON text, whose `format` its row type checks.
extension Migrations {
    static let models = """
        CREATE TABLE models (
            id TEXT NOT NULL PRIMARY KEY,
            provider TEXT NOT NULL,
            display_name TEXT NOT NULL,
            category TEXT NOT NULL,
            context_length INTEGER,
            size_bytes INTEGER,
            engine TEXT,
            active_version TEXT,
            priority INTEGER NOT NULL,
            is_enabled INTEGER NOT NULL,
            is_lazy INTEGER NOT NULL,
            is_pinned INTEGER NOT NULL,
            is_missing INTEGER NOT NULL,
            source TEXT NOT NULL,
            revision INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            details TEXT NOT NULL
        ) STRICT;
        CREATE TABLE model_versions (
            model TEXT NOT NULL REFERENCES models (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            version TEXT NOT NULL,
            path TEXT NOT NULL,
            sha256 TEXT,
            size_bytes INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            is_installed INTEGER NOT NULL,
            PRIMARY KEY (model, position),
            UNIQUE (model, version)
        ) STRICT, WITHOUT ROWID;
        """

    /// `config_digests` is what the configuration file said of an entry when it was read last.
    static let providersAndAliases = """
        CREATE TABLE providers (
            id TEXT NOT NULL PRIMARY KEY,
            kind TEXT NOT NULL,
            base_url TEXT,
            has_credentials INTEGER NOT NULL,
            credentials_variable TEXT,
            credentials_file TEXT,
            allows_insecure INTEGER NOT NULL,
            accepts_any_model INTEGER NOT NULL,
            priority INTEGER NOT NULL,
            is_enabled INTEGER NOT NULL,
            source TEXT NOT NULL,
            revision INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE aliases (
            name TEXT NOT NULL PRIMARY KEY,
            mode TEXT NOT NULL,
            source TEXT NOT NULL,
            revision INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE alias_targets (
            alias TEXT NOT NULL REFERENCES aliases (name) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            model TEXT NOT NULL,
            weight INTEGER NOT NULL,
            PRIMARY KEY (alias, position)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE alias_history (
            alias TEXT NOT NULL REFERENCES aliases (name) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            etag TEXT NOT NULL,
            mode TEXT NOT NULL,
            replaced_at INTEGER NOT NULL,
            reason TEXT NOT NULL,
            targets TEXT NOT NULL,
            PRIMARY KEY (alias, position)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE config_digests (
            key TEXT NOT NULL PRIMARY KEY,
            digest TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        """

    /// What could not be read and was about to be written over: see ``UnreadableRows``.
    static let unreadableRows = """
        CREATE TABLE unreadable_rows (
            sequence INTEGER PRIMARY KEY,
            origin TEXT NOT NULL,
            id TEXT NOT NULL,
            set_aside_at INTEGER NOT NULL,
            content TEXT NOT NULL
        ) STRICT;
        """

    // Each index ends in the sequence, so that a filtered page is read from it in order. Events of no model are many.
    static let events = """
        CREATE TABLE events (
            sequence INTEGER PRIMARY KEY,
            at INTEGER NOT NULL,
            kind TEXT NOT NULL,
            model TEXT,
            provider TEXT,
            alias TEXT,
            reason TEXT NOT NULL,
            attributes TEXT NOT NULL
        ) STRICT;
        CREATE INDEX events_on_kind ON events (kind);
        CREATE INDEX events_on_model ON events (model) WHERE model IS NOT NULL;
        CREATE INDEX events_on_provider ON events (provider) WHERE provider IS NOT NULL;
        CREATE INDEX events_on_alias ON events (alias) WHERE alias IS NOT NULL;
        """

    /// Without a reference to `models`: a provider may pass on names that nobody registered.
    static let statistics = """
        CREATE TABLE model_statistics (
            model TEXT NOT NULL PRIMARY KEY,
            uses INTEGER NOT NULL,
            failures INTEGER NOT NULL,
            last_used_at INTEGER NOT NULL,
            input_tokens INTEGER NOT NULL,
            output_tokens INTEGER NOT NULL,
            details TEXT NOT NULL
        ) STRICT;
        """

    /// The duration of the attempt of a request that had one only, and by the model that answered: then it has no row
    /// in `attempts`, which is most of what a request costs the writer.
    static let singleAttempt = """
        ALTER TABLE requests ADD COLUMN attempt_us INTEGER;
        """

    /// What requests and their attempts cost, in nano-USD. The rarer figures of tokens are a JSON object, absent when there
    /// are none.
    static let costs = """
        ALTER TABLE requests ADD COLUMN cost_nano_usd INTEGER;
        ALTER TABLE requests ADD COLUMN is_cost_estimated INTEGER;
        ALTER TABLE requests ADD COLUMN more_tokens TEXT;
        ALTER TABLE attempts ADD COLUMN usage TEXT;
        ALTER TABLE attempts ADD COLUMN cost_nano_usd INTEGER;
        ALTER TABLE attempts ADD COLUMN is_cost_estimated INTEGER;
        ALTER TABLE attempts ADD COLUMN is_hedge INTEGER;
        """

    /// Runtime settings that are neither models, providers nor aliases, by name.
    static let settings = """
        CREATE TABLE settings (
            name TEXT NOT NULL PRIMARY KEY,
            value TEXT NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT;
        """

    /// What else is told of requests. NULL is what most have: no wait, no cache, no certificate, no tags (a JSON array),
    /// and an upstream that may be asked again.
    static let requestDetails = """
        ALTER TABLE requests ADD COLUMN queue_us INTEGER;
        ALTER TABLE requests ADD COLUMN load_us INTEGER;
        ALTER TABLE requests ADD COLUMN cache_status TEXT;
        ALTER TABLE requests ADD COLUMN client TEXT;
        ALTER TABLE requests ADD COLUMN tags TEXT;
        ALTER TABLE attempts ADD COLUMN is_retry_useless INTEGER;
        """

    // In order of time, so that what is written together lies together, and old ones are deleted from the front. Lengths
    // are microseconds; `provider` is empty for what is no model: see `MetricSubject`.
    static let metrics = """
        CREATE TABLE metric_buckets (
            length INTEGER NOT NULL,
            started_at INTEGER NOT NULL,
            provider TEXT NOT NULL,
            model TEXT NOT NULL,
            figures BLOB NOT NULL,
            PRIMARY KEY (length, started_at, provider, model)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE metric_position (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            sequence INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE key_uses (
            started_at INTEGER NOT NULL,
            provider TEXT NOT NULL,
            place INTEGER NOT NULL,
            requests INTEGER NOT NULL,
            rate_limited INTEGER NOT NULL,
            PRIMARY KEY (started_at, provider, place)
        ) STRICT, WITHOUT ROWID;
        """

    // The index is of those that have a trace: without tracing it holds nothing.
    static let traces = """
        ALTER TABLE requests ADD COLUMN trace_id TEXT;
        CREATE INDEX requests_on_trace_id ON requests (trace_id) WHERE trace_id IS NOT NULL;
        """
}
