import NIOCore
import NIOHPACK
import NIOHTTP2

/// One connection of an ``HTTP2Upstream``: collects requests, carries out the script of each on its stream.
final class ScriptedFrames: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private struct Stream {
        var head: HPACKHeaders
        var body: [UInt8] = []
        var steps: [HTTP2Upstream.Step] = []
        var flood: (bytes: ByteBuffer, left: Int)?
    }

    private let upstream: HTTP2Upstream
    private let number: Int
    private var context: ChannelHandlerContext?
    private var streams: [HTTP2StreamID: Stream] = [:]
    private var lastStream = HTTP2StreamID.rootStream

    init(upstream: HTTP2Upstream, number: Int) {
        self.upstream = upstream
        self.number = number
    }

    func codec() -> NIOHTTP2Handler {
        NIOHTTP2Handler(
            mode: .server,
            initialSettings: [
                HTTP2Setting(parameter: .maxConcurrentStreams, value: self.upstream.settings.maximumStreams),
                HTTP2Setting(parameter: .initialWindowSize, value: self.upstream.settings.window),
            ],
            // Scripts may lie.
            contentLengthValidation: .disabled)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelInactive(context: ChannelHandlerContext) {
        self.streams = [:]
        let number = self.number
        _ = self.upstream.closures.append { _ in .init(connection: number, time: .now) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !(error is NIOHTTP2Errors.StreamError) { context.close(promise: nil) }
    }

    // MARK: - Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = self.unwrapInboundIn(data)
        switch frame.payload {
        case .headers(let payload):
            self.lastStream = max(self.lastStream, frame.streamID)
            self.streams[frame.streamID] = Stream(head: payload.headers)
            if payload.endStream { self.answer(frame.streamID) }
        case .data(let payload):
            guard case .byteBuffer(let buffer) = payload.data else { return }
            self.streams[frame.streamID]?.body += buffer.readableBytesView
            if payload.endStream {
                self.answer(frame.streamID)
            } else {
                self.write(frame.streamID, .windowUpdate(windowSizeIncrement: max(buffer.readableBytes, 1)))
            }
            self.write(.rootStream, .windowUpdate(windowSizeIncrement: max(buffer.readableBytes, 1)))
            context.flush()
        case .rstStream(let code):
            let reset = HTTP2Upstream.Reset(
                connection: self.number, stream: Int(frame.streamID), code: code.networkCode, time: .now)
            _ = self.upstream.resets.append { _ in reset }
        case .ping(_, ack: false): self.upstream.pings.add(1)
        default: break
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? StreamClosedEvent { self.streams[event.streamID] = nil }
        context.fireUserInboundEventTriggered(event)
    }

    private func answer(_ id: HTTP2StreamID) {
        guard let stream = self.streams[id] else { return }
        var headers: [String: String] = [:]
        for field in stream.head { headers[field.name] = field.value }
        let request = HTTP2Upstream.Request(
            method: headers[":method"] ?? "", path: headers[":path"] ?? "", headers: headers, body: stream.body,
            connection: self.number, stream: Int(id))
        self.streams[id]?.steps = self.upstream.steps(for: request)
        self.run(id)
    }

    // MARK: - Steps

    private func run(_ id: HTTP2StreamID) {
        guard let context = self.context, let stream = self.streams[id], !stream.steps.isEmpty else { return }
        let step = self.streams[id]?.steps.removeFirst()
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let loop = context.eventLoop
        switch step {
        case .head(let status, let fields, let isEnd):
            let head = HPACKHeaders([(":status", "\(status)")] + fields)
            self.writeAndGoOn(id, .headers(.init(headers: head, endStream: isEnd)))
        case .data(let bytes, let isEnd):
            self.writeAndGoOn(id, .data(.init(data: .byteBuffer(ByteBuffer(bytes: bytes)), endStream: isEnd)))
        case .trailers(let fields):
            self.writeAndGoOn(id, .headers(.init(headers: HPACKHeaders(fields), endStream: true)))
        case .flood(let bytes, let times):
            self.streams[id]?.flood = (ByteBuffer(bytes: bytes), times)
            self.pour(id)
        case .reset(let code):
            self.write(id, .rstStream(HTTP2ErrorCode(networkCode: code)))
            context.flush()
        case .goAway(let last, let code):
            let last = last.map { HTTP2StreamID($0) } ?? self.lastStream
            let reason = HTTP2ErrorCode(networkCode: code)
            self.write(.rootStream, .goAway(lastStreamID: last, errorCode: reason, opaqueData: nil))
            context.flush()
            self.run(id)
        case .wait(let gate): gate.whenOpen { loop.execute { bound.value.run(id) } }
        case .delay(let duration):
            loop.scheduleTask(in: .nanoseconds(Int64(duration / .nanoseconds(1)))) { bound.value.run(id) }
        case .close: context.close(promise: nil)
        case nil: break
        }
    }

    private func write(_ id: HTTP2StreamID, _ payload: HTTP2Frame.FramePayload) {
        self.context?.write(self.wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: nil)
    }

    private func writeAndGoOn(_ id: HTTP2StreamID, _ payload: HTTP2Frame.FramePayload) {
        guard let context = self.context else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.writeAndFlush(self.wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)))
            .whenSuccess { bound.value.run(id) }
    }

    /// The next portion when the network, and the client's window, have taken the last.
    private func pour(_ id: HTTP2StreamID) {
        guard let context = self.context, let (bytes, left) = self.streams[id]?.flood else { return }
        guard left > 0 else {
            self.streams[id]?.flood = nil
            return self.run(id)
        }
        self.streams[id]?.flood = (bytes, left - 1)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let loop = context.eventLoop
        let frame = HTTP2Frame(streamID: id, payload: .data(.init(data: .byteBuffer(bytes))))
        context.writeAndFlush(self.wrapOutboundOut(frame)).whenSuccess {
            bound.value.upstream.bytesSent.add(bytes.readableBytes)
            // The others on this event loop want their turn too.
            loop.execute { bound.value.pour(id) }
        }
    }
}
