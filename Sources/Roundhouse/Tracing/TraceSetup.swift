internal import Logging
internal import NIOCore
internal import TraceExport
internal import Tracing

/// Who takes the spans: the tracer of the program that embeds us, else our exporter when the environment names a
/// collector, else the tracer that the program has bootstrapped. Without any of them nothing is traced.
struct TraceSetup: Sendable {
    let tracer: (any Tracer)?
    /// `nil`: the spans are not ours to export.
    let exporter: SpanExporter?

    /// - Throws: ``StartError`` for a collector's address or certificate that cannot be used.
    init(
        _ injected: (any Tracer)?, environment: [String: String], version: String, group: any EventLoopGroup,
        logger: Logger
    ) throws(StartError) {
        if let injected {
            (self.tracer, self.exporter) = (injected, nil)
            return
        }
        guard let settings = ExportSettings(environment: environment, version: version) else {
            let found = InstrumentationSystem.tracer
            (self.tracer, self.exporter) = (found is NoOpTracer ? nil : found, nil)
            return
        }
        for warning in settings.warnings { logger.warning("Tracing: \(warning)") }
        let exporter = try SpanExporter(settings, version: version, group: group, logger: logger)
        self.exporter = exporter
        self.tracer = OTLPTracer(sampling: settings.sampling) { exporter.add($0) }
    }
}
