private import Synchronization

/// Opened once; who waits at it goes on then.
public final class Latch: Sendable {
    private struct State {
        var isOpen = false
        var next = 0
        var waiters: [Int: CheckedContinuation<Bool, Never>] = [:]
    }

    private let state = Mutex(State())

    public init() {}

    public func open() {
        let waiters = self.state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [:] }
            return state.waiters.values.map(\.self)
        }
        for waiter in waiters { waiter.resume(returning: true) }
    }

    public var isOpen: Bool { self.state.withLock { $0.isOpen } }
    public var isAwaited: Bool { self.state.withLock { !$0.waiters.isEmpty } }

    /// Waits until it is open.
    ///
    /// - Returns: `false` when the task was cancelled before it was.
    @discardableResult
    public func pass() async -> Bool {
        let id = self.state.withLock { state in
            state.next += 1
            return state.next
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOpen: Bool? = self.state.withLock { state in
                    if state.isOpen { return true }
                    if Task.isCancelled { return false }
                    state.waiters[id] = continuation
                    return nil
                }
                if let isOpen { continuation.resume(returning: isOpen) }
            }
        } onCancel: {
            self.state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: false)
        }
    }
}
