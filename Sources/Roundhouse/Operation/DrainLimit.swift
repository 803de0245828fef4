internal import Synchronization

/// How long requests that run may go on once a server ends. What is left then is cut.
final class DrainLimit: Sendable {
    private let deadline = Mutex<ContinuousClock.Instant?>(nil)
    /// Of a server that ends without having been told to, as when its port fails.
    private static let unasked = Duration.seconds(2)

    /// The end has begun. The earlier of two deadlines holds.
    func begin(within limit: Duration) {
        let new = ContinuousClock.now + limit
        self.deadline.withLock { $0 = min($0 ?? new, new) }
    }

    /// Begins the end, if nobody has.
    var isOver: Bool {
        let now = ContinuousClock.now
        return self.deadline.withLock { deadline in
            let end = deadline ?? now + Self.unasked
            deadline = end
            return now >= end
        }
    }
}
