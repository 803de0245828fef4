package import Inference
private import Synchronization

/// Loads models and takes them out of memory again, as the services, the warm-up and the switch see it.
///
/// Implemented by ``LifecycleManager``, the one owner of every model's state. What is read here is advisory: a decision
/// that depends on a model's state is the owner's to make, by one of these calls.
package protocol ModelLoading: Sendable {
    /// Waits until a model can be asked, and keeps it in memory until the lease is released.
    ///
    /// Starts a load or joins one that is under way. A caller that is cancelled leaves; the load goes on.
    func acquire(_ model: ModelID, progress: ProgressSink?) async throws(LifecycleError) -> Lease

    /// Waits until one version of a model (its active one when `version` is `nil`) is ready, without keeping it there.
    ///
    /// - Parameter warms: Has it answer a first, internal request, if none was answered since it was loaded.
    func load(
        _ model: ModelID,
        version: String?,
        warms: Bool,
        progress: ProgressSink?
    ) async throws(LifecycleError) -> LoadedModel

    /// Takes a model out of memory once its leases have ended, and returns when its memory is free.
    ///
    /// - Parameter grace: After so long what is still leased is cut; `nil` waits for ever. A cancelled caller leaves;
    ///   the unloading goes on.
    func unload(
        _ model: ModelID,
        version: String?,
        grace: Duration?,
        reason: String
    ) async throws(LifecycleError) -> UnloadOutcome

    /// What loading would take, who would be evicted, and why not.
    func plan(_ model: ModelID, version: String?, contextLength: Int?) async throws(LifecycleError) -> LoadPlan

    /// Where a model stands; `nil` when it is none that is loaded.
    func status(of model: ModelID) -> LoadedModel?

    /// Every instance in memory or on its way there, by model and version.
    func loadedModels() -> [LoadedModel]

    /// Every memory as it stands.
    func devices() -> [DeviceMemory]

    /// Every model that can be loaded, by id.
    func managedModels() -> [ManagedModel]
}

/// A model that can be loaded, as the registry describes it.
package struct ManagedModel: Sendable, Hashable {
    package var id: ModelID
    package var category: ModelCategory
    /// By ``RuntimeModel/version``. One with an empty version for models that have none.
    package var versions: [RuntimeModel]
    package var activeVersion: String
    package var isEnabled: Bool
    /// Loaded by its first request only: never by warm-up or preload.
    package var isLazy: Bool
    package var isPinned: Bool
    /// `nil`: never unloaded for being idle.
    package var idleTTL: Duration?
    /// Size of the active version's file; 0 when not known.
    package var sizeBytes: Int64

    package init(
        id: ModelID,
        category: ModelCategory = .text,
        versions: [RuntimeModel],
        activeVersion: String = "",
        isEnabled: Bool = true,
        isLazy: Bool = false,
        isPinned: Bool = false,
        idleTTL: Duration? = nil,
        sizeBytes: Int64 = 0
    ) {
        self.id = id
        self.category = category
        self.versions = versions
        self.activeVersion = activeVersion
        self.isEnabled = isEnabled
        self.isLazy = isLazy
        self.isPinned = isPinned
        self.idleTTL = idleTTL
        self.sizeBytes = sizeBytes
    }

    package var active: RuntimeModel? { self.versions.first { $0.version == self.activeVersion } }
}

/// A request's hold on a ready instance, which is not evicted meanwhile.
///
/// Released by ``release()`` or, at the latest, when it is let go of.
package final class Lease: Sendable {
    package let instance: RuntimeInstance
    private let end: @Sendable () -> Void
    private let isOver = Atomic(false)

    /// - Parameter end: Called once.
    package init(instance: RuntimeInstance, end: @escaping @Sendable () -> Void) {
        self.instance = instance
        self.end = end
    }

    package func release() {
        if !self.isOver.exchange(true, ordering: .relaxed) { self.end() }
    }

    deinit { self.release() }
}

/// Where an instance stands.
package enum InstanceState: String, Sendable, Hashable, CaseIterable {
    case unloaded, queued, loading, warming, ready, draining, unloading, failed
}

/// An instance as it stands, for people and for `ListLoadedModels`.
package struct LoadedModel: Sendable, Hashable {
    package var key: InstanceKey
    package var state: InstanceState
    /// For people; empty when there is nothing to say.
    package var reason: String
    /// When it came into this state, in microseconds since 1970-01-01 UTC.
    package var sinceMicroseconds: Int64
    /// ``ModelRuntime/name``.
    package var engine: String
    /// While it is in memory.
    package var instance: RuntimeInstance?
    /// As measured, else as predicted.
    package var memory: [MemoryDevice: Int64]
    package var isMemoryMeasured: Bool
    package var leases: Int
    package var waiters: Int
    /// `nil` while it is leased or not ready.
    package var idle: Duration?
    /// When it will be unloaded for idleness, from now; `nil`: never, or not while it is leased.
    package var expiresIn: Duration?
    package var isPinned: Bool
    package var loadDuration: Duration?
    /// Starts that were made because it had failed.
    package var restarts: Int
    /// How far it is, while it is queued, loading or warming.
    package var progress: LoadProgress?

    /// ``reason`` of a model that could not be loaded and can be now: its engine or its file has come.
    package static let foundReason = "what was missing is there now"

    package init(key: InstanceKey, state: InstanceState, engine: String) {
        self.key = key
        self.state = state
        self.reason = ""
        self.sinceMicroseconds = 0
        self.engine = engine
        self.memory = [:]
        self.isMemoryMeasured = false
        self.leases = 0
        self.waiters = 0
        self.isPinned = false
        self.restarts = 0
    }
}

/// What unloading did.
package struct UnloadOutcome: Sendable, Hashable {
    /// False when it was not loaded.
    package var wasLoaded: Bool
    package var freedBytes: Int64
    /// Leases that it waited for.
    package var drainedLeases: Int
    /// Leases that were cut.
    package var cutLeases: Int

    package init(wasLoaded: Bool, freedBytes: Int64 = 0, drainedLeases: Int = 0, cutLeases: Int = 0) {
        self.wasLoaded = wasLoaded
        self.freedBytes = freedBytes
        self.drainedLeases = drainedLeases
        self.cutLeases = cutLeases
    }
}

/// What loading a model would take.
package struct LoadPlan: Sendable, Hashable {
    package var key: InstanceKey
    package var isFeasible: Bool
    package var isLoaded: Bool
    package var estimate: MemoryEstimate
    /// Who would be unloaded to make room, in that order.
    package var evictions: [Eviction]
    /// Who stands in the way and cannot be unloaded, each with the reason: `local/small: it is pinned`.
    package var blockers: [String]
    /// Why it cannot be loaded, and what to do; empty when it can.
    package var reason: String
    package var devices: [DeviceMemory]

    package init(
        key: InstanceKey,
        isFeasible: Bool,
        isLoaded: Bool = false,
        estimate: MemoryEstimate = MemoryEstimate(devices: [:]),
        evictions: [Eviction] = [],
        blockers: [String] = [],
        reason: String = "",
        devices: [DeviceMemory] = []
    ) {
        self.key = key
        self.isFeasible = isFeasible
        self.isLoaded = isLoaded
        self.estimate = estimate
        self.evictions = evictions
        self.blockers = blockers
        self.reason = reason
        self.devices = devices
    }

    package struct Eviction: Sendable, Hashable {
        package var key: InstanceKey
        package var freedBytes: Int64
        package var idle: Duration
        /// Whether it has leases, which would be drained first.
        package var isBusy: Bool

        package init(key: InstanceKey, freedBytes: Int64, idle: Duration, isBusy: Bool) {
            self.key = key
            self.freedBytes = freedBytes
            self.idle = idle
            self.isBusy = isBusy
        }
    }
}

/// One memory and what we have in it, in bytes.
package struct DeviceMemory: Sendable, Hashable {
    package var device: MemoryDevice
    /// What there is, cgroup limits included.
    package var totalBytes: Int64
    /// What the system says is free.
    package var freeBytes: Int64
    /// What models may take together.
    package var quotaBytes: Int64
    /// What models that are loading are expected to take.
    package var predictedBytes: Int64
    /// What loaded models take.
    package var actualBytes: Int64
    /// What ended models had and the system has not shown as free yet.
    package var releasingBytes: Int64

    package init(
        device: MemoryDevice,
        totalBytes: Int64,
        freeBytes: Int64,
        quotaBytes: Int64,
        predictedBytes: Int64 = 0,
        actualBytes: Int64 = 0,
        releasingBytes: Int64 = 0
    ) {
        self.device = device
        self.totalBytes = totalBytes
        self.freeBytes = freeBytes
        self.quotaBytes = quotaBytes
        self.predictedBytes = predictedBytes
        self.actualBytes = actualBytes
        self.releasingBytes = releasingBytes
    }
}

/// Why a model is not loaded, not unloaded or not switched.
package enum LifecycleError: Error, Sendable, Hashable {
    /// There is no such model, or no such version.
    case notFound(String)
    /// It is a cloud model: there is nothing to load.
    case notLoadable(ModelID)
    /// DisableModel keeps requests from it.
    case disabled(ModelID)
    /// However much is evicted. Figures in bytes, for the device that is short.
    case insufficientMemory(
        ModelID, device: MemoryDevice, needed: Int64, available: Int64, evictable: Int64, reason: String)
    /// The engine could not be started, crashed, or refused the file; when another try makes sense.
    case loadFailed(ModelID, reason: String, retryAfter: Duration?)
    /// Too many wait already.
    case queueFull(ModelID, limit: Int)
    /// Someone unloaded it while the caller waited.
    case unloaded(ModelID, reason: String)
    /// The server is stopping.
    case shuttingDown
    /// The caller's task was cancelled.
    case cancelled
}
