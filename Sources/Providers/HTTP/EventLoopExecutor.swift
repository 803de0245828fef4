package import NIOCore

/// Runs tasks on an event loop's thread, so that whoever consumes what the loop reads need not change threads for it.
///
/// Nothing that runs here may block: every connection of the loop would wait.
package final class EventLoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    package init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.eventLoop.execute { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
