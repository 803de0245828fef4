import Inference
import Logging
import Synchronization
import TestSupport
import Testing

@testable import ModelLifecycle

@Suite("Lifecycle manager", .timeLimit(.minutes(2)))
struct LifecycleManagerTests {
    private let a = ModelID.local("a")
    private let b = ModelID.local("b")
    private let models = [ManagedModel.local("a"), ManagedModel.local("b")]

    @Test("loads for the first request, leases at once to the next, and ends everything when it is cancelled")
    func acquires() async throws {
        try await ManagerBench(models).run { bench in
            #expect(bench.manager.leaseIfReady(a) == nil)
            let first = try await bench.manager.acquire(a, progress: nil)
            let second = try #require(bench.manager.leaseIfReady(a))
            #expect(second.instance == first.instance)
            #expect(bench.manager.status(of: a)?.leases == 2)
            first.release()
            first.release()
            #expect(bench.manager.status(of: a)?.leases == 1)
            second.release()
            #expect(bench.manager.status(of: a)?.leases == 0)
            #expect(bench.manager.availability(of: a) == .available)
            #expect(bench.manager.availability(of: b) == .unloaded)
            #expect(bench.runtime.launched.map(\.model) == [a])
        }
    }

    @Test("the lines of a load that a request waits for name the request, and those of another load none")
    func loadsNameTheirRequest() async throws {
        let lines = RequestLines()
        try await ManagerBench(models, logger: lines.logger).run { bench in
            _ = try await bench.manager.acquire(a, for: "mine", progress: nil)
            _ = try await bench.manager.load(b, version: nil, warms: false, progress: nil)
        }
        let ready = lines.all.filter { $0.message == "model ready" }
        #expect(ready.map(\.request) == ["mine", nil])
        // Whoever had it loaded is not to blame for its end.
        #expect(lines.all.filter { $0.message == "model unloaded" }.allSatisfy { $0.request == nil })
    }

    @Test("a lease that is let go of is released")
    func leaseEndsWithItsOwner() async throws {
        try await ManagerBench(models).run { bench in
            do {
                let lease = try await bench.manager.acquire(a, progress: nil)
                #expect(lease.instance.key.model == a)
            }
            #expect(bench.manager.status(of: a)?.leases == 0)
        }
    }

    @Test("a caller that is cancelled leaves, and its load goes on")
    func cancelledCaller() async throws {
        try await ManagerBench(models).run { bench in
            bench.runtime.set([.gated], of: a)
            let answer = await withTaskGroup(of: LifecycleError?.self) { group in
                group.addTask {
                    do throws(LifecycleError) {
                        _ = try await bench.manager.acquire(a, progress: nil)
                        return nil
                    } catch {
                        return error
                    }
                }
                await Turns.until { bench.manager.status(of: a)?.state == .loading }
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(answer == .cancelled)
            #expect(bench.manager.status(of: a)?.waiters == 0)
            #expect(bench.state(a) == .loading)
            bench.runtime.open(a)
            _ = try await bench.manager.acquire(a, progress: nil)
            #expect(bench.runtime.launched.count == 1)
        }
    }

    @Test("a crash is told to streams in the engine's words, and the engine comes back after the backoff")
    func crash() async throws {
        try await ManagerBench(models).run { bench in
            let lease = try await bench.manager.acquire(a, progress: nil)
            async let exit = bench.manager.exit(of: lease.instance)
            bench.runtime.end(a, .crashed(reason: "signal 9"))
            let told = await exit
            #expect(told == .crashed(reason: "signal 9"))
            #expect(bench.state(a) == .queued)
            await Turns.until { bench.clock.asked.contains(.milliseconds(250)) }
            bench.clock.advance(by: .milliseconds(250))
            let again = try await bench.manager.acquire(a, progress: nil)
            #expect(again.instance.launch != lease.instance.launch)
            let late = await bench.manager.exit(of: lease.instance)
            #expect(late == .crashed(reason: "signal 9"))
            #expect(
                bench.events.events.map(\.kind) == [
                    .modelLoading, .modelLoaded, .modelLoadError, .modelLoading, .modelLoaded,
                ])
        }
    }

    @Test("nobody waits for news of an engine that lives for longer than a moment")
    func exitOfTheLiving() async throws {
        try await ManagerBench(models).run { bench in
            let lease = try await bench.manager.acquire(a, progress: nil)
            async let exit = bench.manager.exit(of: lease.instance)
            await Turns.until { bench.clock.asked.contains(.milliseconds(200)) }
            bench.clock.advance(by: .milliseconds(200))
            let told = await exit
            #expect(told == nil)
        }
    }

    @Test("an engine that heeds nothing is killed, when it is unloaded and when the server stops")
    func deaf() async throws {
        try await ManagerBench(models).run { bench in
            bench.runtime.set([.deaf], of: a)
            bench.runtime.set([.deaf], of: b)
            _ = try await bench.manager.load(a, version: nil, warms: false, progress: nil)
            async let outcome = bench.manager.unload(a, version: nil, grace: nil, reason: "asked")
            await Turns.until { bench.clock.asked.contains(.seconds(30)) }
            bench.clock.advance(by: .seconds(30))
            let unloaded = try await outcome
            #expect(unloaded == UnloadOutcome(wasLoaded: true, freedBytes: 10))
            _ = try await bench.manager.load(b, version: nil, warms: false, progress: nil)
            // The end of the bench has to wait for it.
            Task {  // task: moves the time on while the bench waits for its manager
                await Turns.until { bench.clock.asked.contains(.seconds(10)) }
                bench.clock.advance(by: .seconds(10))
            }
        }
    }

    @Test("a hung engine is found by its probes and replaced")
    func hung() async throws {
        try await ManagerBench(models).run { bench in
            let lease = try await bench.manager.acquire(a, progress: nil)
            bench.runtime.deafen(lease.instance.launch)
            for round in 1...3 {
                await Turns.until { bench.clock.asked.count { $0 == .seconds(5) } == round }
                bench.clock.advance(by: .seconds(5))
            }
            let exit = await bench.manager.exit(of: lease.instance)
            #expect(exit != nil)
            await Turns.until { bench.state(a) == .queued }
            #expect(bench.manager.status(of: a)?.reason.contains("it hung") == true)
            await Turns.until { bench.clock.asked.contains(.milliseconds(250)) }
            bench.clock.advance(by: .milliseconds(250))
            let again = try await bench.manager.acquire(a, progress: nil)
            #expect(again.instance.launch != lease.instance.launch)
        }
    }

    @Test("a load can have a first request answered; that it was not is an error")
    func warms() async throws {
        try await ManagerBench(models).run { bench in
            let loaded = try await bench.manager.load(a, version: nil, warms: true, progress: nil)
            #expect(loaded.state == .ready && bench.warmUpCount == 1)
            _ = try await bench.manager.load(a, version: nil, warms: true, progress: nil)
            #expect(bench.warmUpCount == 1)
            bench.failWarmUps(UpstreamFault(.serverError, "no tokens"))
            await #expect(throws: LifecycleError.self) {
                _ = try await bench.manager.load(b, version: nil, warms: true, progress: nil)
            }
            #expect(bench.state(b) == .ready)
        }
    }

    @Test("progress arrives in order")
    func progress() async throws {
        try await ManagerBench(models).run { bench in
            bench.runtime.set([.load([1, 50, 100])], of: a)
            let told = Mutex<[LoadProgress]>([])
            let sink = ProgressSink { progress in told.withLock { $0.append(progress) } }
            _ = try await bench.manager.acquire(a, progress: sink)
            let phases = told.withLock { $0.map(\.phase) }
            #expect(phases.first == .queued && phases.contains(.loading) && phases.last == .ready)
            let places = phases.compactMap { LoadPhase.allCases.firstIndex(of: $0) }
            #expect(places == places.sorted())
        }
    }

    @Test("changes are told by model")
    func changes() async throws {
        try await ManagerBench(models).run { bench in
            let changes = bench.manager.changes()
            _ = try await bench.manager.load(a, version: nil, warms: false, progress: nil)
            var seen: [ModelID] = []
            for await model in changes.prefix(3) { seen.append(model) }
            #expect(seen == [a, a, a])
        }
    }

    @Test("a provider may get its runtime late, lose it, and say so")
    func runtimes() async throws {
        try await ManagerBench(models).run { bench in
            bench.manager.setRuntime(nil, for: .local)
            await #expect(throws: LifecycleError.self) { _ = try await bench.manager.acquire(a, progress: nil) }
            #expect(bench.manager.status(of: a)?.reason.contains("nothing that loads models") == true)
            bench.manager.setRuntime(bench.runtime, for: .local)
            _ = try await bench.manager.acquire(a, progress: nil)
            #expect(bench.manager.status(of: a)?.engine == "scripted")
        }
    }

    @Test("a plan asks the runtime anew, for another context too")
    func plan() async throws {
        try await ManagerBench(models, limits: .forTests(memory: 15)).run { bench in
            _ = try await bench.manager.acquire(a, progress: nil)
            let plan = try await bench.manager.plan(b, version: nil, contextLength: 4096)
            #expect(plan.isFeasible && plan.evictions.map(\.key.model) == [a])
            bench.runtime.set(problem: "not a GGUF", of: b)
            let none = try await bench.manager.plan(b, version: nil, contextLength: nil)
            #expect(!none.isFeasible && none.reason == "not a GGUF")
        }
    }

    @Test("a hundred callers and two models that fit one at a time: everyone is served, never two at once")
    func swapping() async throws {
        try await ManagerBench(models, limits: .forTests(memory: 15)).run { bench in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<100 {
                    group.addTask {
                        for turn in 0..<5 {
                            let model = (caller + turn).isMultiple(of: 2) ? a : b
                            let lease = try await bench.manager.acquire(model, progress: nil)
                            #expect(lease.instance.key.model == model)
                            await Task.yield()
                            lease.release()
                        }
                    }
                }
                let mover = Mutex(false)
                group.addTask {
                    while !mover.withLock({ $0 }) {
                        bench.clock.advance(by: .seconds(1))
                        await Task.yield()
                    }
                }
                for _ in 0..<100 { try await group.next() }
                mover.withLock { $0 = true }
                try await group.waitForAll()
            }
            #expect(bench.runtime.most == 1)
            #expect(bench.events.events.contains { $0.kind == .modelEvicted })
        }
    }
}

/// Lines of the log, and the requests that they name.
private final class RequestLines: Sendable {
    private let lines = Mutex<[(message: String, request: String?)]>([])

    var all: [(message: String, request: String?)] { self.lines.withLock { $0 } }

    var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }

    private struct Handler: LogHandler {
        let lines: RequestLines
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let line = ("\(event.message)", event.metadata?["request_id"].map { "\($0)" })
            self.lines.lines.withLock { $0.append(line) }
        }
    }
}
