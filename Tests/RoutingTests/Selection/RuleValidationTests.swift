import Inference
import ModelRegistry
import Routing
import Testing

@Suite("Checking rules")
struct RuleValidationTests {
    typealias Conditions = RoutingRule.Conditions

    private static func problems(_ rules: [RoutingRule]) throws -> [String] {
        let any = ProviderDescription(id: try #require(ProviderID("any")), kind: "openai", acceptsAnyModel: true)
        let snapshot = try SelectionBench.snapshot("a b e", targets: "a b", providers: [any]) { model in
            if model.id.name == "b" { model.capabilities.insert(.vision) }
            if model.id.name == "e" { model.category = .embedding }
            model.contextLength = model.id.name == "b" ? 8000 : nil
        }
        let bench = SelectionBench(snapshot)
        return RoutingRule.validate(rules, in: snapshot, strategies: bench.selector.strategyNames).map(\.description)
    }

    private static func member(_ text: String) throws -> RoutingRule.PoolMember {
        try #require(RoutingRule.PoolMember(text))
    }

    @Test("Good rules have no problems")
    func good() throws {
        #expect(
            try Self.problems([
                RoutingRule(
                    name: "pictures", conditions: Conditions(models: ["auto", "x"], capabilities: [.vision]),
                    pool: [Self.member("p/b"), Self.member("any/thing")], strategy: "cost_optimized"),
                RoutingRule(name: "vectors", conditions: Conditions(task: .embedding), pool: [Self.member("p/e")]),
                RoutingRule(
                    name: "night", conditions: Conditions(times: [TimeWindow(from: 1320, to: 360)]),
                    pool: [Self.member("x")]),
                RoutingRule(name: "others", strategy: "least_busy"),
            ]).isEmpty)
        #expect(RoutingRule.PoolMember("auto") == nil && RoutingRule.PoolMember("/x") == nil)
    }

    @Test("What is wrong is told with rule, field, what was found and what was expected")
    func wrong() throws {
        let cases: [(RoutingRule, String)] = [
            (RoutingRule(name: "", strategy: "priority"), "name: found nothing, expected a name for explanations"),
            (
                RoutingRule(name: "r", strategy: "best"),
                "strategy: found 'best', expected one of availability_based, cost_optimized, least_busy, least_latency, "
                    + "performance_based, priority, round_robin, weighted"
            ),
            (
                RoutingRule(name: "r", conditions: Conditions(models: ["y"])),
                "conditions.models: found 'y', expected an alias that exists, or auto"
            ),
            (
                RoutingRule(name: "r", conditions: Conditions(models: ["p/a"])),
                "conditions.models: found 'p/a', expected an alias or auto: no rule holds for who names a model"
            ),
            (RoutingRule(name: "r", pool: []), "pool: found nothing, expected a model or an alias at least"),
            (
                RoutingRule(name: "r", pool: [try Self.member("p/a"), try Self.member("p/z")]),
                "pool[1]: found 'p/z', expected a registered model, or one of a provider that passes every name on"
            ),
            (
                RoutingRule(name: "r", pool: [try Self.member("y")]),
                "pool[0]: found 'y', expected an alias that exists"
            ),
            (
                RoutingRule(name: "r", conditions: Conditions(capabilities: [.vision]), pool: [try Self.member("x")]),
                "pool[0]: found 'p/a' without capability 'vision', "
                    + "expected models that can do what the conditions say that requests need"
            ),
            (
                RoutingRule(name: "r", conditions: Conditions(task: .embedding), pool: [try Self.member("p/a")]),
                "pool[0]: found 'p/a', which is for 'text', expected models for 'embedding', as the conditions say"
            ),
            (
                RoutingRule(name: "r", conditions: Conditions(minInputTokens: 8001), pool: [try Self.member("p/b")]),
                "pool[0]: found 'p/b' with a context of 8000 tokens, expected at least the 8001 of "
                    + "conditions.min_input_tokens"
            ),
            (
                RoutingRule(name: "r", conditions: Conditions(minInputTokens: 5, maxInputTokens: 4)),
                "conditions.max_input_tokens: found 4, expected at least 5"
            ),
            (
                RoutingRule(name: "r", conditions: Conditions(times: [TimeWindow(from: 60, to: 60)])),
                "conditions.times[0].to: found the time at which it begins, expected another; 00:00 to 24:00 is a day"
            ),
            (
                RoutingRule(name: "r", conditions: Conditions(times: [TimeWindow(from: 0, to: 1441)])),
                "conditions.times[0].to: found 1441 minutes, expected 00:01 to 24:00"
            ),
            (
                RoutingRule(name: "r", conditions: Conditions(times: [TimeWindow(offsetMinutes: 841)])),
                "conditions.times[0].utc_offset: found 841 minutes, expected -14:00 to +14:00"
            ),
        ]
        for (rule, expected) in cases {
            #expect(try Self.problems([rule]) == ["rule '\(rule.name)': \(expected)"])
        }
    }

    @Test("A rule that no request can reach is told with the rule that comes before it")
    func unreachable() throws {
        let wide = Conditions(
            priorities: [.high, .critical], tags: ["eu"], minInputTokens: 10, maxInputTokens: 100,
            times: [TimeWindow(days: [.monday]), TimeWindow(days: [.friday])])
        var narrow = wide
        narrow.priorities = [.high]
        narrow.tags = ["eu", "batch"]
        narrow.capabilities = [.tools]
        narrow.minInputTokens = 11
        narrow.times = [TimeWindow(days: [.friday])]
        func isReached(_ first: Conditions, _ second: Conditions) throws -> Bool {
            try Self.problems([
                RoutingRule(name: "first", conditions: first), RoutingRule(name: "second", conditions: second),
            ]).isEmpty
        }
        #expect(try !isReached(Conditions(), wide))
        #expect(try !isReached(wide, wide))
        #expect(try !isReached(wide, narrow))
        #expect(try isReached(narrow, wide))
        #expect(try isReached(wide, Conditions()))
        #expect(
            try Self.problems([RoutingRule(name: "all"), RoutingRule(name: "late")]) == [
                "rule 'late': conditions: found nothing that rule 'all' before it does not match already, "
                    + "expected a rule that can be reached; put it before the other"
            ])
        #expect(
            try Self.problems([RoutingRule(name: "r", conditions: narrow), RoutingRule(name: "r")]) == [
                "rule 'r': name: found 'r' again, expected a name that no other rule has"
            ])
    }
}
