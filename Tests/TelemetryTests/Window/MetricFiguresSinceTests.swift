import Inference
import Testing

@testable import Telemetry

@Suite("What growing figures gained")
struct MetricFiguresSinceTests {
    @Test("Differences of one look after the other add up to the whole", arguments: 0..<100)
    func addUp(seed: UInt64) throws {
        var generator = SeededGenerator(seed)
        var whole = MetricFigures()
        var before = MetricFigures()
        var sum = MetricFigures()
        for _ in 0..<Int.random(in: 1...30, using: &generator) {
            for _ in 0..<Int.random(in: 0...20, using: &generator) {
                let outcome = OutcomeClass.allCases.randomElement(using: &generator) ?? .success
                let scale = Int64(1) << Int64.random(in: 0...37, using: &generator)
                whole.addSystem(
                    FinishedRequest(
                        model: nil, endedAtMicroseconds: 0, outcome: outcome,
                        latency: .random(in: 0...scale, using: &generator),
                        firstToken: Bool.random(using: &generator) ? .random(in: 0...scale, using: &generator) : nil,
                        queue: .random(in: 0...scale, using: &generator), outputTokens: 5))
            }
            let news = whole.since(before)
            #expect(news.total.count == whole.total.count - before.total.count)
            sum.merge(news)
            before = whole
        }
        #expect(sum.counts == whole.counts)
        let pairs = [
            (sum.total, whole.total), (sum.firstToken, whole.firstToken), (sum.interToken, whole.interToken),
            (sum.queue, whole.queue),
        ]
        for (added, all) in pairs {
            #expect(added.count == all.count && added.sum == all.sum)
            // The least and the largest were beyond all that there was when they came, and so are exact.
            #expect(added.minimum == all.minimum && added.maximum == all.maximum)
            for part in [0, 0.1, 0.5, 0.9, 0.99, 1] { #expect(added.percentile(part) == all.percentile(part)) }
        }
    }

    @Test("A percentile of a difference is within the error of percentiles", arguments: 0..<100)
    func percentiles(seed: UInt64) throws {
        var generator = SeededGenerator(seed)
        var histogram = LatencyHistogram()
        for _ in 0..<100 { histogram.add(.random(in: 0...10_000_000, using: &generator)) }
        let before = histogram
        let values = (0..<50).map { _ in Int64.random(in: 0...10_000_000, using: &generator) }
        for value in values { histogram.add(value) }
        let news = histogram.since(before)
        let ordered = values.sorted()
        #expect(news.count == 50 && news.sum == UInt64(values.reduce(0, +)))
        for part in [0.02, 0.5, 0.9, 1] {
            let exact = Double(ordered[max(0, Int((50 * part).rounded(.up)) - 1)])
            let told = try #require(news.percentile(part))
            #expect(abs(told - exact) <= exact * LatencyHistogram.relativeError + 1e-9, "\(part): \(told), \(exact)")
        }
    }

    @Test("A single time that was gained is exact", arguments: [0, 5, 777_777, 1_500_001, 1 << 40] as [Int64])
    func single(time: Int64) {
        var histogram = LatencyHistogram()
        for value in [1, 900_000, 60_000_000, 1 << 41] as [Int64] { histogram.add(value) }
        let before = histogram
        histogram.add(time)
        let news = histogram.since(before)
        #expect(news.minimum == UInt64(time) && news.maximum == UInt64(time) && news.percentile(0.5) == Double(time))
    }

    @Test("Nothing gained is nothing, and of what was forgotten everything is news")
    func ends() throws {
        let model = try #require(ModelID("local/x"))
        var figures = MetricFigures()
        figures.addFailure(.init(model: model, outcome: .failed))
        figures.total.add(7)
        #expect(figures.since(figures).isEmpty && figures.since(MetricFigures()) == figures)
        var anew = MetricFigures()
        anew.addFailure(.init(model: model, outcome: .timedOut))
        #expect(anew.since(figures) == anew)
        #expect(LatencyHistogram().since(figures.total).isEmpty)
    }
}
