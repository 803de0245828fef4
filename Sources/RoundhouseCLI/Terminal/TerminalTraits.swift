internal import Glibc

/// What one end of the process' standard streams can show.
struct TerminalTraits: Sendable, Hashable {
    var isTerminal: Bool
    /// How many columns fit. Nil: as many as it takes, since a file or a program reads.
    var columns: Int?
    /// Whether escape sequences for dim and coloured text are wanted.
    var isStyled: Bool

    /// A file or a pipe.
    static let plain = TerminalTraits(isTerminal: false, columns: nil, isStyled: false)

    /// - Parameter environment: `COLUMNS` overrides the terminal's width; `NO_COLOR` (no-color.org) and `TERM=dumb`
    ///   turn styles off.
    init(descriptor: Int32, environment: [String: String]) {
        guard isatty(descriptor) == 1 else {
            self = .plain
            return
        }
        self.isTerminal = true
        self.columns = Self.columns(descriptor, environment)
        self.isStyled = Self.wantsStyle(environment)
    }

    init(isTerminal: Bool, columns: Int?, isStyled: Bool) {
        self.isTerminal = isTerminal
        self.columns = columns
        self.isStyled = isStyled
    }

    static func wantsStyle(_ environment: [String: String]) -> Bool {
        environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
    }

    private static func columns(_ descriptor: Int32, _ environment: [String: String]) -> Int {
        if let text = environment["COLUMNS"], let columns = Int(text), columns > 0 { return columns }
        var size = winsize()
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    func dim(_ text: String) -> String {
        self.isStyled ? "\u{1B}[2m\(text)\u{1B}[0m" : text
    }

    func bold(_ text: String) -> String {
        self.isStyled ? "\u{1B}[1m\(text)\u{1B}[0m" : text
    }

    /// What a colour says. Nobody needs to see it: the words say the same.
    enum Tone: Int, Sendable, Hashable {
        case bad = 31
        case good = 32
        case fair = 33
        case faint = 2
    }

    func toned(_ text: String, _ tone: Tone?) -> String {
        guard let tone, self.isStyled, !text.isEmpty else { return text }
        return "\u{1B}[\(tone.rawValue)m\(text)\u{1B}[0m"
    }
}
