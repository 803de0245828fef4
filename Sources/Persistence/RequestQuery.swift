package import Inference
package import ModelRegistry

/// A question for request records: which ones, and which page of them. The newest come first.
package struct RequestQuery: Sendable {
    let filter: RequestFilter
    let limit: Int
    let position: RequestPosition?

    /// - Parameters:
    ///   - limit: The most that a page has, 1 or more.
    ///   - token: ``RequestPage/nextToken`` of the page before; empty for the first.
    /// - Throws: ``QueryError`` for a filter that is none, or the token of another question.
    package init(filter: String = "", limit: Int, token: String = "") throws(QueryError) {
        self.filter = try RequestFilter(filter)
        self.limit = max(limit, 1)
        guard !token.isEmpty else {
            self.position = nil
            return
        }
        guard let position = RequestPosition(token: token) else {
            throw QueryError(
                field: "page_token",
                found: "a text that is no page token",
                expected: "next_page_token of the page before, or nothing for the first page"
            )
        }
        guard position.fingerprint == Self.fingerprint(self.filter) else {
            throw QueryError(
                field: "page_token",
                found: "the token of another question",
                expected: "the same filter as on the page before, or no token"
            )
        }
        self.position = position
    }

    func token(before: Int64, notBelow: Int64?) -> String {
        RequestPosition(fingerprint: Self.fingerprint(self.filter), before: before, notBelow: notBelow).token
    }

    private static func fingerprint(_ filter: RequestFilter) -> UInt64 {
        var fingerprint = Fingerprint()
        fingerprint.add(filter.text)
        return fingerprint.value
    }
}

/// A page of request records.
package struct RequestPage: Sendable, Hashable {
    /// The newest first.
    package var requests: [StoredRequest]
    /// Empty on the last page. A page that is not full may be followed by others: looking for a rare record takes more
    /// time than one call has.
    package var nextToken: String
    /// The newest record that there is, whether it passes or not; 0: there is none.
    package var lastSequence: Int64

    package init(requests: [StoredRequest] = [], nextToken: String = "", lastSequence: Int64 = 0) {
        self.requests = requests
        self.nextToken = nextToken
        self.lastSequence = lastSequence
    }
}

/// A record, and its number in the order in which requests ended.
package struct StoredRequest: Sendable, Hashable {
    package var sequence: Int64
    package var record: RequestRecord

    package init(sequence: Int64, record: RequestRecord) {
        self.sequence = sequence
        self.record = record
    }
}

/// Where a page ended. Opaque to clients.
struct RequestPosition: Hashable, Sendable {
    /// Of the filter: a token is for no other.
    var fingerprint: UInt64
    /// The first sequence that was looked at already.
    var before: Int64
    /// Below it is nothing that passes; `nil`: not known.
    var notBelow: Int64?

    init(fingerprint: UInt64, before: Int64, notBelow: Int64?) {
        self.fingerprint = fingerprint
        self.before = before
        self.notBelow = notBelow
    }

    var token: String {
        let words = ["1", "\(self.fingerprint)", "\(self.before)", self.notBelow.map { "\($0)" } ?? ""]
        return Base64URL.encode(Array(words.joined(separator: " ").utf8))
    }

    /// - Returns: `nil` for what no page gave.
    init?(token: String) {
        guard token.utf8.count <= 200, let bytes = Base64URL.decode(token) else { return nil }
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 4, words[0] == "1", let fingerprint = UInt64(words[1]), let before = Int64(words[2]),
            before > 0
        else { return nil }
        let notBelow = Int64(words[3])
        guard words[3].isEmpty || notBelow != nil else { return nil }
        self.init(fingerprint: fingerprint, before: before, notBelow: notBelow)
    }
}
