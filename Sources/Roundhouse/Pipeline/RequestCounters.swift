internal import Synchronization

/// Requests since the start, for `GetSystemStatus`.
final class RequestCounters: Sendable {
    private let active = Atomic<Int>(0)
    private let succeeded = Atomic<Int>(0)
    private let failed = Atomic<Int>(0)

    func began() {
        self.active.add(1, ordering: .relaxed)
    }

    func ended(ok: Bool) {
        self.active.subtract(1, ordering: .relaxed)
        if ok {
            self.succeeded.add(1, ordering: .relaxed)
        } else {
            self.failed.add(1, ordering: .relaxed)
        }
    }

    /// Not taken at one moment: the three may differ by requests that end meanwhile.
    var counts: (active: Int, succeeded: Int, failed: Int) {
        (
            self.active.load(ordering: .relaxed), self.succeeded.load(ordering: .relaxed),
            self.failed.load(ordering: .relaxed)
        )
    }
}
