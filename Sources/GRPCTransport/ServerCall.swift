internal import CGRPC
internal import GRPCCore
internal import Synchronization

/// One call that a server handles: request parts come out of it as a sequence, response parts go into it.
final class ServerCall: CallStream<RPCRequestPart<Bytes>>, @unchecked Sendable {
    private struct Handling {
        var task: Task<Void, Never>?
        var cancellation: ServerContext.RPCCancellationHandle?
        var isCancelled = false
    }

    private let handling = Mutex(Handling())

    /// Takes over the call's handle.
    ///
    /// - Parameter metadata: to be read as the first part; nil where the handler has it already.
    init(handle: CallHandle, metadata: Metadata?, message: Bytes?, endedRequests: Bool) {
        var state = State()
        state.handle = handle
        if let metadata {
            state.parts.reserveCapacity(2)
            state.parts.append(.metadata(metadata))
        }
        if let message { state.parts.append(.message(message)) }
        if endedRequests { state.end = .finished }
        super.init(state)
    }

    override func isMessage(_ part: RPCRequestPart<Bytes>) -> Bool {
        if case .message = part { true } else { false }
    }

    // MARK: Cancellation

    func setTask(_ task: Task<Void, Never>) {
        self.handling.withLock { $0.task = task }
    }

    func setCancellation(_ cancellation: ServerContext.RPCCancellationHandle) {
        let isCancelled = self.handling.withLock { handling in
            handling.cancellation = cancellation
            return handling.isCancelled
        }
        if isCancelled { cancellation.cancel() }
    }

    /// The bridge's last word. Unless the status was delivered, the handler learns that nobody listens any more.
    func onEnd(code: Int32, message: String) {
        guard code != 0 else {
            self.endReceiving(.finished)
            self.endSending(RPCError(code: .failedPrecondition, message: "The call has ended."))
            return
        }
        let code = RPCError.Code(Status.Code(rawValue: Int(code)) ?? .unknown) ?? .unknown
        let error = RPCError(code: code, message: message)
        self.endReceiving(.failed(error))
        self.endSending(error)
        let (task, cancellation) = self.handling.withLock { handling in
            handling.isCancelled = true
            return (handling.task, handling.cancellation)
        }
        cancellation?.cancel()
        task?.cancel()
    }

    /// The handler has returned: whatever it left open is closed.
    func handlerReturned() {
        self.finish(Status(code: .internalError, message: "The handler returned without a status."), trailers: [:])
        self.handling.withLock { $0 = Handling() }
    }

    // MARK: Responses

    private func addHeaders(_ metadata: Metadata) throws {
        guard !metadata.isEmpty else { return }
        try self.state.withLock { state in
            guard let handle = state.handle else { return }
            try unsafe metadata.forEachView { key, value in
                if unsafe !handle.addHeader(key, value) {
                    if let error = state.writeError { throw error }
                    throw unsafe RPCError.illegalMetadata(key: String(key))
                }
            }
        }
    }

    /// Sends the status after what was written. Says whether it was the first.
    @discardableResult
    func finish(_ status: Status, trailers: Metadata) -> Bool {
        self.state.withLock { state in
            guard let handle = state.handle else { return false }
            // An entry that cannot be sent must not cost the client the status.
            try? unsafe trailers.forEachView { key, value in
                _ = unsafe handle.addTrailer(key, value)
            }
            return handle.finish(status)
        }
    }
}

extension ServerCall: AsyncSequence {
    typealias Element = RPCRequestPart<Bytes>
    typealias Failure = any Error

    struct AsyncIterator: AsyncIteratorProtocol {
        let call: ServerCall

        func next(isolation actor: isolated (any Actor)?) async throws -> RPCRequestPart<Bytes>? {
            try await self.call.next()
        }

        func next() async throws -> RPCRequestPart<Bytes>? {
            try await self.call.next()
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(call: self) }
}

extension ServerCall {
    /// Writes the response.
    struct Writer: ClosableRPCWriterProtocol {
        let call: ServerCall

        func write(_ element: RPCResponsePart<Bytes>) async throws {
            switch element {
            case .metadata(let metadata): try self.call.addHeaders(metadata)
            case .message(let message): try await self.call.send(message)
            case .status(let status, let trailers):
                if !self.call.finish(status, trailers: trailers) { throw self.call.writeError }
            }
        }

        func write(contentsOf elements: some Sequence<RPCResponsePart<Bytes>>) async throws {
            for element in elements { try await self.write(element) }
        }

        func finish() async {
            self.call.finish(
                Status(code: .internalError, message: "The response ended without a status."), trailers: [:])
        }

        func finish(throwing error: any Error) async {
            let error = error as? RPCError ?? RPCError(code: .unknown, message: "The handler failed.")
            self.call.finish(Status(code: Status.Code(error.code), message: error.message), trailers: error.metadata)
        }
    }

    var writer: Writer { Writer(call: self) }
}
