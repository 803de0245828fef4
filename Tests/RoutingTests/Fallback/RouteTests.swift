import Inference
import ModelRegistry
import TestSupport
import Testing

@testable import Routing

@Suite("A request's route", .timeLimit(.minutes(1)))
struct RouteTests {
    @Test("An answer is one attempt, and the figures know how quick it was")
    func good() async throws {
        let bench = try RouteBench("a/m b/m")
        let route = try bench.route()
        let routed = try await route.next()
        #expect(routed.model.description == "a/m")
        #expect(routed.attempt == 1)
        #expect(routed.firstEvents == [.textDelta("a")])
        #expect(route.attempts.isEmpty)
        let figures = bench.figures[routed.model]
        #expect(figures.inFlight == 1 && figures.provider.inFlight == 1)
        #expect(figures.firstTokenNanoseconds == 0)
        bench.time.advance(by: .seconds(2))
        let usage = Usage(inputTokens: 1, outputTokens: 2)
        route.succeeded(usage: usage, cost: Cost(nanoUSD: 3))
        #expect(
            route.attempts == [
                Attempt(model: routed.model, duration: .seconds(2), usage: usage, cost: Cost(nanoUSD: 3))
            ])
        #expect(figures.latencyNanoseconds == 2e9)
        #expect(figures.successRate == 1)
        #expect(bench.isIdle)
        route.failed(UpstreamFault(.serverError, "late"))
        #expect(route.attempts.count == 1, "an end is told once")
    }

    @Test("The same model is asked again after the wait, and answers", arguments: [nil, Duration.seconds(1)])
    func retries(retryAfter: Duration?) async throws {
        let fails = Latch()
        let bench = try RouteBench(
            "a/m",
            scripts: [
                "a": { _ in
                    if fails.isOpen { return RouteBench.answer("a") }
                    fails.open()
                    return RouteBench.refuse(.rateLimited(retryAfter: retryAfter))
                }
            ])
        let route = try bench.route("a/m")
        let routed = try await route.next()
        #expect(routed.attempt == 2)
        #expect(bench.time.slept == [retryAfter ?? .milliseconds(50)])
        route.succeeded()
        #expect(story(route.attempts) == "a/m rate_limited, a/m ok")
        #expect(bench.figures[routed.model].excludedUntil == (retryAfter == nil ? 0 : 1_000_000_001))
    }

    @Test("A Retry-After too long to wait for fails at once with that fault")
    func tooLong() async throws {
        let bench = try RouteBench(
            "a/m", scripts: ["a": { _ in RouteBench.refuse(.rateLimited(retryAfter: .seconds(60))) }])
        let route = try bench.route()
        let error = await #expect(throws: RoutingFailure.self) { try await route.next() }
        #expect(attempts(of: error).map(\.fault?.kind) == [.rateLimited(retryAfter: .seconds(60))])
        #expect(bench.time.slept.isEmpty)
        #expect(bench.isIdle)
    }

    @Test("After a failure in mid-stream the search goes on, and both attempts are in the books")
    func midStream() async throws {
        let bench = try RouteBench("a/1 b/1+ c/1")
        let route = try bench.route()
        let first = try await route.next()
        #expect(first.model.description == "a/1")
        bench.time.advance(by: .seconds(1))
        let usage = Usage(inputTokens: 5, outputTokens: 7, isEstimated: true)
        route.failed(UpstreamFault(.truncated, "cut"), usage: usage, cost: Cost(nanoUSD: 9, isEstimated: true))
        #expect(bench.figures[first.model].successRate == 0)
        let second = try await route.next(prefill: "so far")
        #expect(second.model.description == "b/1")
        #expect(second.attempt == 2)
        #expect(try bench["b"].requests.map(\.prefill) == ["so far"])
        route.succeeded()
        #expect(story(route.attempts) == "a/1 truncated, b/1 ok")
        #expect(route.attempts.first?.usage == usage)
        #expect(route.attempts.first?.cost == Cost(nanoUSD: 9, isEstimated: true))
        #expect(route.attempts.first?.duration == .seconds(1))
    }

    @Test("Where nobody can go on from a begun answer, everything that was tried is told")
    func nobodyContinues() async throws {
        let bench = try RouteBench("a/1+ b/1")
        let route = try bench.route()
        _ = try await route.next()
        route.failed(UpstreamFault(.contextLengthExceeded, "too long"))
        let error = await #expect(throws: RoutingFailure.self) { try await route.next(prefill: "so far") }
        #expect(story(attempts(of: error)) == "a/1 context_length_exceeded")
        #expect(bench.asked == "a=1 b=0")
    }

    @Test("A client that leaves is nobody's failure", arguments: [true, false])
    func abandoned(tells: Bool) async throws {
        let bench = try RouteBench("a/m")
        let model = try modelID("a/m")
        do {
            let route = try bench.route()
            _ = try await route.next()
            #expect(bench.figures[model].inFlight == 1)
            if tells {
                route.abandoned(usage: Usage(inputTokens: 1, outputTokens: 1))
                #expect(story(route.attempts) == "a/m cancelled")
            }
        }
        #expect(bench.isIdle)
        #expect(bench.figures[model].successRate.isNaN)
    }

    @Test("A model whose breaker is open is passed over, and alone it is not asked")
    func breaker() async throws {
        var policy = FallbackPolicy()
        policy.attemptsPerModel = 1
        let bench = try RouteBench("a/m b/m", policy: policy, scripts: ["a": { _ in RouteBench.refuse(.malformed) }])
        for _ in 0..<5 { _ = try await bench.route().next() }
        #expect(bench.asked == "a=5 b=5")
        #expect(bench.events.events.map(\.kind) == [.breakerOpened])
        let route = try bench.route()
        let routed = try await route.next()
        #expect(routed.model.description == "b/m")
        #expect(routed.failedAttempts.map(\.fault?.kind) == [.unreachable])
        #expect(bench.asked == "a=5 b=6")
        await #expect(
            throws: RoutingFailure.nobodyReady([
                .init(
                    model: try modelID("a/m"),
                    reason: "its circuit breaker is open after failures; it is tried again in 15 s")
            ])
        ) { try await bench.route("a/m").next() }
    }

    @Test("Probes bring a model back, also when they are given up half way")
    func recovery() async throws {
        let isWell = Latch()
        let bench = try RouteBench(
            "a/m", scripts: ["a": { _ in isWell.isOpen ? RouteBench.answer("a") : RouteBench.refuse(.malformed) }])
        for _ in 0..<3 {
            let route = try bench.route()
            await #expect(throws: RoutingFailure.self) { try await route.next() }
        }
        isWell.open()
        bench.time.advance(by: .seconds(15))
        for _ in 0..<4 {
            let route = try bench.route()
            _ = try await route.next()
            route.abandoned()
        }
        #expect(bench.router.breakers.state(of: try modelID("a/m")) == .halfOpen)
        for _ in 0..<2 {
            let route = try bench.route()
            _ = try await route.next()
            route.succeeded()
        }
        #expect(bench.router.breakers.state(of: try modelID("a/m")) == .closed)
        #expect(bench.events.events.map(\.kind) == [.breakerOpened, .breakerClosed])
    }

    @Test("A provider that is taken away is passed over")
    func missingProvider() async throws {
        let bench = try RouteBench("a/m b/m")
        let route = try bench.route()
        bench.catalog.set(nil, for: try #require(ProviderID("a")))
        let routed = try await route.next()
        #expect(routed.model.description == "b/m")
        #expect(routed.failedAttempts.map(\.fault?.message) == ["provider 'a' is not running"])
    }

    @Test("The client's deadline is shared out, and the last has the rest")
    func deadline() async throws {
        let bench = try RouteBench(
            "a/m b/m c/m",
            scripts: [
                "a": { _ in RouteBench.refuse(.modelNotFound) }, "b": { _ in RouteBench.refuse(.modelNotFound) },
            ])
        _ = try await bench.route(deadline: .seconds(30)).next()
        #expect(try bench["a"].requests.map(\.firstTokenLimit) == [.seconds(10)])
        #expect(try bench["b"].requests.map(\.firstTokenLimit) == [.seconds(15)])
        #expect(try bench["c"].requests.map(\.firstTokenLimit) == [nil])
        _ = try await bench.route(delivery: .whole, deadline: .seconds(30)).next()
        #expect(try bench["a"].requests.last?.firstTokenLimit == .seconds(15))
    }

    @Test("A deadline that has passed is the client's, not a lack of models")
    func deadlinePassed() async throws {
        let bench = try RouteBench("a/m")
        let route = try bench.route(deadline: .zero)
        let error = await #expect(throws: RoutingFailure.self) { try await route.next() }
        #expect(story(attempts(of: error)) == "a/m cancelled")
        #expect(bench.asked == "a=0")
    }

    @Test("A client in a hurry opens no breaker")
    func hurry() async throws {
        let bench = try RouteBench(
            "a/m b/m", scripts: ["a": { _ in RouteBench.refuse(.timedOut(.firstToken)) }])
        for _ in 0..<20 { _ = try await bench.route(deadline: .milliseconds(600)).next() }
        #expect(bench.events.events.isEmpty)
        #expect(bench.figures[try modelID("a/m")].successRate.isNaN)
        for _ in 0..<5 { _ = try await bench.route().next() }
        #expect(bench.events.events.map(\.kind) == [.breakerOpened])
    }

    @Test("Chains are for aliases, not for a request that names a model", arguments: ["all", "a/m"])
    func chains(target: String) async throws {
        var policy = FallbackPolicy()
        policy.contentFilterChain = [try modelID("z/free")]
        let bench = try RouteBench(
            "a/m:100 z/free:100", policy: policy, scripts: ["a": { _ in RouteBench.refuse(.contentFiltered) }])
        bench.catalog.set(try bench["z"], for: try #require(ProviderID("z")))
        let route = try bench.route(target)
        if target == "all" {
            #expect(try await route.next().model.description == "z/free")
        } else {
            await #expect(throws: RoutingFailure.self) { try await route.next() }
        }
    }

    @Test("The retry budget bounds how often models are asked again, not how often others are")
    func budget() async throws {
        var policy = FallbackPolicy()
        policy.retryBudgetRatio = 0
        policy.retryBudgetMinPerSecond = 0.3
        policy.breaker = nil
        let bench = try RouteBench("a/m", policy: policy, scripts: ["a": { _ in RouteBench.refuse(.serverError) }])
        for _ in 0..<10 {
            let route = try bench.route()
            await #expect(throws: RoutingFailure.self) { try await route.next() }
        }
        // Ten, and three times ten tenths of a second.
        #expect(bench.asked == "a=13")
    }

    // MARK: Cancellation

    @Test("A client that leaves ends whatever is under way", arguments: ["stall", "silence", "wait"])
    func cancellation(point: String) async throws {
        let bench = try RouteBench(
            "a/m", jumps: false,
            scripts: [
                "a": { _ in
                    switch point {
                    case "stall": .stall
                    case "silence": .hang(after: [])
                    default: RouteBench.refuse(.serverError)
                    }
                }
            ])
        let route = try bench.route()
        let task = Task { try await route.next() }
        let model = try modelID("a/m")
        if point == "wait" {
            await untilTrue { bench.time.sleeperCount == 1 }
        } else {
            await untilTrue { bench.figures[model].inFlight == 1 && bench.asked == "a=1" }
        }
        task.cancel()
        let error = await #expect(throws: RoutingFailure.self) { try await task.value }
        #expect(
            story(attempts(of: error)) == (point == "wait" ? "a/m server_error, a/m cancelled" : "a/m cancelled"))
        #expect(story(route.attempts) == story(attempts(of: error)))
        #expect(bench.isIdle)
        #expect(try bench["a"].cancelledCount == (point == "wait" ? 0 : 1))
        #expect(bench.time.sleeperCount == 0)
    }

    @Test("For a client that has left nobody else is asked")
    func cancelledMeanwhile() async throws {
        let bench = try RouteBench(
            "a/m b/m",
            scripts: [
                "a": { _ in
                    // It fails by itself in the moment in which the client leaves.
                    unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
                    return RouteBench.refuse(.serverError)
                }
            ])
        let route = try bench.route()
        let task = Task { try await route.next() }
        let error = await #expect(throws: RoutingFailure.self) { try await task.value }
        #expect(bench.asked == "a=1 b=0")
        #expect(story(attempts(of: error)) == "a/m server_error, a/m cancelled")
        #expect(bench.isIdle)
    }
}
