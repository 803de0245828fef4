/// Text that is safe to show, and how wide it is.
enum TerminalText {
    /// Without the control characters by which text from elsewhere (a model, an upstream's error) could move the
    /// cursor, change the window's title or hide what was said before. Line breaks and tabs stay.
    static func sanitized(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: Self.isControl) else { return text }
        var kept = String.UnicodeScalarView()
        kept.append(contentsOf: text.unicodeScalars.lazy.filter { !Self.isControl($0) })
        return String(kept)
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\n", "\t": false
        default: scalar.properties.generalCategory == .control
        }
    }

    /// One line of a table cell: line breaks become spaces.
    static func singleLine(_ text: String) -> String {
        Self.sanitized(String(text.map { $0.isNewline || $0 == "\t" ? " " : $0 }))
    }

    /// Columns that a line takes: wide East Asian characters and emoji take two.
    static func width(_ text: String) -> Int {
        text.reduce(0) { $0 + Self.width($1) }
    }

    private static func width(_ character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first else { return 0 }
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF,
            0x20000...0x3FFFD:
            return 2
        default:
            return 1
        }
    }

    /// At most `columns` wide, its end replaced by an ellipsis where something is missing.
    static func shortened(_ text: String, to columns: Int) -> String {
        guard Self.width(text) > columns else { return text }
        var kept = ""
        var used = 0
        for character in text {
            let width = Self.width(character)
            if used + width > columns - 1 { break }
            kept.append(character)
            used += width
        }
        return kept + "…"
    }

    /// The first `columns` of a line, which may have the styles of ``TerminalTraits``: those take no room and stay.
    static func clipped(_ styled: String, to columns: Int) -> String {
        var kept = ""
        var used = 0
        var isStyle = false
        for character in styled {
            if character == "\u{1B}" { isStyle = true }
            guard !isStyle else {
                kept.append(character)
                if character == "m" { isStyle = false }
                continue
            }
            let width = Self.width(character)
            // What comes after a wide character that does not fit would stand in a wrong place.
            if used + width > columns { used = columns }
            guard used + width <= columns else { continue }
            kept.append(character)
            used += width
        }
        return kept
    }

    /// Columns that a line with styles takes.
    static func styledWidth(_ styled: String) -> Int {
        var used = 0
        var isStyle = false
        for character in styled {
            if character == "\u{1B}" { isStyle = true }
            if !isStyle { used += Self.width(character) }
            if character == "m" { isStyle = false }
        }
        return used
    }

    /// Lines of at most `columns`, broken at spaces; a word that is wider stays whole. Nil: one line.
    static func wrapped(_ text: String, to columns: Int?) -> [String] {
        guard let columns else { return [text] }
        var lines = [""]
        for word in text.split(separator: " ") {
            let last = lines[lines.count - 1]
            let longer = last.isEmpty ? String(word) : last + " " + word
            if last.isEmpty || Self.width(longer) <= columns {
                lines[lines.count - 1] = longer
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}
