private import Synchronization

/// Something that happens once, and for which tasks can wait.
final class Signal: Sendable {
    private struct State {
        var hasFired = false
        var nextID: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Bool, Never>] = [:]
    }

    private let state = Mutex(State())

    /// Wakes all who wait; whoever waits later is not held up.
    func fire() {
        let waiters = self.state.withLock { state in
            state.hasFired = true
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume(returning: true) }
    }

    /// Suspends until it has happened.
    ///
    /// - Throws: `CancellationError`.
    func wait() async throws {
        if await !self.waitOrCancel() { throw CancellationError() }
    }

    /// Suspends until it has happened or the time is over. Says which. Does not heed cancellation of the task, so that
    /// an orderly end stays possible in one.
    func wait(atMost limit: Duration) async -> Bool {
        // task: it must outlive a cancelled caller, and ends when the timer cancels it at the latest.
        let waiting = Task.detached { await self.waitOrCancel() }
        // task: ends with its sleep, and is cancelled below when that is no longer needed.
        let timer = Task.detached {
            try? await Task.sleep(for: limit)
            waiting.cancel()
        }
        defer { timer.cancel() }
        return await waiting.value
    }

    private func waitOrCancel() async -> Bool {
        let id = self.state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer = self.state.withLock { state -> Bool? in
                    if state.hasFired { return true }
                    if Task.isCancelled { return false }
                    state.waiters[id] = continuation
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            self.state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: false)
        }
    }
}
