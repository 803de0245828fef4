internal import Synchronization

/// How long requests that run may go on once a server ends. What is left then is cut.
final class DrainLimit: Sendable {
    private let deadline = Mutex<ContinuousClock.Instant?>(nil)

    /// The end begins. The earlier of two deadlines holds.
    func begin(within limit: Duration, at now: ContinuousClock.Instant = .now) {
        let new = now + limit
        self.deadline.withLock { $0 = min($0 ?? new, new) }
    }

    var hasBegun: Bool { self.deadline.withLock { $0 != nil } }

    func isOver(at now: ContinuousClock.Instant = .now) -> Bool {
        self.deadline.withLock { $0.map { now >= $0 } ?? false }
    }
}
