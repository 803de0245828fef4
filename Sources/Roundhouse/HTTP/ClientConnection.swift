internal import Inference
internal import NIOCore

/// A client's connection, seen from right above its socket: tells when the client is gone, keeps the head of an answer back
/// until its status is known, and breaks long silence. On the connection's event loop alone; ``ClientLine`` is for others.
///
/// **Who is gone.** A client that has ended its side of the connection may still read (`shutdown` of one direction is legal)
/// or may have closed it: TCP does not tell until something is sent to it. So something is sent that means nothing: an
/// interim answer (RFC 9110 §15.2) before the head, a comment in an event stream. A client that reads skips it; of one that is
/// gone the system answers with a reset, one turn around the network later.
final class ClientConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    /// What of the answer under way has gone out.
    private enum Phase {
        /// Nothing.
        case waiting
        /// What was written is kept.
        case holding(ByteBuffer)
        /// The head of an event stream, whose chunks follow.
        case streaming
        /// Something, in which nothing may be inserted.
        case closed
    }

    /// What means nothing in a stream: something to send when there is nothing to say.
    enum Filler: Sendable {
        /// Of an event stream.
        case comment
        /// Of a stream of lines.
        case emptyLine
    }

    private var context: ChannelHandlerContext?
    private var filler = Filler.comment
    private var phase = Phase.waiting
    private var isInputClosed = false
    private var isGone = false
    /// Of the request under way, if it wants to be told.
    private var gone: StopSignal?
    private var lastWrite = NIODeadline.distantPast
    private var pulse: Scheduled<Void>?
    private var waiter: CheckedContinuation<Void, any Error>?
    private var waitLimit: Scheduled<Void>?

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.lose() }

    func channelInactive(context: ChannelHandlerContext) {
        self.lose()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            self.isInputClosed = true
            if self.gone != nil { self.probe() }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.resume(.success(())) }
        context.fireChannelWritabilityChanged()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch self.phase {
        case .waiting: self.phase = .closed
        case .holding(var held):
            guard case .byteBuffer(let bytes) = self.unwrapOutboundIn(data) else { break }
            held.writeImmutableBuffer(bytes)
            self.phase = .holding(held)
            promise?.succeed()
            return
        case .streaming, .closed: break
        }
        context.write(data, promise: promise)
    }

    private func lose() {
        self.isGone = true
        self.context = nil
        self.gone?.send()
        self.endPulse()
        self.resume(.failure(ChannelError.ioOnClosedChannel))
    }

    // MARK: - A request

    /// A request begins to be worked on.
    ///
    /// - Parameter gone: sent when the client is gone, at once when it is already.
    func begin(_ gone: StopSignal) {
        self.gone = gone
        if case .holding = self.phase {} else { self.phase = .waiting }
        if self.isGone { return gone.send() }
        if self.isInputClosed { self.probe() }
    }

    /// Nobody works on the request any more. A head that is held stays so.
    func end() {
        self.gone = nil
        self.endPulse()
        if case .holding = self.phase {} else { self.phase = .closed }
    }

    private func probe() {
        switch self.phase {
        case .waiting, .holding: self.context?.writeAndFlush(Self.interim, promise: nil)
        case .streaming: self.context?.writeAndFlush(self.fill, promise: nil)
        case .closed: break
        }
    }

    private static var interim: NIOAny {
        NIOAny(IOData.byteBuffer(ByteBuffer(string: "HTTP/1.1 102 Processing\r\n\r\n")))
    }
    private var fill: NIOAny {
        switch self.filler {
        case .comment: Self.comment
        case .emptyLine: NIOAny(IOData.byteBuffer(ByteBuffer(string: "1\r\n\n\r\n")))
        }
    }
    private static var comment: NIOAny { NIOAny(IOData.byteBuffer(ByteBuffer(string: "e\r\n: keep-alive\n\n\r\n"))) }

    // MARK: - An answer in chunks

    /// Keeps what is written from now on, which begins with a head, until ``release(_:_:)``.
    func hold() { self.phase = .holding(ByteBuffer()) }

    /// Lets the head go.
    ///
    /// - Parameters:
    ///   - status: in the place of the one that it has, such as `429 Too Many Requests`; `nil`: as it is.
    ///   - fields: lines of further fields, each with its end.
    /// - Returns: `false` when it had gone already.
    @discardableResult
    func release(_ status: String?, _ fields: ByteBuffer) -> Bool {
        guard case .holding(var head) = self.phase else { return false }
        self.phase = .closed
        var whole = ByteBuffer()
        if let status, let end = head.readableBytesView.firstIndex(of: UInt8(ascii: "\r")) {
            whole.writeString("HTTP/1.1 \(status)")
            head.moveReaderIndex(to: end)
        }
        // Before the empty line.
        let end = max(0, head.readableBytes - 2)
        if let lines = head.readSlice(length: end) { whole.writeImmutableBuffer(lines) }
        whole.writeImmutableBuffer(fields)
        whole.writeImmutableBuffer(head)
        self.context?.write(self.wrapOutboundOut(.byteBuffer(whole)), promise: nil)
        return true
    }

    /// What follows the head is an event stream: long silence in it is broken by comments.
    ///
    /// - Parameter interval: of silence; `nil`: for ever.
    func beginStream(keepAlive interval: TimeAmount?, filler: Filler = .comment) {
        self.phase = .streaming
        self.filler = filler
        self.endPulse()
        guard let interval, let context = self.context else { return }
        self.lastWrite = context.eventLoop.now
        self.beat(in: interval, every: interval)
    }

    /// Lets the head of an event stream go by itself, with a comment, when it is still held after a time.
    func beginStream(after patience: TimeAmount, _ fields: ByteBuffer, keepAlive interval: TimeAmount?) {
        let this = self.context.map { NIOLoopBound(self, eventLoop: $0.eventLoop) }
        self.pulse = self.context?.eventLoop.scheduleTask(in: patience) {
            guard let this = this?.value, this.release(nil, fields) else { return }
            this.beginStream(keepAlive: interval)
            this.context?.writeAndFlush(Self.comment, promise: nil)
        }
    }

    private func beat(in time: TimeAmount, every interval: TimeAmount) {
        guard let context = self.context else { return }
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        self.pulse = context.eventLoop.scheduleTask(in: time) { this.value.beat(every: interval) }
    }

    private func beat(every interval: TimeAmount) {
        guard let context = self.context, case .streaming = self.phase else { return }
        let silence = context.eventLoop.now - self.lastWrite
        if silence < interval { return self.beat(in: interval - silence, every: interval) }
        // A client that does not read is not helped by more.
        if context.channel.isWritable { context.writeAndFlush(Self.comment, promise: nil) }
        self.lastWrite = context.eventLoop.now
        self.beat(in: interval, every: interval)
    }

    private func endPulse() {
        self.pulse?.cancel()
        self.pulse = nil
    }

    /// Writes a chunk.
    ///
    /// - Parameters:
    ///   - flushes: `false` when more follows at once.
    ///   - promise: kept when the system has it.
    /// - Returns: whether more may be written at once.
    func write(chunk: ByteBuffer, flushes: Bool, promise: EventLoopPromise<Void>? = nil) -> Bool {
        guard let context = self.context else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return false
        }
        self.lastWrite = context.eventLoop.now
        var frame = ByteBuffer()
        frame.reserveCapacity(chunk.readableBytes + 16)
        frame.writeString(String(chunk.readableBytes, radix: 16))
        frame.writeStaticString("\r\n")
        frame.writeImmutableBuffer(chunk)
        frame.writeStaticString("\r\n")
        context.write(self.wrapOutboundOut(.byteBuffer(frame)), promise: promise)
        if flushes { context.flush() }
        return context.channel.isWritable
    }

    /// Resumes when more may be written, with an error when the connection is closed.
    ///
    /// - Parameter limit: how long the client may take nothing; then the connection is closed.
    func wait(_ continuation: CheckedContinuation<Void, any Error>, within limit: TimeAmount) {
        guard let context = self.context else { return continuation.resume(throwing: ChannelError.ioOnClosedChannel) }
        if context.channel.isWritable { return continuation.resume() }
        self.waiter = continuation
        let channel = context.channel
        self.waitLimit = context.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
    }

    /// Ends the wait of whoever waits.
    func resume(_ result: Result<Void, any Error>) {
        self.waitLimit?.cancel()
        self.waitLimit = nil
        self.waiter.take()?.resume(with: result)
    }
}

/// Puts a ``ClientConnection`` right above the socket of a connection that opens, and leaves.
final class ClientConnectionSetup: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Any

    func handlerAdded(context: ChannelHandlerContext) {
        try? context.pipeline.syncOperations.addHandler(ClientConnection(), position: .first)
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
}
