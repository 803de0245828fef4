internal import Telemetry

/// What writes the page behind `/metrics`.
protocol MetricsRendering: Sendable {
    /// The whole page in Prometheus' text format (``Telemetry/ExpositionWriter/contentType``).
    ///
    /// It is called off the event loops, by one thread at a time, and may take its time: tens of milliseconds delay a
    /// scrape and nothing else.
    func render() -> [UInt8]
}
