internal import Inference
internal import ModelLifecycle
internal import Routing
internal import Telemetry

/// Everything that the page shows, as it stood at about one moment.
struct MetricsReading: Sendable {
    /// A model that is registered, or the others of a provider together.
    struct Model: Sendable {
        var labels: ModelLabels
        var counters: ModelCounters
        /// 0...100; `nil` for others.
        var health: Double?
        /// `nil` for others.
        var live: LiveFigures?
    }

    struct Provider: Sendable {
        var name: String
        var live: LiveFigures
    }

    var version = ""
    /// As clients saw them.
    var system = ModelCounters()
    /// Of the last hour; `nil` when nothing was looked up.
    var cacheHitRate: Double?
    var models: [Model] = []
    var providers: [Provider] = []
    var requestsInFlight = 0
    /// By ``RequestPhase``.
    var phases: [RequestPhase: PhaseReading] = [:]

    var instances: [LoadedModel] = []
    var devices: [DeviceMemory] = []

    var events: [GatewayEvent.Kind: Int] = [:]
    /// Those that never reached the disk, and those that wait for it.
    var eventLog = (dropped: 0, waiting: 0)
    var requestLog = (written: 0, dropped: 0, waiting: 0)
    var spans = (exported: 0, dropped: 0)
    var logLinesDropped = 0
    /// Buckets of figures.
    var losses = (unstored: 0, forgotten: 0)
    /// In bytes; `nil` when it cannot be told.
    var storage: (size: Int64, free: Int64)?
    var transport = TransportReading()
    var registered = (models: 0, providers: 0, aliases: 0)
    /// `nil` when the system does not tell.
    var process: ProcessReading?
}

/// What the gRPC port counts.
struct TransportReading: Sendable, Hashable {
    var connections = 0
    var connectionsAccepted = 0
    var connectionsRefused = 0
    var calls = 0
    var callsStarted = 0
    var callsRefused = 0
    var slowConsumers = 0
}

/// The labels `model` and `provider`.
struct ModelLabels: Sendable, Hashable, Comparable {
    /// The model's id, or ``LabelSet/other``.
    var model: String
    var provider: String

    static func < (left: ModelLabels, right: ModelLabels) -> Bool {
        (left.provider, left.model) < (right.provider, right.model)
    }
}
