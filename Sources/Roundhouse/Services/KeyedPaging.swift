internal import ModelRegistry

/// Pages of a list that is made anew for each of them, and ordered by a key of its entries.
///
/// A page token is the last key of the page before: it stays right when entries come and go between two pages. It is for
/// one question only, and opaque to clients.
struct KeyedPaging: Sendable {
    /// Beyond it no token is looked at: keys are two names long at most.
    private static let longestToken = 2048
    private let fingerprint: UInt64

    /// - Parameter question: what tells it apart from others, such as its method and its filter.
    init(question: String) {
        var fingerprint = Fingerprint()
        fingerprint.add(question)
        self.fingerprint = fingerprint.value
    }

    /// The last key of the page before; `nil` for the first page.
    ///
    /// - Throws: ``ServiceError`` for what no page of this question gave.
    func position(_ token: String) throws(ServiceError) -> String? {
        guard !token.isEmpty else { return nil }
        let bytes = token.utf8.count <= Self.longestToken ? Base64URL.decode(token) : nil
        let words = bytes.map { String(decoding: $0, as: UTF8.self).split(separator: " ", maxSplits: 2) } ?? []
        guard words.count == 3, words[0] == "1", let fingerprint = UInt64(words[1]) else {
            throw .invalid(
                "page_token", found: token,
                expected: "next_page_token of the page before, or nothing for the first page")
        }
        guard fingerprint == self.fingerprint else {
            throw .invalid(
                "page_token", found: "the token of another question",
                expected: "a token that the same question gave, or nothing for the first page")
        }
        return String(words[2])
    }

    /// - Parameter key: of its own for each entry, and not empty.
    func page<Element>(
        _ elements: [Element], after position: String?, limit: Int, key: (Element) -> String
    ) -> Paging.Page<Element> {
        let rest = elements.map { (key: key($0), element: $0) }
            .filter { entry in position.map { $0 < entry.key } ?? true }
            .sorted { $0.key < $1.key }
        let page = rest.prefix(limit)
        let last = page.count < rest.count ? page.last?.key : nil
        return Paging.Page(elements: page.map(\.element), nextToken: last.map(self.token) ?? "")
    }

    private func token(_ key: String) -> String {
        Base64URL.encode(Array("1 \(self.fingerprint) \(key)".utf8))
    }

    /// A number as a key that has the order of numbers: 20 digits.
    static func digits(_ number: UInt64) -> String {
        let text = "\(number)"
        return String(repeating: "0", count: 20 - text.count) + text
    }
}
