internal import GRPCCore
internal import GRPCTransport
internal import Inference
internal import Synchronization

/// A transport without a wire: calls come from this process, by ``call(_:_:metadata:deadline:)``. HTTP so reaches the same
/// services, through the same stubs and interceptors, as a client of gRPC.
final class LoopbackTransport: ServerTransport {
    typealias Bytes = [UInt8]

    private let calls: AsyncStream<LoopbackCall>
    private let continuation: AsyncStream<LoopbackCall>.Continuation
    private let stop = StopSignal()

    init() {
        (self.calls, self.continuation) = AsyncStream.makeStream()
    }

    /// Serves calls until a graceful shutdown has begun and the last one has ended. Cancelling the task cancels them.
    func listen(
        streamHandler:
            @escaping @Sendable @concurrent (
                _ stream: RPCStream<Inbound, Outbound>, _ context: ServerContext
            ) async -> Void
    ) async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await withDiscardingTaskGroup { group in
                    for await call in self.calls {
                        group.addTask { await call.run(streamHandler) }
                    }
                }
                self.stop.send()
            }
            await self.stop.wait()
            group.cancelAll()
        }
    }

    /// Refuses new calls; running ones may end.
    func beginGracefulShutdown() {
        self.continuation.finish()
    }

    /// Refuses new calls, and cancels running ones.
    func shutdownNow() {
        self.continuation.finish()
        self.stop.send()
    }

    /// Begins a call with one message.
    ///
    /// - Parameters:
    ///   - message: in the wire format.
    ///   - client: `ipv4:127.0.0.1:40000`.
    /// - Throws: ``RPCError`` with UNAVAILABLE when the server shuts down.
    func call(
        _ method: MethodDescriptor,
        _ message: [UInt8],
        metadata: Metadata = [:],
        deadline: ContinuousClock.Instant? = nil,
        client: String = "in-process"
    ) throws(RPCError) -> LoopbackAnswer {
        let call = LoopbackCall(
            method: method, message: message, metadata: metadata, deadline: deadline, client: client)
        guard case .enqueued = self.continuation.yield(call) else {
            throw RPCError(code: .unavailable, message: "the server is shutting down")
        }
        return LoopbackAnswer(call)
    }
}

/// A call on its way through a service.
final class LoopbackCall: Sendable {
    private let method: MethodDescriptor
    private let message: [UInt8]
    private let metadata: Metadata
    private let deadline: ContinuousClock.Instant?
    private let client: String
    fileprivate let parts = LoopbackParts()

    fileprivate init(
        method: MethodDescriptor, message: [UInt8], metadata: Metadata, deadline: ContinuousClock.Instant?,
        client: String
    ) {
        self.method = method
        self.message = message
        self.metadata = metadata
        self.deadline = deadline
        self.client = client
    }

    fileprivate func run(
        _ handler:
            @escaping @Sendable @concurrent (
                RPCStream<LoopbackTransport.Inbound, LoopbackTransport.Outbound>, ServerContext
            ) async -> Void
    ) async {
        await withServerContextRPCCancellationHandle { handle in
            var context = ServerContext(
                descriptor: self.method, remotePeer: self.client, localPeer: "in-process", cancellation: handle)
            context.transportSpecific = CallDetails(deadline: self.deadline, receivedAt: .now)
            let (request, continuation) = AsyncThrowingStream<RPCRequestPart<[UInt8]>, any Error>.makeStream()
            continuation.yield(.metadata(self.metadata))
            continuation.yield(.message(self.message))
            continuation.finish()
            let stream = RPCStream(
                descriptor: self.method, inbound: RPCAsyncSequence(wrapping: request),
                outbound: RPCWriter.Closable(wrapping: self.parts))
            await withTaskGroup(of: Void.self) { [context] group in
                group.addTask {
                    await handler(stream, context)
                    // Whatever it did, the answer has an end.
                    self.parts.end(.status(Status(code: .unknown, message: "the call ended without a status"), [:]))
                }
                if let deadline = self.deadline {
                    group.addTask {
                        guard (try? await Task.sleep(until: deadline, clock: .continuous)) != nil else { return }
                        self.parts.end(
                            .status(Status(code: .deadlineExceeded, message: "the client's deadline passed"), [:]))
                    }
                }
                // It is there, or nobody wants it any more.
                await self.parts.untilEnd()
                handle.cancel()
                group.cancelAll()
            }
        }
    }
}

/// The client's end of a call. Letting go of it cancels the call.
final class LoopbackAnswer: Sendable {
    private let call: LoopbackCall

    fileprivate init(_ call: LoopbackCall) {
        self.call = call
    }

    deinit { self.call.parts.abandon() }

    /// What has come since the last time, waiting for it; empty after the end. The status is the last part.
    ///
    /// The service waits with more until this has been taken, and merges then what it can.
    ///
    /// - Throws: `CancellationError` when the task is cancelled, which cancels the call.
    func next() async throws -> [RPCResponsePart<[UInt8]>] {
        try await self.call.parts.take()
    }

    func cancel() { self.call.parts.abandon() }
}

/// The answer's parts between a service that writes them and a client that takes them.
final class LoopbackParts: ClosableRPCWriterProtocol {
    typealias Element = RPCResponsePart<[UInt8]>

    private struct State {
        var waiting: [Element] = []
        /// The status is in, or nobody wants more.
        var hasEnded = false
        var reader: CheckedContinuation<Void, Never>?
        var writers: [CheckedContinuation<Void, Never>] = []
        var observers: [CheckedContinuation<Void, Never>] = []

        mutating func takeReader() -> [CheckedContinuation<Void, Never>] {
            self.reader.take().map { [$0] } ?? []
        }

        mutating func takeAll() -> [CheckedContinuation<Void, Never>] {
            defer { (self.writers, self.observers) = ([], []) }
            return self.takeReader() + self.writers + self.observers
        }
    }

    private let state = Mutex(State())

    // MARK: - The service's end

    func write(_ element: Element) async throws {
        try await self.write(contentsOf: CollectionOfOne(element))
    }

    func write(contentsOf elements: some Sequence<Element>) async throws {
        let parts = Array(elements)
        let hasStatus = parts.contains { if case .status = $0 { true } else { false } }
        let (woken, isRefused) = self.state.withLock { state in
            guard !state.hasEnded else { return ([CheckedContinuation<Void, Never>](), true) }
            state.waiting += parts
            state.hasEnded = hasStatus
            return (hasStatus ? state.takeAll() : state.takeReader(), false)
        }
        for continuation in woken { continuation.resume() }
        if isRefused { throw RPCError(code: .cancelled, message: "the client has gone") }
        if !hasStatus { await self.untilTaken() }
    }

    func finish() async {}

    func finish(throwing error: any Error) async {
        self.end(.status(Status(code: .unknown, message: "\(error)"), [:]))
    }

    /// Ends the answer unless it has ended.
    func end(_ status: Element) {
        let woken = self.state.withLock { state in
            guard !state.hasEnded else { return [CheckedContinuation<Void, Never>]() }
            state.waiting.append(status)
            state.hasEnded = true
            return state.takeAll()
        }
        for continuation in woken { continuation.resume() }
    }

    private func untilTaken() async {
        await self.wait { state, continuation in
            guard !state.hasEnded, !state.waiting.isEmpty else { return false }
            state.writers.append(continuation)
            return true
        }
    }

    /// Returns when the answer has its end, or the client has gone.
    func untilEnd() async {
        await self.wait { state, continuation in
            guard !state.hasEnded else { return false }
            state.observers.append(continuation)
            return true
        }
    }

    /// - Parameter keep: keeps the continuation to resume it later, and says whether it did.
    private func wait(_ keep: (inout sending State, CheckedContinuation<Void, Never>) -> Bool) async {
        await withCheckedContinuation { continuation in
            if !self.state.withLock({ keep(&$0, continuation) }) { continuation.resume() }
        }
    }

    // MARK: - The client's end

    fileprivate func take() async throws -> [Element] {
        await withTaskCancellationHandler {
            await self.wait { state, continuation in
                guard state.waiting.isEmpty, !state.hasEnded else { return false }
                state.reader = continuation
                return true
            }
        } onCancel: {
            self.abandon()
        }
        try Task.checkCancellation()
        let (parts, writers) = self.state.withLock { state in
            defer { (state.waiting, state.writers) = ([], []) }
            return (state.waiting, state.writers)
        }
        for writer in writers { writer.resume() }
        return parts
    }

    /// The client takes no more.
    fileprivate func abandon() {
        let woken = self.state.withLock { state in
            state.waiting = []
            state.hasEnded = true
            return state.takeAll()
        }
        for continuation in woken { continuation.resume() }
    }
}
