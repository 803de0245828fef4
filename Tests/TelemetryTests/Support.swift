import Inference
import Testing

@testable import Telemetry

/// Random numbers that are the same in every run: a failure can be looked at again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// 0..<1.
    mutating func part() -> Double { Double(self.next() >> 11) / 9_007_199_254_740_992 }

    /// About normal, with mean 0 and deviation 1: the sum of twelve equal ones.
    mutating func normal() -> Double {
        var sum = -6.0
        for _ in 0..<12 { sum += self.part() }
        return sum
    }

    mutating func one<Element>(of elements: [Element]) -> Element {
        elements[Int.random(in: elements.indices, using: &self)]
    }
}

func id(_ text: String) throws -> ModelID { try #require(ModelID(text)) }

let second: Int64 = 1_000_000
let minute: Int64 = 60_000_000
let hour: Int64 = 3_600_000_000
let day: Int64 = 86_400_000_000
/// Monday, 2026-01-05 00:00 UTC, in microseconds.
let monday: Int64 = 1_767_571_200_000_000

/// e to the power of `value`, without a mathematics library.
func exponential(_ value: Double) -> Double {
    var term = 1.0
    var sum = 1.0
    let small = value / 64
    for index in 1...20 {
        term *= small / Double(index)
        sum += term
    }
    for _ in 0..<6 { sum *= sum }
    return sum
}

/// The value by nearest rank of those in order.
func exactPercentile(_ sorted: [Int64], _ fraction: Double) -> Double {
    let place = max(1, Int((Double(sorted.count) * fraction).rounded(.up)))
    return Double(sorted[min(place, sorted.count) - 1])
}
