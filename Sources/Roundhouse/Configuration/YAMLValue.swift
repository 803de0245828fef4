/// A value on its way into YAML text.
indirect enum YAMLValue: Sendable {
    case text(String)
    /// Written as `[redacted]`.
    case secret(SecretString)
    case list([YAMLValue])
    case map([(String, YAMLValue)])

    /// On one line.
    var flow: String { self.flow(secrets: Self.quote(SecretString.redacted)) }

    /// On one line.
    ///
    /// - Parameter secrets: YAML that stands for each secret.
    func flow(secrets: String) -> String {
        switch self {
        case .text(let text): return Self.quote(text)
        case .secret: return secrets
        case .list(let values):
            return "[\(values.map { $0.flow(secrets: secrets) }.joined(separator: ", "))]"
        case .map(let pairs) where pairs.isEmpty: return "{}"
        case .map(let pairs):
            let written = pairs.map { "\(Self.quote($0)): \($1.flow(secrets: secrets))" }
            return "{ \(written.joined(separator: ", ")) }"
        }
    }

    /// Over several lines, each indented by `indentation` spaces. `comment` may add a word behind a path.
    func lines(indentation: Int = 0, path: String = "", comment: (String) -> String?) -> [String] {
        guard case .map(let pairs) = self else { return [] }
        let space = String(repeating: " ", count: indentation)
        return pairs.flatMap { name, value in
            let full = path.isEmpty ? name : "\(path).\(name)"
            let note = comment(full).map { "  # \($0)" } ?? ""
            let start = "\(space)\(Self.quote(name)):"
            switch value {
            case .map(let inner) where !inner.isEmpty:
                return [start + note] + value.lines(indentation: indentation + 2, path: full, comment: comment)
            case .list(let elements) where elements.contains(where: \.isMap):
                return [start + note]
                    + elements.enumerated().flatMap { index, element in
                        element.item(indentation: indentation + 2, path: "\(full)[\(index)]", comment: comment)
                    }
            case .text, .secret, .list, .map:
                return ["\(start) \(value.flow)\(note)"]
            }
        }
    }

    /// Whether both mean the same, secrets included.
    func isSame(as other: YAMLValue) -> Bool {
        switch (self, other) {
        case (.text(let left), .text(let right)): left == right
        case (.secret(let left), .secret(let right)): left == right
        case (.list(let left), .list(let right)):
            left.count == right.count && zip(left, right).allSatisfy { $0.isSame(as: $1) }
        case (.map(let left), .map(let right)):
            left.count == right.count
                && zip(left, right).allSatisfy { $0.0 == $1.0 && $0.1.isSame(as: $1.1) }
        case (.text, _), (.secret, _), (.list, _), (.map, _): false
        }
    }

    private var isMap: Bool {
        if case .map = self { true } else { false }
    }

    /// As an element of a list: a dash in front of the first line.
    private func item(indentation: Int, path: String, comment: (String) -> String?) -> [String] {
        var lines = self.lines(indentation: indentation + 2, path: path, comment: comment)
        let space = String(repeating: " ", count: indentation)
        guard let first = lines.first else { return ["\(space)- \(self.flow)"] }
        lines[0] = "\(space)- \(first.dropFirst(indentation + 2))"
        return lines
    }

    /// In quotes unless it is plain beyond doubt.
    static func quote(_ text: String) -> String {
        let isPlain =
            !text.isEmpty
            && text.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || "_-./:".utf8.contains($0)
            }
        // A colon at the end would make a key of it; a dash at the start an element; these words are no texts.
        let isSafe =
            isPlain && !text.hasSuffix(":") && !text.hasPrefix("-") && !text.hasPrefix(":")
            && !["null", "yes", "no", "on", "off"].contains(text.lowercased())
        guard !isSafe else { return text }
        var quoted = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let hex = String(scalar.value, radix: 16)
                quoted += "\\x" + String(repeating: "0", count: 2 - hex.count) + hex
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return "\"\(quoted)\""
    }
}

extension Array {
    /// The mapping that `root` is written as: dotted keys become mappings in mappings.
    func rendered<Root>(_ root: Root) -> YAMLValue where Element == Setting<Root> {
        var pairs: [(String, YAMLValue)] = []
        for setting in self {
            guard let value = setting.render(root) else { continue }
            Self.insert(value, at: setting.key.split(separator: ".").map(String.init)[...], into: &pairs)
        }
        return .map(pairs)
    }

    private static func insert(
        _ value: YAMLValue,
        at path: ArraySlice<String>,
        into pairs: inout [(String, YAMLValue)]
    ) {
        guard let name = path.first else { return }
        guard path.count > 1 else {
            pairs.append((name, value))
            return
        }
        let index = pairs.firstIndex { $0.0 == name } ?? pairs.count
        if index == pairs.count { pairs.append((name, .map([]))) }
        guard case .map(var inner) = pairs[index].1 else { return }
        Self.insert(value, at: path.dropFirst(), into: &inner)
        pairs[index].1 = .map(inner)
    }
}
