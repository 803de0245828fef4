import FoundationEssentials
import GRDB
import Inference
import ModelRegistry

/// How a ``ModelDescription`` is laid out in the tables `models` and `model_versions`.
enum ModelRow {
    private static let put = """
        INSERT INTO models (
            id, provider, display_name, category, context_length, size_bytes, engine, active_version, priority,
            is_enabled, is_lazy, is_pinned, is_missing, source, revision, created_at, updated_at, details
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET
            provider = excluded.provider, display_name = excluded.display_name, category = excluded.category,
            context_length = excluded.context_length, size_bytes = excluded.size_bytes, engine = excluded.engine,
            active_version = excluded.active_version, priority = excluded.priority, is_enabled = excluded.is_enabled,
            is_lazy = excluded.is_lazy, is_pinned = excluded.is_pinned, is_missing = excluded.is_missing,
            source = excluded.source, revision = excluded.revision, created_at = excluded.created_at,
            updated_at = excluded.updated_at, details = excluded.details
        """

    private static let putVersion = """
        INSERT INTO model_versions (model, position, version, path, sha256, size_bytes, created_at, is_installed)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """

    static func put(_ model: ModelDescription, into database: Database) throws {
        let id = model.id.description
        try database.cachedStatement(sql: Self.put).execute(arguments: [
            id, model.id.provider.rawValue, model.displayName.storable, model.category.rawValue, model.contextLength,
            model.sizeBytes, model.engine?.storable, model.activeVersion?.storable, model.priority, model.isEnabled,
            model.isLazy, model.isPinned, model.isMissing, model.provenance.source.rawValue, model.provenance.revision,
            model.provenance.createdAtMicroseconds, model.provenance.updatedAtMicroseconds,
            try Stored.json(Details(model)),
        ])
        try database.cachedStatement(sql: "DELETE FROM model_versions WHERE model = ?").execute(arguments: [id])
        for (position, version) in model.versions.enumerated() {
            try database.cachedStatement(sql: Self.putVersion).execute(arguments: [
                id, position, version.version.storable, version.path.storable, version.sha256?.storable,
                version.sizeBytes, version.createdAtMicroseconds, version.isInstalled,
            ])
        }
    }

    /// - Parameter versions: The model's rows of `model_versions`, in order.
    static func model(_ row: Row, versions: [Row]) throws -> ModelDescription {
        let details = try Stored.details(Details.self, from: row.value("details"))
        var model = ModelDescription(
            id: try row.modelID("id"),
            displayName: try row.value("display_name"),
            category: try row.word("category"),
            capabilities: Set(try details.capabilities.map { try Stored.word($0, in: "'capabilities'") }),
            contextLength: try row.value("context_length"),
            sizeBytes: try row.value("size_bytes"),
            engine: try row.value("engine"),
            versions: try versions.map(Self.version),
            isEnabled: try row.value("is_enabled"),
            isLazy: try row.value("is_lazy"),
            isPinned: try row.value("is_pinned"),
            provenance: try Provenance(row)
        )
        model.activeVersion = try row.value("active_version")
        model.priority = try row.value("priority")
        model.isMissing = try row.value("is_missing")
        details.fill(&model)
        return model
    }

    private static func version(_ row: Row) throws -> ModelVersion {
        ModelVersion(
            version: try row.value("version"),
            path: try row.value("path"),
            sha256: try row.value("sha256"),
            sizeBytes: try row.value("size_bytes"),
            createdAtMicroseconds: try row.value("created_at"),
            isInstalled: try row.value("is_installed")
        )
    }
}

extension ModelRow {
    /// The column `details`. What was not there in an earlier version of it is optional.
    struct Details: VersionedDetails {
        static let currentFormat = 1

        var format = Self.currentFormat
        var capabilities: [String]
        var maxOutputTokens: Int?
        var prices: Prices?
        var qualityScore: Double?
        var safetyScore: Double?
        var engineSettings: Settings
        var idleNanoseconds: Int64?
        var tags: [String]
        var profile: Profile?

        enum CodingKeys: String, CodingKey {
            case format, capabilities, prices, tags, profile
            case maxOutputTokens = "max_output_tokens"
            case qualityScore = "quality_score"
            case safetyScore = "safety_score"
            case engineSettings = "engine_settings"
            case idleNanoseconds = "idle_ttl_ns"
        }

        /// In nano-USD for a million tokens.
        struct Prices: Codable {
            var input: Int64
            var output: Int64
            var cachedInput: Int64?

            enum CodingKeys: String, CodingKey {
                case input, output
                case cachedInput = "cached_input"
            }
        }

        struct Settings: Codable {
            var contextLength: Int?
            var threads: Int?
            var parallel: Int?
            var gpuLayers: Int?

            enum CodingKeys: String, CodingKey {
                case threads, parallel
                case contextLength = "context_length"
                case gpuLayers = "gpu_layers"
            }
        }

        struct Profile: Codable {
            var madeAt: Int64
            var runs: Int
            var failedRuns: Int
            var latencyP50: Int64
            var latencyP95: Int64
            var latencyP99: Int64
            var firstTokenP50: Int64
            var firstTokenP95: Int64
            var tokensPerSecond: Double
            var memoryBytes: Int64
            var inputTokens: Int
            var outputTokens: Int

            enum CodingKeys: String, CodingKey {
                case runs
                case madeAt = "made_at"
                case failedRuns = "failed_runs"
                case latencyP50 = "latency_p50_ns"
                case latencyP95 = "latency_p95_ns"
                case latencyP99 = "latency_p99_ns"
                case firstTokenP50 = "first_token_p50_ns"
                case firstTokenP95 = "first_token_p95_ns"
                case tokensPerSecond = "tokens_per_second"
                case memoryBytes = "memory_bytes"
                case inputTokens = "input_tokens"
                case outputTokens = "output_tokens"
            }
        }
    }
}

extension ModelRow.Details {
    init(_ model: ModelDescription) {
        self.capabilities = model.capabilities.sorted().map(\.rawValue)
        self.maxOutputTokens = model.maxOutputTokens
        self.prices = model.prices.map { Prices(input: $0.input, output: $0.output, cachedInput: $0.cachedInput) }
        self.qualityScore = model.qualityScore
        self.safetyScore = model.safetyScore
        self.engineSettings = Settings(
            contextLength: model.engineSettings.contextLength,
            threads: model.engineSettings.threads,
            parallel: model.engineSettings.parallel,
            gpuLayers: model.engineSettings.gpuLayers
        )
        self.idleNanoseconds = model.idleTTL?.nanoseconds
        self.tags = model.tags
        self.profile = model.profile.map(Profile.init)
    }

    func fill(_ model: inout ModelDescription) {
        model.maxOutputTokens = self.maxOutputTokens
        model.prices = self.prices.map {
            ModelPrices(input: $0.input, output: $0.output, cachedInput: $0.cachedInput)
        }
        model.qualityScore = self.qualityScore
        model.safetyScore = self.safetyScore
        model.engineSettings = EngineSettings(
            contextLength: self.engineSettings.contextLength,
            threads: self.engineSettings.threads,
            parallel: self.engineSettings.parallel,
            gpuLayers: self.engineSettings.gpuLayers
        )
        model.idleTTL = self.idleNanoseconds.map { .nanoseconds($0) }
        model.tags = self.tags
        model.profile = self.profile?.restored
    }
}

extension ModelRow.Details.Profile {
    init(_ profile: ModelProfile) {
        self.madeAt = profile.madeAtMicroseconds
        self.runs = profile.runs
        self.failedRuns = profile.failedRuns
        self.latencyP50 = profile.latencyP50.nanoseconds
        self.latencyP95 = profile.latencyP95.nanoseconds
        self.latencyP99 = profile.latencyP99.nanoseconds
        self.firstTokenP50 = profile.firstTokenP50.nanoseconds
        self.firstTokenP95 = profile.firstTokenP95.nanoseconds
        self.tokensPerSecond = profile.tokensPerSecond
        self.memoryBytes = profile.memoryBytes
        self.inputTokens = profile.inputTokens
        self.outputTokens = profile.outputTokens
    }

    var restored: ModelProfile {
        var profile = ModelProfile()
        profile.madeAtMicroseconds = self.madeAt
        profile.runs = self.runs
        profile.failedRuns = self.failedRuns
        profile.latencyP50 = .nanoseconds(self.latencyP50)
        profile.latencyP95 = .nanoseconds(self.latencyP95)
        profile.latencyP99 = .nanoseconds(self.latencyP99)
        profile.firstTokenP50 = .nanoseconds(self.firstTokenP50)
        profile.firstTokenP95 = .nanoseconds(self.firstTokenP95)
        profile.tokensPerSecond = self.tokensPerSecond
        profile.memoryBytes = self.memoryBytes
        profile.inputTokens = self.inputTokens
        profile.outputTokens = self.outputTokens
        return profile
    }
}

extension Provenance {
    init(_ row: Row) throws {
        self.init(
            source: try row.word("source"),
            createdAtMicroseconds: try row.value("created_at"),
            updatedAtMicroseconds: try row.value("updated_at"),
            revision: try row.value("revision")
        )
    }
}
