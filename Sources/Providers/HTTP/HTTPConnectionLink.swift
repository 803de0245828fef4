import NIOCore

/// A connection as other threads see it: every call moves to the connection's event loop.
package final class HTTPConnectionLink: Sendable {
    private let eventLoop: any EventLoop
    private let connection: NIOLoopBound<HTTPConnection>

    /// Called on the event loop.
    init(_ connection: HTTPConnection, eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.connection = NIOLoopBound(connection, eventLoop: eventLoop)
    }

    func begin(_ exchange: any HTTPExchange) {
        self.run { $0.begin(exchange) }
    }

    /// Closes the connection at once if it carries `exchange`.
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

    private func run(_ body: @escaping @Sendable (HTTPConnection) -> Void) {
        if self.eventLoop.inEventLoop {
            body(self.connection.value)
        } else {
            self.eventLoop.execute { body(self.connection.value) }
        }
    }
}
