package import Inference

/// Where an engine stands, for people and for metrics.
package enum EngineState: String, Sendable, Hashable, CaseIterable {
    case stopped
    case starting
    case ready
    case stopping
    case failed
}

package typealias EngineExit = RuntimeExit

/// The life of one model's engine: pure decisions, events in and effects out.
///
///     stopped -> starting -> ready -> stopping -> stopped
///                   ^          |
///                   +-backoff--+--(five failures in a row, or the engine refuses)--> failed -> starting
///
/// A failed engine is started again by the first request after its backoff. Events carry the number of the launch that
/// they belong to; those of earlier launches are ignored.
package struct EngineLifecycle: Sendable {
    /// When to start again, and when to give up.
    package struct Policy: Sendable, Hashable {
        /// Doubles with every failure in a row.
        package var firstBackoff: Duration = .milliseconds(250)
        package var longestBackoff: Duration = .seconds(30)
        /// An engine that was ready for so long begins with a clean record.
        package var stableAfter: Duration = .seconds(60)
        package var maximumFailures = 5

        package init() {}

        /// How long to wait after so many failures in a row, at least one.
        package func backoff(afterFailures count: Int) -> Duration {
            var delay = self.firstBackoff
            for _ in 1..<max(1, min(count, 32)) where delay < self.longestBackoff { delay *= 2 }
            return min(delay, self.longestBackoff)
        }
    }

    package enum Phase: Sendable, Hashable {
        case stopped
        /// Includes the wait before it when it is a restart.
        case starting(launch: Int)
        case ready(EngineEndpoint, since: ContinuousClock.Instant)
        case stopping(launch: Int, startAfterwards: Bool)
        /// `retryAt` is `nil` while something is missing that only a person can bring.
        case failed(reason: String, retryAt: ContinuousClock.Instant?)
    }

    package enum Effect: Sendable, Hashable {
        case launch(Int, after: Duration)
        case stop(launch: Int)
        /// To everyone who waits for the engine.
        case answer(EngineEndpoint)
        case refuse(UpstreamFault)
    }

    /// What a request for the engine gets.
    package enum Admission: Sendable, Hashable {
        case ready(EngineEndpoint)
        case wait([Effect])
        case refused(UpstreamFault)
    }

    package private(set) var phase: Phase = .stopped
    /// Why it is in this phase, for people; empty when there is nothing to say.
    package private(set) var reason = ""
    /// Starts beyond the first that were made because an engine had failed.
    package private(set) var restarts = 0
    private var failuresInARow = 0
    private let name: String
    private let policy: Policy

    package init(name: String, policy: Policy = Policy()) {
        self.name = name
        self.policy = policy
    }

    package var state: EngineState {
        switch self.phase {
        case .stopped: .stopped
        case .starting: .starting
        case .ready: .ready
        case .stopping: .stopping
        case .failed: .failed
        }
    }

    /// Someone needs the engine. `launch` numbers the start, should there be one.
    package mutating func request(launch: Int, now: ContinuousClock.Instant) -> Admission {
        switch self.phase {
        case .ready(let endpoint, _): return .ready(endpoint)
        case .starting: return .wait([])
        case .stopping(let current, _):
            self.phase = .stopping(launch: current, startAfterwards: true)
            return .wait([])
        case .failed(let reason, .some(let retryAt)) where now < retryAt:
            return .refused(UpstreamFault(.unreachable, reason))
        case .stopped, .failed:
            return .wait([self.start(launch, reason: "requested")])
        }
    }

    /// The engine of `endpoint.launch` answers.
    package mutating func becameReady(_ endpoint: EngineEndpoint, now: ContinuousClock.Instant) -> [Effect] {
        guard case .starting(let launch) = self.phase, launch == endpoint.launch else { return [] }
        self.phase = .ready(endpoint, since: now)
        self.reason = ""
        return [.answer(endpoint)]
    }

    /// The process of `launch` is gone. `next` numbers the start that may follow.
    package mutating func ended(
        launch: Int,
        _ exit: EngineExit,
        next: Int,
        now: ContinuousClock.Instant
    ) -> [Effect] {
        switch self.phase {
        case .stopping(launch, let startAfterwards):
            guard startAfterwards else { return self.stopped("stopped on request") }
            return [self.start(next, reason: "requested while stopping")]
        case .starting(launch):
            break
        case .ready(let endpoint, let since) where endpoint.launch == launch:
            if now - since >= self.policy.stableAfter { self.failuresInARow = 0 }
        default:
            return []
        }
        switch exit {
        case .stopped, .released:
            return self.stopped("stopped") + [.refuse(UpstreamFault(.unreachable, "\(self.name) was stopped"))]
        case .unavailable(let reason):
            return self.fail(reason, retryAt: nil)
        case .refused(let reason):
            self.failuresInARow = max(self.failuresInARow + 1, self.policy.maximumFailures)
            return self.fail(reason, retryAt: now + self.policy.longestBackoff)
        case .crashed(let reason):
            return self.crashed(reason, next: next, now: now)
        }
    }

    /// Someone wants the engine to end.
    package mutating func stop(reason: String) -> [Effect] {
        let fault = UpstreamFault(.unreachable, "\(self.name) was stopped: \(reason)")
        switch self.phase {
        case .stopped: return []
        case .failed: return self.stopped(reason)
        case .stopping(let launch, _):
            self.phase = .stopping(launch: launch, startAfterwards: false)
            return [.refuse(fault)]
        case .starting(let launch):
            self.phase = .stopping(launch: launch, startAfterwards: false)
            self.reason = reason
            return [.stop(launch: launch), .refuse(fault)]
        case .ready(let endpoint, _):
            self.phase = .stopping(launch: endpoint.launch, startAfterwards: false)
            self.reason = reason
            return [.stop(launch: endpoint.launch)]
        }
    }

    /// Somebody looked whether the engine and its file are there, `problem` being `nil` when they are.
    ///
    /// - Returns: Whether the phase changed.
    package mutating func checked(problem: String?) -> Bool {
        switch (self.phase, problem) {
        case (.stopped, .some(let problem)), (.failed(_, .none), .some(let problem)):
            let new = Phase.failed(reason: problem, retryAt: nil)
            guard self.phase != new else { return false }
            self.phase = new
            self.reason = problem
            return true
        case (.failed(_, .none), .none):
            _ = self.stopped("what was missing is there now")
            return true
        default:
            return false
        }
    }

    private mutating func start(_ launch: Int, after delay: Duration = .zero, reason: String) -> Effect {
        self.phase = .starting(launch: launch)
        self.reason = reason
        return .launch(launch, after: delay)
    }

    private mutating func stopped(_ reason: String) -> [Effect] {
        self.phase = .stopped
        self.reason = reason
        self.failuresInARow = 0
        return []
    }

    private mutating func crashed(_ reason: String, next: Int, now: ContinuousClock.Instant) -> [Effect] {
        self.failuresInARow += 1
        let delay = self.policy.backoff(afterFailures: self.failuresInARow)
        guard self.failuresInARow < self.policy.maximumFailures else {
            return self.fail("\(reason) (failure \(self.failuresInARow) in a row)", retryAt: now + delay)
        }
        self.restarts += 1
        return [
            .refuse(UpstreamFault(.unreachable, reason)), self.start(next, after: delay, reason: "restart: \(reason)"),
        ]
    }

    private mutating func fail(_ reason: String, retryAt: ContinuousClock.Instant?) -> [Effect] {
        self.phase = .failed(reason: reason, retryAt: retryAt)
        self.reason = reason
        return [.refuse(UpstreamFault(.unreachable, reason))]
    }
}
