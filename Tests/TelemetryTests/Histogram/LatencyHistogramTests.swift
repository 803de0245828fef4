import Testing

@testable import Telemetry

/// How values may lie.
enum Distribution: String, CaseIterable, CustomTestStringConvertible {
    case oneValue, tiny, uniform, exponential, logNormal, twoHumps, powers, wide, huge

    var testDescription: String { self.rawValue }

    func values(_ count: Int, _ random: inout SeededGenerator) -> [Int64] {
        (0..<count).map { _ in
            switch self {
            case .oneValue: 123_456
            case .tiny: Int64.random(in: 0..<200, using: &random)
            case .uniform: Int64.random(in: 0..<10_000_000, using: &random)
            case .exponential: Int64(-250_000 * logarithm(1 - random.part()))
            case .logNormal: Int64(800_000 * eToThe(random.normal()))
            case .twoHumps: random.part() < 0.9 ? Int64.random(in: 900..<1100, using: &random) : 30_000_000
            case .powers: 1 << Int64.random(in: 0..<36, using: &random)
            case .wide: Int64(exactly: eToThe(random.part() * 24).rounded()) ?? 0
            case .huge: Int64.random(in: 0..<68_000_000_000, using: &random)
            }
        }
    }
}

private func eToThe(_ value: Double) -> Double { exponential(value) }

/// The natural logarithm of a number from 0 to 1, by Newton's method.
private func logarithm(_ value: Double) -> Double {
    guard value > 0 else { return -40 }
    var guess = 0.0
    for _ in 0..<60 { guess += value / exponential(guess) - 1 }
    return guess
}

@Suite("A latency histogram")
struct LatencyHistogramTests {
    private let fractions = [0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1]

    @Test("Gives percentiles within the stated error of the exact ones", arguments: Distribution.allCases)
    func statedError(of distribution: Distribution) {
        var random = SeededGenerator(1)
        for count in [1, 2, 3, 10, 99, 100, 5000] {
            let values = distribution.values(count, &random)
            var histogram = LatencyHistogram()
            for value in values { histogram.add(value) }
            let sorted = values.sorted()
            for fraction in self.fractions {
                let exact = exactPercentile(sorted, fraction)
                let told = histogram.percentile(fraction) ?? -1
                #expect(
                    abs(told - exact) <= exact * LatencyHistogram.relativeError,
                    "p\(fraction) of \(count): \(told) for \(exact)")
            }
            #expect(histogram.count == UInt64(count))
            #expect(histogram.sum == UInt64(values.reduce(0, +)))
            #expect(histogram.minimum == sorted.first.map { UInt64($0) })
            #expect(histogram.maximum == sorted.last.map { UInt64($0) })
        }
    }

    @Test("Merged from parts is the same as one that saw everything", arguments: Distribution.allCases)
    func merging(of distribution: Distribution) {
        var random = SeededGenerator(2)
        for parts in [1, 2, 7] {
            let values = distribution.values(900, &random)
            var whole = LatencyHistogram()
            var pieces = Array(repeating: LatencyHistogram(), count: parts)
            for value in values {
                whole.add(value)
                pieces[Int.random(in: 0..<parts, using: &random)].add(value)
            }
            var merged = LatencyHistogram()
            for piece in pieces.shuffled(using: &random) { merged.merge(piece) }
            #expect(merged == whole)
        }
    }

    @Test("Comes back from its stored form as it was", arguments: Distribution.allCases)
    func storedForm(of distribution: Distribution) throws {
        var random = SeededGenerator(3)
        for count in [0, 1, 2, 50, 3000] {
            var histogram = LatencyHistogram()
            for value in distribution.values(count, &random) { histogram.add(value) }
            #expect(try LatencyHistogram(stored: histogram.stored) == histogram)
        }
    }

    @Test("Says that bytes are wrong, whatever they are, and never traps")
    func damage() throws {
        var random = SeededGenerator(4)
        var histogram = LatencyHistogram()
        for value in Distribution.logNormal.values(100, &random) { histogram.add(value) }
        let good = histogram.stored
        for length in 0..<good.count {
            #expect(throws: StoredFormError.self) { try LatencyHistogram(stored: Array(good.prefix(length))) }
        }
        #expect(throws: StoredFormError.trailing(1)) { try LatencyHistogram(stored: good + [0]) }
        #expect(throws: StoredFormError.unknownVersion(9)) { try LatencyHistogram(stored: [9, 0]) }
        for _ in 0..<1000 {
            var bad = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bad[Int.random(in: bad.indices, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
            }
            guard let read = try? LatencyHistogram(stored: bad) else { continue }
            // What passes for right is right in itself.
            #expect(read.percentile(0.5) != nil && read.minimum ?? 0 <= read.maximum ?? 0)
            #expect(try LatencyHistogram(stored: read.stored) == read)
        }
        for _ in 0..<3000 {
            let noise = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            _ = try? LatencyHistogram(stored: [1] + noise)
        }
    }

    @Test("Has no more than its fixed number of buckets, and knows values beyond the last by the largest alone")
    func bounds() {
        #expect(HistogramBuckets.count == 1984)
        #expect(HistogramBuckets.number(of: .max) == HistogramBuckets.count - 1)
        var last = -1
        for number in 0..<HistogramBuckets.count {
            let (first, width) = HistogramBuckets.values(of: number)
            #expect(HistogramBuckets.number(of: first) == number)
            #expect(HistogramBuckets.number(of: first + width - 1) == number)
            #expect(Int(first) > last)
            last = Int(first + width - 1)
        }
        #expect(last == Int(HistogramBuckets.limit) - 1)
        var histogram = LatencyHistogram()
        for value in [Int64.max, -5, 7, .max] { histogram.add(value) }
        #expect(histogram.minimum == 0 && histogram.maximum == UInt64(Int64.max))
        #expect(histogram.percentile(1) == Double(Int64.max))
        #expect(histogram.sum == .max)
    }

    @Test("Keeps its memory when it is emptied, and then knows nothing")
    func reset() {
        var histogram = LatencyHistogram()
        histogram.add(1000)
        histogram.reset()
        #expect(histogram.isEmpty && histogram == LatencyHistogram())
        #expect(histogram.percentile(0.5) == nil && histogram.minimum == nil && histogram.average == nil)
        histogram.add(2_000_000)
        #expect(histogram.percentile(0.5) == 2_000_000)
    }

    @Test("Counts what is below a bound, for Prometheus")
    func belowBounds() {
        var histogram = LatencyHistogram()
        for value in 1...1000 { histogram.add(Int64(value) * 1000) }
        #expect(histogram.count(upTo: .max) == 1000)
        #expect(histogram.count(upTo: 0) == 0)
        #expect(abs(Int(histogram.count(upTo: 250_000)) - 250) <= 3)
        #expect(abs(Int(histogram.count(upTo: 900_000)) - 900) <= 9)
    }
}
