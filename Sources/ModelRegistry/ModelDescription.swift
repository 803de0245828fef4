public import Inference

/// A model that requests can be routed to, as it is registered.
public struct ModelDescription: Sendable, Hashable {
    public var id: ModelID
    /// For people.
    public var displayName: String
    public var category: ModelCategory
    public var capabilities: Set<Capability>
    /// Tokens of prompt and answer together; `nil` when not known.
    public var contextLength: Int?
    /// The longest answer in tokens; `nil` when not known.
    public var maxOutputTokens: Int?
    /// `nil` when not known.
    public var prices: ModelPrices?
    /// 0...1, as configured; `nil` when not known.
    public var qualityScore: Double?
    /// 0...1, as configured; `nil` when not known.
    public var safetyScore: Double?
    /// 0...1000; when the choice is the router's, smaller is asked first.
    public var priority: Int
    /// Size of the weights on disk, for local models; `nil` when not known.
    public var sizeBytes: Int64?
    /// ``ModelRuntime/name`` of what runs it; `nil` for cloud models.
    public var engine: String?
    /// The files that it has under this name, oldest first. Empty for models that are no files of ours.
    public var versions: [ModelVersion]
    /// ``ModelVersion/version`` of the one that answers; `nil` when there are none.
    public var activeVersion: String?
    public var engineSettings: EngineSettings
    /// Whether requests may reach it.
    public var isEnabled: Bool
    /// Whether it is loaded by its first request only.
    public var isLazy: Bool
    /// Whether it is never evicted and never unloaded for being idle.
    public var isPinned: Bool
    /// Unloaded after so long without a request, `.zero` for never; `nil` takes the configuration's.
    public var idleTTL: Duration?
    /// Labels for filters; sorted, no duplicates.
    public var tags: [String]
    public var profile: ModelProfile?
    /// True when the last discovery no longer found it.
    public var isMissing: Bool
    public var provenance: Provenance

    public static let defaultPriority = 100

    public init(
        id: ModelID,
        displayName: String? = nil,
        category: ModelCategory = .text,
        capabilities: Set<Capability> = [.chat, .streaming],
        contextLength: Int? = nil,
        maxOutputTokens: Int? = nil,
        prices: ModelPrices? = nil,
        qualityScore: Double? = nil,
        safetyScore: Double? = nil,
        priority: Int = ModelDescription.defaultPriority,
        sizeBytes: Int64? = nil,
        engine: String? = nil,
        versions: [ModelVersion] = [],
        activeVersion: String? = nil,
        engineSettings: EngineSettings = EngineSettings(),
        isEnabled: Bool = true,
        isLazy: Bool = false,
        isPinned: Bool = false,
        idleTTL: Duration? = nil,
        tags: [String] = [],
        provenance: Provenance = Provenance()
    ) {
        self.id = id
        self.displayName = displayName ?? id.name
        self.category = category
        self.capabilities = capabilities
        self.contextLength = contextLength
        self.maxOutputTokens = maxOutputTokens
        self.prices = prices
        self.qualityScore = qualityScore
        self.safetyScore = safetyScore
        self.priority = priority
        self.sizeBytes = sizeBytes
        self.engine = engine
        self.versions = versions
        self.activeVersion = activeVersion ?? versions.last?.version
        self.engineSettings = engineSettings
        self.isEnabled = isEnabled
        self.isLazy = isLazy
        self.isPinned = isPinned
        self.idleTTL = idleTTL
        self.tags = tags
        self.profile = nil
        self.isMissing = false
        self.provenance = provenance
    }

    /// The version that answers; `nil` for models that are no files of ours.
    public var active: ModelVersion? {
        self.versions.first { $0.version == self.activeVersion }
    }
}

extension ModelCategory {
    /// What comes out of a model that can do this and nothing else; `nil` when it may be several things.
    package init?(of capabilities: Set<Capability>) {
        guard capabilities.contains(.embeddings), capabilities.isDisjoint(with: [.chat, .completion]) else {
            return nil
        }
        self = .embedding
    }
}

/// One file of a model.
public struct ModelVersion: Sendable, Hashable {
    /// Unique in the model: the first 12 digits of the file's SHA-256 unless the installer named it.
    public var version: String
    /// Absolute.
    public var path: String
    /// In hexadecimal, lower case; `nil` when it was never computed.
    public var sha256: String?
    public var sizeBytes: Int64
    /// Microseconds since 1970-01-01 UTC.
    public var createdAtMicroseconds: Int64
    /// Whether we brought the file into the model folder: then we may delete it.
    public var isInstalled: Bool

    public init(
        version: String,
        path: String,
        sha256: String? = nil,
        sizeBytes: Int64 = 0,
        createdAtMicroseconds: Int64 = 0,
        isInstalled: Bool = false
    ) {
        self.version = version
        self.path = path
        self.sha256 = sha256
        self.sizeBytes = sizeBytes
        self.createdAtMicroseconds = createdAtMicroseconds
        self.isInstalled = isInstalled
    }
}

/// How the engine of a local model is run. `nil` takes the configuration's.
public struct EngineSettings: Sendable, Hashable, Codable {
    /// Tokens of context that the engine is started with; `nil`: what the file says, at most 8192.
    public var contextLength: Int?
    public var threads: Int?
    /// Requests answered at the same time; `nil`: 1.
    public var parallel: Int?
    /// Layers that are put on the GPU; `nil`: none.
    public var gpuLayers: Int?

    public init(contextLength: Int? = nil, threads: Int? = nil, parallel: Int? = nil, gpuLayers: Int? = nil) {
        self.contextLength = contextLength
        self.threads = threads
        self.parallel = parallel
        self.gpuLayers = gpuLayers
    }
}

/// Where an entry of the registry came from, and which revision it is.
public struct Provenance: Sendable, Hashable {
    public var source: Source
    /// Microseconds since 1970-01-01 UTC; 0 before it was registered.
    public var createdAtMicroseconds: Int64
    public var updatedAtMicroseconds: Int64
    /// Counts the changes of the entry from 1; its decimal text is the etag. 0 before it was registered.
    public var revision: Int64

    public init(
        source: Source = .config,
        createdAtMicroseconds: Int64 = 0,
        updatedAtMicroseconds: Int64 = 0,
        revision: Int64 = 0
    ) {
        self.source = source
        self.createdAtMicroseconds = createdAtMicroseconds
        self.updatedAtMicroseconds = updatedAtMicroseconds
        self.revision = revision
    }

    public var etag: String { "\(self.revision)" }

    public enum Source: String, Sendable, Hashable, CaseIterable, Codable {
        /// The configuration file.
        case config
        /// Discovery found it.
        case discovered
        /// A call of the API.
        case api
    }
}

/// What a profile measured.
public struct ModelProfile: Sendable, Hashable {
    /// Microseconds since 1970-01-01 UTC.
    public var madeAtMicroseconds: Int64 = 0
    public var runs = 0
    public var failedRuns = 0
    public var latencyP50 = Duration.zero
    public var latencyP95 = Duration.zero
    public var latencyP99 = Duration.zero
    public var firstTokenP50 = Duration.zero
    public var firstTokenP95 = Duration.zero
    /// Between the first token and the last, over all runs.
    public var tokensPerSecond = 0.0
    /// 0 when not known.
    public var memoryBytes: Int64 = 0
    /// Tokens of the prompt, as the upstream counted them.
    public var inputTokens = 0
    /// Tokens of all answers.
    public var outputTokens = 0

    public init() {}
}
