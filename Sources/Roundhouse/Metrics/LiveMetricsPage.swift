internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import Persistence
internal import Routing
internal import Synchronization
internal import Telemetry

/// The page `/metrics` of a running server.
///
/// A scrape takes no lock for longer than it takes to copy one model's figures. Whoever asks calls this off the event
/// loops.
final class LiveMetricsPage: MetricsRendering {
    /// Whom it asks.
    struct Sources: Sendable {
        var version: String
        var figures: TelemetryRecorder
        var telemetry: any TelemetryReading
        var phases: PhaseFigures
        var counters: RequestCounters
        var registry: Registry
        var router: Router
        var loading: any ModelLoading
        var events: EventLog
        var requestLog: RequestLog
        /// `nil`: nothing is exported.
        var spans: SpanExporter?
        var transport: @Sendable () -> TransportReading
        var storage: @Sendable () -> (size: Int64, free: Int64)?
    }

    private struct State {
        var models = ModelSeries()
        var scores = HealthScores()
        /// Of the last page.
        var length = 65536
    }

    private let sources: Sources
    private let process = ProcessReader()
    private let state = Mutex(State())

    init(_ sources: Sources) {
        self.sources = sources
    }

    func render() -> [UInt8] {
        let reading = self.reading()
        let length = self.state.withLock { $0.length }
        let page = MetricsPage.bytes(reading, capacity: length + length / 8)
        self.state.withLock { $0.length = page.count }
        return page
    }

    /// Everything as it stands.
    func reading() -> MetricsReading {
        let sources = self.sources
        let snapshot = sources.registry.snapshot
        var reading = MetricsReading()
        reading.version = sources.version
        reading.system = ModelCounters(sources.figures.lifetime(of: .system))
        reading.cacheHitRate = sources.telemetry.total(of: .system, .hour).cacheHitRate
        let names = ModelNames(models: snapshot.models.lazy.map(\.id), providers: snapshot.providers.lazy.map(\.id))
        reading.models = self.state.withLock { state in
            let known = sources.figures.subjects.compactMap { subject -> ModelID? in
                if case .model(let id) = subject, names.has(id) { id } else { nil }
            }
            state.scores.next(known) { sources.telemetry.health(of: .model($0), .hour).value }
            let scores = state.scores
            return state.models.read(
                sources.figures, names, health: { scores[$0] }, live: { sources.router.liveFigures(of: $0) })
        }
        reading.providers = snapshot.providers.prefix(ModelNames.most).map {
            MetricsReading.Provider(name: $0.id.rawValue, live: sources.router.liveFigures(of: $0.id))
        }
        reading.requestsInFlight = sources.counters.counts.active
        for phase in RequestPhase.allCases { reading.phases[phase] = sources.phases.reading(of: phase) }
        reading.instances = sources.loading.loadedModels()
        reading.devices = sources.loading.devices()
        reading.events = sources.events.recorded
        let events = sources.events.status
        reading.eventLog = (events.lost, events.waiting)
        let requests = sources.requestLog.status
        reading.requestLog = (requests.written, requests.dropped, requests.waiting)
        if let spans = sources.spans?.figures { reading.spans = (spans.exported, spans.dropped) }
        reading.logLinesDropped = LogPipe.standardError.lost
        reading.losses = sources.figures.losses
        reading.storage = sources.storage()
        reading.transport = sources.transport()
        reading.registered = (snapshot.models.count, snapshot.providers.count, snapshot.aliases.count)
        reading.process = self.process.read()
        return reading
    }
}
