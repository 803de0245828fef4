package import Inference

/// How much may be in memory, and how long things may take.
package struct LifecycleLimits: Sendable, Hashable {
    /// The share of each memory that models may take together, above 0 and at most 1.
    package var memoryShare = 0.8
    /// Bytes that models may take together, by memory; instead of ``memoryShare``.
    package var memoryQuotas: [MemoryDevice: Int64] = [:]
    /// Instances that may be in memory, loading and unloading ones included; `nil`: as many as fit.
    package var maxLoadedModels: Int?
    /// Loads that may go on side by side, at least 1.
    package var maxConcurrentLoads = 2
    /// Callers that may wait for one model.
    package var maxQueue = 512
    /// So long a ready model that is in use is left alone before it is drained for another: two models that share one
    /// place take turns and do not spend their time loading.
    package var minResidency = Duration.seconds(2)
    package var restart = RestartPolicy()
    package var loadBudget = LoadBudget()
    /// How long a runtime may take to say what a model would take.
    package var prepareTimeout = Duration.seconds(60)
    /// After so long without ending, an instance that was told to end is killed.
    package var stopTimeout = Duration.seconds(30)
    /// The same when the server stops.
    package var shutdownTimeout = Duration.seconds(10)
    /// How often ready instances are probed.
    package var probeInterval = Duration.seconds(5)
    /// Probes in a row that a ready instance may leave without an answer.
    package var probeFailures = 3
    /// How often it is looked for what was missing: an engine, a file. `nil`: by requests only.
    package var recheckInterval: Duration? = .seconds(5)

    package init() {}
}

/// When to start a failed instance again, and when to give up.
package struct RestartPolicy: Sendable, Hashable {
    /// Doubles with every failure in a row.
    package var firstBackoff = Duration.milliseconds(250)
    package var longestBackoff = Duration.seconds(30)
    /// An instance that was ready for so long begins with a clean record.
    package var stableAfter = Duration.seconds(60)
    /// With so many failures in a row it has failed, and only a request after the backoff starts it again.
    package var maximumFailures = 5

    package init() {}

    /// How long to wait after so many failures in a row, at least one.
    package func backoff(afterFailures count: Int) -> Duration {
        var delay = self.firstBackoff
        for _ in 1..<max(1, min(count, 32)) where delay < self.longestBackoff { delay *= 2 }
        return min(delay, self.longestBackoff)
    }
}

/// How long a load may go on without progress. It grows with the model: a constant would be a size beyond which nothing
/// loads.
package struct LoadBudget: Sendable, Hashable {
    package var base = Duration.seconds(30)
    package var perGibibyte = Duration.seconds(60)

    package init() {}

    package func duration(forBytes bytes: Int64) -> Duration {
        self.base + self.perGibibyte * (Double(max(0, bytes)) / Double(1 << 30))
    }
}
