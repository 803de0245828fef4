internal import RoundhouseAPI

/// What a load would take, as people read it.
enum PlanTexts {
    static func verdict(_ plan: Roundhouse_V1_LoadPlan) -> String {
        if plan.alreadyLoaded { return "\(plan.model) is loaded already" }
        guard plan.feasible else {
            return "\(plan.model) cannot be loaded" + (plan.reason.isEmpty ? "" : ": \(plan.reason)")
        }
        guard !plan.evictions.isEmpty else { return "\(plan.model) can be loaded" }
        let victims = plan.evictions.map(\.model).joined(separator: ", ")
        return "\(plan.model) can be loaded after \(victims) \(plan.evictions.count == 1 ? "was" : "were") unloaded"
    }

    /// The verdict, the estimate, who goes, who stays, and the memories.
    static func text(_ plan: Roundhouse_V1_LoadPlan, for traits: TerminalTraits) -> String {
        var text = traits.bold(TerminalText.singleLine(Self.verdict(plan))) + "\n"
        if plan.hasEstimate { text += Self.page(plan.estimate).rendered(for: traits) }
        if !plan.evictions.isEmpty { text += "\n" + Self.table(plan.evictions).rendered(for: traits) }
        if !plan.blockers.isEmpty {
            text += "\n" + traits.bold("What stays") + "\n"
            text += plan.blockers.map { "  - \(TerminalText.singleLine($0))\n" }.joined()
        }
        if !plan.devices.isEmpty { text += "\n" + LoadTexts.table(plan.devices).rendered(for: traits) }
        return text
    }

    private static func page(_ estimate: Roundhouse_V1_MemoryEstimate) -> Page {
        var page = Page()
        page.add("weights", Figures.bytes(estimate.weightBytes))
        page.add("KV cache", Figures.bytes(estimate.cacheBytes))
        page.add("computing", Figures.bytes(estimate.computeBytes))
        let devices = estimate.deviceBytes.sorted { $0.key < $1.key }
            .map { "\(Figures.bytes($0.value)) on \($0.key)" }
        let places = devices.isEmpty ? "" : " (\(devices.joined(separator: ", ")))"
        page.add("together", Figures.bytes(estimate.totalBytes) + places)
        return page
    }

    private static func table(_ evictions: [Roundhouse_V1_Eviction]) -> Table {
        var table = Table([
            .init(title: "UNLOADED"), .init(title: "FREES", alignment: .right), .init(title: "IDLE", alignment: .right),
            .init(title: "REMARK", canShrink: true),
        ])
        for eviction in evictions {
            table.add([
                eviction.model, Figures.bytes(eviction.freedBytes),
                eviction.hasIdleDuration ? Figures.wholeSeconds(Duration(eviction.idleDuration)) : "-",
                eviction.busy ? "its requests end first" : "",
            ])
        }
        return table
    }
}
