import Inference
import ModelRegistry
import Routing
import Testing

@Suite("Strategies")
struct StrategyTests {
    @Test("priority goes by the models' priority, and asks who must be loaded after the others")
    func priority() throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b c") { $0.priority = ["a": 3, "b": 2, "c": 1][$0.id.name] ?? 0 })
        try bench.set(.loading, of: "c")
        let decision = try bench.decide(SelectionRequest(target: .automatic))
        #expect(SelectionBench.names(decision) == "b a c")
        #expect(decision.strategy == "priority")
        #expect(decision.candidates.map(\.score) == [2, 3, 1])
        #expect(decision.candidates.map(\.availability) == [.available, .available, .loading])
    }

    @Test("weighted draws by 1001 minus the priority where nobody wrote weights down, among who is ready")
    func weighted() throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b c") { $0.priority = ["a": 1, "b": 1000, "c": 501][$0.id.name] ?? 0 })
        bench.set(draws: [1000])
        // In the order of the priorities: a has 1000 of 1501, c 500, b 1.
        #expect(try bench.names(.automatic, "weighted") == "c a b")
        bench.set(draws: [1500])
        #expect(try bench.names(.automatic, "weighted") == "b a c")
        #expect(bench.drawn == [0..<1501, 0..<1501])
        try bench.set(.unloaded, of: "a")
        bench.set(draws: [0, 300])
        #expect(try bench.names(.automatic, "weighted") == "c b a")
    }

    @Test("round_robin takes turns among those of the best priority, and in an alias among all")
    func roundRobin() throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b c d", targets: "d c b a") { $0.priority = $0.id.name == "d" ? 9 : 1 })
        let names = try (0..<4).map { _ in try bench.names(.automatic, "round_robin") }
        #expect(names == ["a b c d", "b c a d", "c a b d", "a b c d"])
        let written = try (0..<5).map { _ in try bench.names(.alias("x"), "round_robin") }
        #expect(written == ["d c b a", "c b a d", "b a d c", "a d c b", "d c b a"])
        // Looking does not take a turn.
        for _ in 0..<3 {
            let request = SelectionRequest(target: .automatic, strategy: "round_robin")
            let explanation = try bench.selector.explain(request, in: bench.snapshot)
            #expect(SelectionBench.names(explanation.decision) == "b c a d")
        }
        #expect(try bench.names(.automatic, "round_robin") == "b c a d")
    }

    @Test("round_robin shares out the turns of one that cannot answer among all others, and goes on in a new snapshot")
    func roundRobinShares() throws {
        let bench = SelectionBench(try SelectionBench.snapshot("a b c d"))
        try bench.set(.unavailable(reason: "no"), of: "b")
        var counts: [String: Int] = [:]
        for number in 0..<120 {
            let snapshot = number % 10 == 0 ? try SelectionBench.snapshot("a b c d") : bench.snapshot
            let request = SelectionRequest(target: .automatic, strategy: "round_robin")
            let decision = try bench.selector.decide(request, in: snapshot)
            counts[decision.candidates[0].id.name, default: 0] += 1
        }
        #expect(counts == ["a": 40, "c": 40, "d": 40])
    }

    @Test("least_latency draws two and asks the quicker one first, then all others by their latency")
    func leastLatency() throws {
        let bench = SelectionBench(try SelectionBench.snapshot("a b c d"))
        for (name, milliseconds) in [("a", 400), ("b", 300), ("c", 200), ("d", 100)] {
            try bench.figures(name).note(firstToken: .milliseconds(milliseconds), at: bench.figures.now)
        }
        // The second draw counts from behind the first one: a and b, then d and a, then c and b.
        for (draws, expected) in [([0, 0], "b d c a"), ([3, 0], "d c b a"), ([2, 2], "c d b a")] {
            bench.set(draws: draws)
            #expect(try bench.names(.automatic, "least_latency") == expected)
        }
        #expect(bench.drawn.prefix(2) == [0..<4, 0..<3])
        // Four in flight make the quickest the slowest.
        for _ in 0..<4 { try bench.figures("d").began() }
        bench.set(draws: [3, 1])
        #expect(try bench.names(.automatic, "least_latency") == "b c a d")
    }

    @Test("least_latency gives a model of which nothing is known one request, and until that is back no other")
    func leastLatencyExplores() throws {
        let bench = SelectionBench(try SelectionBench.snapshot("a b"))
        try bench.figures("a").note(firstToken: .milliseconds(1), at: bench.figures.now)
        #expect(try bench.names(.automatic, "least_latency") == "b a")
        try bench.figures("b").began()
        #expect(try bench.names(.automatic, "least_latency") == "a b")
        try bench.figures("b").note(firstToken: .milliseconds(9), at: bench.figures.now)
        try bench.figures("b").ended()
        #expect(try bench.names(.automatic, "least_latency") == "a b")
    }

    @Test("least_latency takes a profile for what was not measured yet, and tries a slow one again after some minutes")
    func leastLatencyFades() throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b") { model in
                guard model.id.name == "a" else { return }
                var profile = ModelProfile()
                profile.firstTokenP50 = .milliseconds(50)
                model.profile = profile
            })
        try bench.figures("b").note(firstToken: .milliseconds(200), at: bench.figures.now)
        let decision = try bench.decide(SelectionRequest(target: .automatic, strategy: "least_latency"))
        #expect(SelectionBench.names(decision) == "a b")
        #expect(decision.candidates.map(\.score) == [0.05, 0.2])
        bench.advance(.seconds(200))
        #expect(try bench.names(.automatic, "least_latency") == "b a")
    }

    @Test("least_busy asks who has the fewest requests, and draws among equals")
    func leastBusy() throws {
        let bench = SelectionBench(try SelectionBench.snapshot("a b c d"))
        try bench.figures("b").began()
        for _ in 0..<2 { try bench.figures("c").began() }
        bench.set(draws: [0, 1])
        #expect(try bench.names(.automatic, "least_busy") == "a d b c")
        #expect(try bench.names(.automatic, "least_busy") == "d a b c")
        #expect(bench.drawn == [0..<2, 0..<2])
        for name in ["a", "d"] { try bench.set(.unavailable(reason: "no"), of: name) }
        #expect(try bench.names(.automatic, "least_busy") == "b c")
    }

    @Test("cost_optimized goes by what this request is likely to cost, of unknown price last")
    func cost() throws {
        let prices = [
            "a": ModelPrices(input: 1_000_000, output: 9_000_000),
            "b": ModelPrices(input: 5_000_000, output: 1_000_000),
            "d": .free,
        ]
        let bench = SelectionBench(try SelectionBench.snapshot("a b c d") { $0.prices = prices[$0.id.name] })
        func decide(_ input: Int, _ output: Int) throws -> RouteDecision {
            try bench.decide(
                SelectionRequest(
                    target: .automatic, strategy: "cost_optimized", estimatedInputTokens: input, maxOutputTokens: output
                ))
        }
        let long = try decide(1000, 10)
        #expect(SelectionBench.names(long) == "d a b c")
        #expect(long.candidates.map(\.score) == [0, 1090, 5010, CandidatePool.unknown])
        #expect(SelectionBench.names(try decide(10, 1000)) == "d b a c")
    }

    @Test(
        "performance_based weighs quality, latency and success",
        arguments: [
            (PerformanceWeights(quality: 1, latency: 0, success: 0), "a c b"),
            (PerformanceWeights(quality: 0, latency: 1, success: 0), "b c a"),
            (PerformanceWeights(quality: 0, latency: 0, success: 1), "c b a"),
            (PerformanceWeights(quality: 1, latency: 1, success: 1), "c b a"),
            (PerformanceWeights(quality: 0, latency: 0, success: 0), "c b a"),
            (PerformanceWeights(quality: 9, latency: 1, success: 1), "a c b"),
        ]
    )
    func performance(weights: PerformanceWeights, expected: String) throws {
        let quality = ["a": 0.9, "b": 0.2, "c": 0.7]
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b c") { $0.qualityScore = quality[$0.id.name] },
            policy: SelectionPolicy(defaultStrategy: "performance_based", performance: weights))
        for (name, milliseconds, failures) in [("a", 800, 5), ("b", 100, 2), ("c", 200, 0)] {
            let figures = try bench.figures(name)
            figures.note(firstToken: .milliseconds(milliseconds), at: bench.figures.now)
            for number in 0..<10 { figures.note(success: number < 10 - failures, at: bench.figures.now) }
        }
        let decision = try bench.decide(SelectionRequest(target: .automatic))
        #expect(SelectionBench.names(decision) == expected)
        #expect(decision.candidates.allSatisfy { (0...1).contains($0.score) })
    }

    @Test("performance_based takes what nobody knows of a model to be as with the others")
    func performanceUnknown() throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b c") { $0.qualityScore = ["a": 0.2, "b": 0.8][$0.id.name] },
            policy: SelectionPolicy(defaultStrategy: "performance_based"))
        #expect(try bench.names(.automatic) == "b c a")
    }

    @Test("availability_based goes by the success rate in whole percents, then readiness, then priority")
    func availability() throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b c d") { $0.priority = ["a": 1, "b": 2, "c": 3, "d": 4][$0.id.name] ?? 0 })
        let failing = try bench.figures("a")
        for number in 0..<20 { failing.note(success: number % 2 == 0, at: bench.figures.now) }
        try bench.set(.unloaded, of: "b")
        #expect(try bench.names(.automatic, "availability_based") == "c d b a")
        // Who failed is forgiven in time.
        bench.advance(.seconds(3 * 3600))
        #expect(try bench.names(.automatic, "availability_based") == "a c d b")
    }

    @Test("A strategy of the server's own orders as it likes, and may take a built-in one's place")
    func custom() throws {
        struct ByLetter: SelectionStrategy {
            let name: String

            func score(_ pool: inout CandidatePool) {
                for index in pool.indices {
                    pool.scores[index] =
                        switch pool.model(at: index).id.name {
                        case "b": 1
                        case "c": .nan
                        default: 2
                        }
                }
            }

            func first(of pool: CandidatePool, attempt: Int) -> Int? {
                attempt == 0 ? pool.indices.first { pool.model(at: $0).id.name == "d" } : 99
            }
        }
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b c d"),
            strategies: [ByLetter(name: "by_letter"), ByLetter(name: "priority")])
        for strategy in ["by_letter", "priority"] {
            #expect(try bench.names(.automatic, strategy) == "d b a c")
        }
        // A first that cannot answer is chosen anew, and a choice that is none is no choice.
        try bench.set(.unavailable(reason: "no"), of: "d")
        #expect(try bench.names(.automatic, "by_letter") == "b a c")
        #expect(bench.selector.strategyNames.contains("by_letter"))
    }
}
