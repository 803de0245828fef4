internal import Glibc

/// What one end of the process' standard streams can show.
struct TerminalTraits: Sendable, Hashable {
    var isTerminal: Bool
    /// How many columns fit. Nil: as many as it takes, since a file or a program reads.
    var columns: Int?
    /// Whether escape sequences for dim and coloured text are wanted.
    var isStyled: Bool
    /// Whether more than ASCII arrives as it was meant: blocks of different heights, arrows.
    var isUnicode: Bool
    /// Whether the cursor can be put anywhere, which a page that is drawn again and again needs.
    var canRedraw: Bool

    /// A file or a pipe.
    static let plain = TerminalTraits(isTerminal: false, columns: nil, isStyled: false)

    /// - Parameter environment: `COLUMNS` overrides the terminal's width; `NO_COLOR` (no-color.org) and `TERM=dumb`
    ///   turn styles off; the locale says whether its characters are UTF-8.
    init(descriptor: Int32, environment: [String: String]) {
        guard isatty(descriptor) == 1 else {
            self = .plain
            self.isUnicode = Self.isUnicode(environment)
            return
        }
        self.isTerminal = true
        self.columns = Self.columns(descriptor, environment)
        self.isStyled = Self.wantsStyle(environment)
        self.isUnicode = Self.isUnicode(environment)
        self.canRedraw = environment["TERM"] != "dumb"
    }

    init(isTerminal: Bool, columns: Int?, isStyled: Bool, isUnicode: Bool = true) {
        self.isTerminal = isTerminal
        self.columns = columns
        self.isStyled = isStyled
        self.isUnicode = isUnicode
        self.canRedraw = isTerminal
    }

    /// By the first of `LC_ALL`, `LC_CTYPE` and `LANG` that is set, as the C library does. None: ASCII.
    static func isUnicode(_ environment: [String: String]) -> Bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        let name = locale.uppercased()
        return name.contains("UTF-8") || name.contains("UTF8")
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

    /// A sentence under a title, broken at the terminal's width. Empty: nothing.
    func indented(_ sentence: String) -> String {
        guard !sentence.isEmpty else { return "" }
        return TerminalText.wrapped(TerminalText.singleLine(sentence), to: self.columns.map { max(20, $0 - 3) })
            .map { "   \($0)\n" }.joined()
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
