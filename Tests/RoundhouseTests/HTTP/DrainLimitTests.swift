import Testing

@testable import Roundhouse

@Suite struct DrainLimitTests {
    @Test func `It is over when its time is, and not before it has begun`() {
        let (limit, now) = (DrainLimit(), ContinuousClock.now)
        #expect(!limit.hasBegun && !limit.isOver(at: now + .seconds(1000)))
        limit.begin(within: .seconds(30), at: now)
        #expect(limit.hasBegun)
        #expect(!limit.isOver(at: now + .seconds(29)) && limit.isOver(at: now + .seconds(30)))
    }

    @Test func `The earlier of two deadlines holds, in either order`() {
        let now = ContinuousClock.now
        for limits in [[Duration.seconds(30), .zero], [.zero, .seconds(30)]] {
            let limit = DrainLimit()
            for time in limits { limit.begin(within: time, at: now) }
            #expect(limit.isOver(at: now))
        }
    }
}
