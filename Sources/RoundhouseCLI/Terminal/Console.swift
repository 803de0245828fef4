/// Where a command reads and writes. Tests script one; the process has ``StandardConsole``.
protocol Console: Sendable {
    var output: TerminalTraits { get }
    var errors: TerminalTraits { get }
    /// Whether a person types the input.
    var isInputTerminal: Bool { get }
    var clock: CommandClock { get }

    /// Writes to standard output, at once.
    ///
    /// - Throws: ``OutputClosed`` when nobody reads any more.
    func write(_ text: String) async throws

    /// Writes to standard error, at once. What nobody can read is no reason to fail.
    func note(_ text: String) async

    /// The next line of standard input without its line break. Nil: its end, or the task was cancelled.
    func nextLine() async -> String?

    /// Gives the whole terminal to `body`, and everything back as it was when that ends, however it ends.
    ///
    /// - Throws: what `body` throws.
    func withScreen(_ body: @escaping @Sendable (Screen) async throws -> Void) async throws
}

extension Console {
    /// Everything that is left of standard input, without the last line break.
    ///
    /// - Parameter limit: in bytes.
    /// - Throws: ``CommandFailure/usage(_:)`` above the limit, `CancellationError` when cancelled.
    func remainingInput(limit: Int) async throws -> String {
        var lines: [String] = []
        var bytes = 0
        while let line = await self.nextLine() {
            bytes += line.utf8.count + 1
            guard bytes <= limit else {
                throw CommandFailure.usage("standard input holds more than \(Figures.bytes(Int64(limit)))")
            }
            lines.append(line)
        }
        try Task.checkCancellation()
        return lines.joined(separator: "\n")
    }
}
