import Inference
package import NIOCore
import NIOPosix
package import NIOSSL
import Synchronization

/// HTTP to one origin: connections that are kept, each on an event loop of the group that the caller gives.
///
/// HTTP/1.1, and HTTP/2 over TLS where the server chooses it. Our own rather than AsyncHTTPClient because that alone
/// measured 100-125 µs of CPU per request and 4.4 µs per chunk, which is the whole budget of the process. What it leaves
/// out: proxies, redirects, compression, uploads in pieces.
package final class HTTPClient: Sendable {
    package let origin: HTTPOrigin
    package let timeouts: HTTPTimeouts
    package let limits: HTTPLimits
    private let group: any EventLoopGroup
    private let tls: NIOSSLContext?
    private let pool: Mutex<ConnectionPool<HTTPConnectionLink, any HTTPExchange>>

    /// - Parameters:
    ///   - tls: for an `https` origin; ignored for `http`.
    ///   - versions: what `tls` offers.
    package init(
        origin: HTTPOrigin, group: any EventLoopGroup, timeouts: HTTPTimeouts = HTTPTimeouts(),
        limits: HTTPLimits = HTTPLimits(), tls: NIOSSLContext? = nil, versions: HTTPVersionPolicy = .http1Only
    ) {
        self.origin = origin
        self.group = group
        self.timeouts = timeouts
        self.limits = limits
        self.tls = origin.isSecure ? tls : nil
        self.pool = Mutex(
            ConnectionPool(
                limits: .init(
                    connections: limits.connections, requests: limits.concurrentRequests,
                    waiters: limits.waitingRequests),
                mayShare: self.tls != nil && versions == .automatic
            ) { $0 === $1 })
    }

    /// Sends `request` and hands its answer to `decoder`.
    ///
    /// - Parameter timeouts: for this request in place of the client's; connecting and queueing keep the client's.
    package func send<Decoder: ResponseDecoder>(
        _ request: HTTPRequest, decoder: Decoder, timeouts: HTTPTimeouts? = nil
    ) -> ResponseStream<Decoder> {
        let stream = ResponseStream(
            request: request, decoder: decoder, client: self, timeouts: timeouts ?? self.timeouts,
            bufferLimit: self.limits.bufferedBytes)
        self.submit(stream)
        return stream
    }

    /// Closes idle connections and refuses new requests; those under way go on.
    package func shutdown() {
        let (idle, waiters) = self.pool.withLock { $0.close() }
        for link in idle { link.closeIfIdle() }
        for exchange in waiters { exchange.fail(Self.closedFault) }
    }

    /// Connections that are open, and those of them that wait for a request.
    package var connectionCounts: (open: Int, idle: Int) {
        self.pool.withLock { ($0.openCount, $0.idleCount) }
    }

    /// Requests that are on a connection, and those that wait for one.
    package var requestCounts: (underWay: Int, waiting: Int) {
        self.pool.withLock { ($0.requestCount, $0.waiterCount) }
    }

    /// Those that wait and ask `model`.
    package func waitingCount(of model: String) -> Int {
        self.pool.withLock { $0.waiterCount { $0.request.model == model } }
    }

    // MARK: - Requests

    func submit(_ exchange: any HTTPExchange) {
        switch self.pool.withLock({ $0.lease(exchange) }) {
        case .use(let link): link.begin(exchange)
        case .open:
            self.limitWait(of: exchange, to: self.timeouts.connect + self.timeouts.queue)
            self.open()
        case .wait: self.limitWait(of: exchange, to: self.timeouts.queue)
        case .full:
            exchange.fail(
                UpstreamFault(
                    .overloaded(retryAfter: nil),
                    "every connection to \(self.origin) is busy and \(self.limits.waitingRequests) requests wait"))
        case .closed: exchange.fail(Self.closedFault)
        }
    }

    /// Sends again what met a connection that the peer had given up: those that idled beside it are no better.
    func submitAfresh(_ exchange: any HTTPExchange) {
        for link in self.pool.withLock({ $0.removeIdle() }) { link.closeIfIdle() }
        self.submit(exchange)
    }

    /// Takes a cancelled request out of the queue.
    func withdraw(_ exchange: any HTTPExchange) {
        _ = self.pool.withLock { $0.withdraw(exchange) }
    }

    private func limitWait(of exchange: any HTTPExchange, to limit: Duration) {
        let due = min(.now() + TimeAmount(limit), exchange.firstTokenDeadline, exchange.deadline)
        // Weak: a request that was served long ago must not be kept, prompt and all, until its timer fires.
        self.group.next().scheduleTask(deadline: due) { [weak exchange] in
            guard let exchange, self.pool.withLock({ $0.withdraw(exchange) }) else { return }
            exchange.fail(self.waitFault(of: exchange, due: due, limit: limit))
        }
    }

    private func waitFault(of exchange: any HTTPExchange, due: NIODeadline, limit: Duration) -> UpstreamFault {
        if due == exchange.deadline { return .timedOut(.total, exchange.timeouts) }
        if due == exchange.firstTokenDeadline { return .timedOut(.firstToken, exchange.timeouts) }
        return UpstreamFault(
            .overloaded(retryAfter: nil),
            "waited \(limit) for a connection to \(self.origin)")
    }

    private func perform(_ work: ConnectionPool<HTTPConnectionLink, any HTTPExchange>.Work) {
        for (link, exchange) in work.begin { link.begin(exchange) }
        for _ in 0..<work.opens { self.open() }
    }

    private static let closedFault = UpstreamFault(.unreachable, "the provider is shut down")

    // MARK: - Connections

    /// A connection is free: the next in the queue uses it.
    func release(_ link: HTTPConnectionLink) {
        let (work, isClosed) = self.pool.withLock { ($0.released(link), $0.isClosed) }
        self.perform(work)
        if isClosed { link.closeIfIdle() }
    }

    /// The peer said how many requests a shared connection takes at once.
    func resized(_ link: HTTPConnectionLink, room: Int) {
        self.perform(self.pool.withLock { $0.resized(link, room: room) })
    }

    /// A shared connection takes no more requests.
    func retire(_ link: HTTPConnectionLink) {
        self.perform(self.pool.withLock { $0.retired(link) })
    }

    func closed(_ link: HTTPConnectionLink) {
        self.perform(self.pool.withLock { $0.closed(link) })
    }

    private func open() {
        let eventLoop = self.group.next()
        // On the event loop, so that nothing can happen to the connection before it is adopted.
        eventLoop.execute {
            self.connect(on: eventLoop).whenComplete { result in
                switch result {
                case .success(let channel): self.adopt(channel)
                case .failure(let error): self.openFailed(self.origin.connectFault(error))
                }
            }
        }
    }

    private func connect(on eventLoop: any EventLoop) -> EventLoopFuture<any Channel> {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(self.timeouts.connect))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls = self.tls {
                        let handler = try NIOSSLClientHandler(context: tls, serverHostname: self.origin.serverName)
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHandler(HTTPConnection(client: self))
                }
            }
        // A literal address needs no resolver, which would start a thread for it.
        if let address = try? SocketAddress(ipAddress: self.origin.host, port: self.origin.port) {
            return bootstrap.connect(to: address)
        }
        return bootstrap.connect(host: self.origin.host, port: self.origin.port)
    }

    /// TCP is there; TLS may still be under way. On the channel's event loop.
    private func adopt(_ channel: any Channel) {
        let pipeline = channel.pipeline.syncOperations
        if let connection = try? pipeline.handler(type: HTTPConnection.self) {
            connection.onReady { result in
                switch result {
                case .success(let link): self.opened(link)
                case .failure(let fault): self.openFailed(fault)
                }
            }
        } else if let link = try? pipeline.handler(type: HTTP2Connection.self).ready() {
            self.opened(link)
        } else {
            // The handler is gone: the peer closed before we came here.
            self.openFailed(self.origin.connectFault(nil))
        }
    }

    private func opened(_ link: HTTPConnectionLink) {
        let (work, isClosed) = self.pool.withLock { pool in
            (link.isShared ? pool.openedShared(link) : pool.opened(link), pool.isClosed)
        }
        self.perform(work)
        if isClosed { link.closeIfIdle() }
    }

    private func openFailed(_ fault: UpstreamFault) {
        let (waiters, work) = self.pool.withLock { $0.openFailed() }
        for waiter in waiters { waiter.fail(fault) }
        self.perform(work)
    }
}
