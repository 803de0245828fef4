internal import Inference
internal import Telemetry

/// Which labels a model's figures are counted under: its own when it is registered, else those of the others.
///
/// Clients can make up names where a provider passes every name on; what somebody registered is all that gets series.
struct ModelNames: Sendable {
    /// Registered models beyond this number are counted with the others.
    static let most = 1000

    private let models: Set<ModelID>
    private let providers: Set<ProviderID>

    /// - Parameters:
    ///   - models: those that are registered.
    ///   - providers: the same.
    init(models: some Sequence<ModelID>, providers: some Sequence<ProviderID>, most: Int = ModelNames.most) {
        let all = Set(models)
        // Which ones shall not change from one scrape to the next.
        self.models = all.count <= most ? all : Set(all.sorted().prefix(most))
        self.providers = Set(Set(providers).sorted().prefix(most))
    }

    func has(_ model: ModelID) -> Bool { self.models.contains(model) }

    /// - Returns: `nil` for the system, which is no model.
    func labels(of subject: MetricSubject) -> ModelLabels? {
        switch subject {
        case .system: nil
        case .other: ModelLabels(model: LabelSet.other, provider: LabelSet.other)
        case .model(let id):
            ModelLabels(
                model: self.models.contains(id) ? id.description : LabelSet.other,
                provider: self.providers.contains(id.provider) ? id.provider.rawValue : LabelSet.other)
        }
    }
}

/// Makes the series of models from one page to the next.
struct ModelSeries: Sendable {
    /// Those of others, whose parts come and go.
    private var others: [ModelLabels: GrowingCounters] = [:]

    /// Those of which something is known, by their labels. Holds the lock of `figures` for one model at a time.
    ///
    /// - Parameters:
    ///   - health: 0...100, of a model that is registered.
    ///   - live: what it does now.
    mutating func read(
        _ figures: TelemetryRecorder,
        _ names: ModelNames,
        health: (ModelID) -> Double?,
        live: (ModelID) -> LiveFigures
    ) -> [MetricsReading.Model] {
        var models: [MetricsReading.Model] = []
        var sums: [ModelLabels: ModelCounters] = [:]
        for subject in figures.subjects {
            guard let labels = names.labels(of: subject) else { continue }
            let counters = ModelCounters(figures.lifetime(of: subject))
            if case .model(let id) = subject, names.has(id) {
                models.append(
                    MetricsReading.Model(labels: labels, counters: counters, health: health(id), live: live(id)))
            } else {
                sums[labels, default: ModelCounters()].add(counters)
            }
        }
        // One whose parts have all left stays as it was.
        for labels in Set(self.others.keys).union(sums.keys) {
            let shown = self.others[labels, default: GrowingCounters()].next(sums[labels] ?? ModelCounters())
            models.append(MetricsReading.Model(labels: labels, counters: shown))
        }
        return models.sorted { $0.labels < $1.labels }
    }
}
