import NIOCore

/// The one timer of a connection. It is moved only to an earlier time; when it fires too early it is armed again.
struct ConnectionTimer {
    private var scheduled: Scheduled<Void>?
    private var time = NIODeadline.distantFuture
    /// What the peer said it keeps an idle connection for.
    private var promisedKeepAlive: TimeAmount?

    mutating func arm(_ due: NIODeadline, on eventLoop: any EventLoop, _ body: @escaping @Sendable () -> Void) {
        guard self.scheduled == nil || due < self.time else { return }
        self.scheduled?.cancel()
        self.time = due
        self.scheduled = eventLoop.scheduleTask(deadline: due, body)
    }

    mutating func fired() {
        self.scheduled = nil
        self.time = .distantFuture
    }

    mutating func cancel() {
        self.scheduled?.cancel()
        self.fired()
    }

    /// Notes `Keep-Alive: timeout=…`. A second less is used: a request that meets the close on its way is lost work.
    mutating func noteKeepAlive(_ seconds: Int?) {
        guard let seconds, (1...86_400).contains(seconds) else { return }
        self.promisedKeepAlive = .milliseconds(Int64(max(seconds * 1000 - 1000, 500)))
    }

    func keepAlive(_ configured: Duration) -> TimeAmount {
        min(TimeAmount(configured), self.promisedKeepAlive ?? TimeAmount(configured))
    }
}
