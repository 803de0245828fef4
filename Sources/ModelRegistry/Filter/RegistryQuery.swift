package import Inference

/// A question for a list of models: which ones, in which order, page by page.
///
/// Made once for a request, which finds everything that is wrong with the texts; asking costs a pass over the rows.
package struct RegistryQuery: Sendable {
    package let filter: RegistryFilter
    package let order: RegistryOrder
    private let provider: ProviderID?
    private let fingerprint: UInt64

    package static let defaultPageSize = 100
    package static let largestPageSize = 1000

    package struct Page: Sendable {
        package var rows: [FilterRow]
        /// Empty on the last page.
        package var nextToken: String
        /// How many rows pass the filter, on all pages.
        package var totalSize: Int
    }

    /// - Parameters:
    ///   - provider: Only its models.
    /// - Throws: ``QueryError`` for a filter or an order that is none.
    package init(filter: String = "", orderBy: String = "", provider: ProviderID? = nil) throws(QueryError) {
        self.filter = try RegistryFilter(filter)
        self.order = try RegistryOrder(orderBy)
        self.provider = provider
        var fingerprint = Fingerprint()
        for text in [self.filter.text, self.order.text, provider?.rawValue ?? ""] { fingerprint.add(text) }
        self.fingerprint = fingerprint.value
    }

    /// Whether ``FilterRow/facts`` matter for which rows there are and in which order. When not, gather them for the
    /// rows of the page only.
    package var needsFacts: Bool { self.filter.needsFacts || self.order.needsFacts }

    /// A page of a registry's models.
    ///
    /// - Parameters:
    ///   - isListed: Keeps models out of every list.
    ///   - facts: What is true of a model now. Asked for every model when ``needsFacts``, otherwise for those of the page.
    package func page(
        of snapshot: RegistrySnapshot,
        size: Int = 0,
        token: String = "",
        isListed: ((ModelDescription) -> Bool)? = nil,
        facts: (ModelDescription) -> RuntimeFacts
    ) throws(QueryError) -> Page {
        let needsFacts = self.needsFacts
        let entries = isListed.map { isListed in snapshot.entries.filter { isListed($0.model) } } ?? snapshot.entries
        let rows = entries.map { entry in
            FilterRow(entry, facts: needsFacts ? facts(entry.model) : RuntimeFacts())
        }
        var page = try self.page(sorted: rows, size: size, token: token)
        if !needsFacts {
            for index in page.rows.indices { page.rows[index].facts = facts(page.rows[index].entry.model) }
        }
        return page
    }

    /// A page of rows, which may come in any order.
    ///
    /// - Parameters:
    ///   - size: 0 for ``defaultPageSize``; more than ``largestPageSize`` means that.
    ///   - token: ``Page/nextToken`` of the page before; empty for the first.
    package func page(of rows: [FilterRow], size: Int = 0, token: String = "") throws(QueryError) -> Page {
        try self.page(sorted: rows.sorted { $0.entry.id < $1.entry.id }, size: size, token: token)
    }

    private func page(sorted rows: [FilterRow], size: Int, token: String) throws(QueryError) -> Page {
        let limit = try Self.limit(size)
        let begin = try self.begin(token)
        var admitted: [Int] = []
        for index in rows.indices where self.admits(rows[index]) { admitted.append(index) }
        let keys = SortKeys(rows, of: admitted, by: self.order.terms)
        var remaining = Array(admitted.indices)
        if let begin { remaining.removeAll { !keys.isBehind(begin, $0, id: rows[admitted[$0]].entry.id) } }
        let page = keys.first(limit, of: remaining)
        var nextToken = ""
        if page.count < remaining.count, let last = page.last {
            let row = rows[admitted[last]]
            let keys = self.order.terms.map { $0.key(of: row) }
            nextToken = PageToken(fingerprint: self.fingerprint, keys: keys, id: row.entry.id).text
        }
        return Page(rows: page.map { rows[admitted[$0]] }, nextToken: nextToken, totalSize: admitted.count)
    }

    private func admits(_ row: FilterRow) -> Bool {
        if let provider, row.entry.model.id.provider != provider { return false }
        return self.filter.admits(row)
    }

    private static func limit(_ size: Int) throws(QueryError) -> Int {
        guard size >= 0 else {
            throw QueryError(
                field: "page_size",
                found: "\(size)",
                expected: "0 or more; 0 means \(self.defaultPageSize)"
            )
        }
        return size == 0 ? self.defaultPageSize : min(size, self.largestPageSize)
    }

    private func begin(_ token: String) throws(QueryError) -> PageToken? {
        guard !token.isEmpty else { return nil }
        guard let begin = PageToken(token) else {
            throw QueryError(
                field: "page_token",
                found: "a text that is no page token",
                expected: "next_page_token of the page before, or nothing for the first page"
            )
        }
        guard begin.fingerprint == self.fingerprint, begin.keys.count == self.order.terms.count else {
            throw QueryError(
                field: "page_token",
                found: "the token of another question",
                expected: "the same filter, order_by and provider as on the page before, or no token"
            )
        }
        return begin
    }
}

/// The sort keys of rows, side by side: sorting then hardly touches the rows.
private struct SortKeys {
    private let terms: [RegistryOrder.Term]
    private let directions: [Bool]
    /// Those of the first row, those of the second, and so on.
    private var ranks: [UInt64] = []
    /// Only where a term is of texts: the same layout.
    private var texts: [String?] = []

    init(_ rows: [FilterRow], of indices: [Int], by terms: [RegistryOrder.Term]) {
        self.terms = terms
        self.directions = terms.map(\.isDescending)
        guard !terms.isEmpty else { return }
        let hasTexts = terms.contains { $0.isText }
        self.ranks.reserveCapacity(indices.count * terms.count)
        if hasTexts { self.texts.reserveCapacity(indices.count * terms.count) }
        let extractors = terms.map(\.extractor)
        for index in indices {
            let row = rows[index]
            for extractor in extractors {
                let key = extractor(row)
                self.ranks.append(key.rank)
                if hasTexts { self.texts.append(key.text) }
            }
        }
    }

    /// The first `limit` of the rows at `positions`, in order. Rows that nothing tells apart stay in theirs, which is
    /// that of their ids.
    ///
    /// Keeps no more than it gives: most rows of a long list are compared once, with the last one kept.
    func first(_ limit: Int, of positions: [Int]) -> [Int] {
        guard !self.terms.isEmpty else { return Array(positions.prefix(limit)) }
        var kept: [Int] = []
        kept.reserveCapacity(limit + 1)
        for position in positions {
            if kept.count == limit {
                guard let last = kept.last, self.precedes(position, last) else { continue }
                kept.removeLast()
            }
            var (low, high) = (0, kept.count)
            while low < high {
                let middle = (low + high) / 2
                if self.precedes(position, kept[middle]) { high = middle } else { low = middle + 1 }
            }
            kept.insert(position, at: low)
        }
        return kept
    }

    private func precedes(_ left: Int, _ right: Int) -> Bool {
        let count = self.terms.count
        for term in 0..<count {
            let (first, second) = (self.ranks[left * count + term], self.ranks[right * count + term])
            if first != second { return first < second }
            guard !self.texts.isEmpty else { continue }
            let order = SortKey.compare(
                self.texts[left * count + term], self.texts[right * count + term], isDescending: self.directions[term])
            if order != 0 { return order < 0 }
        }
        return left < right
    }

    /// Whether the row at `position` comes after the page that ended with `token`.
    func isBehind(_ token: PageToken, _ position: Int, id: String) -> Bool {
        for (term, key) in token.keys.enumerated() {
            let order = self.terms[term].compare(key, self.key(position, term))
            if order != 0 { return order < 0 }
        }
        return token.id < id
    }

    private func key(_ position: Int, _ term: Int) -> SortKey {
        let index = position * self.terms.count + term
        return SortKey(rank: self.ranks[index], text: self.texts.isEmpty ? nil : self.texts[index])
    }
}
