public import ModelRegistry

/// What is wrong with a rule: which field, what was found, what was expected.
public struct RuleProblem: Sendable, Hashable, CustomStringConvertible {
    /// Which of the rules, from 0: names may be missing or given twice.
    public var index: Int
    /// ``RoutingRule/name``.
    public var rule: String
    /// `pool[1]`, `conditions.models`.
    public var field: String
    public var found: String
    public var expected: String

    public var description: String {
        "rule '\(self.rule)': \(self.field): found \(self.found), expected \(self.expected)"
    }
}

extension RoutingRule {
    /// Checks rules before they are used.
    ///
    /// - Parameters:
    ///   - snapshot: with the models and aliases that they may name.
    ///   - strategies: the names that exist, see ``RouteSelector/strategyNames``.
    /// - Returns: everything that is wrong, rule by rule; empty when nothing is.
    public static func validate(
        _ rules: [RoutingRule],
        in snapshot: RegistrySnapshot,
        strategies: some Sequence<String>
    ) -> [RuleProblem] {
        let known = Set(strategies)
        var problems: [RuleProblem] = []
        for (index, rule) in rules.enumerated() {
            var checks = RuleChecks(rule, index: index)
            checks.checkName(among: rules[..<index])
            checks.checkConditions(in: snapshot)
            checks.checkPool(in: snapshot)
            checks.checkStrategy(known)
            checks.checkReach(after: rules[..<index])
            problems += checks.problems
        }
        return problems
    }
}
