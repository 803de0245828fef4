internal import Inference
internal import Telemetry

/// The figures of requests, and what follows from them. Answers from memory; times are the reader's own "now".
protocol TelemetryReading: Sendable {
    /// Of whom figures are kept, in no order.
    var subjects: [MetricSubject] { get }
    /// The figures of a range with the points of a chart.
    func report(of subject: MetricSubject, _ range: MetricRange) -> MetricReport
    /// The same without the points.
    func total(of subject: MetricSubject, _ range: MetricRange) -> MetricFigures
    /// Everything since the start of the program; only grows.
    func lifetime(of subject: MetricSubject) -> MetricFigures
    /// What was out of the ordinary within a range, by its beginning; of everyone when no subject is named.
    func anomalies(of subject: MetricSubject?, _ range: MetricRange) -> [Anomaly]
    /// How well a subject does in a range.
    func health(of subject: MetricSubject, _ range: MetricRange) -> HealthScore
    /// What could be done, told by the figures of a range.
    func recommendations(_ range: MetricRange) -> [Recommendation]
}
