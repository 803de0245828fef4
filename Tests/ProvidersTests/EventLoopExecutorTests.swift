import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Providers

@Suite struct EventLoopExecutorTests {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private func over<Value: Sendable>(_ body: (EventLoopExecutor) async throws -> Value) async throws -> Value {
        let value = try await body(EventLoopExecutors(of: self.group).next())
        try await self.group.shutdownGracefully()
        return value
    }

    @Test func `Tasks run on the thread of the loop, wherever they are resumed from`() async throws {
        let loop = self.group.next()
        let count = try await self.over { executor in
            await withTaskGroup(of: Int.self) { tasks in
                for number in 0..<200 {
                    tasks.addTask(executorPreference: executor) {
                        var inLoop = 0
                        for turn in 0..<20 {
                            if loop.inEventLoop { inLoop += 1 }
                            // Resumed at once, by the loop, or from another thread.
                            switch (number + turn) % 3 {
                            case 0: await Task.yield()
                            case 1: try? await loop.submit {}.get()
                            default:
                                await withCheckedContinuation { resumed in
                                    NIOThreadPool.singleton.submit { _ in resumed.resume() }
                                }
                            }
                        }
                        return inLoop
                    }
                }
                return await tasks.reduce(0, +)
            }
        }
        #expect(count == 200 * 20)
    }

    @Test func `Tasks that never rest do not keep the loop from its other work`() async throws {
        let loop = self.group.next()
        let isOver = Flag()
        try await self.over { executor in
            await withTaskGroup(of: Void.self) { tasks in
                tasks.addTask(executorPreference: executor) {
                    while !isOver.isSet { await Task.yield() }
                }
                tasks.addTask {
                    // Something that is the loop's own, again and again; it would never come to its end.
                    for _ in 0..<100 { try? await loop.submit {}.get() }
                    isOver.set()
                }
            }
        }
    }

    private final class Flag: Sendable {
        private let value = Atomic<Bool>(false)
        var isSet: Bool { self.value.load(ordering: .relaxed) }
        func set() { self.value.store(true, ordering: .relaxed) }
    }
}
