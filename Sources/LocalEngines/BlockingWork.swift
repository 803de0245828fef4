internal import Dispatch

/// Runs work that blocks (files, `/proc`) on threads of its own, so that Swift's few cooperative threads stay free.
struct BlockingWork: Sendable {
    /// For what is short and must not wait behind a copy of many gigabytes.
    static let shared = BlockingWork("roundhouse.files", concurrent: true)

    private let queue: DispatchQueue

    /// - Parameter concurrent: Whether pieces of work may run side by side; else one after another.
    init(_ label: String, concurrent: Bool = false) {
        self.queue = DispatchQueue(label: label, attributes: concurrent ? .concurrent : [])
    }

    /// Returns once `work` has run. It is not interrupted by cancellation: keep it short, or in pieces.
    func run<Value: Sendable, Failure: Error>(
        _ work: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Value, Failure>, Never>) in
            self.queue.async {
                continuation.resume(returning: Result { () throws(Failure) in try work() })
            }
        }
        return try result.get()
    }
}
