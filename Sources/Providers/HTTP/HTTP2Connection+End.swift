import Inference
import NIOCore
import NIOHTTP2
import NIOSSL

/// How a connection of HTTP/2 ends, in order or by a loss, and what happens because time has passed.
extension HTTP2Connection {
    // MARK: - The end

    func channelInactive(context: ChannelHandlerContext) {
        self.lose()
        context.fireChannelInactive()
    }

    /// Everything under way here is lost.
    private func lose() {
        // What was reset in this read has a fault that nobody has heard of yet.
        for stream in self.touched where self.streams[stream.id] == nil { _ = stream.exchange.flush() }
        self.touched = []
        let streams = self.streams.values.sorted { $0.id < $1.id }
        self.streams = [:]
        self.retire()
        for stream in streams {
            // A connection that the peer had given up: nothing came after the request was sent.
            let isUnseen =
                self.hasServed && !stream.busy.hasBytes && !self.liveness.hasRead(since: stream.busy.started)
            if stream.busy.hasEnded {
                // It ended in the same read; the close is the peer's right.
            } else if isUnseen, stream.exchange.takeRetry() {
                self.client.submitAfresh(stream.exchange)
                continue
            } else {
                stream.receiveLoss(self.firstError, farewell: self.farewell)
            }
            _ = stream.exchange.flush()
        }
    }

    private func retire() {
        self.isClosed = true
        self.timer.cancel()
        guard self.isPooled, let link = self.link else { return }
        self.isPooled = false
        self.client.closed(link)
    }

    /// In an orderly way, with nothing under way.
    func close() {
        self.retire()
        self.write(.rootStream, .goAway(lastStreamID: .rootStream, errorCode: .noError, opaqueData: nil))
        self.context?.flush()
        self.closeSocket()
    }

    /// Closes beneath TLS, whose polite farewell would wait for the peer.
    func closeSocket() {
        guard let context = self.context else { return }
        let tls = try? context.pipeline.syncOperations.context(handlerType: NIOSSLClientHandler.self)
        (tls ?? context).close(promise: nil)
    }

    // MARK: - Time

    func armTimer(for stream: HTTP2Stream) {
        self.arm(min(HTTPConnectionState.due(stream.busy).time, self.livenessDue))
    }

    func armTimer() {
        guard !self.isClosed else { return }
        var due = self.livenessDue
        if self.streams.isEmpty { due = self.idleSince + TimeAmount(self.client.timeouts.keepAlive) }
        for stream in self.streams.values { due = min(due, HTTPConnectionState.due(stream.busy).time) }
        self.arm(due)
    }

    private var livenessDue: NIODeadline { self.liveness.due(TimeAmount(self.client.timeouts.liveness)) }

    private func arm(_ due: NIODeadline) {
        guard let context = self.context else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        self.timer.arm(due, on: context.eventLoop) { bound.value.timerFired() }
    }

    private func timerFired() {
        self.timer.fired()
        guard !self.isClosed else { return }
        let now = NIODeadline.now()
        if self.streams.isEmpty {
            if self.idleSince + TimeAmount(self.client.timeouts.keepAlive) <= now { return self.close() }
        } else if self.livenessDue <= now {
            guard !self.liveness.isAwaitingAnswer else {
                self.firstError = self.firstError ?? HTTP2Liveness.Lost(limit: self.client.timeouts.liveness)
                self.lose()
                return self.closeSocket()
            }
            self.liveness.asked(now)
            self.write(.rootStream, .ping(HTTP2PingData(), ack: false))
        }
        for stream in self.streams.values {
            let due = HTTPConnectionState.due(stream.busy)
            if due.time <= now { self.end(stream, due.event) }
        }
        self.context?.flush()
        self.armTimer()
    }

    private func end(_ stream: HTTP2Stream, _ event: HTTPConnectionState.TimerEvent) {
        switch event {
        case .patienceOver: stream.exchange.receive(.patienceOver)
        case .timedOut(let phase): stream.exchange.receive(.fault(.timedOut(phase, stream.exchange.timeouts)))
        case .close, .openingFailed: break
        }
        self.reset(stream)
        self.release()
        _ = stream.exchange.flush()
        self.closeIfRetired()
    }
}
