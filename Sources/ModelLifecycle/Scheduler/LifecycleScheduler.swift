import Inference

/// Decides what is loaded: events in, effects out. Pure: it knows no clock, no process and no task.
///
/// It is the one owner of every instance's state, so that nothing is decided on a state that may have changed:
///
///     unloaded -> queued -> loading -> warming -> ready -> draining -> unloading -> unloaded
///        ^          ^  |       |          |         |          |            |
///        |          |  |       +----------+---------+          |            |
///        |          |  |                  | crash              +------------+--> queued, when someone waits
///        |          +--|---- backoff -----+
///        +--- failed <-+---- too many failures, refused, missing
///
/// A crash while it drains is the end that it was drained for. Requests take what is ready at once, by
/// ``lease(_:at:)``; all others wait as tickets, in the order in which they came.
struct LifecycleScheduler: Sendable {
    typealias Instant = ContinuousClock.Instant

    var limits: LifecycleLimits {
        didSet { self.ledger.limits = self.limits }
    }
    var models: [ModelID: ManagedModel] = [:]
    /// What requests look at; kept by ``apply(_:)`` and ``move(_:to:reason:)``.
    var doors: [ModelID: Door] = [:]
    /// Everything that was asked for at least once, or looked at.
    var instances: [InstanceKey: Instance] = [:]
    /// What is to be loaded, in the order in which it was asked for. Those still leaving memory keep their place.
    var queue: [InstanceKey] = []
    var ledger: MemoryLedger

    /// Who waits for what, by ticket.
    var tickets: [Int: InstanceKey] = [:]
    /// Lives, by launch.
    var launches: [Int: InstanceKey] = [:]
    /// Questions to runtimes that are under way, by number.
    var preparations: [Int: InstanceKey] = [:]

    /// Whether those in memory take more than they may, and none of them was idle.
    var isOverfull = false
    var isStopping = false
    var hasFinished = false
    /// The time of the event that is being handled.
    private(set) var now: Instant
    var wakeAt: Instant?
    /// The next time at which a busy instance has been ready for long enough to be drained.
    var reconsiderAt: Instant?
    /// When the memory was last asked for, while some of it is being released.
    var memoryAskedAt: Instant?
    private var effects: [Effect] = []
    private var lastNumber = 0

    /// Where the requests of an enabled model go: all that most of them need to know.
    struct Door: Sendable, Hashable {
        var key: InstanceKey
        /// Whether the instance is ready.
        var isOpen: Bool
        /// How long it may be idle; `nil` for ever.
        var idleTTL: Duration?
    }

    init(limits: LifecycleLimits, at now: Instant) {
        self.limits = limits
        self.ledger = MemoryLedger(limits)
        self.now = now
    }

    /// Takes in what happened, and returns what has to be done, in order.
    mutating func handle(_ event: Event, at now: Instant) -> [Effect] {
        self.now = max(self.now, now)
        switch event {
        case .models(let models): self.apply(models)
        case .limits(let limits): self.limits = limits
        case .readings(let readings): self.ledger.take(readings, at: self.now)
        case .acquire(let ticket, let model, let wantsProgress):
            self.ask(ticket, .lease, model, version: nil, wantsProgress)
        case .load(let ticket, let model, let version, let warms, let wantsProgress):
            self.ask(ticket, .load(warms: warms), model, version: version, wantsProgress)
        case .unload(let ticket, let model, let version, let grace, let reason):
            self.unload(ticket, model, version: version, grace: grace, reason: reason)
        case .abandon(let ticket): self.abandon(ticket)
        case .release(let key, let launch): self.release(key, launch: launch)
        case .prepared(let number, let result): self.prepared(number, result)
        case .report(let launch, let report): self.report(launch, report)
        case .warmed(let launch, let fault): self.warmed(launch, fault)
        case .probed(let launch, let isAlive): self.probed(launch, isAlive: isAlive)
        case .ended(let launch, let exit): self.ended(launch, exit)
        case .tick: self.wakeAt = nil
        case .shutDown: self.shutDown()
        }
        self.settle()
        defer { self.effects.removeAll(keepingCapacity: true) }
        return self.effects
    }

    /// Draws every conclusion from what is known at this time. The event itself came first: a request that takes an
    /// instance finds it there, and whoever would have unloaded it finds it leased.
    private mutating func settle() {
        self.enforceDeadlines()
        self.ledger.settleReleases(at: self.now)
        self.relieve()
        self.admit()
        self.tellPositions()
        self.arm()
        if self.isStopping, self.launches.isEmpty, !self.hasFinished {
            self.hasFinished = true
            self.perform(.finished)
        }
    }

    // MARK: - What all parts use

    mutating func perform(_ effect: Effect) { self.effects.append(effect) }

    /// Numbers launches and questions: never one twice.
    mutating func nextNumber() -> Int {
        self.lastNumber += 1
        return self.lastNumber
    }

    /// Changes what is kept of an instance, if there is any.
    mutating func update(_ key: InstanceKey, _ change: (inout Instance, _ now: Instant) -> Void) {
        guard let index = self.instances.index(forKey: key) else { return }
        let now = self.now
        change(&self.instances.values[index], now)
    }

    /// The same for the life that it has.
    mutating func updateLife(of key: InstanceKey, _ change: (inout Life, _ now: Instant) -> Void) {
        self.update(key) { instance, now in
            guard var life = instance.life else { return }
            change(&life, now)
            instance.life = life
        }
    }

    /// The one place where a state changes.
    mutating func move(_ key: InstanceKey, to state: InstanceState, reason: String) {
        guard let from = self.instances[key]?.state else { return }
        self.update(key) { instance, now in
            instance.state = state
            instance.reason = reason
            instance.since = now
        }
        if self.doors[key.model]?.key == key { self.doors[key.model]?.isOpen = state == .ready }
        self.perform(.changed(key, from: from, to: state))
    }

    func emit(
        _ kind: GatewayEvent.Kind,
        _ key: InstanceKey,
        _ reason: String,
        _ attributes: [String: String] = [:]
    ) -> Effect {
        var attributes = attributes
        if !key.version.isEmpty { attributes["version"] = key.version }
        return .emit(GatewayEvent(kind, model: key.model, reason: reason, attributes: attributes))
    }

    /// Whether it is never evicted and never unloaded for idleness. Pinning means the version that requests go to.
    func isPinned(_ key: InstanceKey) -> Bool {
        guard let model = self.models[key.model] else { return false }
        return model.isPinned && model.activeVersion == key.version
    }
}
