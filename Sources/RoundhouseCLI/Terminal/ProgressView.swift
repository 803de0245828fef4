/// A long job on standard error: one line that is drawn again and again on a terminal, a line now and then elsewhere.
struct ProgressView: Sendable {
    /// Where nobody watches, a line for each tenth is enough.
    private static let plainSteps = 10.0
    /// And for a total that is not known, one after so long.
    private static let plainInterval = Duration.seconds(30)

    private let traits: TerminalTraits
    private let clock: CommandClock
    /// What is shown. Nil: nothing, or what was shown was taken away.
    private var title: String?
    /// What ``meter`` measures: it goes on where a line was taken away for a moment.
    private var measured: String?
    private var meter = RateMeter()
    private var lastStep = 0
    private var lastLine = Duration.zero
    private var isLineOpen = false

    init(_ console: any Console) {
        self.traits = console.errors
        self.clock = console.clock
    }

    /// - Returns: the text to write for a job that says only what it does.
    mutating func show(_ title: String) -> String {
        guard title != self.title else { return "" }
        self.title = title
        guard self.traits.isTerminal else { return TerminalText.singleLine(title) + "\n" }
        return self.replacingLine { TerminalText.shortened(TerminalText.singleLine(title), to: $0) }
    }

    /// - Parameters:
    ///   - total: 0: not known. May be a guess.
    ///   - resumed: the part of `done` that an earlier attempt had brought.
    /// - Returns: the text to write for a job that knows how far it is.
    mutating func show(
        _ title: String,
        done: Int64,
        of total: Int64,
        resumed: Int64 = 0,
        unit: ProgressBar.Unit = .bytes
    ) -> String {
        let isNew = title != self.title
        if title != self.measured { self.meter = RateMeter() }
        (self.title, self.measured) = (title, title)
        let now = self.clock.now()
        self.meter.take(max(0, done) - max(0, min(resumed, done)), at: now)
        let bar = ProgressBar(
            title: TerminalText.singleLine(title),
            done: max(0, done),
            total: total,
            resumed: resumed,
            rate: self.meter.perSecond,
            unit: unit
        )
        guard self.traits.isTerminal else { return self.plain(bar, isNew: isNew, now) }
        return self.replacingLine(bar.line(columns:))
    }

    /// - Returns: the text that leaves the last line as it is and begins another.
    mutating func finish() -> String {
        defer { self.isLineOpen = false }
        return self.isLineOpen ? "\n" : ""
    }

    /// - Returns: the text that takes the line away, for what leaves no trace.
    mutating func clear() -> String {
        guard self.isLineOpen else { return "" }
        self.isLineOpen = false
        self.title = nil
        return "\r\u{1B}[K"
    }

    private mutating func plain(_ bar: ProgressBar, isNew: Bool, _ now: Duration) -> String {
        let step = Int((bar.fraction ?? 0) * Self.plainSteps)
        let isDue = bar.fraction == nil && now - self.lastLine >= Self.plainInterval
        guard isNew || step > self.lastStep || isDue else { return "" }
        self.lastStep = step
        self.lastLine = now
        return bar.plainLine + "\n"
    }

    private mutating func replacingLine(_ text: (_ columns: Int) -> String) -> String {
        self.isLineOpen = true
        // Longer than the terminal is wide, it would wrap, and the next would not replace it.
        return "\r\u{1B}[K" + text(max(1, (self.traits.columns ?? 80) - 1))
    }
}
