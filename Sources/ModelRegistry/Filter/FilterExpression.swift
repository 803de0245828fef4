/// A filter as it was parsed. Its ``description`` is the filter again, in one way of writing it: parsing that gives an
/// equal expression.
package indirect enum FilterExpression: Sendable, Hashable {
    /// All of them; two at least.
    case and([FilterExpression])
    /// One of them; two at least.
    case or([FilterExpression])
    case not(FilterExpression)
    case comparison(FilterComparison)
}

/// `price_output <= 0.6`.
package struct FilterComparison: Sendable, Hashable {
    package var field: String
    package var comparator: FilterComparator
    package var value: FilterValue
    package var fieldPosition: SourcePosition
    package var comparatorPosition: SourcePosition

    package init(
        field: String,
        comparator: FilterComparator,
        value: FilterValue,
        fieldPosition: SourcePosition = SourcePosition(),
        comparatorPosition: SourcePosition = SourcePosition()
    ) {
        self.field = field
        self.comparator = comparator
        self.value = value
        self.fieldPosition = fieldPosition
        self.comparatorPosition = comparatorPosition
    }
}

package enum FilterComparator: String, Sendable, Hashable, CaseIterable {
    case equal = "="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    /// Holds it: a list the element, a text the piece.
    case has = ":"
}

/// What a field is compared with. Text until the field says what it means.
package struct FilterValue: Sendable, Hashable {
    /// Without the wildcards.
    package var text: String
    /// It began with `*`.
    package var isOpenAtStart: Bool
    /// It ended with `*`. A lone `*` is open on both sides.
    package var isOpenAtEnd: Bool
    package var position: SourcePosition

    package init(
        _ text: String,
        isOpenAtStart: Bool = false,
        isOpenAtEnd: Bool = false,
        position: SourcePosition = SourcePosition()
    ) {
        self.text = text
        self.isOpenAtStart = isOpenAtStart
        self.isOpenAtEnd = isOpenAtEnd
        self.position = position
    }

    /// A lone `*`: anything that is known.
    package var isAnything: Bool { self.text.isEmpty && self.isOpenAtStart && self.isOpenAtEnd }
    package var isOpen: Bool { self.isOpenAtStart || self.isOpenAtEnd }
}

// MARK: - Writing it

extension FilterExpression: CustomStringConvertible {
    package var description: String {
        switch self {
        case .and(let parts): parts.map { $0.asPart(bare: false) }.joined(separator: " AND ")
        case .or(let parts): parts.map { $0.asPart(bare: false) }.joined(separator: " OR ")
        case .not(let part): "NOT \(part.asPart(bare: true))"
        case .comparison(let comparison): comparison.description
        }
    }

    /// In parentheses unless it needs none. OR binds tighter than AND, which surprises people: theirs are always written.
    private func asPart(bare: Bool) -> String {
        switch self {
        case .comparison: self.description
        case .not where !bare: self.description
        case .and, .or, .not: "(\(self))"
        }
    }
}

extension FilterComparison: CustomStringConvertible {
    package var description: String {
        self.comparator == .has
            ? "\(self.field):\(self.value)" : "\(self.field) \(self.comparator.rawValue) \(self.value)"
    }
}

extension FilterValue: CustomStringConvertible {
    package var description: String {
        if self.isAnything { return "*" }
        let start = self.isOpenAtStart ? "*" : ""
        let end = self.isOpenAtEnd ? "*" : ""
        if self.canStandBare { return "\(start)\(self.text)\(end)" }
        var quoted = ""
        for scalar in self.text.unicodeScalars {
            switch scalar {
            case "\"", "\\", "*": quoted += "\\\(scalar)"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return "\"\(start)\(quoted)\(end)\""
    }

    private var canStandBare: Bool {
        !self.text.isEmpty && !FilterScanner.keywords.contains(self.text)
            && self.text.utf8.allSatisfy { byte in
                byte.isLetterOrDigit || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
                    || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "/")
            }
    }
}

extension UInt8 {
    var isDigit: Bool { (0x30...0x39).contains(self) }
    var isLetterOrDigit: Bool { self.isDigit || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self) }
    /// Without the case of an ASCII letter.
    var lowercased: UInt8 { (0x41...0x5A).contains(self) ? self | 0x20 : self }
}
