import Synchronization

@testable import ModelLifecycle

/// Time that stands still until it is moved.
final class SteppedTime: Sendable {
    private struct State {
        var elapsed = Duration.zero
        var next = 0
        var sleepers: [Int: (due: Duration, continuation: CheckedContinuation<Void, any Error>)] = [:]
        var asked: [Duration] = []
    }

    private let start = ContinuousClock.Instant.now
    /// Microseconds since 1970-01-01 UTC at the beginning.
    private let wallStart: Int64
    private let state = Mutex(State())

    init(wallMicroseconds: Int64 = 1_700_000_000_000_000) {
        self.wallStart = wallMicroseconds
    }

    var time: LifecycleTime {
        LifecycleTime(
            now: { self.start + self.state.withLock { $0.elapsed } },
            wallMicroseconds: {
                self.wallStart + Int64(self.state.withLock { $0.elapsed } / .microseconds(1))
            },
            sleep: { try await self.sleep($0) }
        )
    }

    var sleeperCount: Int { self.state.withLock { $0.sleepers.count } }
    /// Every duration that somebody slept or sleeps for.
    var asked: [Duration] { self.state.withLock { $0.asked } }

    func advance(by duration: Duration) {
        let due = self.state.withLock { state in
            state.elapsed += duration
            let due = state.sleepers.filter { $0.value.due <= state.elapsed }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in due { continuation.resume() }
    }

    private func sleep(_ duration: Duration) async throws {
        let id = self.state.withLock { state in
            state.next += 1
            return state.next
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isCancelled = self.state.withLock { state in
                    state.asked.append(duration)
                    guard !Task.isCancelled else { return true }
                    state.sleepers[id] = (state.elapsed + duration, continuation)
                    return false
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            self.state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume(
                throwing: CancellationError())
        }
    }
}

/// Opened once; who waits at it goes on then.
final class Turnstile: Sendable {
    private let state = Mutex((isOpen: false, waiters: [CheckedContinuation<Void, Never>]()))

    func open() {
        let waiters = self.state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    var isAwaited: Bool { self.state.withLock { !$0.waiters.isEmpty } }

    /// Not cut short by cancellation, as a disk is not.
    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = self.state.withLock { state in
                if !state.isOpen { state.waiters.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}

enum Turns {
    /// Gives other tasks their turn until the condition holds. Suites that use it carry a time limit.
    static func until(_ condition: () -> Bool) async {
        while !condition() { await Task.yield() }
    }
}
