/// The value of a `Content-Range` field (RFC 9110 §14.4): `bytes 100-199/200`, `bytes 100-199/*`, `bytes */200`.
struct ContentRange: Sendable, Hashable {
    /// `nil` in the answer to a range that cannot be given.
    var bytes: ClosedRange<Int64>?
    /// Size of the whole; `nil` when the server does not know.
    var total: Int64?

    init?(_ text: String) {
        let words = text.split(separator: " ", omittingEmptySubsequences: true)
        guard words.count == 2, words[0].lowercased() == "bytes" else { return nil }
        let halves = words[1].split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2 else { return nil }
        if halves[1] != "*" {
            guard let total = Self.number(halves[1]) else { return nil }
            self.total = total
        }
        if halves[0] != "*" {
            let ends = halves[0].split(separator: "-", omittingEmptySubsequences: false)
            guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]), first <= last
            else { return nil }
            if let total = self.total, last >= total { return nil }
            self.bytes = first...last
        }
        guard self.bytes != nil || self.total != nil else { return nil }
    }

    private static func number(_ text: Substring) -> Int64? {
        guard (1...18).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int64(text)
    }
}
