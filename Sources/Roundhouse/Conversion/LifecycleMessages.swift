internal import Inference
internal import ModelLifecycle
internal import RoundhouseAPI
internal import SwiftProtobuf

extension Roundhouse_V1_LoadProgress {
    init(_ progress: Inference.LoadProgress) {
        self.init()
        self.model = progress.model.description
        self.phase = .init(progress.phase)
        self.queuePosition = Int32(clamping: progress.queuePosition)
        self.loadedBytes = progress.loadedBytes
        self.totalBytes = progress.totalBytes
        self.elapsed = .init(progress.elapsed)
        self.message = progress.message
    }
}

extension Roundhouse_V1_LoadPhase {
    init(_ phase: Inference.LoadPhase) {
        switch phase {
        case .queued: self = .queued
        case .starting: self = .starting
        case .loading: self = .loading
        case .warming: self = .warming
        case .ready: self = .ready
        }
    }
}

extension Roundhouse_V1_LoadedModel {
    init(_ model: ModelLifecycle.LoadedModel, now: WallTime) {
        self.init()
        self.model = model.key.model.description
        self.version = model.key.version
        self.state = .init(model.state)
        self.stateReason = model.reason
        self.stateTime = .init(microseconds: model.sinceMicroseconds)
        self.engine = model.engine
        self.device = model.mainDevice?.name ?? ""
        self.memoryBytes = model.memory.values.reduce(0, +)
        self.memoryMeasured = model.isMemoryMeasured
        self.processID = Int64(model.instance?.processID ?? 0)
        self.leaseCount = Int32(clamping: model.leases)
        self.waiterCount = Int32(clamping: model.waiters)
        if let idle = model.idle { self.idleDuration = .init(idle) }
        if let rest = model.expiresIn {
            self.expireTime = .init(microseconds: now.microsecondsSince1970 + rest.wholeMicroseconds)
        }
        self.pinned = model.isPinned
        if let duration = model.loadDuration { self.loadDuration = .init(duration) }
        self.restartCount = Int32(clamping: model.restarts)
        self.contextLength = Int64(model.instance?.contextLength ?? 0)
    }
}

extension ModelLifecycle.LoadedModel {
    /// Where it lies, or will once it is loaded.
    fileprivate var mainDevice: MemoryDevice? {
        self.instance?.device ?? self.memory.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
    }
}

extension Duration {
    fileprivate var wholeMicroseconds: Int64 {
        self.components.seconds * 1_000_000 + self.components.attoseconds / 1_000_000_000_000
    }
}

extension Roundhouse_V1_LoadPlan {
    init(_ plan: ModelLifecycle.LoadPlan) {
        self.init()
        self.model = plan.key.model.description
        self.feasible = plan.isFeasible
        self.alreadyLoaded = plan.isLoaded
        self.estimate = .init(plan.estimate)
        self.evictions = plan.evictions.map(Roundhouse_V1_Eviction.init)
        self.blockers = plan.blockers
        self.reason = plan.reason
        self.devices = plan.devices.map(Roundhouse_V1_DeviceMemory.init)
    }
}

extension Roundhouse_V1_MemoryEstimate {
    init(_ estimate: Inference.MemoryEstimate) {
        self.init()
        self.weightBytes = estimate.weightBytes
        self.cacheBytes = estimate.cacheBytes
        self.computeBytes = estimate.computeBytes
        self.totalBytes = estimate.totalBytes
        for (device, bytes) in estimate.devices { self.deviceBytes[device.name] = bytes }
    }
}

extension Roundhouse_V1_Eviction {
    init(_ eviction: ModelLifecycle.LoadPlan.Eviction) {
        self.init()
        self.model = eviction.key.model.description
        self.freedBytes = eviction.freedBytes
        self.idleDuration = .init(eviction.idle)
        self.busy = eviction.isBusy
    }
}

extension Roundhouse_V1_DeviceMemory {
    init(_ memory: ModelLifecycle.DeviceMemory) {
        self.init()
        self.device = memory.device.name
        self.totalBytes = memory.totalBytes
        self.freeBytes = memory.freeBytes
        self.quotaBytes = memory.quotaBytes
        self.predictedBytes = memory.predictedBytes
        self.actualBytes = memory.actualBytes
        self.releasingBytes = memory.releasingBytes
    }
}

extension Roundhouse_V1_UnloadModelResponse {
    init(_ outcome: UnloadOutcome, of model: ModelID, elapsed: Duration) {
        self.init()
        self.model = model.description
        self.unloaded = outcome.wasLoaded
        self.freedBytes = outcome.freedBytes
        self.drainedLeaseCount = Int32(clamping: outcome.drainedLeases)
        self.cutLeaseCount = Int32(clamping: outcome.cutLeases)
        self.elapsed = .init(elapsed)
    }
}
