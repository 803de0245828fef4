internal import Inference
internal import ModelRegistry

/// Collects what is wrong with one rule.
struct RuleChecks {
    private let rule: RoutingRule
    private let index: Int
    private(set) var problems: [RuleProblem] = []

    init(_ rule: RoutingRule, index: Int) {
        self.rule = rule
        self.index = index
    }

    private mutating func fail(_ field: String, found: String, expected: String) {
        self.problems.append(
            RuleProblem(index: self.index, rule: self.rule.name, field: field, found: found, expected: expected))
    }

    mutating func checkName(among former: ArraySlice<RoutingRule>) {
        if self.rule.name.isEmpty { self.fail("name", found: "nothing", expected: "a name for explanations") }
        guard former.contains(where: { $0.name == self.rule.name }) else { return }
        self.fail("name", found: "'\(self.rule.name)' again", expected: "a name that no other rule has")
    }

    mutating func checkStrategy(_ known: Set<String>) {
        guard let strategy = self.rule.strategy, !known.contains(strategy) else { return }
        let names = known.sorted().joined(separator: ", ")
        self.fail("strategy", found: "'\(strategy)'", expected: "one of \(names)")
    }

    mutating func checkConditions(in snapshot: RegistrySnapshot) {
        let conditions = self.rule.conditions
        for name in conditions.models.sorted() where name != "auto" && snapshot.alias(name) == nil {
            let expected =
                ModelID(name) == nil
                ? "an alias that exists, or auto" : "an alias or auto: no rule holds for who names a model"
            self.fail("conditions.models", found: "'\(name)'", expected: expected)
        }
        let (low, high) = (conditions.minInputTokens ?? 0, conditions.maxInputTokens ?? .max)
        if low < 0 { self.fail("conditions.min_input_tokens", found: "\(low)", expected: "at least 0") }
        if high < low { self.fail("conditions.max_input_tokens", found: "\(high)", expected: "at least \(low)") }
        for (index, window) in conditions.times.enumerated() {
            let field = "conditions.times[\(index)]"
            if !(0...1439).contains(window.from) {
                self.fail("\(field).from", found: "\(window.from) minutes", expected: "00:00 to 23:59")
            }
            if !(1...1440).contains(window.to) {
                self.fail("\(field).to", found: "\(window.to) minutes", expected: "00:01 to 24:00")
            }
            if window.from == window.to {
                self.fail(
                    "\(field).to", found: "the time at which it begins", expected: "another; 00:00 to 24:00 is a day")
            }
            if !(-840...840).contains(window.offsetMinutes) {
                self.fail("\(field).utc_offset", found: "\(window.offsetMinutes) minutes", expected: "-14:00 to +14:00")
            }
        }
    }

    /// Every member must exist, and be able to do what the conditions say that the request needs.
    mutating func checkPool(in snapshot: RegistrySnapshot) {
        guard let pool = self.rule.pool else { return }
        if pool.isEmpty { self.fail("pool", found: "nothing", expected: "a model or an alias at least") }
        for (index, member) in pool.enumerated() {
            let field = "pool[\(index)]"
            switch member {
            case .model(let id):
                guard snapshot.model(id) != nil else {
                    let expected = "a registered model, or one of a provider that passes every name on"
                    self.fail(field, found: "'\(id)'", expected: expected)
                    continue
                }
                self.check(id, field, in: snapshot)
            case .alias(let name):
                guard let alias = snapshot.alias(name) else {
                    self.fail(field, found: "'\(name)'", expected: "an alias that exists")
                    continue
                }
                for target in alias.targets { self.check(target, field, in: snapshot) }
            }
        }
    }

    /// - Parameter id: of a model that exists. Of one that is only passed on nothing is known, and nothing is told.
    private mutating func check(_ id: ModelID, _ field: String, in snapshot: RegistrySnapshot) {
        guard let model = snapshot.listedModel(id) else { return }
        let conditions = self.rule.conditions
        for capability in conditions.capabilities.sorted() where !model.capabilities.contains(capability) {
            self.fail(
                field, found: "'\(id)' without capability '\(capability.rawValue)'",
                expected: "models that can do what the conditions say that requests need")
        }
        let row = RouteRow(
            model, isListed: true, isAllowed: true,
            provider: RouteRow.Provider(index: 0, isEnabled: true, isLocal: false, keepsPrompts: false))
        if let task = conditions.task, !row.uses.contains(CategorySet(task)) {
            self.fail(
                field, found: "'\(id)', which is for '\(model.category.rawValue)'",
                expected: "models for '\(task.rawValue)', as the conditions say")
        }
        if let least = conditions.minInputTokens, row.contextLength >= 0, row.contextLength < least {
            self.fail(
                field, found: "'\(id)' with a context of \(row.contextLength) tokens",
                expected: "at least the \(least) of conditions.min_input_tokens")
        }
    }

    mutating func checkReach(after former: ArraySlice<RoutingRule>) {
        guard let covering = former.first(where: { $0.conditions.cover(self.rule.conditions) }) else { return }
        self.fail(
            "conditions", found: "nothing that rule '\(covering.name)' before it does not match already",
            expected: "a rule that can be reached; put it before the other")
    }
}

extension RoutingRule.Conditions {
    /// Whether these hold for every request for which the other ones hold.
    fileprivate func cover(_ other: Self) -> Bool {
        Self.cover(self.models, other.models)
            && Self.cover(self.priorities, other.priorities)
            && (self.task == nil || self.task == other.task)
            && self.tags.isSubset(of: other.tags)
            && self.capabilities.isSubset(of: other.capabilities)
            && self.minInputTokens ?? 0 <= other.minInputTokens ?? 0
            && self.maxInputTokens ?? .max >= other.maxInputTokens ?? .max
            && (self.times.isEmpty || (!other.times.isEmpty && other.times.allSatisfy(self.times.contains)))
    }

    /// Of two conditions that say "one of these", and when empty nothing.
    private static func cover<Value>(_ wider: Set<Value>, _ narrower: Set<Value>) -> Bool {
        wider.isEmpty || (!narrower.isEmpty && narrower.isSubset(of: wider))
    }
}
