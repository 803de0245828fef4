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
        var lastActivity: NIODeadline
        var hasBytes = false
        var hasBody = false
        /// The timer knows that the limit between portions counts now.
        var limitsIdleness = false
        var isPaused = false
        /// The response's framing is complete.
        var hasEnded = false
        var waitsForDetailsSince: NIODeadline?
        var settledSince: NIODeadline?
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

    private static func due(_ busy: Busy) -> Due {
        let limits = busy.exchange.timeouts
        if let since = busy.settledSince { return (since + TimeAmount(limits.patience), .close) }
        let next: Due
        if let since = busy.waitsForDetailsSince {
            next = (since + TimeAmount(limits.patience), .patienceOver)
        } else if busy.isPaused {
            // The consumer's slowness is not the peer's.
            next = (.distantFuture, .timedOut(.total))
        } else if busy.hasBody {
            next = (busy.lastActivity + TimeAmount(limits.idle), .timedOut(.idle))
        } else {
            next = (busy.started + TimeAmount(limits.firstToken), .timedOut(.firstToken))
        }
        let total = busy.exchange.deadline
        return next.time < total ? next : (total, .timedOut(.total))
    }
}
