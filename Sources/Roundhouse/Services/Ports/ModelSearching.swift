internal import Inference
internal import ModelRegistry

/// Filters, sorts and pages the models of a registry.
protocol ModelSearching: Sendable {
    /// - Parameter isLoaded: for the filter field `loaded`.
    func page(
        of query: ModelQuery,
        in snapshot: RegistrySnapshot,
        isLoaded: (ModelID) -> Bool
    ) throws(ModelQueryError) -> ModelPage
}

/// Which models are wanted, in which order, and from where on.
struct ModelQuery: Sendable, Hashable {
    /// AIP-160 subset; empty: all.
    var filter = ""
    /// AIP-132; empty: by id.
    var orderBy = ""
    var provider: ProviderID?
    /// 1...``Paging/largestSize``.
    var pageSize = Paging.defaultSize
    /// ``ModelPage/nextToken`` of the page before; empty for the first page.
    var pageToken = ""
}

struct ModelPage: Sendable {
    var models: [ModelDescription]
    /// Empty on the last page.
    var nextToken: String
    /// How many models pass the filter, on all pages.
    var totalCount: Int
}

/// What is wrong with the text of a query.
struct ModelQueryError: Error, Sendable, Hashable {
    /// `filter`, `order_by` or `page_token`.
    var field: String
    /// The character at fault, from 1.
    var position: Int
    /// What stands there: `'='`, `the end`.
    var found: String
    var expected: String
}
