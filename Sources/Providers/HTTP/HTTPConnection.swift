import Inference
import NIOCore
import NIOSSL
import NIOTLS

/// One connection of HTTP/1.1: sends a request, takes its answer apart, goes back to the pool, many times.
///
/// When the peer chooses HTTP/2 while TLS is negotiated, a ``HTTP2Connection`` takes its place.
///
/// Confined to its event loop; others hold a ``HTTPConnectionLink``. It speaks plain bytes to its channel, without
/// NIOHTTP1's codec: a response is a dozen objects and pipeline events there, and none here.
final class HTTPConnection: ChannelDuplexHandler, RemovableChannelHandler, ExchangeCarrier {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let client: HTTPClient
    private let opened = NIODeadline.now()
    private var context: ChannelHandlerContext?
    private var link: HTTPConnectionLink?
    private var state: HTTPConnectionState
    private var parser = HTTPResponseParser()
    private var requestsSent = 0
    private var firstError: (any Error)?
    /// The pool counts this connection, and must hear of its end.
    private var isPooled = false
    private var timer = ConnectionTimer()
    private var whenReady: ((Result<HTTPConnectionLink, UpstreamFault>) -> Void)?
    /// A read that the channel asked for while the consumer was behind.
    private var hasHeldRead = false

    init(client: HTTPClient) {
        self.client = client
        self.state = client.origin.isSecure ? .opening : .idle(since: .now())
    }

    // MARK: - Opening

    /// Calls `body` when the connection can carry a request, TLS included, or has failed to.
    func onReady(_ body: @escaping (Result<HTTPConnectionLink, UpstreamFault>) -> Void) {
        switch self.state {
        case .opening:
            self.whenReady = body
            self.armTimer()
        case .idle:
            body(self.readyLink())
            self.armTimer()
        case .busy, .closed: body(.failure(self.openingFault()))
        }
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.link = HTTPConnectionLink(self, isShared: false, eventLoop: context.eventLoop)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.link = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case TLSUserEvent.handshakeCompleted(let chosen)? = event as? TLSUserEvent, case .opening = self.state
        else { return }
        guard chosen != HTTPVersionPolicy.http2 else { return self.giveWay(in: context) }
        self.state = .idle(since: .now())
        self.whenReady?(self.readyLink())
        self.whenReady = nil
    }

    /// The peer speaks HTTP/2 from its next byte on.
    private func giveWay(in context: ChannelHandlerContext) {
        let ready = self.whenReady
        self.whenReady = nil
        self.retire()
        let successor = HTTP2Connection(client: self.client)
        do {
            try context.pipeline.syncOperations.addHandlers(
                [successor.codec(), successor], position: .after(self))
        } catch {
            self.firstError = self.firstError ?? error
            ready?(.failure(self.openingFault()))
            return self.closeSocket()
        }
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        guard let ready else { return }
        ready(successor.ready().map { .success($0) } ?? .failure(self.openingFault()))
    }

    private func readyLink() -> Result<HTTPConnectionLink, UpstreamFault> {
        guard let link = self.link else { return .failure(self.openingFault()) }
        self.isPooled = true
        return .success(link)
    }

    private func openingFault() -> UpstreamFault {
        guard self.firstError == nil, self.client.origin.isSecure else {
            return self.client.origin.connectFault(self.firstError)
        }
        return UpstreamFault(.unreachable, "\(self.client.origin) closed the connection while TLS was negotiated")
    }

    // MARK: - A request

    func begin(_ exchange: any HTTPExchange) {
        guard case .idle = self.state, let context = self.context, let link = self.link else {
            // Closed while it was on its way here; nothing was sent.
            self.client.submit(exchange)
            return
        }
        guard exchange.attach(link) else {
            self.client.release(link)
            return
        }
        self.state = .busy(HTTPConnectionState.Busy(exchange, started: .now()))
        self.requestsSent += 1
        context.writeAndFlush(self.wrapOutboundOut(exchange.request.bytes), promise: nil)
        self.armTimer()
    }

    /// Closes the connection if it carries `exchange`.
    func abort(_ exchange: any HTTPExchange) {
        guard case .busy(let busy) = self.state, busy.exchange === exchange else { return }
        self.close()
    }

    func resumeReading(_ exchange: any HTTPExchange) {
        guard case .busy(var busy) = self.state, busy.exchange === exchange, busy.isPaused else { return }
        busy.resume()
        self.state = .busy(busy)
        self.armTimer()
        if self.hasHeldRead {
            self.hasHeldRead = false
            self.context?.read()
        }
    }

    func closeIfIdle() {
        if case .idle = self.state { self.close() }
    }

    func read(context: ChannelHandlerContext) {
        if case .busy(let busy) = self.state, busy.isPaused {
            self.hasHeldRead = true
        } else {
            context.read()
        }
    }

    // MARK: - Its answer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = self.unwrapInboundIn(data)
        guard case .busy(var busy) = self.state, !busy.hasEnded else {
            // Nobody asked for these bytes: whatever they are, an answer to the next request they must not become.
            self.close()
            return
        }
        busy.hasBytes = true
        // The state holds no second reference to what is changed here, so nothing is copied.
        self.state = .closed
        let verdict = self.parse(buffer.readableBytesUInt8Span, &busy)
        self.state = .busy(busy)
        switch verdict {
        case .readOn: break
        case .drop:
            _ = busy.exchange.flush()
            self.close()
        }
    }

    private enum Verdict {
        case readOn
        case drop
    }

    private func parse(_ bytes: Span<UInt8>, _ busy: inout HTTPConnectionState.Busy) -> Verdict {
        var position = 0
        do throws(UpstreamFault) {
            while true {
                switch try self.parser.step(bytes, &position) {
                case .needMore: return .readOn
                case .head:
                    guard busy.exchange.receive(self.parser.head) else { return .drop }
                case .body(let range):
                    guard busy.exchange.receive(bytes.extracting(range)) else { return .drop }
                case .end:
                    busy.hasEnded = true
                    busy.exchange.receive(.complete)
                    return position < bytes.count || !self.parser.keepsAlive ? .drop : .readOn
                }
            }
        } catch {
            busy.exchange.receive(.fault(error))
            return .drop
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard case .busy(var busy) = self.state else { return }
        if busy.hasEnded {
            self.state = .idle(since: .now())
            self.timer.noteKeepAlive(self.parser.keepAliveSeconds)
            // First to the pool, then to the consumer: its next request shall find the connection there.
            if let link = self.link { self.client.release(link) }
            self.armTimer()
            _ = busy.exchange.flush()
            return
        }
        let advice = busy.exchange.flush()
        let fallsDueEarlier = busy.take(advice)
        self.state = .busy(busy)
        if fallsDueEarlier { self.armTimer() }
    }

    // MARK: - The end

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What follows the first is its consequence.
        self.firstError = self.firstError ?? error
        self.closeSocket()
    }

    func channelInactive(context: ChannelHandlerContext) {
        let state = self.state
        self.retire()
        switch state {
        case .opening:
            self.whenReady?(.failure(self.openingFault()))
            self.whenReady = nil
        case .busy(let busy): self.endAtClose(busy)
        case .idle, .closed: break
        }
    }

    /// The peer closed the connection under a request.
    private func endAtClose(_ busy: HTTPConnectionState.Busy) {
        if busy.hasEnded {
            // It ended in the same read; the close is the peer's right.
        } else if !busy.hasBytes {
            // A pooled connection that the peer had given up. No byte of an answer came, so it cannot have worked on it.
            if self.requestsSent > 1, busy.exchange.takeRetry() {
                self.client.submitAfresh(busy.exchange)
                return
            }
            let reason = self.firstError.map { ": \(HTTPOrigin.describe($0))" } ?? ""
            busy.exchange.receive(
                .fault(UpstreamFault(.unreachable, "the upstream closed the connection before it answered\(reason)")))
        } else if self.parser.endsWithConnection, self.firstError == nil {
            busy.exchange.receive(.complete)
        } else {
            busy.exchange.receive(.cut)
        }
        _ = busy.exchange.flush()
    }

    private func close() {
        self.retire()
        self.closeSocket()
    }

    private func retire() {
        self.state = .closed
        self.timer.cancel()
        guard self.isPooled, let link = self.link else { return }
        self.isPooled = false
        self.client.closed(link)
    }

    /// Closes beneath TLS, whose polite farewell would wait for the peer.
    private func closeSocket() {
        guard let context = self.context else { return }
        let tls = try? context.pipeline.syncOperations.context(handlerType: NIOSSLClientHandler.self)
        (tls ?? context).close(promise: nil)
    }

    // MARK: - Time

    private func due() -> HTTPConnectionState.Due? {
        let timeouts = self.client.timeouts
        return self.state.due(
            openingUntil: self.opened + TimeAmount(timeouts.connect),
            keepAlive: self.timer.keepAlive(timeouts.keepAlive)
        )
    }

    private func armTimer() {
        guard let context = self.context, let due = self.due()?.time else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        self.timer.arm(due, on: context.eventLoop) { bound.value.timerFired() }
    }

    private func timerFired() {
        self.timer.fired()
        guard let due = self.due() else { return }
        guard due.time <= .now() else { return self.armTimer() }
        switch (due.event, self.state) {
        case (.close, _): self.close()
        case (.openingFailed, _):
            let ready = self.whenReady
            self.whenReady = nil
            self.close()
            ready?(.failure(UpstreamFault(.timedOut(.connect), "no TLS session with \(self.client.origin) in time")))
        case (.patienceOver, .busy(let busy)): self.end(busy, .patienceOver)
        case (.timedOut(let phase), .busy(let busy)): self.end(busy, .fault(.timedOut(phase, busy.exchange.timeouts)))
        case (.patienceOver, _), (.timedOut, _): break
        }
    }

    private func end(_ busy: HTTPConnectionState.Busy, _ end: ResponseEnd) {
        busy.exchange.receive(end)
        _ = busy.exchange.flush()
        self.close()
    }
}
