internal import Inference
internal import ModelRegistry

/// What a ``RoutingTable`` is while it grows.
struct TableBuilder {
    private let snapshot: RegistrySnapshot
    private let policy: SelectionPolicy
    private let figures: RoutingFigures
    private var providerFacts: [RouteRow.Provider] = []
    private(set) var rows: [RouteRow] = []
    private(set) var entries: [RegistryEntry] = []
    private(set) var entryFigures: [ModelFigures] = []
    private(set) var providers: [ProviderFigures] = []
    private(set) var providerIndex: [ProviderID: Int32] = [:]
    private(set) var rowByModel: [ModelID: Int32] = [:]
    private(set) var rowsByTag: [String: [Int32]] = [:]

    init(_ snapshot: RegistrySnapshot, policy: SelectionPolicy, figures: RoutingFigures) {
        self.snapshot = snapshot
        self.policy = policy
        self.figures = figures
        for provider in snapshot.providers {
            let index = Int32(self.providers.count)
            self.providers.append(figures[provider.id])
            self.providerIndex[provider.id] = index
            self.providerFacts.append(RouteRow.Provider(provider, index: index, policy: policy))
        }
        self.rowByModel.reserveCapacity(snapshot.models.count)
    }

    /// - Returns: the row.
    @discardableResult
    mutating func add(_ entry: RegistryEntry, isListed: Bool) -> Int32? {
        let model = entry.model
        guard let provider = self.providerIndex[model.id.provider] else { return nil }
        let index = Int32(self.rows.count)
        self.rows.append(
            RouteRow(
                model,
                isListed: isListed,
                isAllowed: self.policy.isAllowed?(model, self.snapshot.providers[Int(provider)]) ?? true,
                provider: self.providerFacts[Int(provider)]
            ))
        self.entries.append(entry)
        self.entryFigures.append(self.figures[model.id])
        self.rowByModel[model.id] = index
        for tag in model.tags where self.rowsByTag[tag]?.last != index {
            self.rowsByTag[tag, default: []].append(index)
        }
        return index
    }

    /// The row of a model that somebody wrote down, which need not be listed.
    private mutating func row(of model: ModelID) -> Int32? {
        if let row = self.rowByModel[model] { return row }
        guard let description = self.snapshot.model(model) else { return nil }
        return self.add(RegistryEntry(description), isListed: false)
    }

    mutating func pool(of alias: Alias, _ counters: inout TurnCounters) -> RoutePool {
        var pool = WrittenPool()
        for target in alias.weightedTargets {
            guard let row = self.row(of: target.model) else { continue }
            pool.add(row, weight: Int32(clamping: max(0, target.weight)))
        }
        let order: RoutePool.Order = alias.mode == .weighted ? .weighted : .written
        return RoutePool(
            rows: pool.rows, weights: pool.weights, order: order, turns: counters["alias \(alias.name)"])
    }

    /// - Returns: `nil` for a rule that has no pool.
    mutating func pool(
        of rule: RoutingRule,
        aliases: [String: RoutePool],
        _ counters: inout TurnCounters
    ) -> RoutePool? {
        guard let members = rule.pool else { return nil }
        let turns = counters["rule \(rule.name)"]
        // One alias alone brings its weights and its order with it.
        if members.count == 1, case .alias(let name) = members[0], let alias = aliases[name] {
            return RoutePool(rows: alias.rows, weights: alias.weights, order: alias.order, turns: turns)
        }
        var pool = WrittenPool()
        var missing: [String] = []
        for member in members {
            switch member {
            case .model(let id):
                if let row = self.row(of: id) { pool.add(row) } else { missing.append(id.description) }
            case .alias(let name):
                guard let alias = aliases[name] else {
                    missing.append(name)
                    continue
                }
                for row in alias.rows { pool.add(row) }
            }
        }
        return RoutePool(rows: pool.rows, order: .written, missing: missing, turns: turns)
    }

    /// Everything of a category that a request may get that names nobody.
    func automaticPool(
        of category: ModelCategory,
        _ listedCount: Int,
        _ counters: inout TurnCounters
    ) -> RoutePool {
        let wanted = CategorySet(category)
        let rows = (0..<listedCount).filter { self.rows[$0].isAutomatic && self.rows[$0].category == wanted }
        return RoutePool(
            rows: rows.map { Int32($0) }, order: .automatic, turns: counters["auto \(category.rawValue)"])
    }

    /// Rows that somebody wrote down, each once.
    private struct WrittenPool {
        var rows: [Int32] = []
        var weights: [Int32] = []

        mutating func add(_ row: Int32, weight: Int32 = 1) {
            guard !self.rows.contains(row) else { return }
            self.rows.append(row)
            self.weights.append(weight)
        }
    }
}

extension RouteRow.Provider {
    init(_ provider: ProviderDescription, index: Int32, policy: SelectionPolicy) {
        let isOurs = provider.id == .local || provider.kind == ProviderID.local.rawValue
        self.init(
            index: index,
            isEnabled: provider.isEnabled,
            isLocal: isOurs || provider.baseURL.map(LoopbackHost.isHost(of:)) ?? false,
            keepsPrompts: policy.affinity.isEnabled && (isOurs || policy.affinity.kinds.contains(provider.kind))
        )
    }
}

extension RouteRow {
    /// Of a model that has no row in a table: one that a provider passes on, and that no alias names.
    init(passedOn model: ModelDescription, in table: RoutingTable) {
        let provider = table.snapshot.provider(model.id.provider)
        self.init(
            model,
            isListed: false,
            isAllowed: provider.flatMap { table.policy.isAllowed?(model, $0) } ?? true,
            provider: provider.map {
                Provider($0, index: table.providerIndex[$0.id] ?? -1, policy: table.policy)
            } ?? Provider(index: -1, isEnabled: true, isLocal: false, keepsPrompts: false)
        )
    }
}
