/// What is done with a batch after the collector answered, or did not: OTLP's rules for HTTP. Pure.
public struct ExportRetry: Sendable {
    /// What came of an export.
    public enum Outcome: Sendable, Hashable {
        /// - Parameter retryAfter: what the collector asked for.
        case status(Int, retryAfter: Duration?)
        /// No connection, no answer.
        case failed
    }

    public enum Decision: Sendable, Hashable {
        case done
        case retry(after: Duration)
        case giveUp
    }

    private var waits = 0
    private let firstWait: Duration
    private let longestWait: Duration
    /// Tries of one batch, the first one counted.
    private let mostTries: Int

    public init(firstWait: Duration = .seconds(1), longestWait: Duration = .seconds(30), mostTries: Int = 6) {
        self.firstWait = firstWait
        self.longestWait = longestWait
        self.mostTries = mostTries
    }

    /// - Parameter jitter: 0..<1, drawn anew each time.
    public mutating func next(after outcome: Outcome, jitter: Double) -> Decision {
        switch outcome {
        case .status(200..<300, _): return .done
        case .status(let status, let retryAfter) where [429, 502, 503, 504].contains(status):
            return self.wait(atLeast: retryAfter, jitter: jitter)
        case .status: return .giveUp
        case .failed: return self.wait(atLeast: nil, jitter: jitter)
        }
    }

    private mutating func wait(atLeast least: Duration?, jitter: Double) -> Decision {
        guard self.waits + 1 < self.mostTries else { return .giveUp }
        var wait = self.firstWait
        for _ in 0..<self.waits where wait < self.longestWait { wait *= 2 }
        self.waits += 1
        // Half of it is drawn, so that many servers do not come back together.
        wait = min(wait, self.longestWait) * (0.5 + jitter / 2)
        guard let least else { return .retry(after: wait) }
        // A collector that wants to be left alone for long has no use for what waits meanwhile.
        return least > self.longestWait * 10 ? .giveUp : .retry(after: max(wait, least))
    }
}
