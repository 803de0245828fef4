import Glibc
import NIOCore

/// One connection of a ``FaultUpstream``: reads requests, carries out their scripts one after another.
final class ScriptedConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let upstream: FaultUpstream
    private let number: Int
    private var received = ByteBuffer()
    private var requestCount = 0
    private var steps: [FaultUpstream.Step] = []
    private var isRunning = false
    private var context: ChannelHandlerContext?
    /// A flood that waits for the network to take more.
    private var flood: (bytes: ByteBuffer, left: Int?)?

    init(upstream: FaultUpstream, number: Int) {
        self.upstream = upstream
        self.number = number
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        self.received.writeBuffer(&bytes)
        while let request = self.nextRequest() {
            self.steps += self.upstream.steps(for: request)
        }
        self.run()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.steps = []
        self.flood = nil
        let number = self.number
        _ = self.upstream.closures.append { _ in .init(connection: number, time: .now) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.pour()
    }

    // MARK: - Requests

    private func nextRequest() -> FaultUpstream.Request? {
        let text = String(buffer: self.received)
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let head = text[..<end.lowerBound]
        let lines = head.split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count == 3 else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let pair = line.split(separator: ":", maxSplits: 1)
            if pair.count == 2 { headers[pair[0].lowercased()] = String(pair[1].drop { $0 == " " }) }
        }
        let headLength = head.utf8.count + 4
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        guard self.received.readableBytes >= headLength + length else { return nil }
        self.received.moveReaderIndex(forwardBy: headLength)
        let body = self.received.readBytes(length: length) ?? []
        self.received.discardReadBytes()
        defer { self.requestCount += 1 }
        return FaultUpstream.Request(
            method: String(words[0]), path: String(words[1]), headers: headers, body: body, connection: self.number,
            placeOnConnection: self.requestCount)
    }

    // MARK: - Steps

    private func run() {
        guard !self.isRunning, let context = self.context, !self.steps.isEmpty else { return }
        self.isRunning = true
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let loop = context.eventLoop
        switch self.steps.removeFirst() {
        case .send(let bytes):
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: bytes)))
                .whenComplete { _ in
                    bound.value.upstream.bytesSent.add(bytes.count)
                    bound.value.goOn()
                }
        case .flood(let bytes, let times):
            // For ever need not be byte by byte.
            let repeated = times == nil ? max(1, 16_384 / max(bytes.count, 1)) : 1
            self.flood = (ByteBuffer(bytes: [[UInt8]](repeating: bytes, count: repeated).joined()), times)
            self.pour()
        case .wait(let gate): gate.whenOpen { loop.execute { bound.value.goOn() } }
        case .delay(let duration):
            let nanoseconds =
                duration.components.seconds * 1_000_000_000
                + duration.components.attoseconds / 1_000_000_000
            loop.scheduleTask(in: .nanoseconds(nanoseconds)) { bound.value.goOn() }
        case .close: context.close(promise: nil)
        case .reset:
            // Closing with a linger time of zero sends RST.
            let options = context.channel as? any SocketOptionProvider
            options?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in
                let context = bound.value.context
                let bottom = try? context?.pipeline.syncOperations.context(handlerType: Bottom.self)
                (bottom ?? context)?.close(promise: nil)
            }
        }
    }

    private func goOn() {
        self.isRunning = false
        self.run()
    }

    private func pour() {
        guard let context = self.context else { return }
        // The others on this event loop want their turn too.
        for _ in 0..<16 {
            guard context.channel.isActive, context.channel.isWritable, let (bytes, left) = self.flood, left != 0
            else { break }
            self.flood = (bytes, left.map { $0 - 1 })
            let sent = self.upstream.bytesSent
            context.writeAndFlush(self.wrapOutboundOut(bytes)).whenSuccess { sent.add(bytes.readableBytes) }
        }
        if let flood = self.flood, flood.left == 0 {
            self.flood = nil
            self.goOn()
        } else if self.flood != nil, context.channel.isActive, context.channel.isWritable {
            let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
            context.eventLoop.execute { bound.value.pour() }
        }
    }
}

/// Marks the place beneath TLS, from where a connection can be closed without a farewell.
final class Bottom: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
}
