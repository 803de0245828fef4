/// Pages of a list that is sorted by a string key (AIP-158).
///
/// A page token is the last key of the page before: it stays right when entries come and go between two pages.
enum Paging {
    static let defaultSize = 100
    static let largestSize = 1000

    struct Page<Element> {
        var elements: [Element]
        /// Empty on the last page.
        var nextToken: String
    }

    /// - Throws: ``RequestFailure`` for a negative size.
    static func page<Element>(
        _ elements: [Element],
        size: Int32,
        token: String,
        key: (Element) -> String
    ) throws(RequestFailure) -> Page<Element> {
        guard size >= 0 else {
            let violation = FieldViolation(
                "page_size", found: "\(size)", expected: "0 or more; 0 means \(self.defaultSize)")
            throw RequestFailure(cause: .invalidRequest([violation]), requestID: "")
        }
        let limit = size == 0 ? self.defaultSize : min(Int(size), self.largestSize)
        let remaining = token.isEmpty ? elements[...] : elements.drop { key($0) <= token }
        let page = Array(remaining.prefix(limit))
        let isLast = page.count == remaining.count
        return Page(elements: page, nextToken: isLast ? "" : page.last.map(key) ?? "")
    }
}
