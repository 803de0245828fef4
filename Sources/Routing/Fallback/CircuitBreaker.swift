/// Keeps requests away from what is broken, and lets a few through to see whether it still is.
///
/// A value without a clock: times are handed in, in nanoseconds of one monotonic clock.
///
///     closed --- too many failures ---> open --- its time is over ---> half open
///       ^                                 ^                               |  |
///       |                                 +-------- a probe failed -------+  |
///       +------------------------ enough probes went well -------------------+
struct CircuitBreaker: Sendable {
    /// How a request that was let through went.
    enum Outcome: Sendable, Hashable {
        case success
        /// Says nothing about whether it is broken.
        case neutral
        case failure
    }

    /// Leave to ask. Its outcome is to be recorded, whatever it is.
    struct Ticket: Sendable, Hashable {
        /// ``CircuitBreaker/epoch`` when it was given: outcomes of an earlier one are no news.
        var epoch: UInt64
        var isProbe: Bool
    }

    /// What an outcome changed.
    enum Change: Sendable, Hashable {
        case opened(Opening)
        /// After so many nanoseconds since it opened.
        case closed(after: UInt64)
    }

    struct Opening: Sendable, Hashable {
        var cause: Cause
        var failures: Int
        /// Successes and failures together.
        var requests: Int
        /// Nanoseconds.
        var duration: UInt64

        enum Cause: Sendable, Hashable {
            case inARow
            case ratio
            case probe
        }
    }

    enum Phase: Sendable, Hashable {
        case closed
        case open(until: UInt64)
        case halfOpen(running: Int, successes: Int)
    }

    private(set) var phase = Phase.closed
    /// Counts the changes of phase.
    private(set) var epoch: UInt64 = 0
    private var window = OutcomeWindow()
    private var failuresInARow = 0
    /// Probes that failed since it was closed last.
    private var failedProbes = 0
    private var openedAt: UInt64 = 0

    /// Until when nobody is let through; 0 when it is closed. In the past when it is half open.
    var openUntil: UInt64 {
        switch self.phase {
        case .closed: 0
        case .open(let until): until
        // Any time that has passed: not 0, which would say that it is closed.
        case .halfOpen: 1
        }
    }

    /// Asks for leave.
    ///
    /// - Returns: `nil` when nobody may ask now.
    mutating func admit(at now: UInt64, _ settings: BreakerSettings) -> Ticket? {
        switch self.phase {
        case .closed:
            return Ticket(epoch: self.epoch, isProbe: false)
        case .open(let until):
            guard now >= until else { return nil }
            self.move(to: .halfOpen(running: 1, successes: 0))
            return Ticket(epoch: self.epoch, isProbe: true)
        case .halfOpen(let running, let successes):
            guard running < max(1, settings.halfOpenProbes) else { return nil }
            self.phase = .halfOpen(running: running + 1, successes: successes)
            return Ticket(epoch: self.epoch, isProbe: true)
        }
    }

    /// Takes how it went. Once for each ticket.
    mutating func record(
        _ outcome: Outcome, of ticket: Ticket, at now: UInt64, _ settings: BreakerSettings
    ) -> Change? {
        guard ticket.epoch == self.epoch else { return nil }
        switch self.phase {
        case .closed: return self.count(outcome, at: now, settings)
        case .open: return nil
        case .halfOpen(let running, let successes):
            guard ticket.isProbe else { return nil }
            return self.takeProbe(outcome, running: running - 1, successes: successes, at: now, settings)
        }
    }

    private mutating func count(_ outcome: Outcome, at now: UInt64, _ settings: BreakerSettings) -> Change? {
        switch outcome {
        case .neutral:
            return nil
        case .success:
            self.failuresInARow = 0
            self.window.add(success: true, at: now, settings)
            return nil
        case .failure:
            self.failuresInARow += 1
            self.window.add(success: false, at: now, settings)
        }
        let (successes, failures) = self.window.sums(at: now)
        let requests = successes + failures
        if self.failuresInARow >= max(1, settings.consecutiveFailures) {
            // Those in a row may be older than the window.
            return self.open(
                .inARow, failures: max(failures, self.failuresInARow), requests: max(requests, self.failuresInARow),
                at: now, settings)
        }
        let isTooMuch = Double(failures) >= Double(requests) * settings.failureRatio
        guard requests >= max(1, settings.minRequests), isTooMuch else { return nil }
        return self.open(.ratio, failures: failures, requests: requests, at: now, settings)
    }

    private mutating func takeProbe(
        _ outcome: Outcome, running: Int, successes: Int, at now: UInt64, _ settings: BreakerSettings
    ) -> Change? {
        switch outcome {
        case .neutral:
            self.phase = .halfOpen(running: running, successes: successes)
            return nil
        case .failure:
            self.failedProbes += 1
            return self.open(.probe, failures: 1, requests: successes + 1, at: now, settings)
        case .success where successes + 1 < max(1, settings.halfOpenProbes):
            self.phase = .halfOpen(running: running, successes: successes + 1)
            return nil
        case .success:
            let duration = now &- min(self.openedAt, now)
            self.failedProbes = 0
            self.failuresInARow = 0
            self.window = OutcomeWindow()
            self.move(to: .closed)
            return .closed(after: duration)
        }
    }

    private mutating func open(
        _ cause: Opening.Cause, failures: Int, requests: Int, at now: UInt64, _ settings: BreakerSettings
    ) -> Change {
        let longest = max(settings.maxOpenFor, settings.openFor).wholeNanoseconds
        var duration = settings.openFor.wholeNanoseconds
        for _ in 0..<self.failedProbes where duration < longest { duration = min(duration * 2, longest) }
        if cause != .probe { self.openedAt = now }
        self.move(to: .open(until: now + max(1, duration)))
        return .opened(Opening(cause: cause, failures: failures, requests: requests, duration: duration))
    }

    private mutating func move(to phase: Phase) {
        self.phase = phase
        self.epoch += 1
    }
}

/// Counts of the last while, forgotten bucket by bucket.
private struct OutcomeWindow: Sendable {
    private struct Bucket {
        var number: UInt64 = 0
        var successes = 0
        var failures = 0
    }

    /// Empty until the first outcome.
    private var buckets: [Bucket] = []
    /// Of a bucket, in nanoseconds.
    private var width: UInt64 = 1

    mutating func add(success: Bool, at now: UInt64, _ settings: BreakerSettings) {
        let count = max(1, settings.buckets)
        if self.buckets.count != count {
            self.buckets = Array(repeating: Bucket(), count: count)
            self.width = max(1, settings.window.wholeNanoseconds / UInt64(count))
        }
        let number = now / self.width
        let place = Int(number % UInt64(count))
        if self.buckets[place].number != number { self.buckets[place] = Bucket(number: number) }
        if success {
            self.buckets[place].successes += 1
        } else {
            self.buckets[place].failures += 1
        }
    }

    func sums(at now: UInt64) -> (successes: Int, failures: Int) {
        let newest = now / self.width
        let count = UInt64(self.buckets.count)
        return self.buckets.reduce(into: (0, 0)) { sums, bucket in
            guard bucket.number + count > newest else { return }
            sums.0 += bucket.successes
            sums.1 += bucket.failures
        }
    }
}

extension Duration {
    /// 0 for what is negative; at most a century, so that sums of two cannot overflow.
    var wholeNanoseconds: UInt64 {
        UInt64(clamping: min(self.attoseconds / 1_000_000_000, 3_155_760_000_000_000_000))
    }
}
