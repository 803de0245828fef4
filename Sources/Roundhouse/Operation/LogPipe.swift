internal import Dispatch
internal import Glibc
internal import Synchronization

/// Writes lines to a descriptor and never waits for who reads them.
///
/// A line goes out at once, in one write, where the descriptor takes it, so that the last lines of a process that dies are
/// there. Where it does not, a pipe whose reader hangs, lines wait in memory, at most ``capacity`` bytes, for a thread of
/// Dispatch that may block; what comes beyond that is lost and counted, as is what nobody is left to read. Requests go on
/// either way.
final class LogPipe: Sendable {
    static let standardError = LogPipe(descriptor: STDERR_FILENO)

    /// Bytes that wait at most.
    static let capacity = 1 << 20
    /// What a pipe that says that it can be written to takes without waiting (`PIPE_BUF`).
    private static let atomic = 4096

    private struct State {
        var waiting: [UInt8] = []
        /// Whether a thread writes what waited.
        var isDraining = false
        var lost = 0
        var untold = 0
    }

    private let descriptor: CInt
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "roundhouse.log")

    init(descriptor: CInt) { self.descriptor = descriptor }

    /// Lines that were lost since the start.
    var lost: Int { self.state.withLock { $0.lost } }

    /// How many lines were lost since this was asked last; 0 while others wait.
    func takeLost() -> Int {
        self.state.withLock { state in
            guard !state.isDraining else { return 0 }
            defer { state.untold = 0 }
            return state.untold
        }
    }

    /// - Parameter line: without its end.
    func write(_ line: String) {
        var bytes = Array(line.utf8)
        bytes.append(UInt8(ascii: "\n"))
        let startsDraining = self.state.withLock { state in
            if !state.isDraining {
                let left = bytes.count <= Self.atomic && self.takesMore ? self.write(bytes) : bytes[...]
                guard let rest = left else {
                    // Not told in the log as well: nobody reads it.
                    state.lost += 1
                    return false
                }
                guard !rest.isEmpty else { return false }
                state.waiting += rest
                state.isDraining = true
                return true
            }
            if state.waiting.count + bytes.count <= Self.capacity {
                state.waiting += bytes
            } else {
                state.lost += 1
                state.untold += 1
            }
            return false
        }
        if startsDraining { self.queue.async { self.drain() } }
    }

    /// Waits until nothing waits, but no longer than that. For the end of a process.
    func flush(within limit: Duration) {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end, self.state.withLock({ $0.isDraining }) { usleep(1000) }
    }

    private func drain() {
        while true {
            let bytes = self.state.withLock { state in
                defer { state.waiting = [] }
                if state.waiting.isEmpty { state.isDraining = false }
                return state.waiting
            }
            guard !bytes.isEmpty else { return }
            var rest = bytes[...]
            while !rest.isEmpty {
                // As many as before: somebody made it a descriptor that says "not now" instead of waiting.
                guard let left = self.write(Array(rest)), left.count < rest.count || self.waits() else {
                    let lines = rest.count { $0 == UInt8(ascii: "\n") }
                    self.state.withLock { $0.lost += lines }
                    break
                }
                rest = left
            }
        }
    }

    /// Whether a line would be taken at once.
    private var takesMore: Bool {
        var poll = pollfd(fd: self.descriptor, events: Int16(POLLOUT), revents: 0)
        return unsafe Glibc.poll(&poll, 1, 0) == 1
    }

    /// Waits until more is taken.
    ///
    /// - Returns: false when that will never be.
    private func waits() -> Bool {
        var poll = pollfd(fd: self.descriptor, events: Int16(POLLOUT), revents: 0)
        let isReady = unsafe Glibc.poll(&poll, 1, -1) == 1
        return isReady && poll.revents & Int16(POLLERR | POLLNVAL | POLLHUP) == 0
    }

    /// - Returns: what was not written; `nil` when nothing ever will be, since the reader is gone for good.
    private func write(_ bytes: [UInt8]) -> ArraySlice<UInt8>? {
        let count = unsafe bytes.withUnsafeBytes { buffer in
            unsafe Glibc.write(self.descriptor, buffer.baseAddress, buffer.count)
        }
        if count >= 0 { return bytes[count...] }
        return errno == EAGAIN || errno == EINTR ? bytes[...] : nil
    }
}
