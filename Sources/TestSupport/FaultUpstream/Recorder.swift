import Synchronization

/// What happened, in order, with a way to wait for the next that happens.
package final class Recorder<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// What was recorded so far.
    package var all: [Element] { self.state.withLock { $0.elements } }

    /// Records what `make` returns for its place.
    package func append(_ make: (Int) -> Element) -> Element {
        let (element, ready) = self.state.withLock { state in
            let element = make(state.elements.count)
            state.elements.append(element)
            let count = state.elements.count
            let ready = state.waiters.filter { $0.count <= count }
            state.waiters.removeAll { $0.count <= count }
            return (element, ready)
        }
        for waiter in ready { waiter.continuation.resume() }
        return element
    }

    /// The element at `place`, once there is one.
    package func element(_ place: Int) async -> Element {
        await withCheckedContinuation { continuation in
            let isReady = self.state.withLock { state in
                if state.elements.count > place { return true }
                state.waiters.append((count: place + 1, continuation: continuation))
                return false
            }
            if isReady { continuation.resume() }
        }
        return self.all[place]
    }
}

/// A number that only grows.
package final class Counter: Sendable {
    private let number = Atomic<Int>(0)

    package init() {}

    package var value: Int { self.number.load(ordering: .relaxed) }

    package func add(_ more: Int) {
        self.number.add(more, ordering: .relaxed)
    }
}

/// Shut until it is opened, then open for ever.
package final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiters: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    package init() {}

    package var isOpen: Bool { self.state.withLock { $0.isOpen } }

    package func open() {
        let waiters = self.state.withLock { state in
            state.isOpen = true
            let waiters = state.waiters
            state.waiters = []
            return waiters
        }
        for waiter in waiters { waiter() }
    }

    /// Calls `body` when the gate is open: now, or from the thread that opens it.
    package func whenOpen(_ body: @escaping @Sendable () -> Void) {
        let isOpen = self.state.withLock { state in
            if !state.isOpen { state.waiters.append(body) }
            return state.isOpen
        }
        if isOpen { body() }
    }
}
