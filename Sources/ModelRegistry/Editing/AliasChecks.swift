import Inference

extension Alias {
    /// What a valid name looks like, for error messages.
    package static let nameExpectation = "\(ProviderID.expectation); not 'auto'"

    package static func isValidName(_ name: String) -> Bool {
        PlainName.isValid(name, longest: 63) && name != "auto"
    }

    static let largestTargetCount = 64

    /// - Throws: ``RegistryEditError/invalid(_:)`` with every field that is not what it should be.
    func check(in snapshot: RegistrySnapshot) throws(RegistryEditError) {
        var checks = FieldChecks("alias")
        if !Self.isValidName(self.name) {
            checks.fail("name", found: FieldChecks.quoted(self.name), expected: Self.nameExpectation)
        }
        if !(1...Self.largestTargetCount).contains(self.weightedTargets.count) {
            let expected = "1 to \(Self.largestTargetCount)"
            checks.fail("targets", found: "\(self.weightedTargets.count) targets", expected: expected)
        }
        var seen: Set<ModelID> = []
        for (index, target) in self.weightedTargets.prefix(Self.largestTargetCount).enumerated() {
            checks.expect(target.weight, in: 0...1000, "targets[\(index)].weight")
            if snapshot.model(target.model) == nil {
                let expected = "a registered model, or one of a provider that passes every name on"
                checks.fail("targets[\(index)].model", found: "'\(target.model)'", expected: expected)
            }
            if !seen.insert(target.model).inserted {
                checks.fail("targets[\(index)].model", found: "'\(target.model)' again", expected: "each model once")
            }
        }
        if self.mode == .weighted, !self.weightedTargets.isEmpty, self.weightedTargets.allSatisfy({ $0.weight <= 0 }) {
            checks.fail("targets", found: "no weight above 0", expected: "one at least, since the mode is weighted")
        }
        try checks.finish()
    }
}
