import Yams

/// Hides what is secret in a configuration file, and puts it back where it comes back hidden.
///
/// Shown is what the reference knows as no secret; everything else is hidden, what stands under a wrong name included.
/// A reference to a variable, `${NAME}`, is no secret. Comments are shown but for what looks like a secret in them.
struct SecretMask {
    /// A text that is told to nobody.
    struct Hidden {
        /// Which one it is, by the names of what it stands in: `providers.openai.api_key`.
        var name: String
        /// Of a list of secrets, the list's name.
        var list: String?
        var node: Node
        var path: [YAMLStep]
    }

    private(set) var hidden: [Hidden] = []
    private let editor: YAMLEditor
    private let file: String

    /// - Throws: when the text is no YAML.
    init(_ text: String, file: String) throws(ConfigurationError) {
        self.editor = try YAMLEditor(text, file: file)
        self.file = file
        if let root = self.editor.root { self.look(at: root, ConfigurationRows.descriptions, "", []) }
    }

    // MARK: - Looking

    private mutating func look(at node: Node, _ settings: [SettingDescription], _ name: String, _ path: [YAMLStep]) {
        self.look(at: node, settings, name, path, prefix: "")
    }

    /// - Parameter prefix: the section of the settings that the node is.
    private mutating func look(
        at node: Node, _ settings: [SettingDescription], _ name: String, _ path: [YAMLStep], prefix: String
    ) {
        guard let mapping = node.mapping else { return self.hide(node, name, path) }
        for (key, value) in mapping {
            let text = key.scalar?.string ?? "?"
            let full = prefix.isEmpty ? text : "\(prefix).\(text)"
            let (inner, place) = (ConfigurationDecoder.join(name, text), path + [.key(text)])
            if let setting = settings.first(where: { $0.key == full }) {
                self.look(at: value, setting, inner, place)
            } else if settings.contains(where: { $0.key.hasPrefix(full + ".") }) {
                if !value.isNothing { self.look(at: value, settings, inner, place, prefix: full) }
            } else {
                self.hide(value, inner, place)
            }
        }
    }

    private mutating func look(at node: Node, _ setting: SettingDescription, _ name: String, _ path: [YAMLStep]) {
        if setting.isMasked { return self.hide(node, name, path) }
        if let identity = setting.identity, let sequence = node.sequence {
            let names = sequence.map { $0[path: [.key(identity)]]?.scalar?.string }
            for (index, element) in sequence.enumerated() {
                let isOwn = names.count { $0 == names[index] } == 1
                let own = (isOwn ? names[index].map { ".\($0)" } : nil) ?? "[\(index)]"
                self.look(at: element, setting.elements, name + own, path + [.index(index)])
            }
        } else if node.mapping != nil, !setting.traits.contains(.named) {
            self.hide(node, name, path)
        } else {
            self.hideAddresses(node, name, path)
        }
    }

    /// Every text in a node.
    private mutating func hide(_ node: Node, _ name: String, _ path: [YAMLStep], list: String? = nil) {
        switch node {
        case .scalar:
            guard !node.isNothing else { return }
            self.hidden.append(Hidden(name: name, list: list, node: node, path: path))
        case .sequence(let sequence):
            for (index, element) in sequence.enumerated() {
                self.hide(element, "\(name)[\(index)]", path + [.index(index)], list: name)
            }
        case .mapping(let mapping):
            for (key, value) in mapping {
                let text = key.scalar?.string ?? "?"
                self.hide(value, "\(name).\(text)", path + [.key(text)])
            }
        case .alias: break
        }
    }

    /// Addresses with a user, a password or a query in them, which no key takes and people write even so.
    private mutating func hideAddresses(_ node: Node, _ name: String, _ path: [YAMLStep]) {
        if let text = node.scalar?.string {
            let mayHold =
                text.contains("://") && text.utf8.contains { $0 == UInt8(ascii: "@") || $0 == UInt8(ascii: "?") }
            // Hidden before, and come back.
            if mayHold || text == ConfigurationRow.redacted { self.hide(node, name, path) }
        } else if let sequence = node.sequence {
            for (index, element) in sequence.enumerated() {
                self.hideAddresses(element, "\(name)[\(index)]", path + [.index(index)])
            }
        }
    }

    // MARK: - Hiding

    /// The text with `<redacted>` in place of each secret.
    func masked() throws(ConfigurationError) -> String {
        let secret = self.hidden.filter { !$0.isReference && !$0.isRedacted }
        var tree = self.editor.root
        for hidden in secret {
            tree = tree?.replacing(hidden.path[...], with: Node(ConfigurationRow.redacted, .implicit, .plain))
        }
        let text = YAMLText(self.editor.text)
        var replacements: [(range: Range<Int>, text: String)] = []
        for hidden in secret {
            guard let range = text.extent(of: hidden.node) else {
                return try YAMLEditor.written(tree, file: self.file)
            }
            // One text that several places share by an anchor is hidden once.
            if !replacements.contains(where: { $0.range == range }) {
                replacements.append((range, ConfigurationRow.redacted))
            }
        }
        guard let comments = FileComments.ranges(in: text, of: self.editor.root) else {
            return try YAMLEditor.written(tree, file: self.file)
        }
        let known = secret.compactMap(\.node.scalar?.string)
        for range in comments {
            let comment = text.string(range)
            let shown = FileComments.masked(comment, knowing: known)
            if shown != comment { replacements.append((range, shown)) }
        }
        var editor = self.editor
        try editor.replace(replacements, meaning: tree)
        return editor.text
    }

    // MARK: - Putting back

    /// A text in which `<redacted>` stands for what this file holds at the same place, made whole.
    ///
    /// - Returns: the text, and whether its comments were lost on the way.
    /// - Throws: ``ConfigurationError`` for each `<redacted>` of which nothing is known here.
    func restored(_ text: String) throws(ConfigurationError) -> (text: String, hasLostComments: Bool) {
        let other = try SecretMask(text, file: self.file)
        let known = Dictionary(self.hidden.map { ($0.name, $0) }) { first, _ in first }
        let (source, target) = (YAMLText(self.editor.text), YAMLText(text))
        var problems: [ConfigurationProblem] = []
        var replacements: [(range: Range<Int>, text: String)] = []
        var quoted: [(range: Range<Int>, text: String)] = []
        var tree = other.editor.root
        for hidden in other.hidden where hidden.isRedacted {
            let count = self.hidden.count { $0.list == hidden.list }
            let given = other.hidden.count { $0.list == hidden.list && $0.isRedacted }
            guard let secret = known[hidden.name], hidden.list == nil || count == given else {
                problems.append(other.problem(hidden, hidden.list == nil || count == 0 ? nil : (given, count)))
                continue
            }
            guard let value = secret.node.scalar?.string, let range = target.extent(of: hidden.node) else { continue }
            tree = tree?.replacing(hidden.path[...], with: Node(value, .implicit, .doubleQuoted))
            let written = source.extent(of: secret.node).map(source.string)
            let isOneLine = written.map { !$0.unicodeScalars.contains(where: YAMLText.isBreak) } ?? false
            quoted.append((range, YAMLValue.quote(value)))
            replacements.append((range, isOneLine ? written ?? "" : YAMLValue.quote(value)))
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        let comments = self.comments(for: target, other)
        guard !replacements.isEmpty || !comments.isEmpty else { return (text, false) }
        var editor = other.editor
        // As they are written in the file; where they cannot stand so, as between brackets, in quotes.
        try editor.replace(replacements + comments, meaning: tree)
        if editor.hasLostComments {
            editor = other.editor
            try editor.replace(quoted + comments, meaning: tree)
        }
        return (editor.text, editor.hasLostComments)
    }

    private func problem(_ hidden: Hidden, _ counts: (given: Int, known: Int)?) -> ConfigurationProblem {
        let mark = hidden.node.mark
        let location = ConfigurationLocation.file(path: self.file, line: mark?.line ?? 0, column: mark?.column ?? 0)
        let found = "found '\(ConfigurationRow.redacted)'"
        let detail =
            if let counts {
                "\(found) \(counts.given) times where the file has \(counts.known) secrets, expected all of them or new ones"
            } else {
                "\(found), expected a value: the file has none here that could be kept"
            }
        return ConfigurationProblem(location: location, key: hidden.name, detail: detail)
    }

    /// Comments that come back with something hidden in them.
    private func comments(for target: YAMLText, _ other: SecretMask) -> [(range: Range<Int>, text: String)] {
        let own = YAMLText(self.editor.text)
        let known = self.hidden.filter { !$0.isReference }.compactMap(\.node.scalar?.string)
        var kept: [String: [String]] = [:]
        for range in FileComments.ranges(in: own, of: self.editor.root) ?? [] {
            let comment = own.string(range)
            let shown = FileComments.masked(comment, knowing: known)
            if shown != comment { kept[shown, default: []].append(comment) }
        }
        var replacements: [(range: Range<Int>, text: String)] = []
        for range in FileComments.ranges(in: target, of: other.editor.root) ?? [] {
            let shown = target.string(range)
            guard let comment = kept[shown]?.first else { continue }
            kept[shown]?.removeFirst()
            replacements.append((range, comment))
        }
        return replacements
    }
}

extension SecretMask.Hidden {
    var isRedacted: Bool { self.node.scalar?.string == ConfigurationRow.redacted }

    /// Whether it is the name of a variable and nothing else.
    var isReference: Bool { SecretExpansion.isReference(self.node.scalar?.string ?? "") }
}

extension SecretExpansion {
    /// Whether a text is `${NAME}` and nothing else.
    static func isReference(_ text: String) -> Bool {
        guard text.hasPrefix("${"), text.hasSuffix("}") else { return false }
        return Self.isVariableName(String(text.dropFirst(2).dropLast()))
    }
}
