internal import Inference
internal import Synchronization

/// One upstream call that several identical requests share: what it said so far, and who reads it.
///
/// What was said is kept from the beginning as long as others may still join, within ``longestJoinable``. The call is as
/// slow as the slowest reader: nothing waits without bound.
final class SharedCall: Sendable {
    /// Nobody joins a call that has said more than these bytes: what they would have to catch up with is let go of.
    static let longestJoinable = 256 * 1024
    /// What may wait for the slowest reader, in bytes.
    static let longestUnread = 256 * 1024

    fileprivate struct State {
        /// What was said, but for what was let go of.
        var batches: [[PipelineOutput]] = []
        /// How many batches were let go of.
        var forgotten = 0
        var bytes = 0
        var isJoinable = true
        var end: Result<Void, RequestFailure>?
        var readers: [Int: Reader] = [:]
        var nextReader = 0
        var writer: CheckedContinuation<Void, Never>?
        var isAbandoned = false
    }

    fileprivate struct Reader {
        /// The next batch that it reads.
        var place: Int
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let abandonment = StopSignal()

    /// Takes part.
    ///
    /// - Returns: the reader's number; `nil` when it is too late.
    func join() -> Int? {
        self.state.withLock { state in
            guard state.isJoinable, !state.isAbandoned else { return nil }
            defer { state.nextReader += 1 }
            state.readers[state.nextReader] = Reader(place: 0)
            return state.nextReader
        }
    }

    /// Whether somebody could still join.
    var isJoinable: Bool { self.state.withLock { $0.isJoinable && !$0.isAbandoned && $0.end == nil } }

    /// No longer takes part. The last one to leave ends the call.
    func leave(_ reader: Int) {
        let (waiter, isLast, writer) = self.state.withLock { state in
            let left = state.readers.removeValue(forKey: reader)
            let isLast = left != nil && state.readers.isEmpty
            if isLast { state.isAbandoned = true }
            state.forgetRead()
            return (left?.waiter, isLast, state.takeWriterIfFree())
        }
        waiter?.resume()
        writer?.resume()
        if isLast { self.abandonment.send() }
    }

    /// Returns when everybody has left.
    func abandoned() async { await self.abandonment.wait() }

    /// What follows for a reader; `nil` after the end.
    ///
    /// - Throws: ``RequestFailure`` of the call; `CancellationError` when the task is cancelled.
    func next(_ reader: Int) async throws -> [PipelineOutput]? {
        while true {
            try Task.checkCancellation()
            let (batch, end, writer) = self.state.withLock { state in
                guard let place = state.readers[reader]?.place else { return Taken(nil, .success(()), nil) }
                let index = place - state.forgotten
                guard index < state.batches.count else { return Taken(nil, state.end, nil) }
                let batch = state.batches[index]
                state.readers[reader]?.place += 1
                state.forgetRead()
                return Taken(batch, nil, state.takeWriterIfFree())
            }
            writer?.resume()
            if let batch { return batch }
            switch end {
            case .success: return nil
            case .failure(let failure): throw failure
            case nil: await self.wait(reader)
            }
        }
    }

    private typealias Taken = (
        [PipelineOutput]?, Result<Void, RequestFailure>?, CheckedContinuation<Void, Never>?
    )

    private func wait(_ reader: Int) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = self.state.withLock { state in
                    guard let known = state.readers[reader], !Task.isCancelled else { return true }
                    if state.end != nil || known.place - state.forgotten < state.batches.count { return true }
                    state.readers[reader]?.waiter = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            let waiter = self.state.withLock { $0.readers[reader]?.waiter.take() }
            waiter?.resume()
        }
    }

    // MARK: - The call's side

    /// Says something to all readers; waits while the slowest is far behind.
    func append(_ outputs: [PipelineOutput]) async {
        let waiters = self.state.withLock { state in
            state.batches.append(outputs)
            state.bytes += outputs.reduce(0) { $0 + $1.approximateBytes }
            if state.bytes > Self.longestJoinable { state.isJoinable = false }
            state.forgetRead()
            return state.takeWaiters()
        }
        for waiter in waiters { waiter.resume() }
        guard self.state.withLock({ $0.isFull }) else { return }
        await withCheckedContinuation { continuation in
            let mayGoOn = self.state.withLock { state in
                if state.isFull { state.writer = continuation }
                return !state.isFull
            }
            if mayGoOn { continuation.resume() }
        }
    }

    /// The call has ended.
    func finish(_ end: Result<Void, RequestFailure>) {
        let waiters = self.state.withLock { state in
            state.end = end
            state.isJoinable = false
            return state.takeWaiters()
        }
        for waiter in waiters { waiter.resume() }
    }
}

extension SharedCall.State {
    /// Lets go of what everybody has read, once nobody may join any more.
    fileprivate mutating func forgetRead() {
        guard !self.isJoinable else { return }
        let slowest = self.readers.values.map(\.place).min() ?? (self.forgotten + self.batches.count)
        guard slowest > self.forgotten else { return }
        let read = self.batches.prefix(slowest - self.forgotten)
        self.bytes -= read.reduce(0) { $0 + $1.reduce(0) { $0 + $1.approximateBytes } }
        self.batches.removeFirst(read.count)
        self.forgotten = slowest
    }

    /// Whether the slowest reader is so far behind that the call has to wait.
    fileprivate var isFull: Bool {
        !self.isJoinable && self.bytes > SharedCall.longestUnread && !self.readers.isEmpty
    }

    fileprivate mutating func takeWriterIfFree() -> CheckedContinuation<Void, Never>? {
        self.isFull ? nil : self.writer.take()
    }

    fileprivate mutating func takeWaiters() -> [CheckedContinuation<Void, Never>] {
        var waiters: [CheckedContinuation<Void, Never>] = []
        for reader in self.readers.keys {
            if let waiter = self.readers[reader]?.waiter.take() { waiters.append(waiter) }
        }
        return waiters
    }
}

extension PipelineOutput {
    fileprivate var approximateBytes: Int {
        switch self {
        case .delta(.textDelta(let text)), .delta(.reasoningDelta(let text)), .delta(.refusalDelta(let text)):
            text.utf8.count + 32
        case .delta(.toolCallDelta(let delta)): delta.argumentsFragment.utf8.count + 64
        case .delta, .progress, .started, .superseded, .completed: 128
        }
    }
}
