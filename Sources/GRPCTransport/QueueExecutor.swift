private import CGRPC

/// Runs the tasks of a queue's calls on the thread that polls the queue, so that a call never changes threads between
/// the socket and its handler.
///
/// Jobs that are enqueued from that thread go to a list which it works off after each event; others wake it. Nothing
/// that runs here may block: every call of the queue would wait.
@safe
final class QueueExecutor: TaskExecutor {
    private nonisolated(unsafe) let queue: OpaquePointer

    /// Takes over the queue handle.
    init(queue: OpaquePointer) {
        unsafe self.queue = queue
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe cgrpc_queue_set_executor(queue, context) { context, job in
            guard let context = unsafe context else { return }
            let executor = unsafe Unmanaged<QueueExecutor>.fromOpaque(context).takeUnretainedValue()
            unsafe unsafeBitCast(job, to: UnownedJob.self).runSynchronously(on: executor.asUnownedTaskExecutor())
        }
    }

    deinit {
        unsafe cgrpc_queue_release(self.queue)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if unsafe !cgrpc_queue_enqueue(self.queue, unsafeBitCast(job, to: UInt.self)) {
            // The queue has ended; a task that is never resumed would keep all that it holds.
            globalConcurrentExecutor.enqueue(job)
        }
    }

    var isCurrent: Bool { unsafe cgrpc_queue_is_current(self.queue) }
}
