import Inference
import ModelRegistry
import TestSupport
import Testing

@testable import Routing

@Suite("Hedged requests", .timeLimit(.minutes(1)))
struct HedgingTests {
    static func policy(after delay: Duration = .seconds(1)) -> FallbackPolicy {
        var policy = FallbackPolicy()
        policy.hedgeAfter = delay
        return policy
    }

    @Test("One that is slow is overtaken, cancelled, and counted", arguments: [true, false])
    func overtaken(stalls: Bool) async throws {
        let bench = try RouteBench(
            "a/m b/m", jumps: false, policy: Self.policy(),
            scripts: ["a": { _ in stalls ? .stall : .hang(after: []) }])
        let estimated = Usage(inputTokens: 11, outputTokens: 0, isEstimated: true)
        let route = try bench.route(estimate: { _ in (estimated, Cost(nanoUSD: 4, isEstimated: true)) })
        let task = Task { try await route.next() }
        await untilTrue { bench.time.sleeperCount == 1 && bench.asked == "a=1 b=0" }
        bench.time.advance(by: .milliseconds(999))
        #expect(bench.asked == "a=1 b=0")
        bench.time.advance(by: .milliseconds(1))
        let routed = try await task.value
        #expect(routed.model.description == "b/m")
        #expect(routed.isHedge)
        #expect(routed.attempt == 2)
        #expect(try bench["a"].cancelledCount == 1)
        #expect(bench.figures[try modelID("a/m")].inFlight == 0)
        #expect(bench.figures[try modelID("b/m")].inFlight == 1)
        route.succeeded()
        #expect(story(route.attempts) == "a/m cancelled, b/m+ ok")
        #expect(route.attempts.first?.usage == estimated)
        #expect(route.attempts.first?.cost == Cost(nanoUSD: 4, isEstimated: true))
        #expect(route.attempts.first?.fault?.message == "another was quicker")
        #expect(bench.isIdle)
        #expect(bench.figures[try modelID("a/m")].successRate.isNaN, "a loser did not fail")
    }

    @Test("One that answers in time is alone")
    func inTime() async throws {
        let bench = try RouteBench("a/m b/m", jumps: false, policy: Self.policy())
        let route = try bench.route()
        #expect(try await route.next().model.description == "a/m")
        #expect(bench.asked == "a=1 b=0")
        #expect(bench.time.sleeperCount == 0)
        route.succeeded()
        #expect(bench.isIdle)
    }

    @Test("The slow one may still win, and the hedge is the one that lost")
    func firstWins() async throws {
        let go = Latch()
        let bench = try RouteBench(
            "a/m b/m", jumps: false, policy: Self.policy(),
            scripts: [
                "a": { _ in .later(go, [[.textDelta("a")], [.finished(.stop)]]) }, "b": { _ in .hang(after: []) },
            ])
        let route = try bench.route()
        let task = Task { try await route.next() }
        await untilTrue { bench.time.sleeperCount == 1 }
        bench.time.advance(by: .seconds(1))
        await untilTrue { bench.asked == "a=1 b=1" }
        go.open()
        #expect(try await task.value.model.description == "a/m")
        #expect(story(route.attempts) == "b/m+ cancelled")
        #expect(try bench["b"].cancelledCount == 1)
        route.succeeded()
        #expect(bench.isIdle)
    }

    @Test("When one of two fails the other goes on; when both fail the search does")
    func failures() async throws {
        let go = Latch()
        let fault = UpstreamFault(.serverError, "no")
        let bench = try RouteBench(
            "a/m b/m c/m", jumps: false, policy: Self.policy(),
            scripts: [
                "a": { _ in .later(go, [], fault: fault) }, "b": { _ in .later(go, [], fault: fault) },
            ])
        let route = try bench.route()
        let task = Task { try await route.next() }
        await untilTrue { bench.time.sleeperCount == 1 }
        bench.time.advance(by: .seconds(1))
        await untilTrue { bench.asked == "a=1 b=1 c=0" }
        go.open()
        let routed = try await task.value
        #expect(routed.model.description == "c/m")
        #expect(routed.failedAttempts.map(\.fault?.kind) == [.serverError, .serverError])
        #expect(routed.failedAttempts.count(where: \.isHedge) == 1)
        route.succeeded()
        #expect(bench.isIdle)
    }

    @Test("What nobody can mend ends both, and is the last that is told")
    func decisive() async throws {
        let bench = try RouteBench(
            "a/m b/m", jumps: false, policy: Self.policy(),
            scripts: ["a": { _ in .hang(after: []) }, "b": { _ in RouteBench.refuse(.invalidRequest) }])
        let route = try bench.route()
        let task = Task { try await route.next() }
        await untilTrue { bench.time.sleeperCount == 1 }
        bench.time.advance(by: .seconds(1))
        let error = await #expect(throws: RoutingFailure.self) { try await task.value }
        #expect(story(attempts(of: error)) == "a/m cancelled, b/m+ invalid_request")
        #expect(try bench["a"].cancelledCount == 1)
        #expect(bench.isIdle)
    }

    @Test("A client that leaves ends both", arguments: [true, false])
    func cancellation(isHedged: Bool) async throws {
        let bench = try RouteBench(
            "a/m b/m", jumps: false, policy: Self.policy(),
            scripts: ["a": { _ in .hang(after: []) }, "b": { _ in .stall }])
        let route = try bench.route()
        let task = Task { try await route.next() }
        await untilTrue { bench.time.sleeperCount == 1 && bench.asked == "a=1 b=0" }
        if isHedged {
            bench.time.advance(by: .seconds(1))
            await untilTrue { bench.asked == "a=1 b=1" }
        }
        task.cancel()
        let error = await #expect(throws: RoutingFailure.self) { try await task.value }
        #expect(attempts(of: error).map(\.fault?.kind) == Array(repeating: .cancelled, count: isHedged ? 2 : 1))
        #expect(try bench["a"].cancelledCount == 1)
        #expect(try bench["b"].cancelledCount == (isHedged ? 1 : 0))
        #expect(bench.isIdle)
        #expect(bench.time.sleeperCount == 0)
    }

    @Test("Two that answer at once: one is taken, the other closed")
    func tie() async throws {
        for _ in 0..<50 {
            let go = Latch()
            let batches: [[InferenceEvent]] = [[.textDelta("x")], [.textDelta("y")], [.finished(.stop)]]
            let bench = try RouteBench(
                "a/m b/m", jumps: false, policy: Self.policy(),
                scripts: ["a": { _ in .later(go, batches) }, "b": { _ in .later(go, batches) }])
            let route = try bench.route()
            let task = Task { try await route.next() }
            await untilTrue { bench.time.sleeperCount == 1 }
            bench.time.advance(by: .seconds(1))
            await untilTrue { bench.asked == "a=1 b=1" }
            go.open()
            let routed = try await task.value
            #expect(route.attempts.count == 1)
            #expect(route.attempts.first?.model != routed.model)
            #expect(try bench["a"].cancelledCount + bench["b"].cancelledCount == 1)
            route.succeeded()
            #expect(bench.isIdle)
        }
    }

    @Test("Hedges are bounded by their part of all requests")
    func budget() async throws {
        var policy = Self.policy(after: .milliseconds(10))
        policy.hedgeBudgetRatio = 0
        let bench = try RouteBench("a/m b/m", policy: policy, scripts: ["a": { _ in .hang(after: []) }])
        for _ in 0..<10 {
            let route = try bench.route()
            #expect(try await route.next().isHedge)
            route.succeeded()
        }
        let route = try bench.route()
        let task = Task { try await route.next() }
        await untilTrue { bench.time.slept.count == 11 }
        for _ in 0..<100 { await Task.yield() }
        #expect(bench.asked == "a=11 b=10")
        task.cancel()
        await #expect(throws: RoutingFailure.self) { try await task.value }
    }

    @Test("Whole answers and lone candidates are not hedged", arguments: ["whole", "alone", "off"])
    func never(which: String) async throws {
        let bench = try RouteBench(
            which == "alone" ? "a/m" : "a/m b/m",
            policy: which == "off" ? FallbackPolicy() : Self.policy(after: .milliseconds(1)))
        let route = try bench.route(delivery: which == "whole" ? .whole : .streamed)
        #expect(try await route.next().model.description == "a/m")
        #expect(bench.time.slept.isEmpty)
    }
}
