/// What is said about a part of the API: the comment of a proto, taken apart.
struct ReferenceText: Sendable, Hashable {
    enum Paragraph: Sendable, Hashable {
        /// One line, however long. `` `names` `` stand in backticks.
        case prose(String)
        /// Lines that are shown as they are.
        case code([String])
    }

    private(set) var paragraphs: [Paragraph] = []

    var isEmpty: Bool { self.paragraphs.isEmpty }

    init(_ paragraphs: [Paragraph] = []) {
        self.paragraphs = paragraphs
    }

    /// - Parameter comment: of a proto, without slashes. Empty lines part paragraphs; lines that stand further in are code.
    init(comment: String) {
        var prose: [Substring] = []
        var code: [String] = []
        for line in comment.split(separator: "\n", omittingEmptySubsequences: false) {
            let isCode = line.hasPrefix("  ")
            if !isCode { self.add(code: &code) }
            let words = line.drop { $0 == " " }
            if words.isEmpty || isCode { self.add(prose: &prose) }
            if isCode {
                code.append(String(line.dropFirst(2)))
            } else if !words.isEmpty {
                prose.append(words)
            }
        }
        self.add(code: &code)
        self.add(prose: &prose)
    }

    private mutating func add(prose lines: inout [Substring]) {
        if !lines.isEmpty { self.paragraphs.append(.prose(lines.joined(separator: " "))) }
        lines = []
    }

    private mutating func add(code lines: inout [String]) {
        if !lines.isEmpty { self.paragraphs.append(.code(lines)) }
        lines = []
    }

    mutating func append(_ prose: String) {
        if !prose.isEmpty { self.paragraphs.append(.prose(prose)) }
    }

    /// The first sentence without its full stop, for a list.
    var summary: String {
        guard case .prose(let text) = self.paragraphs.first else { return "" }
        var sentence = text[...]
        var rest = text[...]
        while let stop = rest.firstIndex(of: ".") {
            let next = text.index(after: stop)
            guard next == text.endIndex || text[next] == " " else {
                rest = text[next...]
                continue
            }
            sentence = text[..<stop]
            break
        }
        return String(sentence.last == ":" ? sentence.dropLast() : sentence)
    }

    /// As CommonMark, which is what the texts of OpenAPI are.
    var markdown: String {
        self.paragraphs.map { paragraph in
            switch paragraph {
            case .prose(let text): Self.escape(text)
            case .code(let lines): "```\n" + lines.joined(separator: "\n") + "\n```"
            }
        }.joined(separator: "\n\n")
    }

    /// `<redacted>` would be an element, and a lone `*` the begin of something.
    private static func escape(_ text: String) -> String {
        var escaped = ""
        var isName = false
        for character in text {
            if character == "`" { isName.toggle() }
            if !isName, character == "<" || character == "*" { escaped.append("\\") }
            escaped.append(character)
        }
        return escaped
    }
}

extension ReferenceText: ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    init(stringLiteral value: String) {
        self.init(value.isEmpty ? [] : [.prose(value)])
    }
}
