package import Inference

/// In which order a switch is done.
package enum SwitchStrategy: String, Sendable, Hashable, CaseIterable {
    /// The new model is loaded beside the old one, then the flip, then the old one is drained.
    case loadFirst = "load_first"
    /// Both do not fit: the flip first, new requests wait, the old model is drained, then the new one is loaded.
    case drainFirst = "drain_first"
}

/// What a switch would do.
package struct SwitchPlan: Sendable, Hashable {
    package var strategy: SwitchStrategy
    /// `nil` when the new model is none that is loaded.
    package var load: LoadPlan?
    /// What leaves memory: for want of room, or once nothing leads to it any more.
    package var drained: [InstanceKey]

    package init(strategy: SwitchStrategy, load: LoadPlan?, drained: [InstanceKey]) {
        self.strategy = strategy
        self.load = load
        self.drained = drained
    }
}

/// Which way to switch. Pure.
enum SwitchDecision: Equatable {
    case go(SwitchStrategy)
    /// It cannot be done, with the reason.
    case refuse(reason: String)

    /// - Parameters:
    ///   - plan: For the new model; `nil` when it is none that is loaded.
    ///   - old: What is in memory of the old models.
    ///   - others: What else is in memory.
    ///   - keepsOld: Whether the caller wants the old ones to stay loaded.
    static func decide(
        plan: LoadPlan?,
        old: [LoadedModel],
        others: [LoadedModel] = [],
        keepsOld: Bool
    ) -> SwitchDecision {
        guard let plan, !plan.isLoaded else { return .go(.loadFirst) }
        let oldKeys = Set(old.map(\.key))
        let evictsOld = plan.evictions.contains { oldKeys.contains($0.key) }
        if plan.isFeasible, !evictsOld { return .go(.loadFirst) }
        guard plan.isFeasible || Self.fits(plan, without: old, others) else {
            return .refuse(reason: plan.reason.isEmpty ? "it does not fit" : plan.reason)
        }
        guard !keepsOld else {
            let names = old.map { "\($0.key)" }.sorted().joined(separator: ", ")
            return .refuse(
                reason: "it does not fit beside \(names), which is to stay loaded: leave out keep_previous_loaded")
        }
        return .go(.drainFirst)
    }

    /// Whether the new model would fit if the old ones were gone: being pinned or busy keeps them from being evicted, but
    /// not from being replaced.
    private static func fits(_ plan: LoadPlan, without old: [LoadedModel], _ others: [LoadedModel]) -> Bool {
        guard !old.isEmpty, !plan.estimate.devices.isEmpty else { return false }
        let going = old + others.filter { $0.state == .ready && $0.leases == 0 && !$0.isPinned }
        let devices = Dictionary(plan.devices.map { ($0.device, $0) }) { first, _ in first }
        return plan.estimate.devices.allSatisfy { device, needed in
            guard let memory = devices[device] else { return false }
            let ours = memory.predictedBytes + memory.actualBytes + memory.releasingBytes
            let free = min(memory.quotaBytes - ours, memory.freeBytes - memory.predictedBytes)
            return needed <= going.reduce(free) { $0 + ($1.memory[device] ?? 0) }
        }
    }
}
