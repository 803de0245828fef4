internal import Synchronization

/// Ends streams that have no end of their own, when the server stops.
final class WatchEnd: Sendable {
    private struct State {
        var hasCome = false
        var waiters: [Int: AsyncStream<Never>.Continuation] = [:]
        var count = 0
    }

    private let state = Mutex(State())

    /// Ends those who wait, and those who come later at once.
    func come() {
        let waiters = self.state.withLock { state in
            state.hasCome = true
            defer { state.waiters = [:] }
            return state.waiters.values.map(\.self)
        }
        for waiter in waiters { waiter.finish() }
    }

    /// Returns when the end has come, or the task is cancelled. For any number of waiters.
    func wait() async {
        let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
        let number = self.state.withLock { state -> Int? in
            guard !state.hasCome else { return nil }
            state.count += 1
            state.waiters[state.count] = continuation
            return state.count
        }
        guard let number else { return }
        for await _ in stream {}
        self.state.withLock { _ = $0.waiters.removeValue(forKey: number) }
    }
}
