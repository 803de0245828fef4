import Yams

/// A YAML text in which the places of nodes can be found.
///
/// The parser says where a node begins and not where it ends. Ends are found here by the rules of the language for the
/// forms that people write; whoever cuts by them parses the result and compares, so that a form that is not known here
/// costs comments and never a value.
struct YAMLText {
    private(set) var scalars: [Unicode.Scalar]
    private var lineStarts: [Int]

    init(_ text: String) {
        self.init(Array(text.unicodeScalars))
    }

    private init(_ scalars: [Unicode.Scalar]) {
        self.scalars = scalars
        self.lineStarts = [0]
        for index in scalars.indices where Self.isBreak(scalars[index]) {
            // The two of a Windows line end are one break.
            let isPair = scalars[index] == "\r" && index + 1 < scalars.count && scalars[index + 1] == "\n"
            if !isPair { self.lineStarts.append(index + 1) }
        }
    }

    var string: String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: self.scalars)
        return String(view)
    }

    func string(_ range: Range<Int>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: self.scalars[range])
        return String(view)
    }

    /// What the file ends its lines with.
    var lineEnd: String { self.scalars.contains("\r") ? "\r\n" : "\n" }

    mutating func replace(_ range: Range<Int>, with text: String) {
        var scalars = self.scalars
        scalars.replaceSubrange(range, with: text.unicodeScalars)
        self = YAMLText(scalars)
    }

    // MARK: - Lines

    static func isBreak(_ scalar: Unicode.Scalar) -> Bool {
        // As the parser has it.
        ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"].contains(scalar)
    }

    static func isBlank(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || scalar == "\t" }

    /// `nil` for a mark outside of the text.
    func offset(of mark: Mark?) -> Int? {
        guard let mark, self.lineStarts.indices.contains(mark.line - 1) else { return nil }
        let offset = self.lineStarts[mark.line - 1] + mark.column - 1
        return offset <= self.scalars.count ? offset : nil
    }

    func lineStart(at offset: Int) -> Int {
        self.lineStarts.last { $0 <= offset } ?? 0
    }

    /// Behind the line's break, or the end of the text.
    func nextLine(after offset: Int) -> Int {
        self.lineStarts.first { $0 > offset } ?? self.scalars.count
    }

    /// In front of the line's break.
    func lineEnd(at offset: Int) -> Int {
        self.scalars[offset...].firstIndex(where: Self.isBreak) ?? self.scalars.count
    }

    func column(at offset: Int) -> Int { offset - self.lineStart(at: offset) }

    // MARK: - Nodes

    /// Where a node stands, without an anchor or a tag in front of it; `nil` when that is not known.
    func extent(of node: Node) -> Range<Int>? {
        guard var start = self.offset(of: node.mark) else { return nil }
        if node.scalar?.string.isEmpty == true, node.scalar?.style == .plain { return start..<start }
        while start < self.scalars.count, self.scalars[start] == "&" || self.scalars[start] == "!" {
            guard let end = self.scalars[start...].firstIndex(where: { Self.isBlank($0) || Self.isBreak($0) }),
                let next = self.scalars[end...].firstIndex(where: { !Self.isBlank($0) && !Self.isBreak($0) })
            else { return nil }
            start = next
        }
        guard start < self.scalars.count, let end = self.end(of: node, from: start), end <= self.scalars.count
        else { return nil }
        return start..<end
    }

    /// Whether a mapping or a list is written with brackets.
    func isFlow(_ node: Node) -> Bool {
        guard node.scalar == nil, let start = self.offset(of: node.mark), start < self.scalars.count else {
            return false
        }
        return self.scalars[start] == "{" || self.scalars[start] == "["
    }

    private func end(of node: Node, from start: Int) -> Int? {
        switch node {
        case .scalar(let scalar):
            switch self.scalars[start] {
            case "'", "\"": return self.endOfQuoted(from: start)
            case "|" where scalar.style == .literal, ">" where scalar.style == .folded:
                return self.endOfBlock(from: start)
            default: return self.endOfPlain(scalar.string, from: start)
            }
        case .mapping, .sequence:
            return self.isFlow(node)
                ? self.endOfFlow(from: start) : self.lastChild(of: node).flatMap(self.extent)?.upperBound
        case .alias: return nil
        }
    }

    private func lastChild(of node: Node) -> Node? {
        if let sequence = node.sequence { return sequence.last }
        guard let pair = node.mapping.flatMap({ Array($0).last }) else { return nil }
        // Nothing stands where it would stand, behind the key's colon.
        return pair.value
    }

    private func endOfQuoted(from start: Int) -> Int? {
        let quote = self.scalars[start]
        var index = start + 1
        while index < self.scalars.count {
            if quote == "\"", self.scalars[index] == "\\" {
                index += 2
            } else if self.scalars[index] == quote {
                guard quote == "'", index + 1 < self.scalars.count, self.scalars[index + 1] == "'" else {
                    return index + 1
                }
                index += 2
            } else {
                index += 1
            }
        }
        return nil
    }

    /// What is written plainly is the text itself, but for the white space in it.
    private func endOfPlain(_ text: String, from start: Int) -> Int? {
        func isSpace(_ scalar: Unicode.Scalar) -> Bool { Self.isBlank(scalar) || Self.isBreak(scalar) }
        var index = start
        var wasSpace = false
        for scalar in text.unicodeScalars {
            if isSpace(scalar) {
                while index < self.scalars.count, isSpace(self.scalars[index]) { index += 1 }
                guard wasSpace || index > start else { return nil }
                wasSpace = true
            } else {
                guard index < self.scalars.count, self.scalars[index] == scalar else { return nil }
                index += 1
                wasSpace = false
            }
        }
        return index
    }

    /// Lines that are indented as the first one, or deeper, or empty.
    private func endOfBlock(from start: Int) -> Int? {
        var end = self.lineEnd(at: start)
        var indentation: Int?
        var line = self.nextLine(after: start)
        while line < self.scalars.count {
            let lineEnd = self.lineEnd(at: line)
            let text = self.scalars[line..<lineEnd]
            let spaces = text.prefix { $0 == " " }.count
            if spaces < text.count {
                if indentation == nil { indentation = spaces }
                guard spaces > 0, spaces >= indentation ?? 0 else { break }
                end = lineEnd
            }
            let next = self.nextLine(after: line)
            guard next > line else { break }
            line = next
        }
        return end
    }

    private func endOfFlow(from start: Int) -> Int? {
        var depth = 0
        var index = start
        // Whether a quote would begin a text here.
        var isFresh = true
        while index < self.scalars.count {
            let scalar = self.scalars[index]
            switch scalar {
            case "[", "{": depth += 1
            case "]", "}":
                depth -= 1
                if depth == 0 { return index + 1 }
            case "'" where isFresh, "\"" where isFresh:
                guard let end = self.endOfQuoted(from: index) else { return nil }
                index = end
                isFresh = false
                continue
            case "#"
            where index > 0 && (Self.isBlank(self.scalars[index - 1]) || Self.isBreak(self.scalars[index - 1])):
                index = self.lineEnd(at: index)
                continue
            default: break
            }
            if !Self.isBlank(scalar), !Self.isBreak(scalar) { isFresh = "[{,:".unicodeScalars.contains(scalar) }
            index += 1
        }
        return nil
    }
}

extension Node {
    /// Whether both hold the same texts in the same order, however they are written.
    func means(_ other: Node) -> Bool {
        switch (self, other) {
        case (.scalar(let left), .scalar(let right)):
            left.string == right.string && self.isNothing == other.isNothing
        case (.sequence(let left), .sequence(let right)):
            left.count == right.count && zip(left, right).allSatisfy { $0.means($1) }
        case (.mapping(let left), .mapping(let right)):
            left.count == right.count
                && zip(left, right).allSatisfy { $0.key.means($1.key) && $0.value.means($1.value) }
        case (_, _): false
        }
    }
}
