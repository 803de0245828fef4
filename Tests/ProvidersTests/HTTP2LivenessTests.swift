import NIOCore
import Testing

@testable import Providers

@Suite struct HTTP2LivenessTests {
    static func at(_ seconds: Int64) -> NIODeadline { .now() + .seconds(3600 + seconds) }

    @Test func `Silence counts from the first request, then from what was heard last`() {
        let start = Self.at(0)
        var liveness = HTTP2Liveness()
        liveness.begin(start)
        #expect(liveness.due(.seconds(10)) == start + .seconds(10))
        liveness.read(start + .seconds(7))
        #expect(liveness.due(.seconds(10)) == start + .seconds(17))
        #expect(!liveness.isAwaitingAnswer)
    }

    @Test func `Who was asked has as long to answer, and any word is an answer`() {
        let start = Self.at(0)
        var liveness = HTTP2Liveness()
        liveness.begin(start)
        liveness.asked(start + .seconds(10))
        #expect(liveness.isAwaitingAnswer)
        #expect(liveness.due(.seconds(10)) == start + .seconds(20))
        liveness.read(start + .seconds(12))
        #expect(!liveness.isAwaitingAnswer)
        #expect(liveness.due(.seconds(10)) == start + .seconds(22))
    }

    @Test func `It is known whether anything came since a request was sent`() {
        let start = Self.at(0)
        var liveness = HTTP2Liveness()
        liveness.begin(start)
        #expect(!liveness.hasRead(since: start))
        liveness.read(start + .seconds(1))
        #expect(liveness.hasRead(since: start))
        #expect(!liveness.hasRead(since: start + .seconds(2)))
    }
}
