import Inference
import Testing

@testable import ModelLifecycle

@Suite("Event window")
struct EventWindowTests {
    private func event(_ number: Int64) -> GatewayEvent {
        GatewayEvent(.configChanged, attributes: ["number": "\(number)"])
    }

    @Test("goes on after the last sequence and has no gaps")
    func numbers() {
        var window = EventWindow(last: 41, recentLimit: 10, waitingLimit: 10)
        #expect(window.first == 42)
        for number in 42...44 { window.record(self.event(Int64(number)), atMicroseconds: 7) }
        #expect(window.waiting(limit: 10).map(\.sequence) == [42, 43, 44])
        #expect(window.waiting(limit: 2).map(\.sequence) == [42, 43])
        #expect(window.events(before: 44, limit: 5) { _ in true }.map(\.sequence) == [43, 42])
        let told = [43, .max, .max].map { window.publish(through: $0).map(\.sequence) }
        #expect(told == [[42, 43], [44], []])
    }

    @Test("keeps what waits for the disk beyond the recent ones, and gives up the oldest of too many")
    func bounds() {
        var window = EventWindow(last: 0, recentLimit: 2, waitingLimit: 5)
        for number in 1...5 {
            let gaveUp = window.record(self.event(Int64(number)), atMicroseconds: 0)
            #expect(!gaveUp)
        }
        #expect(window.first == 1)
        let gaveUp = window.record(self.event(6), atMicroseconds: 0)
        #expect(gaveUp)
        #expect(window.lostThrough == 1 && window.lostCount == 1)
        _ = window.publish(through: .max)
        #expect(window.first == 2)
        window.written(through: 6)
        #expect(window.first == 5 && window.waitingCount == 0)
    }

    @Test("what was not published stays, whatever else happens", arguments: 0..<50)
    func random(seed: Int) {
        var random = TestDice(seed: UInt64(seed))
        var window = EventWindow(last: Int64(seed), recentLimit: Int.random(in: 0...8, using: &random), waitingLimit: 6)
        var told: [Int64] = []
        for _ in 0..<400 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let gaveUp = window.record(self.event(window.last + 1), atMicroseconds: 0)
                if gaveUp { told += window.publish(through: .max).map(\.sequence) }
            case 2:
                let batch = window.waiting(limit: Int.random(in: 1...4, using: &random))
                #expect(batch.map(\.sequence) == Array(window.settled + 1..<window.settled + 1 + Int64(batch.count)))
                if let last = batch.last { window.written(through: last.sequence) }
            default:
                told += window.publish(through: window.settled).map(\.sequence)
            }
            #expect(window.waitingCount <= 6)
            #expect(window.first <= min(window.settled, window.published) + 1)
            let kept = window.events(after: window.first - 1, through: .max, limit: .max)
            #expect(kept.map(\.sequence) == Array(window.first..<window.last + 1))
            #expect(kept.allSatisfy { $0.event.attributes["number"] == "\($0.sequence)" })
        }
        told += window.publish(through: .max).map(\.sequence)
        #expect(told == Array(Int64(seed) + 1..<window.last + 1))
    }
}

/// SplitMix64: the same numbers on every machine.
struct TestDice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
