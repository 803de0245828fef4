internal import Inference
internal import ModelLifecycle
internal import ModelRegistry
internal import Telemetry

/// Gathers what recommendations are made of, from everyone who knows some of it. Answers from memory.
struct UsageFactsReader: Sendable {
    var registry: Registry
    var loading: any ModelLoading
    /// What the system says of memory now.
    var memory: @Sendable () -> [MemoryReading]
    /// `lifecycle.memory_share`.
    var memoryShare: Double
    var figures: TelemetryRecorder
    var events: EventFigures
    var keys: KeyUses
    /// What the providers' keys did so far.
    var keyCounts: @Sendable () -> [ProviderID: KeyUses.Reading]
    /// When a model was last asked, in microseconds since 1970-01-01 UTC; 0 when it never was.
    var lastUsed: @Sendable (ModelID) -> Int64
    /// Requests that a model answers now.
    var inFlight: @Sendable (ModelID) -> Int

    /// The facts of a range that ends now.
    func facts(_ range: MetricRange, _ now: Int64) -> UsageFacts {
        let start = range.start(at: now)
        let snapshot = self.registry.snapshot
        let managed = Dictionary(self.loading.managedModels().map { ($0.id, $0) }) { first, _ in first }
        let aliases = snapshot.aliases.reduce(into: [ModelID: [String]]()) { names, alias in
            if let active = alias.activeModel { names[active, default: []].append(alias.name) }
        }
        let models = snapshot.models.map { model in
            var facts = ModelFacts(model)
            facts.aliases = aliases[model.id] ?? []
            self.addUse(to: &facts, range, now)
            if let managed = managed[model.id] { self.addMemory(to: &facts, managed, now) }
            return facts
        }
        self.keys.take(self.keyCounts(), at: now)
        return UsageFacts(
            startMicroseconds: start, endMicroseconds: now, models: models, keys: self.keys.facts(from: start),
            memory: managed.isEmpty ? nil : self.memoryFacts(range, now))
    }

    /// What requests tell.
    private func addUse(to facts: inout ModelFacts, _ range: MetricRange, _ now: Int64) {
        let figures = self.figures.total(of: .model(facts.model), range, at: now)
        let counts = figures.counts
        facts.loads = counts[.loads]
        facts.reloads = counts[.reloads]
        facts.evictions = counts[.evictions]
        facts.breakerOpenings = counts[.breakerOpenings]
        facts.uses = counts.attempts
        facts.judged = counts.judgedAttempts
        facts.failures = counts.failedAttempts
        facts.medianLatency = figures.total.percentile(0.5)
        facts.inputTokens = counts[.inputTokens]
        facts.outputTokens = counts[.outputTokens]
        facts.costNanoUSD = counts[.cost]
        let lastUsed = self.lastUsed(facts.model)
        if lastUsed > 0 { facts.lastUsedMicroseconds = lastUsed }
        if self.inFlight(facts.model) > 0 { facts.lastUsedMicroseconds = now }
    }

    /// What its owner tells of a model that we load.
    private func addMemory(to facts: inout ModelFacts, _ managed: ManagedModel, _ now: Int64) {
        facts.isManaged = true
        facts.isEnabled = facts.isEnabled && managed.isEnabled
        facts.isLazy = managed.isLazy
        facts.isPinned = managed.isPinned
        // What it took the last time tells more than its file does.
        let last = self.events.lastLoad(of: managed.id)
        facts.bytes = last.flatMap { $0.bytes > 0 ? $0.bytes : nil } ?? max(0, managed.sizeBytes)
        facts.loadTime = last?.time ?? 0
        guard let status = self.loading.status(of: managed.id), status.state == .ready else { return }
        facts.isLoaded = true
        facts.loadedSinceMicroseconds = status.sinceMicroseconds
        let taken = status.memory.values.reduce(0, +)
        if taken > 0 { facts.bytes = taken }
        if let duration = status.loadDuration { facts.loadTime = duration.microseconds }
        if status.leases > 0 { facts.lastUsedMicroseconds = now }
    }

    /// The memory that most of the models are in; main memory while none is.
    private func memoryFacts(_ range: MetricRange, _ now: Int64) -> MemoryFacts? {
        let readings = self.memory()
        let devices = self.loading.devices().filter { $0.device != .remote }
        func taken(_ device: DeviceMemory) -> Int64 {
            device.actualBytes + device.predictedBytes + device.releasingBytes
        }
        let fullest = devices.max { left, right in
            // Of equal ones main memory.
            (taken(left), left.device == .cpu ? 1 : 0) < (taken(right), right.device == .cpu ? 1 : 0)
        }
        guard let fullest else { return nil }
        let reading = readings.first { $0.device == fullest.device }
        let total = reading?.totalBytes ?? fullest.totalBytes
        guard total > 0 else { return nil }
        let counts = self.figures.total(of: .system, range, at: now).counts
        let share = Double(fullest.quotaBytes) / Double(total)
        // Where bytes are configured in place of the share, the share is nothing that could be raised or lowered.
        let isShared = abs(share - self.memoryShare) < 0.01
        return MemoryFacts(
            totalBytes: total, freeBytes: reading?.freeBytes ?? fullest.freeBytes, usedBytes: taken(fullest),
            share: isShared ? self.memoryShare : share, evictions: isShared ? counts[.evictions] : 0,
            refusals: isShared ? counts[.refusals] : 0, shortages: isShared ? counts[.shortages] : 0)
    }
}

extension ModelFacts {
    /// What the registry knows.
    init(_ model: ModelDescription) {
        self.init(model: model.id)
        self.category = model.category
        self.capabilities = model.capabilities
        self.contextLength = model.contextLength
        self.isEnabled = model.isEnabled && !model.isMissing
        self.isLazy = model.isLazy
        self.isPinned = model.isPinned
        self.prices = model.prices
        self.quality = model.qualityScore
    }
}
