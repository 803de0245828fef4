private import Synchronization

/// Allows something for a part of all requests: a bucket that each request fills by a little and each grant empties by
/// one.
///
/// A request that needs none pays one addition.
final class TokenBudget: Sendable {
    private struct State {
        var tokens: Double
        var deposits = 0
        var time: ContinuousClock.Instant
    }

    private let ratio: Double
    private let perSecond: Double
    private let size: Double
    private let deposits = Atomic<Int>(0)
    private let state: Mutex<State>

    /// - Parameters:
    ///   - ratio: tokens that a request brings.
    ///   - perSecond: tokens that time brings.
    ///   - size: what the bucket holds at most, and at the beginning.
    init(ratio: Double, perSecond: Double = 0, size: Double, now: ContinuousClock.Instant) {
        self.ratio = max(ratio, 0)
        self.perSecond = max(perSecond, 0)
        self.size = max(size, 0)
        self.state = Mutex(State(tokens: max(size, 0), time: now))
    }

    /// Counts a request.
    func deposit() { self.deposits.add(1, ordering: .relaxed) }

    /// Takes a token.
    ///
    /// - Returns: `false` when there is none.
    func withdraw(at now: ContinuousClock.Instant) -> Bool {
        let deposits = self.deposits.load(ordering: .relaxed)
        return self.state.withLock { state in
            let seconds = max(0, state.time.duration(to: now).nanoseconds / 1e9)
            let earned = Double(deposits - state.deposits) * self.ratio + seconds * self.perSecond
            state.tokens = min(self.size, state.tokens + max(0, earned))
            // Another task may have come before with a later look at the clock or the count.
            state.deposits = max(state.deposits, deposits)
            state.time = max(state.time, now)
            guard state.tokens >= 1 else { return false }
            state.tokens -= 1
            return true
        }
    }
}
