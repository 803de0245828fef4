internal import GRPCTransport
internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import Routing

extension LiveMetricsPage {
    /// The page of a server that stands on `foundations`.
    convenience init(
        _ foundations: Foundations,
        registry: Registry,
        router: Router,
        loading: any ModelLoading,
        events: EventLog,
        telemetry: any TelemetryReading
    ) {
        self.init(
            Sources(
                version: foundations.version,
                figures: foundations.figures,
                telemetry: telemetry,
                phases: foundations.phases,
                counters: foundations.counters,
                registry: registry,
                router: router,
                loading: loading,
                events: events,
                requestLog: foundations.requestLog,
                spans: foundations.tracing.exporter,
                transport: { [transport = foundations.transport] in TransportReading(transport.counters) },
                storage: foundations.storageFigures()
            )
        )
    }
}

extension TransportReading {
    init(_ counters: GRPCTransport.Server.Counters) {
        self.connections = counters.connectionsOpen
        self.connectionsAccepted = counters.connectionsAccepted
        self.connectionsRefused = counters.connectionsRefused
        self.calls = counters.callsOpen
        self.callsStarted = counters.callsStarted
        self.callsRefused = counters.callsRefused
        self.slowConsumers = counters.slowConsumers
    }
}
