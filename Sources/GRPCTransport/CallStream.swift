internal import CGRPC
internal import GRPCCore
internal import Synchronization

/// The two halves of a call as Swift sees them, for servers and clients alike: parts that come in, one message ahead of
/// the reader, and messages that go out, suspended while too many bytes wait.
///
/// `@unchecked` since it is not final; all that changes is behind the mutex.
class CallStream<Part: Sendable>: @unchecked Sendable {
    /// How the receiving half ends, once the parts that came before have been taken.
    enum End {
        case finished
        case failed(RPCError)
    }

    struct State {
        /// The bridge's call. Nil until a client's call is started.
        var handle: CallHandle?
        /// What has come in and was not yet taken: metadata and at most one message, or the status.
        var parts: [Part] = []
        var reader: Waiter<Part?>?
        /// The task that reads was cancelled before it could wait.
        var readerIsCancelled = false
        var end: End?
        /// The bridge wants no more messages for now.
        var isFull = false
        var writers: [(id: UInt64, waiter: Waiter<Void>)] = []
        var nextWriter: UInt64 = 0
        /// A message was not taken any more.
        var isClosed = false
        /// Why writing makes no sense any more.
        var writeError: RPCError?
    }

    let state: Mutex<State>

    init(_ state: State) {
        self.state = Mutex(state)
    }

    deinit {
        self.state.withLock { $0.handle }?.release()
    }

    /// Whether taking this part makes room for another message.
    func isMessage(_ part: Part) -> Bool { false }

    // MARK: Receiving

    /// The next part; nil after the last. Suspends until there is one.
    ///
    /// - Throws: `RPCError` if the call ended early, `CancellationError` if the task was cancelled.
    func next() async throws -> Part? {
        let taken = self.state.withLock { state in
            state.readerIsCancelled = false
            return self.take(from: &state)
        }
        if let taken { return try taken.get() }
        return try await withTaskCancellationHandler {
            try await withWaiter { waiter in
                let taken = self.state.withLock { state -> Result<Part?, any Error>? in
                    if let taken = self.take(from: &state) { return taken }
                    if state.readerIsCancelled { return .failure(CancellationError()) }
                    state.reader = waiter
                    return nil
                }
                if let taken { waiter.resume(with: taken) }
            }
        } onCancel: {
            let reader = self.state.withLock { state in
                state.readerIsCancelled = true
                return state.reader.take()
            }
            reader?.resume(with: .failure(CancellationError()))
        }
    }

    /// Nil if there is nothing yet.
    private func take(from state: inout State) -> Result<Part?, any Error>? {
        if !state.parts.isEmpty {
            let part = state.parts.removeFirst()
            if self.isMessage(part), state.end == nil { state.handle?.read() }
            return .success(part)
        }
        switch state.end {
        case .finished: return .success(nil)
        case .failed(let error): return .failure(error)
        case .none: return nil
        }
    }

    /// Takes in what the bridge delivered.
    func deliver(_ part: Part) {
        let reader = self.state.withLock { state -> Waiter<Part?>? in
            guard state.end == nil else { return nil }
            guard let reader = state.reader.take() else {
                state.parts.append(part)
                return nil
            }
            if self.isMessage(part) { state.handle?.read() }
            return reader
        }
        reader?.resume(with: .success(part))
    }

    /// No more parts will come. A failure also drops what was not yet taken: it must not be taken for complete.
    func endReceiving(_ end: End) {
        let reader = self.state.withLock { state -> Waiter<Part?>? in
            guard state.end == nil else { return nil }
            state.end = end
            if case .failed = end { state.parts.removeAll() }
            return state.reader.take()
        }
        switch end {
        case .finished: reader?.resume(with: .success(nil))
        case .failed(let error): reader?.resume(with: .failure(error))
        }
    }

    // MARK: Sending

    /// Queues a message; returns when there is room for the next.
    ///
    /// - Throws: `RPCError` if the call has ended, `CancellationError` if the task was cancelled while it waited.
    func send(_ message: Bytes) async throws {
        let result = self.state.withLock { state -> cgrpc_write_result in
            // Under our lock, so that `onRoom` cannot overtake us between the bridge's answer and the note of it.
            let result = state.handle?.write(message) ?? CGRPC_WRITE_CLOSED
            if result == CGRPC_WRITE_FULL { state.isFull = true }
            if result == CGRPC_WRITE_CLOSED { state.isClosed = true }
            return result
        }
        switch result {
        case CGRPC_WRITE_ROOM: return
        case CGRPC_WRITE_FULL: try await self.waitForRoom()
        default: throw self.writeError
        }
    }

    /// Why nothing can be written any more.
    var writeError: RPCError {
        self.state.withLock { $0.writeError }
            ?? RPCError(code: .failedPrecondition, message: "The stream has ended; nothing more can be written to it.")
    }

    private func waitForRoom() async throws {
        let id = self.state.withLock { state in
            state.nextWriter += 1
            return state.nextWriter
        }
        try await withTaskCancellationHandler {
            try await withWaiter { (waiter: Waiter<Void>) in
                let outcome = self.state.withLock { state -> Result<Void, any Error>? in
                    if let error = state.writeError { return .failure(error) }
                    if !state.isFull { return .success(()) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    state.writers.append((id, waiter))
                    return nil
                }
                if let outcome { waiter.resume(with: outcome) }
            }
        } onCancel: {
            let writer = self.state.withLock { state -> Waiter<Void>? in
                guard let index = state.writers.firstIndex(where: { $0.id == id }) else { return nil }
                return state.writers.remove(at: index).waiter
            }
            writer?.resume(with: .failure(CancellationError()))
        }
    }

    /// The bridge has room again.
    func onRoom() {
        let writers = self.state.withLock { state in
            state.isFull = false
            return state.writers.takeAll()
        }
        for writer in writers { writer.waiter.resume(with: .success(())) }
    }

    /// Nothing can be written any more: fails those who wait for room.
    func endSending(_ error: RPCError) {
        let writers = self.state.withLock { state in
            if state.writeError == nil { state.writeError = error }
            return state.writers.takeAll()
        }
        for writer in writers { writer.waiter.resume(with: .failure(error)) }
    }
}

extension Array {
    /// Empties the array and returns what it held.
    fileprivate mutating func takeAll() -> [Element] {
        let all = self
        self = []
        return all
    }
}

extension Status {
    /// The status that a call ended with. As the specification says, a code that gRPC does not define is unknown.
    init(code: Int32, message: String) {
        self.init(code: Status.Code(rawValue: Int(code)) ?? .unknown, message: message)
    }
}
