import Inference

/// One version of a model: where it stands, who waits for it, and the life that it has in memory.
struct Instance: Sendable, Hashable {
    typealias Instant = ContinuousClock.Instant

    let key: InstanceKey
    /// How the next launch begins it.
    var model: RuntimeModel
    /// Changed by ``LifecycleScheduler/move(_:to:reason:)`` alone.
    var state = InstanceState.unloaded
    /// Why, for people.
    var reason = ""
    var since: Instant

    /// Who waits until it is ready, in order.
    var waiters: [Ticket] = []
    /// When the load that they wait for was asked for first.
    var askedAt: Instant
    /// Whether someone asked for the load: a restart that nobody waits for takes nothing from others.
    var isWanted = false
    /// What it waits for in the queue, for people.
    var waitsFor = ""
    /// What waiters were told last of its place in the queue, and of that.
    var toldPosition = 0
    var toldWait = ""
    /// Why it was told last that it cannot fit: said once, not with every request.
    var lastRefusal: String?

    /// What ``ModelRuntime/prepare(_:)`` said last.
    var estimate: MemoryEstimate?
    /// The question to it that is under way, and how long an answer is waited for.
    var preparation: Int?
    var preparationEnd: Instant?
    /// What the last life took: better than a prediction when it was more.
    var measured: [MemoryDevice: Int64] = [:]
    /// When it is looked whether it could be loaded at all.
    var checkAt: Instant?

    /// From the start of a load to the end of its instance: while it is loading, warming, ready, draining or unloading.
    var life: Life?
    /// Why it leaves, while it is draining or unloading.
    var farewell: Farewell?
    /// While it is queued after a failure: not before.
    var notBefore: Instant?
    /// While it has failed: when a request makes another try; `nil` makes it at once.
    var retryAt: Instant?
    var failuresInARow = 0
    /// Starts that were made because it had failed.
    var restarts = 0

    init(_ model: RuntimeModel, at now: Instant) {
        self.key = model.key
        self.model = model
        self.since = now
        self.askedAt = now
    }

    /// What a load is expected to take.
    var prediction: [MemoryDevice: Int64] {
        (self.estimate?.devices ?? [:]).merging(self.measured) { max($0, $1) }
    }

    var isPrepared: Bool { self.preparation == nil && self.estimate != nil }

    /// Whether a request under way holds it.
    var isBusy: Bool { (self.life?.leases ?? 0) > 0 }
}

/// Someone who waits for an instance.
struct Ticket: Sendable, Hashable {
    enum Wish: Sendable, Hashable {
        case lease
        case load(warms: Bool)
    }

    var number: Int
    var wish: Wish
    /// Whether the model's active version is meant, whichever that is by then.
    var followsActive: Bool
    var wantsProgress: Bool

    var wantsWarmth: Bool { self.wish == .load(warms: true) }
}

/// One life of an instance: the launch and what became of it.
struct Life: Sendable, Hashable {
    typealias Instant = ContinuousClock.Instant

    let launch: Int
    let startedAt: Instant
    /// When it came further last: the budget of the load counts from here.
    var progressAt: Instant
    var loadedBytes: Int64 = 0
    var totalBytes: Int64 = 0
    var isLoadingWeights = false
    /// When waiters were last told of bytes.
    var toldAt: Instant?

    /// Once it can be asked.
    var instance: RuntimeInstance?
    var readyAt: Instant?
    var isMeasured = false
    /// Holds of requests, and of the warm-up while one goes on beside them.
    var leases = 0
    var idleSince: Instant
    /// Whether a request has used it.
    var wasLeased = false
    /// Whether it has answered something.
    var isWarm = false
    var isWarmingUp = false
    var missedProbes = 0
    /// Why we ended it: what it says of itself then is a consequence.
    var verdict: String?

    init(launch: Int, at now: Instant) {
        self.launch = launch
        self.startedAt = now
        self.progressAt = now
        self.idleSince = now
    }
}

/// Why and how an instance leaves memory.
struct Farewell: Sendable, Hashable {
    enum Cause: Sendable, Hashable {
        /// To make room for another, or because all together take too much.
        case evicted(for: InstanceKey?)
        case idle
        case asked
        case superseded
        case removed
        case disabled
        case shutdown
    }

    var cause: Cause
    var reason: String
    /// When leases are cut.
    var graceEnd: ContinuousClock.Instant?
    /// When an instance that was told to end is killed.
    var killAt: ContinuousClock.Instant?
    /// Who waits until it is gone.
    var tickets: [Int] = []
    var drainedLeases = 0
    var cutLeases = 0
}
