package import NIOCore
import Synchronization

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
