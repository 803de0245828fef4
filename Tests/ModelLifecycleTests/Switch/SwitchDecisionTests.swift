import Inference
import Testing

@testable import ModelLifecycle

@Suite("Switch decision")
struct SwitchDecisionTests {
    private let new = InstanceKey(model: .local("new"))

    private func loaded(_ name: String, bytes: Int64) -> LoadedModel {
        var model = LoadedModel(key: InstanceKey(model: .local(name)), state: .ready, engine: "double")
        model.memory = [.cpu: bytes]
        return model
    }

    private func plan(
        isFeasible: Bool = true,
        isLoaded: Bool = false,
        needs: Int64 = 50,
        evicts: [String] = [],
        used: Int64 = 60,
        reason: String = ""
    ) -> LoadPlan {
        LoadPlan(
            key: self.new,
            isFeasible: isFeasible,
            isLoaded: isLoaded,
            estimate: MemoryEstimate(weightBytes: needs),
            evictions: evicts.map {
                LoadPlan.Eviction(
                    key: InstanceKey(model: .local($0)), freedBytes: 10, idle: .zero, isBusy: false)
            },
            reason: reason,
            devices: [
                DeviceMemory(device: .cpu, totalBytes: 200, freeBytes: 140, quotaBytes: 100, actualBytes: used)
            ]
        )
    }

    @Test("Nothing to load, loaded already, or room beside the old one: load first")
    func loadFirst() {
        let old = [self.loaded("old", bytes: 60)]
        for plan in [nil, self.plan(isLoaded: true), self.plan(), self.plan(evicts: ["other"])] {
            for keepsOld in [true, false] {
                #expect(SwitchDecision.decide(plan: plan, old: old, keepsOld: keepsOld) == .go(.loadFirst))
            }
        }
    }

    @Test("Room only without the old one: drain first, unless it is to stay")
    func drainFirst() {
        let old = [self.loaded("old", bytes: 60)]
        let evicted = self.plan(evicts: ["other", "old"])
        #expect(SwitchDecision.decide(plan: evicted, old: old, keepsOld: false) == .go(.drainFirst))
        let refusal = SwitchDecision.refuse(
            reason: "it does not fit beside local/old, which is to stay loaded: leave out keep_previous_loaded")
        #expect(SwitchDecision.decide(plan: evicted, old: old, keepsOld: true) == refusal)
        // Pinned, so that it is no victim; but it may be replaced.
        let blocked = self.plan(isFeasible: false, reason: "local/old is pinned")
        #expect(SwitchDecision.decide(plan: blocked, old: old, keepsOld: false) == .go(.drainFirst))
        #expect(SwitchDecision.decide(plan: blocked, old: old, keepsOld: true) == refusal)
    }

    @Test("No room even without the old one: refused with the plan's reason", arguments: [true, false])
    func refused(keepsOld: Bool) {
        let old = [self.loaded("old", bytes: 5)]
        let plan = self.plan(isFeasible: false, reason: "it is larger than the quota")
        #expect(
            SwitchDecision.decide(plan: plan, old: old, keepsOld: keepsOld)
                == .refuse(reason: "it is larger than the quota"))
        #expect(SwitchDecision.decide(plan: plan, old: [], keepsOld: keepsOld) != .go(.drainFirst))
        // What else is idle goes, too; what is pinned or in use does not.
        var other = self.loaded("other", bytes: 20)
        #expect(SwitchDecision.decide(plan: plan, old: old, others: [other], keepsOld: false) == .go(.drainFirst))
        other.leases = 1
        #expect(SwitchDecision.decide(plan: plan, old: old, others: [other], keepsOld: false) != .go(.drainFirst))
        other.leases = 0
        other.isPinned = true
        #expect(SwitchDecision.decide(plan: plan, old: old, others: [other], keepsOld: false) != .go(.drainFirst))
    }
}
