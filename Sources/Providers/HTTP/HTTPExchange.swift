import Inference
package import NIOCore

/// What a connection carries: one request, and somebody who takes the answer apart.
///
/// All but ``request``, ``timeouts`` and the deadlines is called on the connection's event loop.
package protocol HTTPExchange: AnyObject, Sendable {
    /// It may be sent again: see ``takeRetry()``.
    var request: HTTPRequest { get }
    var timeouts: HTTPTimeouts { get }
    /// When ``HTTPTimeouts/total`` is over.
    var deadline: NIODeadline { get }
    /// When ``HTTPTimeouts/firstTokenOverall`` is over.
    var firstTokenDeadline: NIODeadline { get }

    /// The request is about to be sent on `link`.
    ///
    /// - Returns: false when it was cancelled: it must not be sent.
    func attach(_ link: HTTPConnectionLink) -> Bool

    /// Whether the request may be sent once more. True a few times at most.
    func takeRetry() -> Bool

    /// - Returns: false when the answer makes no sense and the connection must be closed.
    func receive(_ head: HTTPResponseHead) -> Bool
    /// - Returns: false when the answer makes no sense and the connection must be closed.
    func receive(_ body: Span<UInt8>) -> Bool
    func receive(_ end: ResponseEnd)

    /// Hands what was received to the consumer.
    func flush() -> ReadAdvice
}

extension HTTPExchange {
    func fail(_ fault: UpstreamFault) {
        self.receive(.fault(fault))
        _ = self.flush()
    }
}

/// What a connection does after it handed over what a read brought.
package enum ReadAdvice: Sendable, Hashable {
    /// It made something for the consumer.
    case goOn
    /// It made nothing: what limits the time to the next output counts on.
    case nothingYet
    /// The consumer is behind: read no more until ``HTTPConnectionLink/resumeReading(_:)``. Details that are still missing
    /// are waited for from then on: what has not been read cannot have failed to come.
    case pause(isWaitingForDetails: Bool)
    /// Give the details that are still missing ``HTTPTimeouts/patience``, not longer; anew when output came with it.
    case waitForDetails(hasOutput: Bool)
    /// The consumer has all: read to the response's end, soon, so that the connection can be used again.
    case settled
}

extension UpstreamFault {
    /// A time limit of `limits` was reached.
    static func timedOut(_ phase: Phase, _ limits: HTTPTimeouts) -> UpstreamFault {
        switch phase {
        case .connect: UpstreamFault(.timedOut(phase), "no connection within \(limits.connect)")
        case .firstToken:
            UpstreamFault(
                .timedOut(phase),
                "no output within \(limits.firstTokenOverall.map { min($0, limits.firstToken) } ?? limits.firstToken)")
        case .idle: UpstreamFault(.timedOut(phase), "the answer stopped for \(limits.idle)")
        case .total: UpstreamFault(.timedOut(phase), "no complete answer within \(limits.total)")
        }
    }
}

extension TimeAmount {
    /// Limits are seconds to hours: far from overflowing nanoseconds.
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let limited = Swift.min(seconds, 1_000_000_000)
        self = .nanoseconds(limited * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
