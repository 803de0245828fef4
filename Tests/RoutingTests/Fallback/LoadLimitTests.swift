import Inference
import ModelRegistry
import TestSupport
import Testing

@testable import Routing

@Suite("A model that has to be loaded first", .timeLimit(.minutes(1)))
struct LoadLimitTests {
    @Test("Is waited for as long as its share of the deadline, then another is asked", arguments: [true, false])
    func share(isLoading: Bool) async throws {
        let bench = try RouteBench("local/m b/m", jumps: false, scripts: ["local": { _ in .stall }])
        try bench["local"].set(isLoading ? .loading : .unloaded, of: "m")
        let route = try bench.route(deadline: .seconds(10))
        let task = Task { try await route.next() }
        await untilTrue { bench.time.sleeperCount == 1 && bench.asked == "b=0 local=1" }
        bench.time.advance(by: .milliseconds(4_999))
        #expect(bench.asked == "b=0 local=1")
        bench.time.advance(by: .milliseconds(1))
        let routed = try await task.value
        #expect(routed.model.description == "b/m")
        #expect(story(routed.failedAttempts) == "local/m timed_out_first_token")
        #expect(try bench["local"].cancelledCount == 1)
        route.succeeded()
        #expect(bench.isIdle)
    }

    @Test("Has all the time there is where nobody else is left, or no deadline", arguments: [true, false])
    func noLimit(isAlone: Bool) async throws {
        let loaded = Latch()
        let bench = try RouteBench(
            isAlone ? "local/m" : "local/m b/m", jumps: false,
            scripts: ["local": { _ in .later(loaded, [[.textDelta("x")]]) }])
        try bench["local"].set(.loading, of: "m")
        let route = try bench.route(deadline: isAlone ? .seconds(10) : nil)
        let task = Task { try await route.next() }
        await untilTrue { loaded.isAwaited }
        #expect(bench.time.slept.isEmpty)
        bench.time.advance(by: .seconds(9))
        loaded.open()
        #expect(try await task.value.model.description == "local/m")
    }

    @Test("Answers in time and no clock is left behind")
    func inTime() async throws {
        let loaded = Latch()
        let bench = try RouteBench(
            "local/m b/m", jumps: false, scripts: ["local": { _ in .later(loaded, [[.textDelta("x")]]) }])
        try bench["local"].set(.loading, of: "m")
        let route = try bench.route(deadline: .seconds(10))
        let task = Task { try await route.next() }
        await untilTrue { loaded.isAwaited && bench.time.sleeperCount == 1 }
        loaded.open()
        #expect(try await task.value.model.description == "local/m")
        #expect(bench.time.sleeperCount == 0)
        #expect(try bench["local"].cancelledCount == 0)
    }

    @Test("A client that leaves meanwhile has left, and nobody was too slow")
    func cancellation() async throws {
        let bench = try RouteBench("local/m b/m", jumps: false, scripts: ["local": { _ in .stall }])
        try bench["local"].set(.loading, of: "m")
        let route = try bench.route(deadline: .seconds(10))
        let task = Task { try await route.next() }
        await untilTrue { bench.time.sleeperCount == 1 && bench.asked == "b=0 local=1" }
        task.cancel()
        let error = await #expect(throws: RoutingFailure.self) { try await task.value }
        #expect(story(attempts(of: error)) == "local/m cancelled")
        #expect(bench.time.sleeperCount == 0)
        #expect(bench.isIdle)
    }
}
