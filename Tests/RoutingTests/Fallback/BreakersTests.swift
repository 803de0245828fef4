import Inference
import Testing

@testable import Routing

private struct Bench {
    let time = SteppedTime()
    let figures: RoutingFigures
    let events = EventKeeper()
    let breakers: Breakers

    init(_ settings: BreakerSettings? = BreakerSettings()) {
        let time = self.time
        self.figures = RoutingFigures(clock: { time.now })
        self.breakers = Breakers(figures: self.figures, settings: settings, recorder: self.events)
        time.advance(by: .seconds(1))
    }

    /// Asks and tells how it went.
    ///
    /// - Returns: whether it was let through.
    @discardableResult
    func take(_ kind: UpstreamFault.Kind?, _ name: String, isRushed: Bool = false) throws -> Bool {
        let model = self.figures[try modelID(name)]
        guard let admission = self.breakers.admit(model, at: self.figures.now) else { return false }
        self.breakers.record(
            kind.map { UpstreamFault($0, "") }, admission, of: model, isRushed: isRushed, at: self.figures.now)
        return true
    }
}

@Suite("The breakers of models and providers")
struct BreakersTests {
    @Test("What opens whose", arguments: UpstreamFault.everyKind + [.diverged])
    func kinds(kind: UpstreamFault.Kind) throws {
        let bench = Bench()
        for _ in 0..<20 { try bench.take(kind, "a/m") }
        let model = bench.breakers.state(of: try modelID("a/m"))
        let provider = bench.breakers.state(of: try #require(ProviderID("a")))
        switch kind {
        case .unreachable, .authenticationFailed, .timedOut(.connect):
            #expect((model, provider) == (.open, .open))
        case .serverError, .timedOut, .truncated, .malformed, .modelNotFound:
            #expect((model, provider) == (.open, .closed))
        case .rateLimited, .overloaded, .contextLengthExceeded, .contentFiltered, .invalidRequest, .unsupported,
            .queueFull, .insufficientMemory, .diverged, .cancelled:
            #expect((model, provider) == (.closed, .closed))
        }
        #expect(bench.events.events.count == (model == .open ? 1 : 0) + (provider == .open ? 1 : 0))
    }

    @Test("A provider's breaker holds back all of its models, and one that answers in any way is there")
    func provider() throws {
        let bench = Bench()
        for name in ["a/1", "a/2", "a/3", "a/4"] { try bench.take(.unreachable, name) }
        try bench.take(.serverError, "a/5")
        for name in ["a/1", "a/2", "a/3", "a/4"] { #expect(try bench.take(.unreachable, name)) }
        // Nine of them, one answer: it takes a fifth in a row or a tenth.
        #expect(try bench.take(.unreachable, "a/6"))
        #expect(try !bench.take(nil, "a/7"))
        #expect(try bench.take(nil, "b/1"))
        #expect(bench.figures[try modelID("a/7")].openUntil == 0)
        #expect(bench.figures[try #require(ProviderID("a"))].openUntil == 16_000_000_000)
        bench.time.advance(by: .seconds(15))
        #expect(bench.breakers.state(of: try #require(ProviderID("a"))) == .halfOpen)
        #expect(try bench.take(.serverError, "a/7"))
        #expect(try bench.take(nil, "a/7"))
        #expect(bench.breakers.state(of: try #require(ProviderID("a"))) == .closed)
    }

    @Test("Models of ours fall one by one")
    func local() throws {
        let bench = Bench()
        for _ in 0..<10 { try bench.take(.unreachable, "local/1") }
        #expect(try !bench.take(nil, "local/1"))
        #expect(try bench.take(nil, "local/2"))
        #expect(bench.breakers.state(of: .local) == .closed)
    }

    @Test("A model is not blamed for a timeout of a client in a hurry")
    func rushed() throws {
        let bench = Bench()
        for _ in 0..<20 { try bench.take(.timedOut(.firstToken), "a/m", isRushed: true) }
        for _ in 0..<20 { try bench.take(.timedOut(.connect), "a/m", isRushed: true) }
        #expect(bench.events.events.isEmpty)
        for _ in 0..<5 { try bench.take(.serverError, "a/m", isRushed: true) }
        #expect(bench.events.events.count == 1)
    }

    @Test("The events tell who, why and for how long, and the figures until when")
    func events() throws {
        let bench = Bench()
        let model = try modelID("a/m")
        for _ in 0..<5 { try bench.take(.malformed, "a/m") }
        #expect(bench.figures[model].openUntil == 16_000_000_000)
        bench.time.advance(by: .seconds(15))
        #expect(bench.breakers.state(of: model) == .halfOpen)
        try bench.take(.malformed, "a/m")
        #expect(bench.breakers.state(of: model) == .open)
        bench.time.advance(by: .seconds(30))
        try bench.take(nil, "a/m")
        #expect(bench.breakers.state(of: model) == .halfOpen)
        try bench.take(nil, "a/m")
        #expect(bench.breakers.state(of: model) == .closed)
        #expect(bench.figures[model].openUntil == 0)
        #expect(
            bench.events.events == [
                GatewayEvent(
                    .breakerOpened, model: model, reason: "5 failures in a row",
                    attributes: [
                        "state": "open", "failures": "5", "requests": "5", "window_seconds": "30", "open_seconds": "15",
                    ]),
                GatewayEvent(
                    .breakerOpened, model: model, reason: "it still fails",
                    attributes: [
                        "state": "open", "failures": "1", "requests": "1", "window_seconds": "30", "open_seconds": "30",
                    ]),
                GatewayEvent(
                    .breakerClosed, model: model, reason: "it answers again",
                    attributes: ["state": "closed", "open_seconds": "45"]),
            ])
    }

    @Test("A probe that the provider's breaker refuses is not lost to the model's")
    func bothHalfOpen() throws {
        let bench = Bench()
        for _ in 0..<5 { try bench.take(.unreachable, "a/m") }
        bench.time.advance(by: .seconds(15))
        let other = bench.figures[try modelID("a/other")]
        let now = bench.figures.now
        let first = try #require(bench.breakers.admit(other, at: now))
        let second = try #require(bench.breakers.admit(other, at: now))
        for _ in 0..<5 { #expect(try !bench.take(nil, "a/m")) }
        bench.breakers.record(nil, first, of: other, at: now)
        bench.breakers.record(nil, second, of: other, at: now)
        #expect(try bench.take(nil, "a/m"))
        #expect(try bench.take(nil, "a/m"))
        #expect(bench.breakers.state(of: try modelID("a/m")) == .closed)
    }

    @Test("Without settings everyone is let through")
    func off() throws {
        let bench = Bench(nil)
        for _ in 0..<100 { #expect(try bench.take(.unreachable, "a/m")) }
        #expect(bench.events.events.isEmpty)
    }

    @Test("Used by many at once, it opens once and lets no more through than its probes")
    func concurrent() async throws {
        let bench = Bench()
        let model = bench.figures[try modelID("a/m")]
        await withDiscardingTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<500 { _ = try? bench.take(.serverError, "a/m") }
                }
            }
        }
        #expect(bench.events.events.count == 1)
        bench.time.advance(by: .seconds(15))
        let now = bench.figures.now
        let admitted = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask { (0..<100).count { _ in bench.breakers.admit(model, at: now) != nil } }
            }
            return await group.reduce(0, +)
        }
        #expect(admitted == 2)
    }
}
