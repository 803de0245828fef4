import Yams

/// Comments of a configuration file: where they are, and what in them may be a secret that was commented out.
enum FileComments {
    /// From each `#` to the end of its line; `nil` when the places of the texts between them are not known.
    static func ranges(in text: YAMLText, of root: Node?) -> [Range<Int>]? {
        var texts: [Range<Int>] = []
        if let root, !Self.collect(root, text, &texts) { return nil }
        texts.sort { $0.lowerBound < $1.lowerBound }
        var ranges: [Range<Int>] = []
        var next = 0
        var index = 0
        while index < text.scalars.count {
            while next < texts.count, texts[next].upperBound <= index { next += 1 }
            if next < texts.count, texts[next].contains(index) {
                index = texts[next].upperBound
                continue
            }
            let isStart =
                index == 0 || YAMLText.isBlank(text.scalars[index - 1]) || YAMLText.isBreak(text.scalars[index - 1])
            if text.scalars[index] == "#", isStart {
                let end = text.lineEnd(at: index)
                ranges.append(index..<end)
                index = end
            } else {
                index += 1
            }
        }
        return ranges
    }

    private static func collect(_ node: Node, _ text: YAMLText, _ ranges: inout [Range<Int>]) -> Bool {
        switch node {
        case .scalar:
            guard let range = text.extent(of: node) else { return false }
            ranges.append(range)
            return true
        case .sequence(let sequence): return sequence.allSatisfy { Self.collect($0, text, &ranges) }
        case .mapping(let mapping):
            return mapping.allSatisfy {
                Self.collect($0.key, text, &ranges) && Self.collect($0.value, text, &ranges)
            }
        case .alias: return false
        }
    }

    /// Lines of the template are known to everybody.
    private static let harmless: Set<String> = Set(
        ConfigurationReference.template().split(separator: "\n").compactMap { line in
            line.firstIndex(of: "#").map { String(line[$0...]) }
        })

    /// Words of names behind which a secret may stand: `api_key: …`, `X-Api-Key=…`, `the token of the intranet: …`.
    private static let names = ["key", "keys", "command", "token", "secret", "password", "authorization", "headers"]

    /// A comment without the secrets that the file holds and without what follows a name of one.
    static func masked(_ comment: String, knowing secrets: [String]) -> String {
        guard !Self.harmless.contains(comment) else { return comment }
        var comment = comment
        for secret in secrets where secret.utf8.count >= 4 {
            comment = Self.replacing(secret, in: comment)
        }
        // Behind the first of such names everything goes.
        var index = comment.startIndex
        while let sign = comment[index...].firstIndex(where: { $0 == ":" || $0 == "=" }) {
            let words = comment[index..<sign].lowercased().split { !$0.isLetter && !$0.isNumber }
            let next = comment.index(after: sign)
            let value = comment[next...].drop { $0 == " " }
            if words.contains(where: { Self.names.contains(String($0)) }), !value.isEmpty,
                !SecretExpansion.isReference(String(value)),
                value != ConfigurationRow.redacted[...]
            {
                return "\(comment[..<next]) \(ConfigurationRow.redacted)"
            }
            index = next
        }
        return comment
    }

    private static func replacing(_ secret: String, in text: String) -> String {
        let parts = text.split(separator: secret, omittingEmptySubsequences: false)
        return parts.joined(separator: ConfigurationRow.redacted)
    }
}
