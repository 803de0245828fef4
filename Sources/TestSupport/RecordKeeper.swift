public import Inference
private import Synchronization

/// Keeps request records in memory for a test to read or to wait for.
public final class RecordKeeper: RequestRecorder {
    private struct State {
        var records: [RequestRecord] = []
        var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    public init() {}

    public var records: [RequestRecord] { self.state.withLock { $0.records } }

    public func record(_ record: RequestRecord) {
        let ready = self.state.withLock { state in
            state.records.append(record)
            let ready = state.waiters.filter { $0.count <= state.records.count }
            state.waiters.removeAll { $0.count <= state.records.count }
            return ready
        }
        for waiter in ready { waiter.continuation.resume() }
    }

    /// Returns once there are `count` records.
    public func waitForRecords(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isReady = self.state.withLock { state in
                if state.records.count < count { state.waiters.append((count, continuation)) }
                return state.records.count >= count
            }
            if isReady { continuation.resume() }
        }
    }
}
