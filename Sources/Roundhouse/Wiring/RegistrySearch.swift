internal import Inference
internal import ModelLifecycle
internal import ModelRegistry

/// Filters, sorts and pages the registry, with what is true of its models now.
struct RegistrySearch: ModelSearching {
    let loading: any ModelLoading
    let statistics: StatisticsBook
    let availability: @Sendable (ModelID) -> ProviderAvailability

    func page(
        of query: ModelQuery,
        in snapshot: RegistrySnapshot,
        isLoaded: (ModelID) -> Bool
    ) throws(ModelQueryError) -> ModelPage {
        do throws(QueryError) {
            let question = try RegistryQuery(filter: query.filter, orderBy: query.orderBy, provider: query.provider)
            let uses = question.needsFacts ? self.statistics.snapshot() : [:]
            let page = try question.page(of: snapshot, size: query.pageSize, token: query.pageToken) { model in
                guard question.needsFacts else { return RuntimeFacts() }
                return RuntimeFacts(
                    state: self.state(of: model.id),
                    isLoaded: isLoaded(model.id),
                    useCount: uses[model.id]?.uses ?? 0,
                    lastUsedAtMicroseconds: uses[model.id]?.lastUsedAtMicroseconds ?? 0
                )
            }
            return ModelPage(models: page.rows.map(\.model), nextToken: page.nextToken, totalCount: page.totalSize)
        } catch {
            throw ModelQueryError(
                field: error.field,
                position: error.position ?? 1,
                found: error.found,
                expected: error.expected
            )
        }
    }

    private func state(of model: ModelID) -> String {
        if let loaded = self.loading.status(of: model), loaded.state != .unloaded { return loaded.state.rawValue }
        return switch self.availability(model) {
        case .available: "ready"
        case .loading: "loading"
        case .unloaded: "unloaded"
        case .unavailable: "failed"
        }
    }
}
