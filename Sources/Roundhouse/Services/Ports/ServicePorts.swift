internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import Persistence
internal import Telemetry

/// Everything that the registry, lifecycle, telemetry and admin services need of the rooms behind them, joined in one
/// place by the composition.
struct ServicePorts: Sendable {
    /// What exists, for reading.
    var registry: Registry
    /// Changes it.
    var editor: any RegistryEditing
    /// Loads and unloads.
    var loading: any ModelLoading
    /// Takes the events that the services make themselves: `state-saved`.
    var recorder: any EventRecorder
    /// Whether a request for a model sent now has a chance. Answers at once, from memory.
    var availability: @Sendable (ModelID) -> ProviderAvailability
    var discovery: DiscoveryPort
    var files: any ModelFiles
    var switching: any ModelSwitching
    var warmUp: WarmUp
    var profiling: ProfilingPort
    var events: any EventFeed
    var statistics: @Sendable () -> StatisticsReport
    /// Finds what is kept of requests. Throws ``StoreError``.
    var requests: @Sendable (RequestQuery) async throws -> RequestPage = { _ in RequestPage() }
    /// Figures of requests, and what follows from them.
    var telemetry: any TelemetryReading = TelemetryBook(TelemetryRecorder())
    /// Records of requests that the disk would not take since the start.
    var droppedRecords: @Sendable () -> Int = { 0 }
    /// What of OpenRouter's models is used.
    var openRouter = OpenRouterSettings(OpenRouterFilter())
    /// Writes everything that is still in memory to disk.
    var saveState: @Sendable () async throws -> SavedState
    /// Looks at the machine: reads files and may ask a driver. The first call measures for some 50 ms.
    var hardware: @Sendable () async -> HardwareReading = { HardwareReading() }
    /// How long requests may go on when an unload is forced and its caller says nothing.
    var unloadGrace = Duration.seconds(10)
    /// The configuration, and its file.
    var configuration = LiveConfiguration()
    /// The moment of the calendar.
    var now: @Sendable () -> WallTime = { .now() }
}

/// Who can be asked for models, and how to find out what a model can do.
struct DiscoveryPort: Sendable {
    /// The lister of a provider, the model folders' for `local`; `nil` when the provider cannot be asked.
    var lister: @Sendable (ProviderID) -> (any ModelLister)?
    /// Finds out what a model can do, from its file's header or its provider's listing and, with `probes`, by sending it
    /// small requests. Throws ``UpstreamFault``, ``ModelFileError`` or ``LifecycleError``.
    var detect: @Sendable (_ model: ModelDescription, _ probes: Bool) async throws -> DetectedCapabilities
    /// Why no adapter could be made for a provider: a key that cannot be found, a certificate that cannot be read. Empty
    /// when one can. Fields as in the proto, from the provider: `base_url`.
    var problems: @Sendable (ProviderDescription) async -> [FieldProblem]
}

/// What was found out about a model. What the sources do not tell is left out.
struct DetectedCapabilities: Sendable, Hashable {
    var capabilities: [Finding]
    /// Tokens of prompt and answer together; `nil` when not found.
    var contextLength: Int?
    /// As a GGUF file names it: `llama`.
    var architecture: String?
    var hasChatTemplate = false

    struct Finding: Sendable, Hashable {
        var capability: Capability
        var isSupported: Bool
        /// Where this is known from, in words.
        var evidence: String
    }
}

/// How models are measured.
struct ProfilingPort: Sendable {
    var profiler: Profiler
    /// Sends a model one request and measures its answer, or its vector when it makes such. Throws when there is no whole
    /// one.
    var measure: @Sendable (Profiler.Request) async throws -> ProfileSample
}

/// What is kept of the use of models.
struct StatisticsReport: Sendable {
    var models: [ModelID: ModelStatistics]
    /// Since when figures are kept, in microseconds since 1970-01-01 UTC.
    var sinceMicroseconds: Int64
}

/// What is on disk after a save.
struct SavedState: Sendable, Hashable {
    /// The database.
    var path: String
    var sizeBytes: Int64
    /// Models with statistics.
    var statisticsCount: Int
    /// The last event that is on disk; 0 when there is none.
    var eventSequence: Int64
    /// Request records that were written by this save.
    var requestRecordCount: Int
}
