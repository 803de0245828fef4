/// A long job on standard error: a bar that moves on a terminal, a line now and then elsewhere.
struct ProgressView: Sendable {
    private static let barColumns = 24
    /// Where nobody watches, a line for each tenth is enough.
    private static let plainSteps: Int64 = 10

    private let traits: TerminalTraits
    private var title: String?
    private var lastStep: Int64 = 0
    private var isLineOpen = false

    init(traits: TerminalTraits) {
        self.traits = traits
    }

    /// - Returns: the text to write for a job that says only what it does.
    mutating func show(_ title: String) -> String {
        guard title != self.title else { return "" }
        self.title = title
        guard self.traits.isTerminal else { return title + "\n" }
        return self.replacingLine(with: title)
    }

    /// - Returns: the text to write for a job that knows how far it is. `total` may be a guess.
    mutating func show(_ title: String, done: Int64, of total: Int64) -> String {
        let fraction = total > 0 ? min(1, max(0, Double(done) / Double(total))) : 0
        guard self.traits.isTerminal else { return self.plain(title, fraction, done) }
        self.title = title
        let filled = Int(fraction * Double(Self.barColumns))
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.barColumns - filled)
        let percent = Figures.fixed(fraction * 100, digits: 0)
        return self.replacingLine(with: "\(title)  \(bar)  \(percent) %  \(Figures.bytes(done))")
    }

    /// - Returns: the text that leaves the last line as it is and begins another.
    mutating func finish() -> String {
        defer { self.isLineOpen = false }
        return self.isLineOpen ? "\n" : ""
    }

    private mutating func plain(_ title: String, _ fraction: Double, _ done: Int64) -> String {
        let step = Int64(fraction * Double(Self.plainSteps))
        guard title != self.title || step > self.lastStep else { return "" }
        self.title = title
        self.lastStep = step
        return "\(title): \(Figures.fixed(fraction * 100, digits: 0)) %, \(Figures.bytes(done))\n"
    }

    private mutating func replacingLine(with text: String) -> String {
        self.isLineOpen = true
        // Longer than the terminal is wide, it would wrap, and the next would not replace it.
        return "\r\u{1B}[K" + TerminalText.shortened(text, to: max(1, (self.traits.columns ?? 80) - 1))
    }
}
