import Inference
import NIOCore

/// What a connection is doing, and what falls due if nothing else happens. Pure.
enum HTTPConnectionState {
    /// TLS is being negotiated.
    case opening
    case idle(since: NIODeadline)
    case busy(Busy)
    case closed

    /// A request under way.
    struct Busy {
        let exchange: any HTTPExchange
        let started: NIODeadline
        /// The consumer got something, or came back for it.
        var lastOutput: NIODeadline
        var hasBytes = false
        /// The decoder has made something of the answer.
        var hasOutput = false
        var isPaused = false
        /// The response's framing is complete.
        var hasEnded = false
        var waitsForDetailsSince: NIODeadline?
        var settledSince: NIODeadline?

        init(_ exchange: any HTTPExchange, started: NIODeadline) {
            self.exchange = exchange
            self.started = started
            self.lastOutput = started
        }

        /// Notes what a read has brought the consumer.
        ///
        /// - Returns: whether something may fall due earlier than before.
        mutating func take(_ advice: ReadAdvice, at now: @autoclosure () -> NIODeadline = .now()) -> Bool {
            switch advice {
            case .nothingYet: return false
            case .goOn: return self.takeOutput(at: now())
            case .pause(let isWaitingForDetails):
                let isFirst = self.takeOutput(at: now())
                // Only whoever takes the elements ends a pause: see ``resume()``.
                self.isPaused = true
                if isWaitingForDetails { self.waitsForDetailsSince = self.lastOutput }
                return isFirst
            case .waitForDetails(let hasOutput):
                let isFirst = self.waitsForDetailsSince == nil
                if isFirst || hasOutput { self.waitsForDetailsSince = now() }
                return isFirst
            case .settled:
                guard self.settledSince == nil else { return false }
                self.settledSince = now()
                return true
            }
        }

        private mutating func takeOutput(at now: NIODeadline) -> Bool {
            // An answer that seemed to be there goes on.
            self.waitsForDetailsSince = nil
            let isFirst = !self.hasOutput
            self.hasOutput = true
            self.lastOutput = now
            return isFirst
        }

        /// The consumer has caught up.
        mutating func resume(at now: NIODeadline = .now()) {
            self.isPaused = false
            self.lastOutput = now
            if self.waitsForDetailsSince != nil { self.waitsForDetailsSince = now }
        }
    }

    enum TimerEvent {
        case close
        case openingFailed
        case patienceOver
        case timedOut(UpstreamFault.Phase)
    }

    typealias Due = (time: NIODeadline, event: TimerEvent)

    /// What is to happen next if nothing else does. One timer per connection looks at this when it fires, and is moved
    /// only when something falls due earlier: a request that goes well costs no timer at all.
    func due(openingUntil: NIODeadline, keepAlive: TimeAmount) -> Due? {
        switch self {
        case .closed: nil
        case .opening: (openingUntil, .openingFailed)
        case .idle(let since): (since + keepAlive, .close)
        case .busy(let busy): Self.due(busy)
        }
    }

    static func due(_ busy: Busy) -> Due {
        let limits = busy.exchange.timeouts
        if let since = busy.settledSince { return (since + TimeAmount(limits.patience), .close) }
        let next: Due
        if busy.isPaused {
            // The consumer's slowness is not the peer's.
            next = (.distantFuture, .timedOut(.total))
        } else if let since = busy.waitsForDetailsSince {
            next = (since + TimeAmount(limits.patience), .patienceOver)
        } else if busy.hasOutput {
            next = (busy.lastOutput + TimeAmount(limits.idle), .timedOut(.idle))
        } else {
            let limit = busy.started + TimeAmount(limits.firstToken)
            next = (min(limit, busy.exchange.firstTokenDeadline), .timedOut(.firstToken))
        }
        let total = busy.exchange.deadline
        return next.time < total ? next : (total, .timedOut(.total))
    }
}
