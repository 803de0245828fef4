package import NIOCore
import Synchronization

/// Runs tasks on an event loop's thread, so that whoever consumes what the loop reads need not change threads for it.
///
/// Jobs wait in a list of its own, which the loop works off in one go: a request resumes its task a dozen times, and each
/// time through the loop's own queue would cost a closure, two locks and a turn of the loop.
///
/// Nothing that runs here may block: every connection of the loop would wait.
package final class EventLoopExecutor: TaskExecutor {
    private struct Waiting {
        var jobs: [UnownedJob] = []
        /// The loop works on the list, or has been asked to.
        var isUnderWay = false
    }

    private let eventLoop: any EventLoop
    private let waiting = Mutex(Waiting())
    /// Jobs that run before the loop looks at its sockets again.
    private static let mostAtOnce = 256

    package init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let mustAsk = self.waiting.withLock { waiting in
            waiting.jobs.append(job)
            defer { waiting.isUnderWay = true }
            return !waiting.isUnderWay
        }
        if mustAsk { self.eventLoop.execute { self.work() } }
    }

    /// On the event loop: runs what waits, and what that brings.
    private func work() {
        var jobs: [UnownedJob] = []
        var count = 0
        while count < Self.mostAtOnce {
            jobs.removeAll(keepingCapacity: true)
            let isDone = self.waiting.withLock { waiting in
                swap(&jobs, &waiting.jobs)
                if jobs.isEmpty { waiting.isUnderWay = false }
                return jobs.isEmpty
            }
            if isDone { return }
            for job in jobs { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
            count += jobs.count
        }
        self.eventLoop.execute { self.work() }
    }
}

/// One executor for each event loop of a group, given out in turns.
package final class EventLoopExecutors: Sendable {
    private let executors: [EventLoopExecutor]
    private let turn = Atomic<Int>(0)

    package init(of group: any EventLoopGroup) {
        self.executors = group.makeIterator().map { EventLoopExecutor($0) }
    }

    package func next() -> EventLoopExecutor {
        let turn = self.turn.wrappingAdd(1, ordering: .relaxed).oldValue
        return self.executors[Int(UInt(bitPattern: turn) % UInt(self.executors.count))]
    }
}
