import Yams

/// Reads YAML nodes, variables and flags by tables of ``Setting``s, and collects everything that is wrong.
struct ConfigurationDecoder {
    /// The file's name as messages show it.
    let file: String
    var context: ScalarContext
    /// Keys that were given twice, by the mark that stands in for the second one.
    var duplicates: [String: YAMLDocument.Duplicate] = [:]
    private(set) var problems: [ConfigurationProblem] = []
    private(set) var warnings: [ConfigurationProblem] = []
    /// Where each key that somebody set got its value, by full path.
    private(set) var origins: [String: ConfigurationLocation] = [:]
    /// Keys that the file sets and a variable or a flag sets again.
    private(set) var overridden: Set<String> = []

    init(file: String, context: ScalarContext) {
        self.file = file
        self.context = context
    }

    // MARK: - Problems

    /// - Parameter found: Already quoted where it is a text.
    mutating func report(_ path: String, found: String, expected: String) {
        self.report(path, "found \(found), expected \(expected)")
    }

    mutating func report(_ path: String, _ detail: String) {
        self.problems.append(ConfigurationProblem(location: self.location(of: path), key: path, detail: detail))
    }

    mutating func warn(_ path: String, _ detail: String) {
        self.warnings.append(ConfigurationProblem(location: self.location(of: path), key: path, detail: detail))
    }

    /// Whether something was reported about one of the keys.
    func hasProblem(where isAffected: (String) -> Bool) -> Bool {
        self.problems.contains { $0.key.map(isAffected) ?? false }
    }

    /// Where the key is, or else the nearest thing around it.
    private func location(of path: String) -> ConfigurationLocation {
        var path = path[...]
        while true {
            if let origin = self.origins[String(path)] { return origin }
            guard let end = path.lastIndex(where: { $0 == "." || $0 == "[" }) else { break }
            path = path[..<end]
        }
        return self.origins[""] ?? .file(path: self.file, line: 0, column: 0)
    }

    mutating func note(_ path: String, _ node: Node) {
        self.note(path, .file(path: self.file, line: node.mark?.line ?? 0, column: node.mark?.column ?? 0))
    }

    mutating func note(_ path: String, _ origin: ConfigurationLocation) {
        switch (self.origins[path], origin) {
        case (.file, .environment), (.file, .flag): self.overridden.insert(path)
        default: break
        }
        self.origins[path] = origin
    }

    // MARK: - Values

    /// Reads a text, or reports why not.
    mutating func read<Value>(_ text: String, at path: String, _ codec: ScalarCodec<Value>) -> Value? {
        if !codec.isSecret, text.contains("${") {
            // Not quoted: where somebody wrote a reference, a secret may stand beside it.
            let expected = "\(codec.expectation) (variables are replaced in api_key and headers only)"
            self.report(path, found: "'${…}'", expected: expected)
            return nil
        }
        switch codec.parse(text, self.context) {
        case .success(let value): return value
        case .failure(let mismatch):
            let found = mismatch.found ?? (codec.isSecret ? "a value" : Quoting.quote(text))
            self.report(path, found: found, expected: mismatch.expected ?? codec.expectation)
            return nil
        }
    }

    mutating func scalar<Value>(_ node: Node, at path: String, _ codec: ScalarCodec<Value>) -> Value? {
        self.note(path, node)
        guard let scalar = node.scalar, !node.isNothing else {
            self.report(path, found: node.kind, expected: codec.expectation)
            return nil
        }
        return self.read(scalar.string, at: path, codec)
    }

    /// The elements of a list; none for a key with nothing behind it.
    mutating func sequence(_ node: Node, at path: String, expected: String) -> [Node]? {
        self.note(path, node)
        if node.isNothing { return [] }
        guard let sequence = node.sequence else {
            self.report(path, found: node.kind, expected: expected)
            return nil
        }
        return Array(sequence)
    }

    /// A list of values without repetition.
    mutating func list<Value: Hashable>(
        _ node: Node,
        at path: String,
        _ codec: ScalarCodec<Value>,
        expected: String
    ) -> [Value]? {
        guard let nodes = self.sequence(node, at: path, expected: expected) else { return nil }
        var values: [Value] = []
        for (index, node) in nodes.enumerated() {
            guard let value = self.scalar(node, at: "\(path)[\(index)]", codec) else { continue }
            if values.contains(value) {
                self.report(
                    "\(path)[\(index)]", found: "\(Quoting.quote(codec.render(value))) again", expected: "it once")
            } else {
                values.append(value)
            }
        }
        return values
    }

    /// The pairs of a mapping whose keys the user chooses.
    mutating func pairs(_ node: Node, at path: String, expected: String) -> [(name: String, value: Node)] {
        self.note(path, node)
        if node.isNothing { return [] }
        guard let mapping = node.mapping else {
            self.report(path, found: node.kind, expected: expected)
            return []
        }
        var pairs: [(name: String, value: Node)] = []
        for (key, value) in mapping {
            guard let name = self.name(of: key, in: path) else { continue }
            pairs.append((name, value))
        }
        return pairs
    }

    // MARK: - Mappings

    /// Reads a mapping by its table; reports unknown, repeated and missing keys.
    mutating func mapping<Root>(_ node: Node, at path: String, _ table: [Setting<Root>], into root: inout Root) {
        self.note(path, node)
        guard node.mapping != nil else {
            let names = Self.names(table, under: "").joined(separator: ", ")
            self.report(path, found: node.kind, expected: "a mapping with keys such as \(names)")
            return
        }
        var seen: Set<String> = []
        self.section(node, at: path, prefix: "", table, into: &root, seen: &seen)
        for setting in table where setting.isRequired && !seen.contains(setting.key) {
            self.report(Self.join(path, setting.key), "missing, expected \(setting.expectation)")
        }
    }

    private mutating func section<Root>(
        _ node: Node,
        at path: String,
        prefix: String,
        _ table: [Setting<Root>],
        into root: inout Root,
        seen: inout Set<String>
    ) {
        let names = Self.names(table, under: prefix)
        for (name, value) in self.pairs(
            node,
            at: prefix.isEmpty ? path : Self.join(path, prefix),
            expected: "a mapping with keys such as \(names.joined(separator: ", "))"
        ) {
            let key = Self.join(prefix, name)
            if let setting = table.first(where: { $0.key == key }) {
                seen.insert(key)
                setting.decode(value, Self.join(path, key), &root, &self)
            } else if table.contains(where: { $0.key.hasPrefix(key + ".") }) {
                self.section(value, at: path, prefix: key, table, into: &root, seen: &seen)
            } else {
                self.reportUnknown(name, in: Self.join(path, prefix), names, keys: table.map(\.key))
            }
        }
    }

    private mutating func reportUnknown(_ name: String, in path: String, _ names: [String], keys: [String]) {
        let full = Self.join(path, name)
        if let near = Quoting.nearest(to: name, among: names) {
            self.report(full, "unknown; did you mean '\(near)'?")
        } else if let elsewhere = keys.first(where: { $0.hasSuffix(".\(name)") }) {
            self.report(full, "unknown here; did you mean '\(elsewhere)'?")
        } else {
            self.report(full, "unknown, expected one of \(names.joined(separator: ", "))")
        }
    }

    /// The text of a key; `nil`, and reported, when it is no text or was given before.
    private mutating func name(of key: Node, in path: String) -> String? {
        guard let name = key.scalar?.string else {
            self.note("\(path).?", key)
            self.report("\(path).?", found: "\(key.kind) as a key", expected: "a name")
            return nil
        }
        if let duplicate = self.duplicates[name] {
            let full = Self.join(path, duplicate.name)
            let first = self.origins[full]
            self.note(full, key)
            self.report(full, "given twice, expected once (first in line \(duplicate.firstLine))")
            if let first { self.note(full, first) }
            return nil
        }
        // Until its value is read, the key itself is the best place to point at.
        self.note(Self.join(path, name), key)
        return name
    }

    static func join(_ path: String, _ key: String) -> String {
        path.isEmpty ? key : key.isEmpty ? path : "\(path).\(key)"
    }

    /// The keys of one level, in the table's order.
    private static func names<Root>(_ table: [Setting<Root>], under prefix: String) -> [String] {
        var names: [String] = []
        for setting in table {
            guard prefix.isEmpty || setting.key.hasPrefix(prefix + ".") else { continue }
            let name = String(setting.key.dropFirst(prefix.isEmpty ? 0 : prefix.count + 1).prefix { $0 != "." })
            if names.last != name, !names.contains(name) { names.append(name) }
        }
        return names
    }
}

extension Node {
    /// `key:` with nothing behind it, `~` or `null`.
    var isNothing: Bool {
        guard let scalar = self.scalar, scalar.style == .plain else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// What it is, for error messages. Never its text.
    var kind: String {
        switch self {
        case .scalar: self.isNothing ? "nothing" : "a single value"
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }
}
