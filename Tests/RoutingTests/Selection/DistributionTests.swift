import Inference
import ModelRegistry
import Routing
import Testing

/// Ten thousand requests, 20 ms apart, to four models of different latency, price and error rate: what a strategy
/// promises is what its figures say in the end.
@Suite("How requests are shared out")
struct DistributionTests {
    /// First tokens come after `latency`, answers last twice as long; what fails does so after a fifth of it.
    struct Script: Sendable {
        var name: String
        var latency: Double
        /// Nano-USD for a million tokens.
        var price: Int64
        /// 0...1
        var errorRate: Double
        var priority: Int
        var weight: Int
    }

    static let scripts = [
        Script(name: "flaky", latency: 0.15, price: 5_000_000, errorRate: 0.3, priority: 1, weight: 5),
        Script(name: "fast", latency: 0.1, price: 30_000_000, errorRate: 0.05, priority: 2, weight: 50),
        Script(name: "cheap", latency: 0.4, price: 1_000_000, errorRate: 0.01, priority: 3, weight: 30),
        Script(name: "solid", latency: 0.2, price: 10_000_000, errorRate: 0, priority: 4, weight: 15),
    ]
    static let requests = 10_000

    /// What came of all requests.
    struct Outcome: Sendable {
        var counts: [String: Int] = [:]
        var failures = 0
        /// Of those that did not fail, in seconds.
        var latency = 0.0
        var cost: Int64 = 0
        /// How often one was chosen that was busier than another.
        var busier = 0

        func share(_ name: String) -> Double { Double(self.counts[name] ?? 0) / Double(DistributionTests.requests) }
        var meanLatency: Double { self.latency / Double(DistributionTests.requests - self.failures) }
    }

    private struct Running {
        var figures: ModelFigures
        var firstToken: Double
        var end: Double
        var latency: Double?
    }

    static func outcome(
        _ strategy: String, target: InferenceRequest.Target = .automatic, seed: UInt64 = 11
    ) throws -> Outcome {
        let bench = SelectionBench(
            try SelectionBench.snapshot(
                self.scripts.map(\.name).joined(separator: " "),
                targets: self.scripts.map { "\($0.name)=\($0.weight)" }.joined(separator: " "),
                mode: .weighted
            ) { model in
                guard let script = self.scripts.first(where: { $0.name == model.id.name }) else { return }
                model.priority = script.priority
                model.prices = ModelPrices(input: script.price, output: script.price)
            },
            seed: seed)
        var random = SeededGenerator(seed &+ 1)
        var outcome = Outcome()
        var running: [Running] = []
        let all = try self.scripts.map { try bench.figures($0.name) }
        let request = SelectionRequest(
            target: target, strategy: strategy, estimatedInputTokens: 500, maxOutputTokens: 500)
        for number in 0..<self.requests {
            let time = Double(number) * 0.02
            self.finish(&running, until: time, bench)
            bench.advance(.milliseconds(20))
            let first = try #require(try bench.decide(request).candidates.first)
            let script = try #require(self.scripts.first { $0.name == first.id.name })
            outcome.counts[script.name, default: 0] += 1
            outcome.cost += script.price / 1000
            if first.figures.inFlight > all.map(\.inFlight).min() ?? 0 { outcome.busier += 1 }
            first.figures.began()
            let latency = script.latency * Double.random(in: 0.8...1.2, using: &random)
            let fails = Double.random(in: 0..<1, using: &random) < script.errorRate
            if fails { outcome.failures += 1 } else { outcome.latency += latency }
            running.append(
                Running(
                    figures: first.figures, firstToken: time + latency, end: time + latency * (fails ? 0.2 : 2),
                    latency: fails ? nil : latency))
        }
        return outcome
    }

    private static func finish(_ running: inout [Running], until time: Double, _ bench: SelectionBench) {
        let now = bench.figures.now
        for index in running.indices.reversed() {
            if let latency = running[index].latency, running[index].firstToken <= time {
                running[index].figures.note(firstToken: .seconds(latency), at: now)
                running[index].firstToken = .infinity
            }
            guard running[index].end <= time else { continue }
            running[index].figures.ended()
            running[index].figures.note(success: running[index].latency != nil, at: now)
            running.remove(at: index)
        }
    }

    @Test("round_robin gives each its turn")
    func roundRobin() throws {
        let outcome = try Self.outcome("round_robin", target: .alias("x"))
        #expect(Self.scripts.allSatisfy { outcome.counts[$0.name] == Self.requests / 4 })
    }

    @Test("weighted gives each its weight, in an alias as written", arguments: [1, 2, 3] as [UInt64])
    func weighted(seed: UInt64) throws {
        let outcome = try Self.outcome("weighted", target: .alias("x"), seed: seed)
        // Chi-square with 3 degrees of freedom: a fair draw is above 16.27 once in a thousand times.
        let sum = Self.scripts.reduce(0) { $0 + $1.weight }
        let chiSquare = Self.scripts.reduce(0.0) { result, script in
            let expected = Double(Self.requests * script.weight) / Double(sum)
            let difference = Double(outcome.counts[script.name] ?? 0) - expected
            return result + difference * difference / expected
        }
        #expect(chiSquare < 16.27)
    }

    @Test("priority asks the first, cost_optimized the cheapest, as long as they can answer")
    func strict() throws {
        #expect(try Self.outcome("priority").counts == ["flaky": Self.requests])
        #expect(try Self.outcome("cost_optimized").counts == ["cheap": Self.requests])
    }

    @Test("least_latency prefers the quick, all the more the quicker, and leaves nobody unknown")
    func leastLatency() throws {
        let outcome = try Self.outcome("least_latency")
        #expect(outcome.share("fast") > outcome.share("flaky"))
        #expect(outcome.share("flaky") > outcome.share("solid"))
        #expect(outcome.share("solid") > outcome.share("cheap"))
        #expect((0.35...0.6).contains(outcome.share("fast")))
        #expect((0.0001...0.1).contains(outcome.share("cheap")))
        let even = try Self.outcome("round_robin", target: .alias("x"))
        #expect(outcome.meanLatency < even.meanLatency * 0.8)
    }

    @Test("least_busy keeps all equally busy: who is twice as quick gets twice as much")
    func leastBusy() throws {
        let outcome = try Self.outcome("least_busy")
        #expect(outcome.busier == 0)
        // How long a request of each keeps it busy, failures included.
        let rates = Self.scripts.map { 1 / ($0.latency * (2 - 1.8 * $0.errorRate)) }
        let sum = rates.reduce(0, +)
        for (script, rate) in zip(Self.scripts, rates) {
            let expected = rate / sum
            #expect(
                (expected * 0.8...expected * 1.2).contains(outcome.share(script.name)),
                "\(script.name): \(outcome.share(script.name)), expected \(expected)")
        }
    }

    @Test("performance_based finds who is quick and good together, availability_based who does not fail")
    func qualities() throws {
        let performance = try Self.outcome("performance_based")
        #expect(performance.share("fast") > 0.8)
        let availability = try Self.outcome("availability_based")
        #expect(availability.share("solid") > 0.7)
        let even = try Self.outcome("round_robin", target: .alias("x"))
        #expect(availability.failures * 10 < even.failures)
        #expect(performance.meanLatency < even.meanLatency * 0.7)
    }
}
