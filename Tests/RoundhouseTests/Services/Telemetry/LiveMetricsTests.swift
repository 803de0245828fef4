import Inference
import RoundhouseAPI
import Routing
import SwiftProtobuf
import Telemetry
import Testing

@testable import Roundhouse

/// A gateway with two models whose figures grow as the test says.
private struct Growing {
    let models: [ModelID]
    let counters: [OutputCounter]
    let recorder = TelemetryRecorder()
    private let begin = ContinuousClock.now
    private(set) var now = Duration.zero

    init(_ names: String...) throws {
        self.models = try names.map(modelID)
        self.counters = names.map { _ in OutputCounter() }
    }

    mutating func pass(_ duration: Duration) { self.now += duration }

    func record(_ place: Int, outputTokens: Int64 = 4, latency: Int64 = 500_000, _ outcome: OutcomeClass = .success) {
        self.recorder.record(
            FinishedRequest(
                model: self.models[place], endedAtMicroseconds: self.now.microseconds, outcome: outcome,
                latency: latency, firstToken: latency / 2, outputTokens: outputTokens))
    }

    func sample() -> LiveSample {
        var sample = LiveSample(time: self.now.microseconds, at: self.begin + self.now)
        sample.system = self.recorder.lifetime(of: .system)
        for (model, counter) in zip(self.models, self.counters) {
            sample.lifetimes[model] = self.recorder.lifetime(of: .model(model))
            sample.outputs[model] = .init(counter: counter, tokens: counter.tokens)
            sample.models.append(.init(id: model))
        }
        return sample
    }
}

@Suite("Live metrics: what is new from sample to sample")
struct LiveMetricsTests {
    @Test("The first message has nothing new; later ones have what ended since the one before")
    func differences() throws {
        var growing = try Growing("cloud/x", "local/a")
        var metrics = LiveMetrics()
        growing.record(0)
        growing.counters[0].add(100)
        let first = metrics.take(growing.sample())
        #expect(!first.hasElapsed && first.system.requestCount == 0 && first.outputTokensPerSecond == 0)
        #expect(first.models.map(\.model) == ["cloud/x", "local/a"])
        #expect(first.models.allSatisfy { $0.metrics.requestCount == 0 && !$0.metrics.hasLatency })
        growing.pass(.seconds(2))
        growing.record(0, latency: 300_000)
        growing.record(1, .failed)
        growing.counters[1].add(9)
        let second = metrics.take(growing.sample())
        #expect(second.elapsed.seconds == 2 && second.time.seconds == 2)
        #expect(second.system.outcomeCounts == ["success": 1, "failed": 1] && second.system.attemptsPerSecond == 1)
        #expect(second.models[0].metrics.outcomeCounts == ["success": 1])
        #expect(second.models[0].metrics.latency.average.nanos == 300_000_000)
        #expect(second.models[1].metrics.outcomeCounts == ["failed": 1])
        #expect(second.models.map(\.outputTokensPerSecond) == [0, 4.5] && second.outputTokensPerSecond == 4.5)
        growing.pass(.seconds(1))
        let third = metrics.take(growing.sample())
        #expect(third.system.requestCount == 0 && third.outputTokensPerSecond == 0)
    }

    @Test("What is told message by message adds up to the whole", arguments: 0..<50)
    func addsUp(seed: UInt64) throws {
        var generator = SplitMix(seed)
        var growing = try Growing("cloud/x", "local/a")
        var metrics = LiveMetrics()
        _ = metrics.take(growing.sample())
        var requests = [0, 0, 0]
        var tokens: [Int64] = [0, 0, 0]
        var costs: [Double] = [0, 0]
        var live: [Double] = [0, 0, 0]
        var highest = [0, 0]
        var sums = [Duration.zero, .zero]
        for _ in 0..<Int.random(in: 1...60, using: &generator) {
            for _ in 0..<Int.random(in: 0...4, using: &generator) {
                let place = Int.random(in: 0...1, using: &generator)
                let latency = Int64.random(in: 1...3_000_000, using: &generator)
                growing.record(place, outputTokens: .random(in: 0...9, using: &generator), latency: latency)
                costs[place] += Double(latency)
                // Estimates are set right downwards, too.
                growing.counters[place].add(.random(in: -3...9, using: &generator))
            }
            growing.pass(.milliseconds(Int.random(in: 200...90_000, using: &generator)))
            let message = metrics.take(growing.sample())
            for (place, counter) in growing.counters.enumerated() {
                highest[place] = max(highest[place], counter.tokens)
            }
            let seconds = Double(message.elapsed.seconds) + Double(message.elapsed.nanos) / 1e9
            let all = [message.system] + message.models.map(\.metrics)
            for (place, part) in all.enumerated() {
                requests[place] += Int(part.requestCount)
                tokens[place] += part.outputTokens
            }
            for (place, model) in message.models.enumerated() where model.metrics.hasLatency {
                sums[place] +=
                    Duration(model.metrics.latency.average).map { $0 * Int(model.metrics.latency.count) } ?? .zero
            }
            let rates = [message.outputTokensPerSecond] + message.models.map(\.outputTokensPerSecond)
            #expect(rates.allSatisfy { $0 >= 0 })
            for (place, rate) in rates.enumerated() { live[place] += rate * seconds }
        }
        let lifetimes = [MetricSubject.system] + growing.models.map { .model($0) }
        for (place, subject) in lifetimes.enumerated() {
            let whole = growing.recorder.lifetime(of: subject)
            #expect(requests[place] == Int(whole.counts.requests) && tokens[place] == whole.counts[.outputTokens])
        }
        for place in 0...1 {
            #expect(abs(Double(sums[place].microseconds) - costs[place]) <= costs[place] * 1e-6 + 100)
            #expect(abs(live[place + 1] - Double(highest[place])) < 1e-6 * Double(highest[place] + 1))
        }
        #expect(abs(live[0] - Double(highest[0] + highest[1])) < 1e-6 * Double(highest[0] + highest[1] + 1))
    }

    @Test("A model that comes later is told from its beginning, one that was forgotten from its new one")
    func comesAndGoes() throws {
        var growing = try Growing("cloud/x")
        let x = growing.models[0]
        var metrics = LiveMetrics()
        var empty = growing.sample()
        (empty.lifetimes, empty.outputs, empty.models) = ([:], [:], [])
        #expect(metrics.take(empty).models.isEmpty)
        growing.record(0)
        growing.counters[0].add(10)
        growing.pass(.seconds(1))
        let came = metrics.take(growing.sample())
        #expect(came.models.map(\.metrics.requestCount) == [1] && came.outputTokensPerSecond == 10)
        // Its figures are forgotten and begun anew, with less in them than before.
        growing.pass(.seconds(1))
        var anew = growing.sample()
        let counter = OutputCounter()
        counter.add(3)
        anew.outputs[x] = .init(counter: counter, tokens: 3)
        let recorder = TelemetryRecorder()
        recorder.record(FinishedRequest(model: x, endedAtMicroseconds: 0, outcome: .failed, latency: 1))
        anew.lifetimes[x] = recorder.lifetime(of: .model(x))
        let forgotten = metrics.take(anew)
        #expect(forgotten.models.map(\.metrics.outcomeCounts) == [["failed": 1]])
        #expect(forgotten.outputTokensPerSecond == 3)
    }

    @Test("A model that is not told for a while loses nothing")
    func pauses() throws {
        var growing = try Growing("cloud/x")
        var metrics = LiveMetrics()
        _ = metrics.take(growing.sample())
        growing.record(0)
        growing.pass(.seconds(1))
        #expect(metrics.take(growing.sample()).models[0].metrics.requestCount == 1)
        growing.pass(.seconds(1))
        var without = growing.sample()
        (without.lifetimes, without.models) = ([:], [])
        _ = metrics.take(without)
        growing.pass(.seconds(1))
        growing.record(0)
        #expect(metrics.take(growing.sample()).models[0].metrics.requestCount == 1)
    }

    @Test("Two samples of one moment are no division by nothing")
    func noTime() throws {
        let growing = try Growing("cloud/x")
        var metrics = LiveMetrics()
        _ = metrics.take(growing.sample())
        growing.record(0)
        growing.counters[0].add(1)
        let message = metrics.take(growing.sample())
        #expect(message.system.requestCount == 1 && message.system.attemptsPerSecond == 0)
        #expect(message.outputTokensPerSecond == 0 && message.elapsed.seconds == 0)
    }
}
