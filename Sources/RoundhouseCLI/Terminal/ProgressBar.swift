/// How far a job is, as one line. The same figures give the same line.
///
/// Only ASCII is drawn, so that the line is as wide on every terminal as it is counted here:
///
///     downloading local/small  [###=====>          ]  41 %  1.2 GiB of 2.9 GiB  85.3 MiB/s  20 s left
///
/// `#` is what an earlier attempt had brought.
struct ProgressBar: Sendable, Hashable {
    enum Unit: Sendable, Hashable {
        case bytes
        /// Things that are counted: runs, requests.
        case items
    }

    private enum Part: CaseIterable {
        case bar, percent, amount, rate, timeLeft
    }

    private static let gap = 2
    /// Cells between the brackets. A few sizes only, so that the bar does not breathe with the figures beside it.
    private static let sizes = [30, 20, 12]
    private static let smallest = 6
    /// What is left out first where the line is too narrow.
    private static let expendable: [Part] = [.rate, .amount, .bar, .timeLeft, .percent]

    var title: String
    /// What is there, `resumed` included.
    var done: Int64
    /// 0: not known.
    var total: Int64 = 0
    /// The part of `done` that an earlier attempt had brought.
    var resumed: Int64 = 0
    /// Units a second. Nil: not known.
    var rate: Double?
    var unit = Unit.bytes

    /// 0 to 1. Nil: the total is not known.
    var fraction: Double? {
        self.total > 0 ? min(1, max(0, Double(self.done) / Double(self.total))) : nil
    }

    /// - Parameter columns: the line is at most so wide.
    func line(columns: Int) -> String {
        var parts = Set(Part.allCases.filter { self.text($0, cells: Self.smallest) != nil })
        var spare = columns - self.width(parts)
        for part in Self.expendable where spare < 0 {
            parts.remove(part)
            spare = columns - self.width(parts)
        }
        guard spare >= 0 else { return TerminalText.shortened(self.title, to: max(1, columns)) }
        let cells = Self.sizes.first { $0 <= Self.smallest + spare } ?? Self.smallest
        let texts = Part.allCases.filter(parts.contains).compactMap { self.text($0, cells: cells) }
        return ([self.title] + texts).joined(separator: String(repeating: " ", count: Self.gap))
    }

    /// For a file or a pipe: no bar, and nothing that is old at once.
    var plainLine: String {
        let figures = [self.text(.percent, cells: 0), self.text(.amount, cells: 0)].compactMap { $0 }
        let resumed = self.resumed > 0 ? ["\(self.quantity(self.resumed)) from before"] : []
        return "\(self.title): " + (figures + resumed).joined(separator: ", ")
    }

    private func width(_ parts: Set<Part>) -> Int {
        parts.compactMap { self.text($0, cells: Self.smallest) }
            .reduce(TerminalText.width(self.title)) { $0 + Self.gap + $1.count }
    }

    /// Nil: there is nothing to say.
    private func text(_ part: Part, cells: Int) -> String? {
        switch part {
        case .bar: self.fraction.map { self.bar($0, cells: cells) }
        case .percent: self.fraction.map { "\(Int($0 * 100)) %" }
        case .amount:
            // A total that turned out too small says nothing.
            self.total > 0 && self.total >= self.done
                ? "\(self.unit == .bytes ? self.quantity(self.done) : "\(self.done)") of \(self.quantity(self.total))"
                : self.quantity(self.done)
        case .rate: self.unit == .bytes ? self.rate.map { "\(Figures.bytes(Int64(min(1e18, max(0, $0)))))/s" } : nil
        case .timeLeft: self.timeLeft.map { "\(Figures.wholeSeconds($0)) left" }
        }
    }

    private func quantity(_ count: Int64) -> String {
        self.unit == .bytes ? Figures.bytes(count) : "\(count)"
    }

    private func bar(_ fraction: Double, cells: Int) -> String {
        let filled = Int(fraction * Double(cells))
        let resumed = min(1, max(0, Double(self.resumed) / Double(self.total)))
        let old = min(filled, Int(resumed * Double(cells)))
        var bar = String(repeating: "#", count: old) + String(repeating: "=", count: filled - old)
        if filled > old && filled < cells { bar = bar.dropLast() + ">" }
        return "[" + bar + String(repeating: " ", count: cells - filled) + "]"
    }

    /// Nil: not known, or the job stands still.
    private var timeLeft: Duration? {
        guard let rate = self.rate, rate > 0, self.total > self.done else { return nil }
        let seconds = Double(self.total - self.done) / rate
        return seconds < 1e9 ? .seconds(seconds) : nil
    }
}
