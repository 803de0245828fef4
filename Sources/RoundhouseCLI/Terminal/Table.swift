/// Rows under titles. On a terminal it fits the width by shortening the widest columns and, where that is not enough,
/// leaving out those that can be spared; elsewhere nothing is cut.
struct Table: Sendable, Hashable {
    struct Column: Sendable, Hashable {
        enum Alignment: Sendable, Hashable {
            case left, right
        }

        var title: String
        var alignment: Alignment = .left
        /// Whether it may be shortened to fit. Numbers and names that people copy are kept whole.
        var canShrink = false
        /// Whether it may be left out where the terminal is too narrow for all of them, the last one first.
        var canBeSpared = false
        /// Whether its cells have the tone of their row.
        var isToned = false
        /// The least width, so that a table that is drawn again and again does not shift with every figure. What may be
        /// shortened is not shortened below it.
        var minimum = 0
    }

    private static let gap = 2
    private static let narrowest = 8

    var columns: [Column]
    private(set) var rows: [[String]] = []
    private var tones: [TerminalTraits.Tone?] = []

    init(_ columns: [Column]) {
        self.columns = columns
    }

    /// Adds a row. Cells beyond the columns are left out; missing ones are empty.
    mutating func add(_ cells: [String], tone: TerminalTraits.Tone? = nil) {
        self.tones.append(tone)
        let padding = Array(repeating: "", count: max(0, self.columns.count - cells.count))
        self.rows.append((cells + padding).prefix(self.columns.count).map(TerminalText.singleLine))
    }

    /// The lines, each ended by a newline, none with trailing spaces.
    func rendered(for traits: TerminalTraits) -> String {
        let whole = self.columns.indices.map { index in
            self.rows.map { TerminalText.width($0[index]) }
                .reduce(max(self.columns[index].minimum, TerminalText.width(self.columns[index].title)), max)
        }
        let kept = self.kept(whole, within: traits.columns)
        let widths = self.widths(kept, whole, within: traits.columns)
        let title = traits.dim(self.line(self.columns.map(\.title), kept, widths))
        let lines = self.rows.indices.map { row in
            self.line(self.rows[row], kept, widths) { traits.toned($0, self.tones[row]) }
        }
        return ([title] + lines).map { $0 + "\n" }.joined()
    }

    /// The columns for which there is room, if only just.
    private func kept(_ whole: [Int], within available: Int?) -> [Int] {
        var kept = Array(self.columns.indices)
        guard let available else { return kept }
        func needed() -> Int {
            kept.map { self.columns[$0].canShrink ? min(whole[$0], self.narrowest($0)) : whole[$0] }.reduce(0, +)
                + Self.gap * (kept.count - 1)
        }
        while needed() > available, let spared = kept.lastIndex(where: { self.columns[$0].canBeSpared }) {
            kept.remove(at: spared)
        }
        return kept
    }

    private func narrowest(_ column: Int) -> Int {
        max(Self.narrowest, self.columns[column].minimum)
    }

    /// Of the kept columns.
    private func widths(_ kept: [Int], _ whole: [Int], within available: Int?) -> [Int] {
        var widths = kept.map { whole[$0] }
        guard let available else { return widths }
        var excess = widths.reduce(0, +) + Self.gap * (widths.count - 1) - available
        while excess > 0 {
            let shrinkable = widths.indices.filter {
                self.columns[kept[$0]].canShrink && widths[$0] > self.narrowest(kept[$0])
            }
            guard let widest = shrinkable.max(by: { widths[$0] < widths[$1] }) else { break }
            widths[widest] -= 1
            excess -= 1
        }
        return widths
    }

    private func line(
        _ cells: [String],
        _ kept: [Int],
        _ widths: [Int],
        toned: (String) -> String = { $0 }
    ) -> String {
        var line = ""
        for (place, index) in kept.enumerated() {
            let text = TerminalText.shortened(cells[index], to: widths[place])
            let padding = String(repeating: " ", count: max(0, widths[place] - TerminalText.width(text)))
            let gap = place == 0 ? "" : String(repeating: " ", count: Self.gap)
            let shown = self.columns[index].isToned ? toned(text) : text
            line += gap + (self.columns[index].alignment == .right ? padding + shown : shown + padding)
        }
        let end = line.lastIndex { $0 != " " }.map(line.index(after:)) ?? line.startIndex
        return String(line[..<end])
    }
}

/// Names and values, one pair a line, values under each other.
struct Page: Sendable, Hashable {
    private(set) var lines: [(name: String, value: String)] = []

    static func == (one: Page, other: Page) -> Bool {
        one.lines.elementsEqual(other.lines) { $0 == $1 }
    }

    func hash(into hasher: inout Hasher) {
        for line in self.lines {
            hasher.combine(line.name)
            hasher.combine(line.value)
        }
    }

    /// Adds a line; an empty value is left out.
    mutating func add(_ name: String, _ value: String) {
        guard !value.isEmpty else { return }
        self.lines.append((name, TerminalText.singleLine(value)))
    }

    /// - Parameter wraps: whether values that are longer than the terminal is wide go on under their beginning.
    func rendered(for traits: TerminalTraits, wraps: Bool = false) -> String {
        let widest = self.lines.map { TerminalText.width($0.name) }.max() ?? 0
        return self.lines
            .map { name, value in
                let padding = String(repeating: " ", count: widest - TerminalText.width(name))
                let columns = wraps ? traits.columns.map { max(20, $0 - widest - 4) } : nil
                let indent = "\n" + String(repeating: " ", count: widest + 4)
                let lines = TerminalText.wrapped(value, to: columns).joined(separator: indent)
                return "  \(traits.dim(name))\(padding)  \(lines)\n"
            }
            .joined()
    }
}
