/// What a line of an interactive chat means.
enum ChatInput: Sendable, Hashable {
    case nothing
    case say(String)
    case quit
    case clear
    /// Nil: show the model in use.
    case model(String?)
    case help
    case unknown(command: String)

    static let helpText = """
        /model NAME  ask another model; without a name, show the one in use
        /clear       forget the conversation
        /quit        end; so does Ctrl-D
        //text       say "/text"

        """

    init(_ line: String) {
        let text = line.trimmed
        guard text.hasPrefix("/") else {
            self = text.isEmpty ? .nothing : .say(line)
            return
        }
        guard !text.hasPrefix("//") else {
            self = .say(String(text.dropFirst()))
            return
        }
        let words = text.split(separator: " ", maxSplits: 1)
        let argument = words.count > 1 ? String(words[1]).trimmed : nil
        switch words.first {
        case "/quit", "/exit": self = .quit
        case "/clear": self = .clear
        case "/model": self = .model(argument)
        case "/help", "/?": self = .help
        default: self = Self.isWord(words.first) ? .unknown(command: String(words[0])) : .say(line)
        }
    }

    /// "/clera" is a command with a slip; "/etc/hosts" and "/3" are something to talk about.
    private static func isWord(_ word: Substring?) -> Bool {
        word?.dropFirst().allSatisfy { $0.isASCII && $0.isLetter } ?? false
    }
}

extension String {
    /// Without spaces, tabs and line breaks at both ends.
    var trimmed: String {
        let start = self.firstIndex { !$0.isWhitespace } ?? self.endIndex
        let end = self.lastIndex { !$0.isWhitespace }.map(self.index(after:)) ?? start
        return String(self[start..<end])
    }
}
