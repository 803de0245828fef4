internal import Inference
internal import ModelLifecycle
internal import Routing
internal import Telemetry

/// Writes a reading as Prometheus has it. Pure.
struct MetricsPage {
    private var writer: ExpositionWriter

    /// - Parameter capacity: in bytes, as a guess.
    static func bytes(_ reading: MetricsReading, capacity: Int = 65536) -> [UInt8] {
        var page = MetricsPage(writer: ExpositionWriter(capacity: capacity))
        page.writeModels(reading)
        page.writeRequests(reading)
        page.writeMemory(reading)
        page.writeGateway(reading)
        page.writeProcess(reading.process)
        return page.writer.utf8
    }

    private mutating func begin(_ family: MetricFamily) {
        self.writer.begin(family.name, family.type, help: family.help)
    }

    private mutating func single(_ family: MetricFamily, _ value: Int) {
        self.begin(family)
        self.writer.sample(Int64(value))
    }

    private mutating func single(_ family: MetricFamily, _ value: Double) {
        self.begin(family)
        self.writer.sample(value)
    }

    // MARK: - Models

    private mutating func writeModels(_ reading: MetricsReading) {
        let models = reading.models.map {
            (LabelText(.init("model", $0.labels.model), .init("provider", $0.labels.provider)), $0)
        }
        self.begin(.modelRequests)
        for (labels, model) in models { self.outcomes(model.counters.requests, labels) }
        self.histogram(.modelDuration, models, \.duration)
        self.begin(.modelTokens)
        for (labels, model) in models {
            for (type, field) in Self.tokens {
                self.writer.sample(model.counters[field], labels.adding("type", type))
            }
        }
        self.begin(.modelCost)
        for (labels, model) in models { self.writer.sample(Double(model.counters[.cost]) / 1e9, labels) }
        self.single(.cacheHitRate, reading.cacheHitRate ?? 0)
        self.begin(.modelHealth)
        for (labels, model) in models { if let health = model.health { self.writer.sample(health, labels) } }
        self.histogram(.firstToken, models, \.firstToken)
        self.histogram(.interToken, models, \.interToken)
        self.begin(.attempts)
        for (labels, model) in models { self.outcomes(model.counters.attempts, labels) }
        self.field(.fallbacks, models, .fallbacks)
        self.begin(.modelBreaker)
        for (labels, model) in models { if let live = model.live { self.writer.sample(live.breaker.number, labels) } }
        self.begin(.modelInFlight)
        for (labels, model) in models { if let live = model.live { self.writer.sample(Int64(live.inFlight), labels) } }
        self.field(.loads, models, .loads)
        self.field(.reloads, models, .reloads)
        self.field(.evictions, models, .evictions)

        let providers = reading.providers.map { (LabelText(.init("provider", $0.name)), $0.live) }
        self.begin(.providerBreaker)
        for (labels, live) in providers { self.writer.sample(live.breaker.number, labels) }
        self.begin(.providerInFlight)
        for (labels, live) in providers { self.writer.sample(Int64(live.inFlight), labels) }
    }

    private static let tokens: [(String, MetricCounts.Field)] = [
        ("input", .inputTokens), ("output", .outputTokens), ("cached_input", .cachedInputTokens),
        ("reasoning", .reasoningTokens),
    ]

    /// Zeros as well: a counter that begins with 1 has not grown, to Prometheus.
    private mutating func outcomes(_ counts: [Int64], _ labels: LabelText) {
        for (outcome, count) in zip(OutcomeClass.allCases, counts) {
            self.writer.sample(count, labels.adding("outcome", outcome.name))
        }
    }

    private typealias LabelledModel = (labels: LabelText, model: MetricsReading.Model)

    /// Those that were never timed have none: seventeen lines of zeros for each would be most of the page.
    private mutating func histogram(
        _ family: MetricFamily, _ models: [LabelledModel], _ which: KeyPath<ModelCounters, BoundedHistogram>
    ) {
        self.begin(family)
        for (labels, model) in models where model.counters[keyPath: which].count > 0 {
            self.writer.histogram(model.counters[keyPath: which], labels)
        }
    }

    private mutating func field(_ family: MetricFamily, _ models: [LabelledModel], _ field: MetricCounts.Field) {
        self.begin(family)
        for (labels, model) in models { self.writer.sample(model.counters[field], labels) }
    }

    // MARK: - Requests

    private mutating func writeRequests(_ reading: MetricsReading) {
        self.begin(.requests)
        self.outcomes(reading.system.requests, LabelText())
        self.begin(.requestDuration)
        self.writer.histogram(reading.system.duration)
        self.begin(.requestFirstToken)
        self.writer.histogram(reading.system.firstToken)
        self.begin(.requestQueue)
        self.writer.histogram(reading.system.queue)
        self.single(.requestsInFlight, reading.requestsInFlight)
        self.begin(.cacheLookups)
        self.writer.sample(reading.system[.cacheHits], .init("result", "hit"))
        self.writer.sample(reading.system[.cacheMisses], .init("result", "miss"))
        self.begin(.phases)
        for phase in RequestPhase.allCases {
            let figures = reading.phases[phase] ?? PhaseReading()
            self.writer.histogram(
                PhaseFigures.bounds, figures.counts, count: figures.count, sum: figures.seconds,
                LabelText(.init("phase", phase.name), .init("side", phase.side)))
        }
    }

    // MARK: - Memory

    private mutating func writeMemory(_ reading: MetricsReading) {
        self.begin(.instances)
        for state in InstanceState.allCases {
            let count = reading.instances.count { $0.state == state }
            self.writer.sample(Int64(count), .init("state", state.rawValue))
        }
        self.single(.loadQueue, reading.instances.count { $0.state == .queued })
        self.single(.waitingRequests, reading.instances.reduce(0) { $0 + $1.waiters })
        let devices = reading.devices.map { (LabelText(.init("device", $0.device.name)), $0) }
        self.begin(.memorySize)
        for (labels, device) in devices { self.writer.sample(device.totalBytes, labels) }
        self.begin(.memoryFree)
        for (labels, device) in devices { self.writer.sample(device.freeBytes, labels) }
        self.begin(.memoryLimit)
        for (labels, device) in devices { self.writer.sample(device.quotaBytes, labels) }
        self.begin(.memoryHeld)
        for (labels, device) in devices {
            self.writer.sample(device.predictedBytes, labels.adding("stage", "predicted"))
            self.writer.sample(device.actualBytes, labels.adding("stage", "actual"))
            self.writer.sample(device.releasingBytes, labels.adding("stage", "releasing"))
        }
    }

    // MARK: - The gateway itself

    private mutating func writeGateway(_ reading: MetricsReading) {
        self.begin(.events)
        for kind in GatewayEvent.Kind.allCases {
            self.writer.sample(Int64(reading.events[kind] ?? 0), .init("kind", kind.rawValue))
        }
        self.single(.eventsDropped, reading.eventLog.dropped)
        self.single(.eventsWaiting, reading.eventLog.waiting)
        self.single(.recordsWritten, reading.requestLog.written)
        self.single(.recordsDropped, reading.requestLog.dropped)
        self.single(.recordsWaiting, reading.requestLog.waiting)
        self.single(.spansExported, reading.spans.exported)
        self.single(.spansDropped, reading.spans.dropped)
        self.single(.logLinesDropped, reading.logLinesDropped)
        self.begin(.figuresLost)
        self.writer.sample(Int64(reading.losses.unstored), .init("reason", "unstored"))
        self.writer.sample(Int64(reading.losses.forgotten), .init("reason", "forgotten"))
        if let storage = reading.storage {
            self.single(.storageSize, Int(storage.size))
            self.single(.storageFree, Int(storage.free))
        }
        let transport = reading.transport
        self.single(.connections, transport.connections)
        self.begin(.connectionsTotal)
        self.writer.sample(Int64(transport.connectionsAccepted), .init("result", "accepted"))
        self.writer.sample(Int64(transport.connectionsRefused), .init("result", "refused"))
        self.single(.calls, transport.calls)
        self.begin(.callsTotal)
        self.writer.sample(Int64(transport.callsStarted), .init("result", "started"))
        self.writer.sample(Int64(transport.callsRefused), .init("result", "refused"))
        self.writer.sample(Int64(transport.slowConsumers), .init("result", "cut"))
        self.begin(.registered)
        self.writer.sample(Int64(reading.registered.models), .init("kind", "model"))
        self.writer.sample(Int64(reading.registered.providers), .init("kind", "provider"))
        self.writer.sample(Int64(reading.registered.aliases), .init("kind", "alias"))
        self.begin(.buildInfo)
        self.writer.sample(Int64(1), .init("version", reading.version))
    }

    private mutating func writeProcess(_ process: ProcessReading?) {
        guard let process else { return }
        self.single(.processCPU, process.cpuSeconds)
        self.single(.processMemory, process.residentBytes)
        self.single(.processVirtual, process.virtualBytes)
        self.single(.processFiles, process.openFiles)
        if let most = process.mostFiles { self.single(.processFileLimit, most) }
        if let start = process.startSeconds { self.single(.processStart, start) }
    }
}

extension BreakerState {
    /// Growing with the trouble, so that the largest of many says something.
    fileprivate var number: Int64 {
        switch self {
        case .closed: 0
        case .halfOpen: 1
        case .open: 2
        }
    }
}
