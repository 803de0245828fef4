internal import Inference
internal import LocalEngines
internal import ModelLifecycle
internal import ModelRegistry
internal import Routing
internal import Telemetry

/// What all rooms know of one moment.
struct LiveSample: Sendable {
    /// Microseconds since 1970-01-01 UTC.
    var time: Int64
    var at: ContinuousClock.Instant
    /// Requests that are answered.
    var inFlight = 0
    /// What models take in memory, and what they may take, in bytes.
    var memoryBytes: Int64 = 0
    var memoryLimitBytes: Int64 = 0
    /// Everything since the start of the program.
    var system = MetricFigures()
    /// The same of those that are told, and in the first sample of everyone.
    var lifetimes: [ModelID: MetricFigures] = [:]
    /// The tokens of every model that was asked lately.
    var outputs: [ModelID: Output] = [:]
    /// Those that are told, by id.
    var models: [Model] = []

    /// Tokens so far. Another counter than before means that figures were forgotten and begun anew.
    struct Output: Sendable {
        var counter: OutputCounter
        var tokens: Int
    }

    struct Model: Sendable, Hashable {
        var id: ModelID
        /// `nil` for those that the gateway does not load.
        var state: InstanceState?
        var inFlight = 0
        var queued = 0
        var memoryBytes: Int64 = 0
        var breaker = BreakerState.closed
    }
}

/// Takes samples of the server for one watch.
struct LiveSampler: Sendable {
    /// A model that was noted so lately is told.
    static let recent = Duration.seconds(300)

    let ports: ServicePorts
    let live: LivePort
    /// Who is told; `nil`: everyone who does something.
    let wanted: [ModelID]?

    /// - Parameter isFirst: also looks at those who do nothing, to know what they begin with.
    func sample(isFirst: Bool) -> LiveSample {
        var sample = LiveSample(time: self.ports.now().microsecondsSince1970, at: self.live.clock.now())
        let telemetry = self.ports.telemetry
        let active = self.live.models()
        let loaded = self.ports.loading.loadedModels()
        for model in active {
            sample.outputs[model.model] = .init(counter: model.output, tokens: model.output.tokens)
        }
        sample.models = self.models(active, loaded)
        sample.inFlight = self.live.inFlight()
        for device in self.ports.loading.devices() {
            sample.memoryBytes = sample.memoryBytes.addingSaturated(device.actualBytes)
            sample.memoryLimitBytes = sample.memoryLimitBytes.addingSaturated(device.quotaBytes)
        }
        // After the models: what ends meanwhile is in the next sample of both, or in the system's alone, and never in a
        // model's alone.
        for model in sample.models { sample.lifetimes[model.id] = telemetry.lifetime(of: .model(model.id)) }
        if isFirst {
            for case .model(let id) in telemetry.subjects where sample.lifetimes[id] == nil {
                sample.lifetimes[id] = telemetry.lifetime(of: .model(id))
            }
        }
        sample.system = telemetry.lifetime(of: .system)
        return sample
    }

    private func models(_ active: [LiveModel], _ loaded: [LoadedModel]) -> [LiveSample.Model] {
        let managed = Set(self.ports.loading.managedModels().map(\.id))
        let memory = loaded.memoryByModel
        var waiters: [ModelID: Int] = [:]
        for instance in loaded where instance.waiters > 0 {
            waiters[instance.key.model, default: 0] += instance.waiters
        }
        let inFlight = Dictionary(active.map { ($0.model, $0.inFlight) }) { $0 + $1 }
        let told = self.wanted ?? Self.busy(active, loaded)
        return told.map { id in
            let queued = (waiters[id] ?? 0) + self.live.waiting(id)
            return LiveSample.Model(
                id: id,
                state: managed.contains(id) ? self.ports.loading.status(of: id)?.state ?? .unloaded : nil,
                // An attempt begins when its request is sent on its way, also when it then waits.
                inFlight: max(0, (inFlight[id] ?? 0) - queued),
                queued: queued,
                memoryBytes: memory[id] ?? 0,
                breaker: self.live.figures(id).breaker
            )
        }
    }

    /// Those that are in memory, answer requests or did lately.
    private static func busy(_ active: [LiveModel], _ loaded: [LoadedModel]) -> [ModelID] {
        let answering = active.lazy.filter { $0.inFlight > 0 || $0.quiet.map { $0 <= self.recent } == true }
        let inMemory = loaded.lazy.filter { $0.isInMemory || $0.waiters > 0 }.map(\.key.model)
        return Set(inMemory).union(answering.map(\.model)).sorted()
    }
}
