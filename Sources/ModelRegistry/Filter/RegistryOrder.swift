/// What a list is sorted by: `price_output, id desc`. What is not known comes last, whichever way it goes.
package struct RegistryOrder: Sendable {
    /// In one way of writing it; empty for the order by id.
    package let text: String
    package let needsFacts: Bool
    let terms: [Term]

    struct Term: Sendable {
        let field: RegistryField
        let isDescending: Bool
    }

    /// In bytes.
    package static let longestText = 1024

    /// - Throws: ``QueryError`` with the place of the first thing that is wrong.
    package init(_ text: String) throws(QueryError) {
        guard text.utf8.count <= Self.longestText else {
            throw QueryError(
                field: "order_by",
                found: "\(text.utf8.count) bytes",
                expected: "at most \(Self.longestText) bytes"
            )
        }
        var scanner = FilterScanner(text, field: "order_by")
        scanner.skipSpaces()
        var terms: [Term] = []
        if !scanner.isAtEnd {
            repeat {
                terms.append(try Self.term(&scanner, after: terms))
            } while scanner.take(",")
            guard scanner.isAtEnd else { throw scanner.error(expected: "',', 'desc' or the end") }
        }
        // Ids are all different, and rows that nothing else tells apart come in their order.
        if let end = terms.firstIndex(where: { $0.field.name == "id" }) {
            terms.removeSubrange((end + (terms[end].isDescending ? 1 : 0))...)
        }
        self.terms = terms
        self.text = terms.map { $0.isDescending ? "\($0.field.name) desc" : $0.field.name }.joined(separator: ",")
        self.needsFacts = terms.contains { $0.field.needsFacts }
    }

    private static func term(_ scanner: inout FilterScanner, after terms: [Term]) throws(QueryError) -> Term {
        scanner.skipSpaces()
        let start = scanner.position
        let name = scanner.takeName()
        guard !name.isEmpty else { throw scanner.error(at: start, expected: "the name of a field") }
        guard let field = RegistryField.named(name) else {
            throw scanner.error(at: start, found: "the field '\(name)'", expected: RegistryField.advice(for: name))
        }
        guard field.isSingle else {
            throw scanner.error(at: start, found: "the list '\(name)'", expected: "a field with one value")
        }
        guard !terms.contains(where: { $0.field.name == name }) else {
            throw scanner.error(at: start, found: "'\(name)' again", expected: "each field once")
        }
        scanner.skipSpaces()
        let directionStart = scanner.position
        let direction = scanner.takeName()
        guard ["", "asc", "desc"].contains(direction) else {
            throw scanner.error(at: directionStart, found: "'\(direction)'", expected: "'desc', ',' or the end")
        }
        scanner.skipSpaces()
        return Term(field: field, isDescending: direction == "desc")
    }
}

/// A value of one sort field, made so that comparing numbers is nearly all there is to do.
struct SortKey: Hashable, Sendable {
    /// Smaller comes first. For texts, their first eight bytes.
    var rank: UInt64
    /// Settles equal ranks of texts; `nil` for numbers and what is not known.
    var text: String?

    static let unknown = SortKey(rank: .max, text: nil)
}

extension RegistryOrder.Term {
    func key(of row: FilterRow) -> SortKey { self.extractor(row) }

    /// Gives a row's key. Taken once for many rows: which kind of value it is need not be found out for each.
    var extractor: (FilterRow) -> SortKey {
        switch self.field.reader {
        case .text(let read): return { read($0).map(self.key) ?? .unknown }
        case .choice(_, let read): return { self.key(read($0)) }
        case .whole(let read), .money(let read), .time(let read):
            return { read($0).map { self.key(UInt64(bitPattern: $0) ^ (1 << 63)) } ?? .unknown }
        case .decimal(let read):
            return { row in
                guard let value = read(row) else { return .unknown }
                return self.key(value.sign == .minus ? ~value.bitPattern : value.bitPattern | (1 << 63))
            }
        case .flag(let read): return { read($0).map { self.key($0 ? 1 : 0) } ?? .unknown }
        case .capabilities, .list: return { _ in .unknown }
        }
    }

    private func key(_ rank: UInt64) -> SortKey {
        SortKey(rank: self.directed(rank), text: nil)
    }

    /// Never the rank of what is not known, which comes last in both directions.
    private func directed(_ rank: UInt64) -> UInt64 { min(self.isDescending ? ~rank : rank, .max - 1) }

    private func key(_ text: String) -> SortKey {
        var rank: UInt64 = 0
        var count = 0
        for byte in text.utf8.prefix(8) {
            rank = rank << 8 | UInt64(byte)
            count += 1
        }
        rank <<= UInt64(8 * (8 - count))
        return SortKey(rank: self.directed(rank), text: text)
    }

    var isText: Bool {
        switch self.field.reader {
        case .text, .choice: true
        case .whole, .decimal, .money, .flag, .time, .capabilities, .list: false
        }
    }

    /// Negative when `left` comes first, 0 when nothing tells them apart.
    func compare(_ left: SortKey, _ right: SortKey) -> Int {
        if left.rank != right.rank { return left.rank < right.rank ? -1 : 1 }
        return SortKey.compare(left.text, right.text, isDescending: self.isDescending)
    }
}

extension SortKey {
    /// Texts of equal ranks.
    static func compare(_ left: String?, _ right: String?, isDescending: Bool) -> Int {
        switch (left, right) {
        case (nil, nil): return 0
        case (nil, _): return 1
        case (_, nil): return -1
        case (let left?, let right?):
            if left.utf8.elementsEqual(right.utf8) { return 0 }
            return left.utf8.lexicographicallyPrecedes(right.utf8) != isDescending ? -1 : 1
        }
    }
}

extension RegistryField {
    /// Whether a row has one value of it, so that there is an order.
    fileprivate var isSingle: Bool {
        switch self.reader {
        case .capabilities, .list: false
        case .text, .choice, .whole, .decimal, .money, .flag, .time: true
        }
    }
}
