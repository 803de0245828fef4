internal import Inference
internal import Synchronization

/// How long a request waited for models to be loaded, from what it was told of the loads. Pure: time is handed in.
struct LoadWaits: Sendable {
    /// Two kinds of waiting: for the turn of a load, and for the load.
    private struct Wait: Sendable {
        var isQueued: Bool
        var model: ModelID
        /// When it began to wait for this model at all.
        var beganAt: ContinuousClock.Instant
        var since: ContinuousClock.Instant
    }

    private var current: Wait?
    private(set) var queueTime: Duration?
    private(set) var loadTime: Duration?

    mutating func note(_ phase: LoadPhase, of model: ModelID, at now: ContinuousClock.Instant) {
        var beganAt = now
        if let current = self.current {
            self.add(current, until: now)
            if current.model == model { beganAt = current.beganAt }
        }
        switch phase {
        case .queued: self.current = Wait(isQueued: true, model: model, beganAt: beganAt, since: now)
        case .starting, .loading, .warming:
            self.current = Wait(isQueued: false, model: model, beganAt: beganAt, since: now)
        case .ready: self.current = nil
        }
    }

    /// The request has ended.
    ///
    /// - Parameter attempts: Nobody says that a wait ended in vain, but its attempt did.
    mutating func end(_ attempts: [Attempt], at now: ContinuousClock.Instant) {
        guard let current = self.current else { return }
        self.current = nil
        let failed = attempts.last { $0.model == current.model && $0.fault != nil }
        let end = failed.map { min(current.beganAt + $0.duration, now) } ?? now
        self.add(current, until: max(current.since, end))
    }

    private mutating func add(_ wait: Wait, until end: ContinuousClock.Instant) {
        let time = wait.since.duration(to: end)
        if wait.isQueued {
            self.queueTime = (self.queueTime ?? .zero) + time
        } else {
            self.loadTime = (self.loadTime ?? .zero) + time
        }
    }
}

/// Notes what a request is told of loads while its upstream is looked for.
final class LoadWatch: Sendable {
    private let waits = Mutex(LoadWaits())

    /// - Parameter relay: takes each update, too.
    func sink(relay: (@Sendable (LoadProgress) -> Void)? = nil) -> ProgressSink {
        ProgressSink { progress in
            self.waits.withLock { $0.note(progress.phase, of: progress.model, at: .now) }
            relay?(progress)
        }
    }

    func ended(_ attempts: [Attempt], at now: ContinuousClock.Instant) -> LoadWaits {
        self.waits.withLock { waits in
            waits.end(attempts, at: now)
            return waits
        }
    }
}
