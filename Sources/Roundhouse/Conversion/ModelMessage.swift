internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import RoundhouseAPI
internal import SwiftProtobuf

/// Where a model stands, for its message.
struct ModelStanding: Sendable {
    var state: Roundhouse_V1_ModelState
    var reason: String
    /// In microseconds since 1970-01-01 UTC; `nil` for cloud models, and before anything happened to it.
    var sinceMicroseconds: Int64?
    /// Whether it is in memory and can be asked at once.
    var isLoaded = false
    /// Whether it could be loaded now.
    var canLoad = false
}

extension Roundhouse_V1_Model {
    init(_ model: ModelDescription, aliases: [String], standing: ModelStanding) {
        self.init()
        self.id = model.id.description
        self.provider = model.id.provider.rawValue
        self.name = model.id.name
        self.displayName = model.displayName
        self.category = .init(model.category)
        self.capabilities = model.capabilities.sorted().map(Roundhouse_V1_Capability.init)
        self.contextLength = Int64(model.contextLength ?? 0)
        self.maxOutputTokens = Int64(model.maxOutputTokens ?? 0)
        self.priority = Int32(clamping: model.priority)
        self.aliases = aliases
        self.sizeBytes = model.active?.sizeBytes ?? model.sizeBytes ?? 0
        if let prices = model.prices { self.prices = .init(prices) }
        if let score = model.qualityScore { self.qualityScore = score }
        if let score = model.safetyScore { self.safetyScore = score }
        self.engine = model.engine ?? ""
        self.versions = model.versions.map(Roundhouse_V1_ModelVersion.init)
        self.activeVersion = model.activeVersion ?? ""
        self.enabled = model.isEnabled
        self.lazy = model.isLazy
        self.pinned = model.isPinned
        self.tags = model.tags
        if let ttl = model.idleTTL { self.idleTtl = .init(ttl) }
        if model.engineSettings != EngineSettings() { self.engineSettings = .init(model.engineSettings) }
        self.missing = model.isMissing
        if let profile = model.profile { self.profile = .init(profile) }
        self.source = .init(model.provenance.source)
        if model.provenance.revision > 0 {
            self.createTime = .init(microseconds: model.provenance.createdAtMicroseconds)
            self.updateTime = .init(microseconds: model.provenance.updatedAtMicroseconds)
            self.etag = model.provenance.etag
        }
        self.state = standing.state
        self.stateReason = standing.reason
        if let since = standing.sinceMicroseconds { self.stateTime = .init(microseconds: since) }
        self.loaded = standing.isLoaded
        self.canLoad = standing.canLoad
    }
}

extension Roundhouse_V1_ModelVersion {
    init(_ version: ModelRegistry.ModelVersion) {
        self.init()
        self.version = version.version
        self.path = version.path
        self.sha256 = version.sha256 ?? ""
        self.sizeBytes = version.sizeBytes
        if version.createdAtMicroseconds > 0 { self.createTime = .init(microseconds: version.createdAtMicroseconds) }
        self.installed = version.isInstalled
    }
}

extension Roundhouse_V1_Prices {
    init(_ prices: ModelPrices) {
        self.init()
        self.inputNanoUsdPerMillionTokens = prices.input
        self.outputNanoUsdPerMillionTokens = prices.output
        if let cached = prices.cachedInput { self.cachedInputNanoUsdPerMillionTokens = cached }
    }
}

extension Roundhouse_V1_EngineSettings {
    init(_ settings: ModelRegistry.EngineSettings) {
        self.init()
        self.contextLength = Int32(clamping: settings.contextLength ?? 0)
        self.threads = Int32(clamping: settings.threads ?? 0)
        self.parallel = Int32(clamping: settings.parallel ?? 0)
        self.gpuLayers = Int32(clamping: settings.gpuLayers ?? 0)
    }
}

extension Roundhouse_V1_ModelProfile {
    init(_ profile: ModelRegistry.ModelProfile) {
        self.init()
        self.profileTime = .init(microseconds: profile.madeAtMicroseconds)
        self.runCount = Int32(clamping: profile.runs)
        self.failedRunCount = Int32(clamping: profile.failedRuns)
        self.latencyP50 = .init(profile.latencyP50)
        self.latencyP95 = .init(profile.latencyP95)
        self.latencyP99 = .init(profile.latencyP99)
        if profile.firstTokenP50 > .zero { self.firstTokenP50 = .init(profile.firstTokenP50) }
        if profile.firstTokenP95 > .zero { self.firstTokenP95 = .init(profile.firstTokenP95) }
        self.tokensPerSecond = profile.tokensPerSecond
        self.memoryBytes = profile.memoryBytes
        self.inputTokens = Int64(profile.inputTokens)
        self.outputTokens = Int64(profile.outputTokens)
    }
}

extension Roundhouse_V1_Source {
    init(_ source: Provenance.Source) {
        switch source {
        case .config: self = .config
        case .discovered: self = .discovered
        case .api: self = .api
        }
    }
}

extension Roundhouse_V1_ModelCategory {
    init(_ category: Inference.ModelCategory) {
        switch category {
        case .text: self = .text
        case .image: self = .image
        case .voice: self = .voice
        case .video: self = .video
        case .embedding: self = .embedding
        }
    }
}

extension Roundhouse_V1_Capability {
    init(_ capability: Inference.Capability) {
        switch capability {
        case .chat: self = .chat
        case .streaming: self = .streaming
        case .tools: self = .tools
        case .jsonSchema: self = .jsonSchema
        case .vision: self = .vision
        case .reasoning: self = .reasoning
        case .embeddings: self = .embeddings
        case .completion: self = .completion
        case .prefill: self = .prefill
        }
    }
}

extension Roundhouse_V1_ModelState {
    static func of(_ availability: ProviderAvailability) -> (Roundhouse_V1_ModelState, reason: String) {
        switch availability {
        case .available: (.ready, "")
        case .loading: (.loading, "its engine is starting")
        case .unloaded: (.unloaded, "its engine starts with its first request")
        case .unavailable(let reason): (.failed, reason)
        }
    }

    init(_ state: InstanceState) {
        switch state {
        case .unloaded: self = .unloaded
        case .queued: self = .queued
        case .loading: self = .loading
        case .warming: self = .warming
        case .ready: self = .ready
        case .draining: self = .draining
        case .unloading: self = .unloading
        case .failed: self = .failed
        }
    }
}
