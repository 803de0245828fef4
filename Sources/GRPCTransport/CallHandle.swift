internal import CGRPC
internal import GRPCCore

/// The bridge's handle of one call. Usable from any thread, also after the call has ended.
///
/// A plain value: whoever owns the call gives the handle back exactly once, with ``release()``.
@safe
struct CallHandle: Sendable {
    private nonisolated(unsafe) let raw: OpaquePointer

    init(_ raw: OpaquePointer) { unsafe self.raw = raw }

    /// Asks for the next message.
    func read() { unsafe cgrpc_call_read(self.raw) }

    func write(_ message: Bytes) -> cgrpc_write_result {
        unsafe message.withSlice { unsafe cgrpc_call_write(self.raw, $0) }
    }

    func addHeader(_ key: cgrpc_view, _ value: cgrpc_view) -> Bool {
        unsafe cgrpc_call_add_header(self.raw, key, value)
    }

    func addTrailer(_ key: cgrpc_view, _ value: cgrpc_view) -> Bool {
        unsafe cgrpc_call_add_trailer(self.raw, key, value)
    }

    /// Server: the status. Client: no more messages. False if that was said before.
    func finish(_ status: Status) -> Bool {
        unsafe status.message.withView { unsafe cgrpc_call_finish(self.raw, Int32(status.code.rawValue), $0) }
    }

    func cancel(_ error: RPCError) {
        unsafe error.message.withView { unsafe cgrpc_call_cancel(self.raw, Int32(error.code.rawValue), $0) }
    }

    /// Client: starts a prepared call.
    func start() { unsafe cgrpc_call_start(self.raw) }

    func release() { unsafe cgrpc_call_release(self.raw) }
}

/// A suspended task, to be resumed exactly once. Without the bookkeeping of a checked continuation, which costs as much
/// as the rest of a read: here each one is taken out of a mutex by whoever resumes it.
@safe
struct Waiter<Value: Sendable>: Sendable {
    private let continuation: UnsafeContinuation<Value, any Error>
    private let order: WaiterOrder

    fileprivate init(_ continuation: UnsafeContinuation<Value, any Error>, _ order: WaiterOrder) {
        unsafe self.continuation = continuation
        self.order = order
    }

    func resume(with result: Result<Value, any Error>) {
        self.order.willResume()
        unsafe self.continuation.resume(with: result)
    }
}

/// Suspends until the waiter is resumed.
func withWaiter<Value: Sendable>(_ body: (Waiter<Value>) -> Void) async throws -> Value {
    let order = WaiterOrder()
    defer { order.hasResumed() }
    return try await unsafe withUnsafeThrowingContinuation { unsafe body(Waiter($0, order)) }
}

#if !THREAD_SANITIZER
/// Nothing: resuming a task comes before what it does next. ThreadSanitizer has to be told, see there.
struct WaiterOrder: Sendable {
    func willResume() {}
    func hasResumed() {}
}
#endif
