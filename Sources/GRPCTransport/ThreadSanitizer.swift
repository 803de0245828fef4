#if THREAD_SANITIZER
private import CGRPC
internal import Synchronization

/// Stands in for `Synchronization.Mutex` when `scripts/sanitize thread` builds this module: that one lives in a
/// library which is not instrumented, so that ThreadSanitizer takes all that it guards for races.
struct Mutex<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
    private let base: Synchronization.Mutex<Value>
    private let identity = Identity()

    private final class Identity {}

    init(_ value: consuming sending Value) {
        self.base = Synchronization.Mutex(value)
    }

    borrowing func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        let identity = unsafe Unmanaged.passUnretained(self.identity).toOpaque()
        return try self.base.withLock { value throws(Failure) in
            unsafe cgrpc_happens_after(identity)
            defer { unsafe cgrpc_happens_before(identity) }
            return try body(&value)
        }
    }
}

/// Tells ThreadSanitizer that what was done before a task was resumed comes before what it does next. Swift's runtime
/// does not when the task was resumed before it had come to suspend.
final class WaiterOrder: Sendable {
    func willResume() { unsafe cgrpc_happens_before(Unmanaged.passUnretained(self).toOpaque()) }
    func hasResumed() { unsafe cgrpc_happens_after(Unmanaged.passUnretained(self).toOpaque()) }
}
#endif
