import Inference
import ModelRegistry
import Routing
import Testing

@Suite("Rules")
struct RuleTests {
    typealias Conditions = RoutingRule.Conditions

    /// Whether a rule with these conditions holds for a request.
    private static func holds(_ conditions: Conditions, _ request: SelectionRequest, at time: Int64 = 0) throws -> Bool
    {
        let rule = RoutingRule(name: "r", conditions: conditions, strategy: "least_busy")
        let bench = SelectionBench(
            try SelectionBench.snapshot("a e", targets: "a e") {
                $0.capabilities = Set(Capability.allCases)
                if $0.id.name == "e" { $0.category = .embedding }
            },
            policy: SelectionPolicy(rules: [rule]))
        bench.set(wallClock: time)
        let decision = try bench.decide(request)
        #expect((decision.rule == "r") == (decision.strategy == "least_busy"))
        return decision.rule == "r"
    }

    @Test("A condition holds for the requests that it describes")
    func conditions() throws {
        let plain = SelectionRequest(target: .automatic, estimatedInputTokens: 100)
        var rich = SelectionRequest(
            target: .alias("x"), requirements: ModelRequirements(capabilities: [.reasoning]),
            impliedCapabilities: [.vision], priority: .high, tags: ["batch", "eu"], estimatedInputTokens: 5000)
        let cases: [(Conditions, Bool, Bool)] = [
            (Conditions(), true, true),
            (Conditions(models: ["auto"]), true, false),
            (Conditions(models: ["x", "auto"]), true, true),
            (Conditions(task: .text), true, true),
            (Conditions(task: .embedding), false, false),
            (Conditions(priorities: [.high, .critical]), false, true),
            (Conditions(tags: ["eu"]), false, true),
            (Conditions(tags: ["eu", "other"]), false, false),
            (Conditions(capabilities: [.vision, .reasoning]), false, true),
            (Conditions(capabilities: [.vision, .tools]), false, false),
            (Conditions(minInputTokens: 101), false, true),
            (Conditions(minInputTokens: 100, maxInputTokens: 100), true, false),
            (Conditions(models: ["x"], priorities: [.low]), false, false),
        ]
        for (conditions, forPlain, forRich) in cases {
            #expect(try Self.holds(conditions, plain) == forPlain, "\(conditions)")
            #expect(try Self.holds(conditions, rich) == forRich, "\(conditions)")
        }
        rich.requirements.task = .embedding
        #expect(try Self.holds(Conditions(task: .embedding), rich))
        #expect(try Self.holds(Conditions(task: .embedding), SelectionRequest(embedding: ["hi"], target: .automatic)))
    }

    @Test("The first rule that matches holds; who names a model gets it")
    func firstMatch() throws {
        let bench = SelectionBench(
            try SelectionBench.snapshot("a b c", targets: "a b"),
            policy: SelectionPolicy(rules: [
                RoutingRule(
                    name: "urgent", conditions: Conditions(priorities: [.critical]),
                    pool: [.model(try SelectionBench.id("c"))]),
                RoutingRule(name: "all", strategy: "weighted"),
                RoutingRule(name: "never", strategy: "priority"),
            ]))
        let urgent = try bench.decide(SelectionRequest(target: .alias("x"), priority: .critical))
        #expect(urgent.rule == "urgent" && urgent.strategy == "ordered" && SelectionBench.names(urgent) == "c")
        let other = try bench.decide(SelectionRequest(target: .alias("x")))
        #expect(other.rule == "all" && other.strategy == "weighted" && other.requested == "x")
        #expect(try bench.decide(SelectionRequest(target: .automatic, strategy: "least_busy")).strategy == "least_busy")
        let named = try bench.decide(
            SelectionRequest(target: .model(try SelectionBench.id("a")), priority: .critical))
        #expect(named.rule == nil && SelectionBench.names(named) == "a")
    }

    @Test("A pool is asked as it is written, a lone alias as it orders, and with a strategy by that")
    func pools() throws {
        let weighted = Alias(
            name: "shared",
            weightedTargets: [
                .init(model: try SelectionBench.id("a"), weight: 1),
                .init(model: try SelectionBench.id("b"), weight: 3),
            ],
            mode: .weighted)
        let snapshot = try SelectionBench.snapshot("a b c", aliases: [weighted])
        let c = RoutingRule.PoolMember.model(try SelectionBench.id("c"))
        func decide(_ pool: [RoutingRule.PoolMember], _ strategy: String? = nil) throws -> RouteDecision {
            let rule = RoutingRule(name: "r", pool: pool, strategy: strategy)
            let bench = SelectionBench(snapshot, policy: SelectionPolicy(rules: [rule]))
            bench.set(draws: [1])
            return try bench.decide(SelectionRequest(target: .automatic))
        }
        let written = try decide([c, .alias("shared"), c])
        #expect(SelectionBench.names(written) == "c a b" && written.strategy == "ordered")
        let lone = try decide([.alias("shared")])
        #expect(SelectionBench.names(lone) == "b a" && lone.strategy == "weighted")
        let named = try decide([c, .alias("shared")], "round_robin")
        #expect(SelectionBench.names(named) == "c a b" && named.strategy == "round_robin")
    }

    @Test("A pool does not leak: what is gone or does not fulfil the requirements is an error, not somebody else")
    func closedPool() throws {
        let snapshot = try SelectionBench.snapshot("a b")
        let gone = RoutingRule(name: "r", pool: [.alias("gone")])
        let bench = SelectionBench(snapshot, policy: SelectionPolicy(rules: [gone]))
        #expect(throws: SelectionError.modelNotFound(requested: "gone")) {
            try bench.decide(SelectionRequest(target: .automatic))
        }
        bench.selector.setPolicy(
            SelectionPolicy(rules: [RoutingRule(name: "r", pool: [.model(try SelectionBench.id("a"))])]))
        let request = SelectionRequest(target: .automatic, impliedCapabilities: [.vision])
        let error = #expect(throws: SelectionError.self) { try bench.decide(request) }
        #expect(error?.unmet == ["a": ["lacks capability 'vision'"]])
        let explanation = try bench.selector.explain(request, in: snapshot)
        #expect(explanation.decision.rule == "r" && explanation.rejected.map(\.model.name) == ["a"])
    }

    @Test(
        "A time window holds by its own clock, over midnight too",
        arguments: [
            // 2026-11-27 is a Friday; times are UTC.
            ("2026-11-27 12:00", TimeWindow(), true),
            ("2026-11-27 08:59", TimeWindow(from: 540, to: 1020), false),
            ("2026-11-27 09:00", TimeWindow(from: 540, to: 1020), true),
            ("2026-11-27 16:59", TimeWindow(from: 540, to: 1020), true),
            ("2026-11-27 17:00", TimeWindow(from: 540, to: 1020), false),
            ("2026-11-27 08:00", TimeWindow(from: 540, to: 1020, offsetMinutes: 60), true),
            ("2026-11-27 16:00", TimeWindow(from: 540, to: 1020, offsetMinutes: 60), false),
            ("2026-11-27 12:00", TimeWindow(days: [.friday]), true),
            ("2026-11-27 12:00", TimeWindow(days: [.saturday, .thursday]), false),
            ("2026-11-27 23:30", TimeWindow(days: [.saturday], offsetMinutes: 60), true),
            ("2026-11-27 22:00", TimeWindow(days: [.friday], from: 1320, to: 360), true),
            ("2026-11-28 05:59", TimeWindow(days: [.friday], from: 1320, to: 360), true),
            ("2026-11-28 06:00", TimeWindow(days: [.friday], from: 1320, to: 360), false),
            ("2026-11-27 05:59", TimeWindow(days: [.friday], from: 1320, to: 360), false),
            ("2026-11-28 22:00", TimeWindow(days: [.friday], from: 1320, to: 360), false),
            ("1969-12-31 23:59", TimeWindow(days: [.wednesday], from: 1439, to: 1440), true),
            ("1970-01-01 00:00", TimeWindow(days: [.thursday], from: 0, to: 1), true),
        ] as [(String, TimeWindow, Bool)]
    )
    func times(time: String, window: TimeWindow, holds: Bool) throws {
        let microseconds = try Self.microseconds(time)
        #expect(window.contains(microseconds: microseconds) == holds)
        let request = SelectionRequest(target: .automatic)
        #expect(try Self.holds(Conditions(times: [window]), request, at: microseconds) == holds)
    }

    /// Of a time as it is written in UTC, by counting days.
    private static func microseconds(_ text: String) throws -> Int64 {
        let numbers = text.split { !$0.isNumber }.compactMap { Int64($0) }
        try #require(numbers.count == 5)
        func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && year % 100 != 0 || year % 400 == 0 }
        let february: Int64 = isLeap(numbers[0]) ? 29 : 28
        let lengths: [Int64] = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        var days: Int64 = numbers[0] < 1970 ? -365 : 0
        for year in 1970..<max(1970, numbers[0]) { days += isLeap(year) ? 366 : 365 }
        for length in lengths.prefix(Int(numbers[1]) - 1) { days += length }
        days += numbers[2] - 1
        let minutes: Int64 = (days * 24 + numbers[3]) * 60 + numbers[4]
        return minutes * 60_000_000
    }

    @Test(
        "Times are read as they are written",
        arguments: [
            ("00:00", 0), ("09:30", 570), ("24:00", 1440), ("24:01", nil), ("9:30", nil), ("09:60", nil), ("0930", nil),
            ("+9:30", nil), ("", nil), ("09:30:00", nil), ("٠٩:٣٠", nil),
        ] as [(String, Int?)])
    func minutes(text: String, minutes: Int?) {
        #expect(TimeWindow.minutes(text) == minutes)
    }
}
