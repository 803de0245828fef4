extension RoundhouseConfiguration {
    /// When models are loaded and unloaded, and what they may take.
    public struct Lifecycle: Sendable, Hashable {
        /// Loads every local model by its first request only, unless the model says otherwise. Default `false`.
        public var lazyLoad = false
        /// Does the same to every local model whose file is larger than ``lazyThresholdBytes``, whatever the model says.
        /// Default `false`; the variable `AI_MODELS_LAZY_LOAD` sets it.
        public var lazyLargeModels = false
        /// In bytes. 0 to 64 TiB, default 10 GB.
        public var lazyThresholdBytes = 10_000_000_000
        /// The part of each memory that models may take together. 0.05 to 1, default 0.8.
        public var memoryShare = 0.8
        /// The same in bytes, which replaces the share of a memory that it is given for.
        public var memoryQuota = MemoryQuota()
        /// Models in memory at a time. 0 to 10,000, default 0: no limit.
        public var maxLoadedModels = 0
        /// Models that load at the same time. 1 to 64, default 2.
        public var maxConcurrentLoads = 2
        /// Requests that may wait for one model to load. 1 to 1,000,000, default 512.
        public var maxQueue = 512
        /// A loaded model in use is not drained for another before this time has passed. 0 s to 1 h, default 2 s.
        public var minResidency = Duration.seconds(2)
        /// A model is unloaded after so long without a request. 0 s to 365 d, default 0 s: never.
        public var idleTTL = Duration.zero
        /// Loads models ahead of the hour of the week in which they are mostly used. Default `false`.
        public var preloadPattern = false
        /// So many of the most used models are kept in memory. 0 to 100, default 0.
        public var keepWarm = 0
        /// Versions of a model that are kept, the active one included. 1 to 100, default 3.
        public var versionsKept = 3
        /// Restarts in a row of an engine that crashes, before the model counts as failed. 0 to 1000, default 5.
        public var maxRestarts = 5
        /// How often a loaded model is asked whether it still answers. 100 ms to 1 h, default 5 s.
        public var probeInterval = Duration.seconds(5)
        /// How long requests may go on in a model that is unloaded by force. 0 s to 1 h, default 10 s.
        public var unloadGrace = Duration.seconds(10)
        /// Events that are kept. 1000 to 10,000,000, default 100,000.
        public var eventsKept = 100_000

        public init() {}

        /// What models may take together, in bytes. Each 1 MiB to 64 TiB; `nil` (default): the share.
        public struct MemoryQuota: Sendable, Hashable {
            /// Main memory.
            public var cpu: Int?
            /// Of each GPU.
            public var gpu: Int?

            public init() {}
        }

        /// Whether a local model is loaded by its first request only.
        ///
        /// - Parameters:
        ///   - chosen: ``LocalModel/lazy``.
        ///   - sizeBytes: The size of its file; `nil` when there is none yet.
        public func isLazy(chosen: Bool?, sizeBytes: Int64?) -> Bool {
            if self.lazyLargeModels, let sizeBytes, sizeBytes > Int64(self.lazyThresholdBytes) { return true }
            return chosen ?? self.lazyLoad
        }
    }
}
