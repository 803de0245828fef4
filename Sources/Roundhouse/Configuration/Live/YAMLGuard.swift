/// Keeps texts that callers send from exhausting the server before they are parsed.
///
/// A shared node (`*name`) costs a few bytes and stands for all that it holds, so that shares of shares grow without
/// bound; and what is nested costs the stack that whoever walks it runs on.
enum YAMLGuard {
    /// With so many shared nodes a text means some hundred thousand times its size at most; people need a handful.
    private static let mostShared = 24
    private static let deepest = 64

    /// - Returns: what is wrong; `nil` when the text may be parsed.
    static func problem(of text: String) -> String? {
        var (depth, shared, column) = (0, 0, 0)
        var indentations: [Int] = []
        var isLead = true
        var before: UInt8 = 0x0A
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth = max(0, depth - 1)
            case 0x0A, 0x0D:
                (column, isLead, before) = (0, true, byte)
                continue
            default: break
            }
            if byte != UInt8(ascii: " "), isLead {
                // Each dash in front of something opens a list of its own.
                while let last = indentations.last, last >= column { indentations.removeLast() }
                indentations.append(column)
                isLead = byte == UInt8(ascii: "-")
            }
            if before == UInt8(ascii: "*"), byte > 0x20 { shared += 1 }
            if depth > Self.deepest || indentations.count > Self.deepest {
                return "nested more than \(Self.deepest) deep, which no configuration needs"
            }
            if shared > Self.mostShared { return "more than \(Self.mostShared) shared nodes ('*name')" }
            column += 1
            before = byte
        }
        return nil
    }
}
