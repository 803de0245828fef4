/// Pages of lists (AIP-158).
enum Paging {
    static let defaultSize = 100
    static let largestSize = 1000

    struct Page<Element> {
        var elements: [Element]
        /// Empty on the last page.
        var nextToken: String
    }

    /// How many entries a page has: 0 means ``defaultSize``, too many mean ``largestSize``.
    ///
    /// - Throws: ``ServiceError`` for a negative size.
    static func limit(_ size: Int32) throws(ServiceError) -> Int {
        guard size >= 0 else {
            throw .invalid("page_size", found: "\(size)", expected: "0 or more; 0 means \(self.defaultSize)")
        }
        return size == 0 ? self.defaultSize : min(Int(size), self.largestSize)
    }

    /// A page of a list that is sorted by a string key.
    ///
    /// A page token is the last key of the page before: it stays right when entries come and go between two pages.
    ///
    /// - Throws: ``ServiceError`` for a negative size.
    static func page<Element>(
        _ elements: [Element],
        size: Int32,
        token: String,
        key: (Element) -> String
    ) throws(ServiceError) -> Page<Element> {
        let limit = try self.limit(size)
        let remaining = token.isEmpty ? elements[...] : elements.drop { key($0) <= token }
        let page = Array(remaining.prefix(limit))
        let isLast = page.count == remaining.count
        return Page(elements: page, nextToken: isLast ? "" : page.last.map(key) ?? "")
    }
}
