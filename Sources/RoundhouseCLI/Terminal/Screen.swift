/// How much fits on a terminal. Nil: as much as it takes, since a file or a program reads.
struct ScreenSize: Sendable, Hashable {
    var columns: Int?
    var rows: Int?
}

/// A terminal that belongs to one command as a whole. What is written to standard output meanwhile appears on it.
struct Screen: Sendable {
    enum Event: Sendable, Hashable {
        case key(Key)
        /// It may have another size now.
        case resized
    }

    /// As it is at the moment.
    let size: @Sendable () -> ScreenSize
    /// Whether somebody can press a key.
    let hasKeys: Bool
    let events: AsyncStream<Event>
    /// Gives the terminal back, stops the process as Ctrl-Z does and takes the terminal again when it goes on.
    let suspend: @Sendable () async throws -> Void
}

/// The escape sequences of a page that is drawn again and again.
enum ScreenText {
    /// Another screen, whose end brings back what was there before; no cursor; long lines do not wrap.
    static let enter = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l\u{1B}[2J"
    static let leave = "\u{1B}[?2026l\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"

    /// Lines over what is there, to be written at once. Nothing is cleared before it is written over, and terminals that
    /// know synchronized output (DECSET 2026; others ignore it) show it in one go: it does not flicker.
    ///
    /// - Parameter lines: each at most as wide as the screen, and as many as fit.
    static func frame(_ lines: [String], _ size: ScreenSize) -> String {
        let drawn = lines.map { line in
            // Behind a full line the cursor still stands on its last character, which would be cleared.
            let isFull = size.columns.map { TerminalText.styledWidth(line) >= $0 } ?? false
            return isFull ? line : line + "\u{1B}[K"
        }
        let isFull = size.rows.map { lines.count >= $0 } ?? false
        return "\u{1B}[?2026h\u{1B}[H" + drawn.joined(separator: "\r\n") + (isFull ? "" : "\u{1B}[0J") + "\u{1B}[?2026l"
    }
}
