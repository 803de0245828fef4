import Inference
import Synchronization

/// When to wake up next, set from anywhere and waited for by one.
final class Alarm: Sendable {
    private struct State {
        var deadline: ContinuousClock.Instant?
        var changed = StopSignal()
    }

    private let state = Mutex(State())

    /// Replaces the time that was set before; `nil`: no time.
    func set(_ deadline: ContinuousClock.Instant?) {
        let changed = self.state.withLock { state in
            state.deadline = deadline
            return state.changed
        }
        changed.send()
    }

    /// The time, and a signal for when it is replaced.
    func arm() -> (deadline: ContinuousClock.Instant?, changed: StopSignal) {
        self.state.withLock { state in
            state.changed = StopSignal()
            return (state.deadline, state.changed)
        }
    }

    /// The time has come: it wakes nobody twice.
    func clear(_ deadline: ContinuousClock.Instant) {
        self.state.withLock { state in
            if state.deadline == deadline { state.deadline = nil }
        }
    }
}
