import NIOCore

/// What carries exchanges: a connection, confined to its event loop.
protocol ExchangeCarrier: AnyObject {
    /// Sends the request of `exchange` and hands it its answer.
    func begin(_ exchange: any HTTPExchange)

    /// Gives up `exchange` at once, if it is under way here: the peer sees it.
    func abort(_ exchange: any HTTPExchange)

    /// The consumer of `exchange` has caught up.
    func resumeReading(_ exchange: any HTTPExchange)

    /// Closes the connection unless it carries something.
    func closeIfIdle()
}

/// A connection as other threads see it: every call moves to the connection's event loop.
package final class HTTPConnectionLink: Sendable {
    /// Whether it carries many exchanges at once.
    let isShared: Bool
    private let eventLoop: any EventLoop
    private let carrier: NIOLoopBound<any ExchangeCarrier>

    /// Called on the event loop.
    init(_ carrier: any ExchangeCarrier, isShared: Bool, eventLoop: any EventLoop) {
        self.isShared = isShared
        self.eventLoop = eventLoop
        self.carrier = NIOLoopBound(carrier, eventLoop: eventLoop)
    }

    func begin(_ exchange: any HTTPExchange) {
        self.run { $0.begin(exchange) }
    }

    /// Gives up `exchange` at once, if the connection carries it.
    func abort(_ exchange: any HTTPExchange) {
        self.run { $0.abort(exchange) }
    }

    /// The consumer has caught up.
    func resumeReading(_ exchange: any HTTPExchange) {
        self.run { $0.resumeReading(exchange) }
    }

    func closeIfIdle() {
        self.run { $0.closeIfIdle() }
    }

    private func run(_ body: @escaping @Sendable (any ExchangeCarrier) -> Void) {
        if self.eventLoop.inEventLoop {
            body(self.carrier.value)
        } else {
            self.eventLoop.execute { body(self.carrier.value) }
        }
    }
}
