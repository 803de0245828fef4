import Synchronization
import TestSupport

/// A value that is told once and can be waited for.
final class Signal<Value: Sendable>: Sendable {
    private let recorder = Recorder<Value>()

    func send(_ value: Value) { _ = self.recorder.append { _ in value } }

    func value() async -> Value { await self.recorder.element(0) }
}

extension Gate {
    /// Returns when the gate is open.
    func opened() async {
        await withCheckedContinuation { continuation in
            self.whenOpen { continuation.resume() }
        }
    }
}

/// Counts what several tasks do.
final class Tally: Sendable {
    private let count = Atomic(0)

    var value: Int { self.count.load(ordering: .relaxed) }

    func add(_ amount: Int = 1) { self.count.add(amount, ordering: .relaxed) }
}
