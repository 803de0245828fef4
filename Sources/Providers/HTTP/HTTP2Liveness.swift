import NIOCore

/// Whether the peer of a connection is still there. Pure.
///
/// A peer that vanished without a word would hold up every request of a shared connection until its own limit, and those
/// that come after it. So a connection that carries something and hears nothing is asked (PING), which any HTTP/2 peer
/// answers at once, however long its model thinks.
struct HTTP2Liveness {
    /// The peer did not answer.
    struct Lost: Error, CustomStringConvertible {
        let limit: Duration

        var description: String { "it did not answer a ping within \(self.limit)" }
    }

    /// The peer has sent its settings.
    var hasSettings = false
    private(set) var isAwaitingAnswer = false
    private var lastRead = NIODeadline.now()
    /// When silence began to count.
    private var silentSince = NIODeadline.now()

    /// The first request is under way: silence before it meant nothing.
    mutating func begin(_ now: NIODeadline) {
        self.silentSince = now
        self.isAwaitingAnswer = false
    }

    /// Something came, whatever it was.
    mutating func read(_ now: NIODeadline) {
        self.lastRead = now
        self.silentSince = now
        self.isAwaitingAnswer = false
    }

    mutating func asked(_ now: NIODeadline) {
        self.silentSince = now
        self.isAwaitingAnswer = true
    }

    func hasRead(since time: NIODeadline) -> Bool { self.lastRead >= time }

    /// When to ask, or when to give the peer up.
    func due(_ limit: TimeAmount) -> NIODeadline { self.silentSince + limit }
}
