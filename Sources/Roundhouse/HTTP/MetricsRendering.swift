internal import Inference
internal import Telemetry

/// What writes the page behind `/metrics`.
protocol MetricsRendering: Sendable {
    /// The whole page in Prometheus' text format (``Telemetry/ExpositionWriter/contentType``).
    ///
    /// It is called off the event loops, by one thread at a time, and may take its time: tens of milliseconds delay a
    /// scrape and nothing else.
    func render() -> [UInt8]
}

/// The requests of each model, and nothing else.
struct RequestMetrics: MetricsRendering {
    let figures: TelemetryRecorder

    func render() -> [UInt8] {
        var writer = ExpositionWriter()
        writer.begin(
            "ai_model_requests_total", .counter, help: "Requests by the model that answered or was asked last.")
        for subject in self.figures.subjects {
            let labels: [ExpositionWriter.Label]
            switch subject {
            case .system: continue
            case .model(let model):
                labels = [.init("model", model.description), .init("provider", model.provider.rawValue)]
            case .other: labels = [.init("model", LabelSet.other), .init("provider", LabelSet.other)]
            }
            let counts = self.figures.lifetime(of: subject).counts
            for outcome in OutcomeClass.allCases {
                writer.sample(counts[outcome], labels + [.init("outcome", outcome.name)])
            }
        }
        return writer.utf8
    }
}
