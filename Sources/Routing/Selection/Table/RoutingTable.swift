internal import Inference
internal import ModelRegistry

/// A snapshot and a policy, laid out for decisions. Immutable; made once for both and kept until one of them changes.
final class RoutingTable: Sendable {
    /// Kept, so that its identity stays its own.
    let snapshot: RegistrySnapshot
    let policy: SelectionPolicy
    /// Which of the selector's policies it is.
    let version: Int
    /// Rows, entries and figures of one index belong together: the listed models in the order of their priority, then
    /// those that aliases and rules name and a provider only passes on.
    let rows: [RouteRow]
    let entries: [RegistryEntry]
    let figures: [ModelFigures]
    let providers: [ProviderFigures]
    let providerIndex: [ProviderID: Int32]
    /// How many of the rows are listed models.
    let listedCount: Int
    /// The rows that have a tag, in order.
    let rowsByTag: [String: [Int32]]
    /// For requests that name nobody: a pool for each ``ModelCategory/number``.
    let automaticPools: [RoutePool]
    let aliasPools: [String: RoutePool]
    let rules: [CompiledRule]
    /// Whether any engine keeps prompts.
    let keepsPrompts: Bool
    let turnCounters: [String: TurnCounter]
    private let rowByModel: [ModelID: Int32]

    init(
        _ snapshot: RegistrySnapshot,
        policy: SelectionPolicy,
        version: Int = 0,
        figures: RoutingFigures,
        goingOnFrom old: [String: TurnCounter] = [:]
    ) {
        var builder = TableBuilder(snapshot, policy: policy, figures: figures)
        for entry in Self.quickestFirst(snapshot.entriesByPriority) { builder.add(entry, isListed: true) }
        let listedCount = builder.rows.count
        var counters = TurnCounters(goingOnFrom: old)
        var aliasPools: [String: RoutePool] = [:]
        for alias in snapshot.aliases { aliasPools[alias.name] = builder.pool(of: alias, &counters) }
        self.rules = policy.rules.map { CompiledRule($0, pool: builder.pool(of: $0, aliases: aliasPools, &counters)) }
        self.automaticPools = ModelCategory.allCases.map { builder.automaticPool(of: $0, listedCount, &counters) }
        self.aliasPools = aliasPools
        self.snapshot = snapshot
        self.policy = policy
        self.version = version
        self.rows = builder.rows
        self.entries = builder.entries
        self.figures = builder.entryFigures
        self.providers = builder.providers
        self.providerIndex = builder.providerIndex
        self.listedCount = listedCount
        self.rowsByTag = builder.rowsByTag
        self.rowByModel = builder.rowByModel
        self.keepsPrompts = builder.rows.contains { $0.flags.contains(.keepsPrompts) }
        self.turnCounters = counters.counters
    }

    func row(of model: ModelID) -> Int32? { self.rowByModel[model] }

    func automaticPool(of category: ModelCategory) -> RoutePool { self.automaticPools[Int(category.number)] }

    /// Among models of one priority those that were profiled come first, the quickest of them before the others; what
    /// discovery found stays behind what a person registered.
    private static func quickestFirst(_ entries: [RegistryEntry]) -> [RegistryEntry] {
        guard entries.contains(where: { $0.model.profile != nil }) else { return entries }
        let ranked = entries.enumerated().map { offset, entry in
            let model = entry.model
            let isDiscovered = model.provenance.source == .discovered ? 1 : 0
            return (
                rank: (model.priority, isDiscovered), latency: model.profile?.latencyP50, offset: offset, entry: entry
            )
        }
        return ranked.sorted { left, right in
            if left.rank != right.rank { return left.rank < right.rank }
            switch (left.latency, right.latency) {
            case (let first?, let second?) where first != second: return first < second
            case (.some, nil): return true
            case (nil, .some): return false
            default: return left.offset < right.offset
            }
        }.map(\.entry)
    }
}
