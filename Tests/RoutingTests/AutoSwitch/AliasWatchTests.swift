import Inference
import Testing

@testable import Routing

@Suite("Exchanging the active model of an alias")
struct AliasWatchTests {
    private let first: ModelID
    private let second: ModelID
    private let third: ModelID
    private let start = ContinuousClock.now
    private let limits = AliasWatch.Limits(
        minSuccessRate: 0.9, maxLatency: .seconds(2), window: .seconds(60), minRequests: 10, recoverAfter: .seconds(600)
    )

    init() throws {
        self.first = try #require(ModelID("a/first"))
        self.second = try #require(ModelID("b/second"))
        self.third = try #require(ModelID("c/third"))
    }

    private func feed(
        _ watch: inout AliasWatch, _ model: ModelID, good: Int, bad: Int, latency: Duration = .seconds(1),
        at time: ContinuousClock.Instant
    ) {
        for _ in 0..<good { watch.note(.init(model: model, isSuccess: true, latency: latency, time: time)) }
        for _ in 0..<bad { watch.note(.init(model: model, isSuccess: false, latency: nil, time: time)) }
    }

    private static func decide(
        _ watch: inout AliasWatch, _ targets: [ModelID], _ now: ContinuousClock.Instant
    ) -> AliasWatch.Switch? {
        watch.decide(targets: targets, at: now) { _ in true }
    }

    @Test("A model below the success threshold makes way for the next, and one above it does not")
    func success() {
        var watch = AliasWatch(self.limits)
        let targets = [self.first, self.second, self.third]
        let decision1 = Self.decide(&watch, targets, self.start)
        #expect(decision1 == nil)
        self.feed(&watch, self.first, good: 18, bad: 2, at: self.start)
        let decision2 = Self.decide(&watch, targets, self.start)
        #expect(decision2 == nil)
        self.feed(&watch, self.first, good: 0, bad: 1, at: self.start)
        let made = Self.decide(&watch, targets, self.start)
        #expect(made?.model == self.second)
        #expect(made?.reason.contains("18 of its last 21") == true)
    }

    @Test("A model that is too slow at the median makes way")
    func latency() {
        var watch = AliasWatch(self.limits)
        let targets = [self.first, self.second]
        _ = Self.decide(&watch, targets, self.start)
        self.feed(&watch, self.first, good: 9, bad: 0, latency: .seconds(1), at: self.start)
        self.feed(&watch, self.first, good: 10, bad: 0, latency: .seconds(3), at: self.start)
        let decision3 = Self.decide(&watch, targets, self.start)
        #expect(decision3?.model == self.second)
    }

    @Test("Too few requests, old ones and those of other models decide nothing")
    func evidence() {
        var watch = AliasWatch(self.limits)
        let targets = [self.first, self.second]
        _ = Self.decide(&watch, targets, self.start)
        self.feed(&watch, self.first, good: 0, bad: 9, at: self.start)
        self.feed(&watch, self.second, good: 0, bad: 50, at: self.start)
        let decision4 = Self.decide(&watch, targets, self.start)
        #expect(decision4 == nil)
        self.feed(&watch, self.first, good: 0, bad: 1, at: self.start + .seconds(61))
        let decision5 = Self.decide(&watch, targets, self.start + .seconds(61))
        #expect(decision5 == nil)
    }

    @Test("A model that was exchanged comes back after its rest, which doubles each time that it fails again")
    func comeback() {
        var watch = AliasWatch(self.limits)
        var targets = [self.first, self.second]
        var now = self.start
        _ = Self.decide(&watch, targets, now)
        for rest in [600, 1200, 2400, 4800] {
            self.feed(&watch, self.first, good: 0, bad: 10, at: now)
            let decision6 = Self.decide(&watch, targets, now)
            #expect(decision6?.model == self.second)
            targets = [self.second, self.first]
            self.feed(&watch, self.second, good: 20, bad: 0, at: now)
            let decision7 = Self.decide(&watch, targets, now + .seconds(rest - 1))
            #expect(decision7 == nil)
            now += .seconds(rest)
            let decision8 = Self.decide(&watch, targets, now)
            #expect(decision8?.model == self.first)
            targets = [self.first, self.second]
        }
    }

    @Test("When everyone does badly, nobody is exchanged in a circle")
    func noFlapping() {
        var watch = AliasWatch(self.limits)
        var targets = [self.first, self.second]
        var now = self.start
        var switches = 0
        _ = Self.decide(&watch, targets, now)
        for _ in 0..<3600 {
            self.feed(&watch, targets[0], good: 0, bad: 10, at: now)
            if let made = Self.decide(&watch, targets, now) {
                switches += 1
                targets = [made.model] + targets.filter { $0 != made.model }
            }
            now += .seconds(1)
        }
        // An hour of nothing but failures: with rests of 10, 20, 40 minutes there are few reasons to move.
        #expect(switches <= 8)
    }

    @Test("What a person makes active meanwhile is the preferred one from then on")
    func person() {
        var watch = AliasWatch(self.limits)
        _ = Self.decide(&watch, [self.first, self.second, self.third], self.start)
        self.feed(&watch, self.first, good: 0, bad: 10, at: self.start)
        let decision9 = Self.decide(&watch, [self.first, self.second, self.third], self.start)
        #expect(
            decision9?.model
                == self.second)
        let targets = [self.third, self.second, self.first]
        let decision10 = Self.decide(&watch, targets, self.start + .seconds(10))
        #expect(decision10 == nil)
        let decision11 = Self.decide(&watch, targets, self.start + .seconds(100_000))
        #expect(decision11 == nil)
    }

    @Test("Models that requests may not reach are passed over")
    func unusable() {
        var watch = AliasWatch(self.limits)
        let targets = [self.first, self.second, self.third]
        _ = Self.decide(&watch, targets, self.start)
        self.feed(&watch, self.first, good: 0, bad: 10, at: self.start)
        let made = watch.decide(targets: targets, at: self.start) { [second] in $0 != second }
        #expect(made?.model == self.third)
    }
}
