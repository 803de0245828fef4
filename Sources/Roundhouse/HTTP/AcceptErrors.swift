internal import Glibc
internal import Logging
internal import NIOCore

/// Has the port outlive a failed `accept`, as for want of file descriptors: it waits a moment and goes on. Otherwise the
/// failure would end it.
final class AcceptErrors: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private let pause: TimeAmount
    private let logger: Logger
    private var isPausing = false

    init(pause: TimeAmount = .milliseconds(200), logger: Logger) {
        self.pause = pause
        self.logger = logger
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch (error as? IOError)?.errnoCode {
        case ECONNABORTED: return
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: break
        default: return context.fireErrorCaught(error)
        }
        guard !self.isPausing else { return }
        self.isPausing = true
        self.logger.warning("An HTTP connection could not be accepted", metadata: ["error": "\(error)"])
        // Or it would be tried again at once, and again, for as long as the connection waits.
        let channel = context.channel
        _ = channel.setOption(.autoRead, value: false)
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: self.pause) {
            this.value.isPausing = false
            _ = channel.setOption(.autoRead, value: true)
        }
    }
}
