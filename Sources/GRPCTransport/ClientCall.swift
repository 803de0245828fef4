internal import CGRPC
internal import GRPCCore
internal import Synchronization

/// One call that a client makes: response parts come out of it as a sequence, request parts go into it.
final class ClientCall: CallStream<RPCResponsePart<Bytes>>, @unchecked Sendable {
    private let client: ClientRuntime
    private let descriptor: MethodDescriptor
    private let options: CallOptions

    init(client: ClientRuntime, descriptor: MethodDescriptor, options: CallOptions) {
        self.client = client
        self.descriptor = descriptor
        self.options = options
        super.init(State())
    }

    override func isMessage(_ part: RPCResponsePart<Bytes>) -> Bool {
        if case .message = part { true } else { false }
    }

    /// Starts the call with its metadata, which is what a request begins with.
    fileprivate func start(_ metadata: Metadata) throws {
        let handle = try self.client.prepare(
            self, descriptor: self.descriptor, metadata: metadata, options: self.options)
        let mayStart = self.state.withLock { state in
            guard state.handle == nil, state.end == nil else { return false }
            state.handle = handle
            return true
        }
        guard mayStart else {
            // A prepared call ends only by being started.
            handle.cancel(RPCError(code: .cancelled, message: "The call was cancelled before it began."))
            handle.start()
            handle.release()
            throw self.writeError
        }
        handle.start()
        // Ahead of the reader by one message.
        handle.read()
    }

    fileprivate func finish() {
        _ = self.state.withLock { $0.handle }?.finish(Status(code: .ok, message: ""))
    }

    /// Ends the call if it has not ended by itself.
    func cancel(_ error: RPCError) {
        let handle = self.state.withLock { $0.handle }
        guard let handle else {
            self.endReceiving(.failed(error))
            self.endSending(error)
            return
        }
        handle.cancel(error)
        self.endSending(error)
    }

    // MARK: From the bridge

    func onHeaders(_ metadata: Metadata) {
        self.deliver(.metadata(metadata))
    }

    func onMessage(_ message: Bytes) {
        if let limit = self.options.maxResponseMessageBytes, message.count > limit {
            let error = RPCError(
                code: .resourceExhausted,
                message: "A response message of \(message.count) bytes is longer than the limit of \(limit)."
            )
            self.endReceiving(.failed(error))
            self.cancel(error)
            return
        }
        self.deliver(.message(message))
    }

    func onEnd(_ status: Status, trailers: Metadata) {
        self.deliver(.status(status, trailers))
        self.endReceiving(.finished)
        self.endSending(
            RPCError(status: status) ?? RPCError(code: .failedPrecondition, message: "The call has ended."))
    }
}

extension ClientCall: AsyncSequence {
    typealias Element = RPCResponsePart<Bytes>
    typealias Failure = any Error

    struct AsyncIterator: AsyncIteratorProtocol {
        let call: ClientCall

        func next(isolation actor: isolated (any Actor)?) async throws -> RPCResponsePart<Bytes>? {
            try await self.call.next()
        }

        func next() async throws -> RPCResponsePart<Bytes>? {
            try await self.call.next()
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(call: self) }
}

extension ClientCall {
    /// Writes the request.
    struct Writer: ClosableRPCWriterProtocol {
        let call: ClientCall

        func write(_ element: RPCRequestPart<Bytes>) async throws {
            switch element {
            case .metadata(let metadata): try self.call.start(metadata)
            case .message(let message):
                if let limit = self.call.options.maxRequestMessageBytes, message.count > limit {
                    throw RPCError(
                        code: .resourceExhausted,
                        message: "A request message of \(message.count) bytes is longer than the limit of \(limit)."
                    )
                }
                try await self.call.send(message)
            }
        }

        func write(contentsOf elements: some Sequence<RPCRequestPart<Bytes>>) async throws {
            for element in elements { try await self.write(element) }
        }

        func finish() async { self.call.finish() }

        func finish(throwing error: any Error) async {
            // A write that came too late is no failure of the request: the server's status says how the call ended.
            if self.call.state.withLock({ $0.isClosed }) { return }
            self.call.cancel(error as? RPCError ?? RPCError(code: .cancelled, message: "The request has failed."))
        }
    }

    var writer: Writer { Writer(call: self) }
}
