internal import Inference
internal import ModelLifecycle

extension LifecycleLimits {
    /// - Parameter memories: those of the machine, since a quota for GPUs is one for each.
    init(_ configuration: RoundhouseConfiguration.Lifecycle, memories: [MemoryReading]) {
        self.init()
        self.memoryShare = configuration.memoryShare
        for memory in memories {
            let quota =
                memory.device == .cpu ? configuration.memoryQuota.cpu : configuration.memoryQuota.gpu
            if let quota { self.memoryQuotas[memory.device] = Int64(quota) }
        }
        self.maxLoadedModels = configuration.maxLoadedModels == 0 ? nil : configuration.maxLoadedModels
        self.maxConcurrentLoads = configuration.maxConcurrentLoads
        self.maxQueue = configuration.maxQueue
        self.minResidency = configuration.minResidency
        self.restart.maximumFailures = max(1, configuration.maxRestarts)
        self.probeInterval = configuration.probeInterval
    }
}
