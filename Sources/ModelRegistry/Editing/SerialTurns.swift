private import Synchronization

/// Lets one task in at a time, in the order in which they came.
///
/// A task that is cancelled while it waits still gets its turn: what is asked for under it is short, and a caller that
/// left early must not leave others behind.
package final class SerialTurns: Sendable {
    private struct State {
        var isTaken = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// Whether somebody's turn is under way.
    package var isTaken: Bool { self.state.withLock { $0.isTaken } }
    /// How many wait for their turn.
    package var waitingCount: Int { self.state.withLock { $0.waiting.count } }

    package func take<Value, Failure: Error>(
        _ body: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        await self.enter()
        defer { self.leave() }
        return try await body()
    }

    private func enter() async {
        await withCheckedContinuation { continuation in
            let isFree = self.state.withLock { state in
                if state.isTaken { state.waiting.append(continuation) }
                defer { state.isTaken = true }
                return !state.isTaken
            }
            if isFree { continuation.resume() }
        }
    }

    private func leave() {
        let next: CheckedContinuation<Void, Never>? = self.state.withLock { state in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.isTaken = false
            return nil
        }
        next?.resume()
    }
}
