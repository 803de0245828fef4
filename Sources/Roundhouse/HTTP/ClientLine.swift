internal import Hummingbird
internal import Inference
internal import NIOCore
internal import Synchronization

/// The way to the client of one request, for tasks: ``ClientConnection`` from outside of its event loop.
struct ClientLine: Sendable {
    private let channel: any Channel
    private let connection: NIOLoopBound<ClientConnection>

    static func of(_ channel: any Channel) async throws -> ClientLine {
        let loop = channel.eventLoop
        let find: @Sendable () throws -> ClientLine = {
            let connection = try channel.pipeline.syncOperations.handler(type: ClientConnection.self)
            return ClientLine(channel: channel, connection: NIOLoopBound(connection, eventLoop: loop))
        }
        return loop.inEventLoop ? try find() : try await loop.submit(find).get()
    }

    /// Carries out `body`, which is cancelled when the client is gone.
    ///
    /// - Throws: what `body` throws; `CancellationError` when the client left.
    func whileThere<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let gone = StopSignal()
        self.onLoop { $0.begin(gone) }
        defer { self.onLoop { $0.end() } }
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await body() }
            group.addTask {
                await gone.wait()
                return nil
            }
            guard let value = try await group.next() ?? nil else { throw CancellationError() }
            return value
        }
    }

    /// See ``ClientConnection/hold()``.
    func hold() { self.onLoop { $0.hold() } }

    /// Lets the head go, as that of an event stream. Does nothing when it has gone for want of patience.
    func beginStream(_ fields: HTTPFields, keepAlive: Duration?) {
        let lines = Self.lines(fields)
        let interval = keepAlive.map { TimeAmount($0) }
        self.onLoop { if $0.release(nil, lines) { $0.beginStream(keepAlive: interval) } }
    }

    /// Lets the head go, as that of a stream of lines of JSON.
    func beginLines(_ fields: HTTPFields) {
        let lines = Self.lines(fields)
        self.onLoop { if $0.release(nil, lines) { $0.beginStream(keepAlive: nil, filler: .emptyLine) } }
    }

    /// See ``ClientConnection/beginStream(after:_:keepAlive:)``.
    func beginStream(after patience: Duration, _ fields: HTTPFields, keepAlive: Duration?) {
        let lines = Self.lines(fields)
        let interval = keepAlive.map { TimeAmount($0) }
        self.onLoop { $0.beginStream(after: TimeAmount(patience), lines, keepAlive: interval) }
    }

    /// Lets the head go with another status.
    ///
    /// - Returns: `false` when it has gone for want of patience.
    func refuse(_ status: HTTPResponse.Status, _ fields: HTTPFields) async throws -> Bool {
        let lines = Self.lines(fields)
        let text = "\(status.code) \(status.reasonPhrase)"
        return try await self.answered { $0.release(text, lines) }
    }

    /// Writes a chunk, and waits while the client is behind: then nothing more is kept than what was written.
    ///
    /// - Parameter limit: how long the client may take nothing.
    func write(_ chunk: ByteBuffer, patience limit: Duration) async throws {
        if try await self.answered({ $0.write(chunk: chunk, flushes: true) }) { return }
        let isCancelled = Flag()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                self.onLoop { connection in
                    if isCancelled.isSet { return continuation.resume(throwing: CancellationError()) }
                    connection.wait(continuation, within: TimeAmount(limit))
                }
            }
        } onCancel: {
            isCancelled.set()
            self.onLoop { $0.resume(.failure(CancellationError())) }
        }
    }

    /// Writes the last chunk, which goes out with the end of the answer.
    func writeLast(_ chunk: ByteBuffer) async throws {
        _ = try await self.answered { $0.write(chunk: chunk, flushes: false) }
    }

    /// Writes a chunk after which the connection is to be closed: returns when the system has it, or the connection is
    /// closed.
    ///
    /// - Parameter limit: how long that may take; then it is closed.
    func writeBeforeClosing(_ chunk: ByteBuffer, patience limit: Duration) async {
        let (channel, promise) = (self.channel, self.channel.eventLoop.makePromise(of: Void.self))
        let timer = channel.eventLoop.scheduleTask(in: TimeAmount(limit)) { channel.close(promise: nil) }
        self.onLoop { _ = $0.write(chunk: chunk, flushes: true, promise: promise) }
        try? await promise.futureResult.get()
        timer.cancel()
    }

    private func onLoop(_ body: @escaping @Sendable (ClientConnection) -> Void) {
        let connection = self.connection
        if self.channel.eventLoop.inEventLoop { return body(connection.value) }
        self.channel.eventLoop.execute { body(connection.value) }
    }

    private func answered<Value: Sendable>(_ body: @escaping @Sendable (ClientConnection) -> Value) async throws
        -> Value
    {
        let connection = self.connection
        if self.channel.eventLoop.inEventLoop { return body(connection.value) }
        return try await self.channel.eventLoop.submit { body(connection.value) }.get()
    }

    /// Lengths are left out: what follows is in chunks.
    private static func lines(_ fields: HTTPFields) -> ByteBuffer {
        var lines = ByteBuffer()
        for field in fields where field.name != .contentLength {
            lines.writeString("\(field.name.rawName): \(field.value)\r\n")
        }
        return lines
    }
}

/// Set once.
private final class Flag: Sendable {
    private let state = Atomic(false)

    var isSet: Bool { self.state.load(ordering: .acquiring) }
    func set() { self.state.store(true, ordering: .releasing) }
}
