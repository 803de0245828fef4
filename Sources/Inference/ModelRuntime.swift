/// Something that takes models into memory and out of it again: the engines that we start ourselves, Ollama, LM Studio.
///
/// A runtime decides nothing: when to load, what to evict and when to try again is ModelLifecycle's to say.
public protocol ModelRuntime: Sendable {
    /// What people call it: `llama.cpp`, `ollama`, `lm_studio`.
    var name: String { get }

    /// Looks whether a model could be loaded now, and what it would take. May read files; not for the hot path.
    ///
    /// - Throws: ``RuntimeUnavailable`` when the runtime or the file is missing or unfit.
    func prepare(_ model: RuntimeModel) async throws(RuntimeUnavailable) -> MemoryEstimate

    /// Has one instance of a model in memory, from the start of its load until it is gone: returns then and not before.
    ///
    /// Reports progress while it loads and ``RuntimeReport/ready(_:)`` once it can be asked. Ends when
    /// ``RuntimeLaunch/stop`` is sent, when the instance ends by itself, or when the task is cancelled. Whatever it was,
    /// nothing of the instance is left when this returns.
    func run(_ launch: RuntimeLaunch, report: @escaping @Sendable (RuntimeReport) -> Void) async -> RuntimeExit

    /// Whether a ready instance still answers. Takes at most a few seconds, whatever the instance does.
    func probe(_ instance: RuntimeInstance) async -> Bool
}

/// One version of a model, as a runtime needs to know it.
public struct RuntimeModel: Sendable, Hashable {
    public var id: ModelID
    /// ``ModelVersion`` that is meant; empty where there are none.
    public var version: String
    /// The file, for runtimes that read files. Absolute.
    public var path: String?
    /// Tokens of context to load it with; `nil` leaves it to the runtime.
    public var contextLength: Int?
    /// Processor threads; `nil` leaves it to the runtime.
    public var threads: Int?
    /// Requests that are answered at the same time, at least 1.
    public var parallel: Int
    /// Layers to put on the GPU.
    public var gpuLayers: Int

    public init(
        id: ModelID,
        version: String = "",
        path: String? = nil,
        contextLength: Int? = nil,
        threads: Int? = nil,
        parallel: Int = 1,
        gpuLayers: Int = 0
    ) {
        self.id = id
        self.version = version
        self.path = path
        self.contextLength = contextLength
        self.threads = threads
        self.parallel = max(1, parallel)
        self.gpuLayers = max(0, gpuLayers)
    }

    public var key: InstanceKey { InstanceKey(model: self.id, version: self.version) }
}

/// Names one version of one model: what is loaded and unloaded as a whole.
public struct InstanceKey: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var model: ModelID
    /// Empty where a model has no versions.
    public var version: String

    public init(model: ModelID, version: String = "") {
        self.model = model
        self.version = version
    }

    public var description: String { self.version.isEmpty ? "\(self.model)" : "\(self.model)@\(self.version)" }

    public static func < (left: InstanceKey, right: InstanceKey) -> Bool {
        (left.model, left.version) < (right.model, right.version)
    }
}

/// A memory that models lie in.
public struct MemoryDevice: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// `cpu`, `cuda:0`, `remote`.
    public let name: String

    public init(_ name: String) {
        self.name = name
    }

    /// Main memory.
    public static let cpu = MemoryDevice("cpu")
    /// Memory that another program (Ollama, LM Studio) looks after: not ours to count.
    public static let remote = MemoryDevice("remote")
    /// The memory of an NVIDIA GPU, by NVML's index.
    public static func cuda(_ index: Int) -> MemoryDevice { MemoryDevice("cuda:\(index)") }

    public var description: String { self.name }

    public static func < (left: MemoryDevice, right: MemoryDevice) -> Bool { left.name < right.name }
}

/// What a model is expected to take in memory, in bytes.
public struct MemoryEstimate: Sendable, Hashable {
    public var weightBytes: Int64
    /// The KV cache for the whole context.
    public var cacheBytes: Int64
    /// Buffers for computing, and the engine itself.
    public var computeBytes: Int64
    /// The sum of the three, by where it lies. Empty when the memory is not ours to count.
    public var devices: [MemoryDevice: Int64]
    /// Of the weights, those that one token is computed with; `nil`: all of them. Less where a model has experts, few of
    /// whom work on each token.
    public var activeWeightBytes: Int64?

    public init(
        weightBytes: Int64 = 0,
        cacheBytes: Int64 = 0,
        computeBytes: Int64 = 0,
        devices: [MemoryDevice: Int64]? = nil
    ) {
        self.weightBytes = weightBytes
        self.cacheBytes = cacheBytes
        self.computeBytes = computeBytes
        self.devices = devices ?? [.cpu: weightBytes + cacheBytes + computeBytes]
    }

    public var totalBytes: Int64 { self.weightBytes + self.cacheBytes + self.computeBytes }
}

/// One life of an instance, as a runtime is told to begin it.
public struct RuntimeLaunch: Sendable {
    /// Counts all launches of a process: equal numbers mean the same life.
    public var number: Int
    public var model: RuntimeModel
    public var stop: StopSignal

    public init(number: Int, model: RuntimeModel, stop: StopSignal) {
        self.number = number
        self.model = model
        self.stop = stop
    }
}

/// What a runtime tells of a launch under way.
public enum RuntimeReport: Sendable, Hashable {
    /// The engine's process is up; the weights come next.
    case started(processID: Int32?)
    /// Bytes of weights in memory, and in all.
    case loading(loadedBytes: Int64, totalBytes: Int64)
    /// It can be asked. Once.
    case ready(RuntimeInstance)
    /// What it takes in memory now, when that changed.
    case memory([MemoryDevice: Int64])
}

/// An instance that can be asked. Holds no secrets.
public struct RuntimeInstance: Sendable, Hashable {
    public var key: InstanceKey
    /// ``RuntimeLaunch/number``.
    public var launch: Int
    /// The engine's process; `nil` when it is not ours.
    public var processID: Int32?
    /// Tokens that one request may take, where the engine says so.
    public var contextLength: Int?
    /// What it takes in memory, as measured. Empty when it was not.
    public var memory: [MemoryDevice: Int64]
    /// Where it lies, for people: the device with most of it.
    public var device: MemoryDevice
    /// What a runtime needs to find it again: the instance id of LM Studio.
    public var handle: String

    public init(
        key: InstanceKey,
        launch: Int,
        processID: Int32? = nil,
        contextLength: Int? = nil,
        memory: [MemoryDevice: Int64] = [:],
        device: MemoryDevice = .cpu,
        handle: String = ""
    ) {
        self.key = key
        self.launch = launch
        self.processID = processID
        self.contextLength = contextLength
        self.memory = memory
        self.device = device
        self.handle = handle
    }
}

/// How a launch ended.
public enum RuntimeExit: Sendable, Hashable {
    /// We asked for it.
    case stopped
    /// The runtime took it out of memory by itself: Ollama's keep-alive passed, a person unloaded it there.
    case released(reason: String)
    /// It ended by itself or by someone else's hand, or was not ready in time. The last words of its log included.
    case crashed(reason: String)
    /// The runtime says that it cannot serve the model: trying again at once would change nothing.
    case refused(reason: String)
    /// It was never started: the runtime or the file is missing.
    case unavailable(reason: String)
}

/// Why a model cannot be loaded as things are, and what to do.
public struct RuntimeUnavailable: Error, Sendable, Hashable, CustomStringConvertible {
    /// One sentence or two, for people.
    public var reason: String

    public init(_ reason: String) {
        self.reason = reason
    }

    public var description: String { self.reason }
}

/// Tells one launch to end. Safe to send from anywhere, any number of times.
public final class StopSignal: Sendable {
    private let stream: AsyncStream<Never>
    private let continuation: AsyncStream<Never>.Continuation

    public init() {
        (self.stream, self.continuation) = AsyncStream.makeStream()
    }

    public func send() { self.continuation.finish() }

    /// Returns once the signal was sent or the task is cancelled. For one waiter.
    public func wait() async {
        for await _ in self.stream {}
    }
}

/// How far a load is, for whoever waits for it.
public struct LoadProgress: Sendable, Hashable {
    public var model: ModelID
    public var phase: LoadPhase
    /// From 1, while it is ``LoadPhase/queued``.
    public var queuePosition: Int
    public var loadedBytes: Int64
    public var totalBytes: Int64
    /// Since the load was asked for first.
    public var elapsed: Duration
    /// What it waits for, in words; empty when there is nothing to say.
    public var message: String

    public init(
        model: ModelID,
        phase: LoadPhase,
        queuePosition: Int = 0,
        loadedBytes: Int64 = 0,
        totalBytes: Int64 = 0,
        elapsed: Duration = .zero,
        message: String = ""
    ) {
        self.model = model
        self.phase = phase
        self.queuePosition = queuePosition
        self.loadedBytes = loadedBytes
        self.totalBytes = totalBytes
        self.elapsed = elapsed
        self.message = message
    }
}

/// What a load is doing.
public enum LoadPhase: String, Sendable, Hashable, CaseIterable {
    case queued
    case starting
    case loading
    case warming
    case ready
}

/// Takes progress on its way to a client that asked for it. Called from any thread; keeps only what is newest.
public final class ProgressSink: Sendable {
    private let take: @Sendable (LoadProgress) -> Void

    public init(_ take: @escaping @Sendable (LoadProgress) -> Void) {
        self.take = take
    }

    public func report(_ progress: LoadProgress) { self.take(progress) }
}

extension ProgressSink: Hashable {
    public static func == (left: ProgressSink, right: ProgressSink) -> Bool { left === right }
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
