import Inference
import NIOCore
import NIOHTTP2

/// One connection of HTTP/2: many exchanges at once, each on a stream.
///
/// Confined to its event loop; others hold a ``HTTPConnectionLink``. It stands directly on the frames of `NIOHTTP2Handler`,
/// without a channel for each stream, whose pipeline and events would cost more than the exchange itself.
///
/// What a consumer has not taken keeps the peer from sending more on that stream (its window is not renewed), and on no
/// other: the connection's own window always is.
final class HTTP2Connection: ChannelInboundHandler, ExchangeCarrier {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    // What is not private is for the extension that ends a connection.
    let client: HTTPClient
    private(set) var context: ChannelHandlerContext?
    private(set) var link: HTTPConnectionLink?
    var streams: [HTTP2StreamID: HTTP2Stream] = [:]
    var touched: [HTTP2Stream] = []
    private var nextStream = 1
    /// The pool counts this connection, and must hear of its end.
    var isPooled = false
    var isClosed = false
    /// It takes no more requests.
    private var isRetired = false
    /// Something of an answer came over it.
    private(set) var hasServed = false
    var firstError: (any Error)?
    /// What the peer's GOAWAY gave as its reason.
    private(set) var farewell: HTTP2ErrorCode?
    /// The error of a stream comes behind the stream's end, and without its name.
    private var expectsStreamError = false
    /// A stream's reset by the peer: its frame comes before the event that tells the stream's end.
    private var resetByPeer: HTTP2StreamID?
    var timer = ConnectionTimer()
    private(set) var idleSince = NIODeadline.now()
    var liveness = HTTP2Liveness()

    init(client: HTTPClient) {
        self.client = client
    }

    /// What turns the connection's bytes into frames.
    func codec() -> NIOHTTP2Handler {
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.initialSettings = [
            HTTP2Setting(parameter: .enablePush, value: 0),
            HTTP2Setting(parameter: .initialWindowSize, value: self.streamWindow),
            HTTP2Setting(parameter: .maxHeaderListSize, value: HTTPResponseParser.maximumHeadBytes),
        ]
        // Ours counts what came against what was promised, and tells a cut from nonsense.
        connection.contentLengthValidation = .disabled
        // Late frames of streams that were cancelled, many at once perhaps, are no reason to end the others.
        connection.maximumRecentlyResetStreams = 1024
        connection.maximumSequentialEmptyDataFrames = 16
        connection.controlFrameRateLimit.maximumCount = 2000
        var streams = NIOHTTP2Handler.StreamConfiguration()
        streams.streamResetFrameRateLimit.maximumCount = 2000
        return NIOHTTP2Handler(
            mode: .client, frameDelegate: nil, connectionConfiguration: connection, streamConfiguration: streams)
    }

    /// Bytes that a peer may send on one stream before it must wait for us.
    private var streamWindow: Int { min(max(self.client.limits.bufferedBytes, 65_535), 1 << 24) }
    /// The same for all streams together.
    private static let connectionWindow = 1 << 20

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.link = HTTPConnectionLink(self, isShared: true, eventLoop: context.eventLoop)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.link = nil
    }

    /// It can carry requests from now on.
    func ready() -> HTTPConnectionLink? {
        guard !self.isClosed, let link = self.link else { return nil }
        self.isPooled = true
        self.renew(.rootStream, from: 65_535, to: Self.connectionWindow)
        self.context?.flush()
        self.armTimer()
        return link
    }

    // MARK: - Requests

    func begin(_ exchange: any HTTPExchange) {
        guard !self.isClosed, !self.isRetired, let context = self.context, let link = self.link else {
            // Closed or retired while it was on its way here; nothing was sent.
            if !self.isClosed, let link = self.link { self.client.release(link) }
            self.client.submit(exchange)
            return
        }
        guard exchange.attach(link) else {
            self.client.release(link)
            return
        }
        let stream = HTTP2Stream(HTTP2StreamID(self.nextStream), exchange, window: self.streamWindow)
        self.nextStream += 2
        if self.streams.isEmpty { self.liveness.begin(stream.busy.started) }
        self.streams[stream.id] = stream
        self.send(exchange.request, on: stream.id, context)
        self.armTimer(for: stream)
        // Numbers are not used twice. Nobody gets here.
        if self.nextStream > Int(Int32.max) - 2 { self.retireFromPool() }
    }

    private func send(_ request: HTTPRequest, on id: HTTP2StreamID, _ context: ChannelHandlerContext) {
        let body = request.bytes.getSlice(at: request.bodyStart, length: request.bodyLength)
        let hasBody = request.bodyLength > 0
        self.write(id, .headers(.init(headers: request.http2Head, endStream: !hasBody)))
        if hasBody, let body { self.write(id, .data(.init(data: .byteBuffer(body), endStream: true))) }
        context.flush()
    }

    func write(_ id: HTTP2StreamID, _ payload: HTTP2Frame.FramePayload) {
        self.context?.write(self.wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: nil)
    }

    func abort(_ exchange: any HTTPExchange) {
        guard let stream = self.stream(of: exchange) else { return }
        self.reset(stream)
        self.context?.flush()
        self.release()
    }

    func resumeReading(_ exchange: any HTTPExchange) {
        guard let stream = self.stream(of: exchange), stream.busy.isPaused else { return }
        stream.busy.resume()
        self.renewWindow(of: stream)
        self.context?.flush()
        self.armTimer(for: stream)
    }

    func closeIfIdle() {
        if self.streams.isEmpty, !self.isClosed { self.close() }
    }

    private func stream(of exchange: any HTTPExchange) -> HTTP2Stream? {
        // As many as the peer takes at once, a hundred by rule.
        self.streams.values.first { $0.exchange === exchange }
    }

    // MARK: - Frames

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = self.unwrapInboundIn(data)
        self.expectsStreamError = false
        switch frame.payload {
        case .data(let payload):
            guard let stream = self.streams[frame.streamID], case .byteBuffer(let buffer) = payload.data else { return }
            let isSense = stream.receive(buffer.readableBytesUInt8Span, isEnd: payload.endStream)
            self.touch(stream, isSense: isSense)
        case .headers(let payload):
            guard let stream = self.streams[frame.streamID] else { return }
            let isSense = stream.receive(payload.headers, isEnd: payload.endStream)
            self.touch(stream, isSense: isSense)
        case .rstStream: self.resetByPeer = frame.streamID
        case .settings(.settings(let settings)): self.take(settings)
        case .goAway(let last, let code, _): self.goAway(after: last, code)
        default: break
        }
    }

    private func touch(_ stream: HTTP2Stream, isSense: Bool) {
        self.hasServed = true
        if !isSense {
            self.reset(stream)
            self.release()
        }
        if !stream.isTouched {
            stream.isTouched = true
            self.touched.append(stream)
        }
    }

    private func take(_ settings: HTTP2Settings) {
        guard let link = self.link, self.isPooled else { return }
        let told = settings.last { $0.parameter == .maxConcurrentStreams }?.value
        let limit = self.client.limits.streamsPerConnection
        if let told {
            self.client.resized(link, room: min(told, limit))
        } else if !self.liveness.hasSettings {
            self.client.resized(link, room: limit)
        }
        self.liveness.hasSettings = true
    }

    /// The peer takes no more requests, and has not looked at those after `last`.
    private func goAway(after last: HTTP2StreamID, _ code: HTTP2ErrorCode) {
        self.farewell = code
        self.retireFromPool()
        for stream in self.streams.values.filter({ $0.id > last }).sorted(by: { $0.id < $1.id }) {
            self.streams[stream.id] = nil
            self.sendAgain(stream, code.isAboutProtocol ? code : .refusedStream)
        }
        self.closeIfRetired()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as NIOHTTP2WindowUpdatedEvent:
            guard let window = event.inboundWindowSize else { return }
            if event.streamID == .rootStream {
                self.renew(.rootStream, from: window, to: Self.connectionWindow)
            } else {
                self.streams[event.streamID]?.window = window
            }
        case let event as StreamClosedEvent: self.streamClosed(event)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    private func streamClosed(_ event: StreamClosedEvent) {
        let isByPeer = self.resetByPeer == event.streamID
        self.resetByPeer = nil
        guard let stream = self.streams[event.streamID] else { return }
        stream.isClosed = true
        guard !stream.busy.hasEnded else { return }
        self.streams[stream.id] = nil
        let code = event.reason ?? .noError
        if isByPeer, code == .refusedStream {
            self.sendAgain(stream, code)
        } else {
            if isByPeer {
                stream.receiveReset(code)
            } else {
                self.expectsStreamError = true
                stream.receiveViolation(code)
            }
            self.release()
            _ = stream.exchange.flush()
        }
        self.closeIfRetired()
    }

    /// The peer has not looked at the request: that it is sent again, nobody sees.
    private func sendAgain(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        self.release()
        if !stream.busy.hasBytes, !code.isAboutProtocol, stream.exchange.takeRetry() {
            self.client.submit(stream.exchange)
        } else {
            stream.receiveReset(code)
            _ = stream.exchange.flush()
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.liveness.read(.now())
        var touched: [HTTP2Stream] = []
        swap(&touched, &self.touched)
        for stream in touched {
            stream.isTouched = false
            self.handOver(stream)
        }
        touched.removeAll(keepingCapacity: true)
        if self.touched.isEmpty { swap(&touched, &self.touched) }
        self.closeIfRetired()
        context.flush()
        context.fireChannelReadComplete()
    }

    private func handOver(_ stream: HTTP2Stream) {
        guard self.streams[stream.id] != nil else {
            // It was reset; the fault is the consumer's to hear.
            _ = stream.exchange.flush()
            return
        }
        if stream.busy.hasEnded {
            // The peer has answered before it took all of the request, and wants no more of it.
            if stream.isClosed { self.streams[stream.id] = nil } else { self.reset(stream) }
            // First to the pool, then to the consumer: its next request shall find the connection there.
            self.release()
            _ = stream.exchange.flush()
            return
        }
        let fallsDueEarlier = stream.busy.take(stream.exchange.flush())
        if !stream.busy.isPaused { self.renewWindow(of: stream) }
        if fallsDueEarlier { self.armTimer(for: stream) }
    }

    // MARK: - Windows

    private func renewWindow(of stream: HTTP2Stream) {
        self.renew(stream.id, from: stream.window, to: self.streamWindow)
    }

    /// Lets the peer send up to `target` bytes again, when half of them are used up.
    private func renew(_ id: HTTP2StreamID, from window: Int, to target: Int) {
        guard window <= target / 2 else { return }
        self.write(id, .windowUpdate(windowSizeIncrement: target - window))
    }

    // MARK: - What is over

    /// Takes the stream out, and tells the peer to stop.
    func reset(_ stream: HTTP2Stream) {
        guard self.streams.removeValue(forKey: stream.id) != nil, !stream.isClosed else { return }
        self.write(stream.id, .rstStream(.cancel))
    }

    /// A request is over: there is room for another.
    func release() {
        guard let link = self.link else { return }
        if self.streams.isEmpty {
            self.idleSince = .now()
            self.armTimer()
        }
        self.client.release(link)
    }

    private func retireFromPool() {
        guard !self.isRetired, let link = self.link else { return }
        self.isRetired = true
        self.client.retire(link)
    }

    func closeIfRetired() {
        if self.isRetired, self.streams.isEmpty, !self.isClosed { self.close() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Something was written to a stream that the peer had just ended.
        if error is NIOHTTP2Errors.StreamError { return }
        if self.expectsStreamError {
            self.expectsStreamError = false
            return
        }
        // What follows the first is its consequence.
        self.firstError = self.firstError ?? error
        self.closeSocket()
    }
}
