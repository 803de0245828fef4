import Inference
import Testing

@testable import ModelLifecycle

/// Everything around a scheduler, played by a test: runtimes, requests, time. Checks after every step what must always
/// hold, and keeps what is wrong in ``problems``.
struct World {
    typealias Instant = ContinuousClock.Instant

    enum Answer: Hashable {
        case granted(RuntimeInstance)
        case loaded(InstanceKey)
        case unloaded(UnloadOutcome)
        case refused(LifecycleError)
    }

    struct Launch: Hashable {
        var key: InstanceKey
        var isReady = false
        var isStopping = false
        var isKilled = false
        var leases = 0
    }

    var scheduler: LifecycleScheduler
    var now: Instant
    /// What each model takes; 10 when it is not named.
    var sizes: [ModelID: Int64] = [:]
    /// Whether questions to runtimes are answered at once.
    var answersPreparations = true
    var missing: [ModelID: String] = [:]
    /// Set when a test has leases cut on purpose.
    var maySever = false
    /// Set when a test has models take more than was predicted.
    var mayExceed = false

    var preparations: [Int: RuntimeModel] = [:]
    var launches: [Int: Launch] = [:]
    var warming: [Int] = []
    var launchNumbers: Set<Int> = []
    var open: Set<Int> = []
    var answers: [Int: Answer] = [:]
    var events: [GatewayEvent] = []
    var progress: [Int: [LoadProgress]] = [:]
    var memoryQuestions = 0
    var wakeAt: Instant?
    var isFinished = false
    var lastTicket = 0
    var problems: [String] = []

    init(_ models: [ManagedModel], limits: LifecycleLimits = .forTests(), free: Int64? = nil) {
        self.now = ContinuousClock.now
        self.scheduler = LifecycleScheduler(limits: limits, at: self.now)
        if let free { self.read(free: free) }
        self.send(.models(models))
    }

    // MARK: - What tests do

    mutating func send(_ event: LifecycleScheduler.Event) {
        self.carryOut(self.scheduler.handle(event, at: self.now))
        self.check()
    }

    mutating func request(_ model: ModelID, progress: Bool = false) -> Int {
        self.ask { .acquire(ticket: $0, model, wantsProgress: progress) }
    }

    mutating func load(_ model: ModelID, version: String? = nil, warms: Bool = false, progress: Bool = false) -> Int {
        self.ask { .load(ticket: $0, model, version: version, warms: warms, wantsProgress: progress) }
    }

    mutating func unload(_ model: ModelID, version: String? = nil, grace: Duration? = nil) -> Int {
        self.ask { .unload(ticket: $0, model, version: version, grace: grace, reason: "asked") }
    }

    mutating func ask(_ event: (Int) -> LifecycleScheduler.Event) -> Int {
        self.lastTicket += 1
        self.open.insert(self.lastTicket)
        self.send(event(self.lastTicket))
        return self.lastTicket
    }

    mutating func abandon(_ ticket: Int) {
        self.open.remove(ticket)
        self.send(.abandon(ticket: ticket))
    }

    mutating func release(_ launch: Int) {
        guard let known = self.launches[launch] else { return }
        self.launches[launch]?.leases -= 1
        if !self.scheduler.releaseQuietly(known.key, launch: launch, at: self.now) {
            self.send(.release(known.key, launch: launch))
        } else {
            self.check()
        }
    }

    mutating func ready(_ launch: Int, memory: [MemoryDevice: Int64] = [:]) {
        guard let key = self.launches[launch]?.key else { return }
        self.launches[launch]?.isReady = true
        self.send(.report(launch: launch, .ready(RuntimeInstance(key: key, launch: launch, memory: memory))))
    }

    mutating func end(_ launch: Int, _ exit: RuntimeExit = .stopped) {
        self.launches[launch] = nil
        self.warming.removeAll { $0 == launch }
        self.send(.ended(launch: launch, exit))
    }

    mutating func warmed(_ launch: Int, _ fault: UpstreamFault? = nil) {
        self.warming.removeAll { $0 == launch }
        self.send(.warmed(launch: launch, fault))
    }

    mutating func advance(_ duration: Duration) {
        self.now += duration
        self.send(.tick)
    }

    mutating func read(free: Int64, total: Int64 = 1000, device: MemoryDevice = .cpu) {
        self.send(.readings([MemoryReading(device: device, totalBytes: total, freeBytes: free)]))
    }

    // MARK: - What tests ask

    func state(_ model: ModelID, version: String = "") -> InstanceState {
        self.scheduler.instances[InstanceKey(model: model, version: version)]?.state ?? .unloaded
    }

    func reason(_ model: ModelID) -> String {
        self.scheduler.instances[InstanceKey(model: model)]?.reason ?? ""
    }

    /// The launch of a model that is under way.
    func launch(of model: ModelID, version: String = "") -> Int? {
        self.launches.first { $0.value.key == InstanceKey(model: model, version: version) }?.key
    }

    func isGranted(_ ticket: Int) -> Bool {
        if case .granted = self.answers[ticket] { true } else { false }
    }

    func refusal(_ ticket: Int) -> LifecycleError? {
        if case .refused(let error) = self.answers[ticket] { error } else { nil }
    }

    /// Has a model loaded, from its request to its lease, and returns the launch; the lease stays.
    @discardableResult
    mutating func serve(_ model: ModelID) throws -> Int {
        let ticket = self.request(model)
        if let launch = self.launch(of: model), self.launches[launch]?.isReady == false { self.ready(launch) }
        guard case .granted(let instance) = self.answers[ticket] else {
            throw WorldError(words: "\(model) was not granted: \(self.answers[ticket].map { "\($0)" } ?? "it waits")")
        }
        return instance.launch
    }

    // MARK: - Effects

    private mutating func carryOut(_ effects: [LifecycleScheduler.Effect]) {
        for effect in effects { self.carryOut(effect) }
        guard self.answersPreparations else { return }
        for (number, model) in self.preparations.sorted(by: { $0.key < $1.key }) { self.prepare(number, model) }
    }

    mutating func prepare(_ number: Int, _ model: RuntimeModel) {
        guard self.preparations.removeValue(forKey: number) != nil else { return }
        if let reason = self.missing[model.id] {
            self.send(.prepared(number: number, .failure(RuntimeUnavailable(reason))))
        } else {
            let size = self.sizes[model.id] ?? 10
            self.send(.prepared(number: number, .success(MemoryEstimate(weightBytes: size, devices: [.cpu: size]))))
        }
    }

    private mutating func carryOut(_ effect: LifecycleScheduler.Effect) {
        switch effect {
        case .prepare(let number, let model): self.preparations[number] = model
        case .launch(let number, let model): self.begin(number, model.key)
        case .stop(let launch):
            self.launches[launch]?.isStopping = true
            if self.launches[launch]?.leases ?? 0 > 0, !self.maySever {
                self.problems.append("launch \(launch) was stopped with leases")
            }
        case .kill(let launch): self.launches[launch]?.isKilled = true
        case .warm(let instance): self.warming.append(instance.launch)
        case .readMemory: self.memoryQuestions += 1
        case .grant(let ticket, let instance):
            self.answer(ticket, .granted(instance))
            self.launches[instance.launch]?.leases += 1
            if self.launches[instance.launch]?.isReady != true {
                self.problems.append("\(instance.key) was granted and is not ready")
            }
        case .loaded(let ticket, let key): self.answer(ticket, .loaded(key))
        case .unloaded(let ticket, let outcome): self.answer(ticket, .unloaded(outcome))
        case .refuse(let ticket, let error): self.answer(ticket, .refused(error))
        case .progress(let tickets, let progress):
            for ticket in tickets { self.progress[ticket, default: []].append(progress) }
        case .emit(let event): self.events.append(event)
        case .changed(let key, let from, let to):
            if !from.mayBecome(to) { self.problems.append("\(key) went from \(from) to \(to)") }
        case .wake(let instant): self.wakeAt = instant
        case .finished: self.isFinished = true
        }
    }

    private mutating func begin(_ number: Int, _ key: InstanceKey) {
        if !self.launchNumbers.insert(number).inserted { self.problems.append("launch \(number) came twice") }
        if self.launches.values.contains(where: { $0.key == key }) { self.problems.append("\(key) lives twice") }
        self.launches[number] = Launch(key: key)
    }

    private mutating func answer(_ ticket: Int, _ answer: Answer) {
        if self.open.remove(ticket) == nil { self.problems.append("ticket \(ticket) was answered and is not open") }
        self.answers[ticket] = answer
    }

    // MARK: - What must always hold

    private mutating func check() {
        let ledger = self.scheduler.ledger
        if !self.mayExceed, !ledger.excess.isEmpty { self.problems.append("the ledger exceeds by \(ledger.excess)") }
        if let places = self.scheduler.limits.maxLoadedModels, self.launches.count > places {
            self.problems.append("\(self.launches.count) are in memory, \(places) may be")
        }
        let loading = self.scheduler.instances.values.count { $0.state == .loading || $0.state == .warming }
        if loading > self.scheduler.limits.maxConcurrentLoads { self.problems.append("\(loading) load at a time") }
        if Set(self.scheduler.tickets.keys) != self.open {
            self.problems.append("open tickets are \(self.open), known are \(self.scheduler.tickets.keys)")
        }
        for instance in self.scheduler.instances.values { self.check(instance) }
        for (model, door) in self.scheduler.doors {
            let isReady = self.scheduler.instances[door.key]?.state == .ready
            if door.isOpen != isReady { self.problems.append("the door of \(model) is wrong") }
        }
        if Set(self.scheduler.queue).count != self.scheduler.queue.count { self.problems.append("the queue repeats") }
    }

    private mutating func check(_ instance: Instance) {
        let lives: Set<InstanceState> = [.loading, .warming, .ready, .draining, .unloading]
        let leaves: Set<InstanceState> = [.draining, .unloading]
        let isQueued = self.scheduler.queue.contains(instance.key)
        if lives.contains(instance.state) != (instance.life != nil) {
            self.problems.append(
                "\(instance.key) is \(instance.state) and its life is \(String(describing: instance.life))")
        }
        if leaves.contains(instance.state) != (instance.farewell != nil) {
            self.problems.append("\(instance.key) is \(instance.state) and its farewell is wrong")
        }
        if instance.state == .queued && !isQueued || isQueued && !leaves.union([.queued]).contains(instance.state) {
            self.problems.append("\(instance.key) is \(instance.state) and queued: \(isQueued)")
        }
        if !instance.waiters.isEmpty, instance.life == nil || leaves.contains(instance.state), !isQueued {
            self.problems.append("\(instance.key) has waiters, is \(instance.state) and is not queued")
        }
        if let life = instance.life, let launch = self.launches[life.launch] {
            let ours = launch.leases + (life.isWarmingUp && instance.state != .warming && launch.isReady ? 1 : 0)
            if instance.state != .warming, instance.state != .unloading, life.leases != ours {
                self.problems.append("\(instance.key) counts \(life.leases) leases of \(ours)")
            }
        }
    }
}

struct WorldError: Error, CustomStringConvertible {
    var words: String
    var description: String { self.words }
}

extension InstanceState {
    /// The arrows of the drawing in ``LifecycleScheduler``.
    func mayBecome(_ next: InstanceState) -> Bool {
        let after: Set<InstanceState>
        switch self {
        case .unloaded: after = [.queued, .failed]
        case .queued: after = [.loading, .unloaded, .failed]
        case .loading: after = [.warming, .ready, .queued, .failed, .unloading, .unloaded]
        case .warming: after = [.ready, .queued, .failed, .unloading, .unloaded]
        case .ready: after = [.draining, .unloading, .queued, .failed, .unloaded]
        case .draining: after = [.unloading, .unloaded, .queued]
        case .unloading: after = [.unloaded, .queued]
        case .failed: after = [.queued, .unloaded, .failed]
        }
        return after.contains(next)
    }
}

extension LifecycleLimits {
    /// No looking around, and a quota of `memory` bytes in main memory if there is one.
    static func forTests(memory: Int64? = nil, places: Int? = nil) -> LifecycleLimits {
        var limits = LifecycleLimits()
        limits.recheckInterval = nil
        limits.maxLoadedModels = places
        if let memory { limits.memoryQuotas = [.cpu: memory] }
        return limits
    }
}

extension ManagedModel {
    static func local(_ name: String, pinned: Bool = false, ttl: Duration? = nil) -> ManagedModel {
        let id = ModelID.local(name)
        return ManagedModel(id: id, versions: [RuntimeModel(id: id)], isPinned: pinned, idleTTL: ttl)
    }
}
