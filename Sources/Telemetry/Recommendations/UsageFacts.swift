package import Inference

/// What is known of a model when recommendations are made: figures of one period, and what it is now.
package struct ModelFacts: Sendable, Hashable {
    package var model: ModelID
    package var category = ModelCategory.text
    package var capabilities: Set<Capability> = []
    /// Tokens; `nil` when not known.
    package var contextLength: Int?
    package var isEnabled = true
    /// Whether we load and unload it.
    package var isManaged = false
    package var isLoaded = false
    /// Loaded when it is first asked, not at start.
    package var isLazy = true
    package var isPinned = false
    /// What it takes in memory, or would.
    package var bytes: Int64 = 0
    /// Microseconds since 1970-01-01 UTC; `nil` while it is not.
    package var loadedSinceMicroseconds: Int64?
    /// Microseconds since 1970-01-01 UTC; `nil` when it was never used.
    package var lastUsedMicroseconds: Int64?
    /// In the period: how often it was loaded, how many of these came within an hour after it had been in memory, and how
    /// often it had to make room for another.
    package var loads: Int64 = 0
    package var reloads: Int64 = 0
    package var evictions: Int64 = 0
    /// How long a load takes, in microseconds; 0 when not known.
    package var loadTime: Int64 = 0
    /// Attempts in the period, those that say something, and those of them that failed.
    package var uses: Int64 = 0
    package var judged: Int64 = 0
    package var failures: Int64 = 0
    /// Median latency in microseconds; `nil` when not known.
    package var medianLatency: Double?
    package var inputTokens: Int64 = 0
    package var outputTokens: Int64 = 0
    /// What the period cost, in nano-USD.
    package var costNanoUSD: Int64 = 0
    /// `nil` when not known.
    package var prices: ModelPrices?
    /// 0...1; `nil` when not known.
    package var quality: Double?
    /// How often its circuit breaker opened in the period.
    package var breakerOpenings: Int64 = 0
    /// Aliases whose active model it is.
    package var aliases: [String] = []

    package init(model: ModelID) {
        self.model = model
    }

    var successRate: Double { self.judged > 0 ? 1 - Double(self.failures) / Double(self.judged) : 1 }
}

/// What one key of a provider did in the period. Keys are named by their place in the configuration, never by what they are.
package struct KeyFacts: Sendable, Hashable {
    package var provider: ProviderID
    /// From 0.
    package var index: Int
    package var requests: Int64
    /// Those that were answered with 429.
    package var rateLimited: Int64

    package init(provider: ProviderID, index: Int, requests: Int64, rateLimited: Int64) {
        self.provider = provider
        self.index = index
        self.requests = requests
        self.rateLimited = rateLimited
    }
}

/// What is known of memory that models share.
package struct MemoryFacts: Sendable, Hashable {
    /// What there is, what all programs together leave free now, and what our models take: bytes.
    package var totalBytes: Int64
    package var freeBytes: Int64
    package var usedBytes: Int64
    /// The part of ``totalBytes`` that models may take, 0.05...1: `lifecycle.memory_share`.
    package var share: Double
    /// In the period: evictions to make room, loads that did not fit, and times that the machine itself ran short.
    package var evictions: Int64
    package var refusals: Int64
    package var shortages: Int64

    package init(
        totalBytes: Int64, freeBytes: Int64, usedBytes: Int64, share: Double, evictions: Int64 = 0, refusals: Int64 = 0,
        shortages: Int64 = 0
    ) {
        self.totalBytes = totalBytes
        self.freeBytes = freeBytes
        self.usedBytes = usedBytes
        self.share = share
        self.evictions = evictions
        self.refusals = refusals
        self.shortages = shortages
    }

    /// What models may still take, in bytes.
    var roomBytes: Int64 { max(0, Int64(Double(self.totalBytes) * self.share) - self.usedBytes) }
}

/// Everything that recommendations are made of.
package struct UsageFacts: Sendable, Hashable {
    /// The period that the figures are of, in microseconds since 1970-01-01 UTC; its end is now.
    package var startMicroseconds: Int64
    package var endMicroseconds: Int64
    package var models: [ModelFacts]
    package var keys: [KeyFacts]
    /// `nil` when we load no models.
    package var memory: MemoryFacts?

    package init(
        startMicroseconds: Int64, endMicroseconds: Int64, models: [ModelFacts], keys: [KeyFacts] = [],
        memory: MemoryFacts? = nil
    ) {
        self.startMicroseconds = startMicroseconds
        self.endMicroseconds = endMicroseconds
        self.models = models
        self.keys = keys
        self.memory = memory
    }

    /// In microseconds.
    var length: Int64 { max(0, self.endMicroseconds.subtractingReportingOverflow(self.startMicroseconds).partialValue) }
}
