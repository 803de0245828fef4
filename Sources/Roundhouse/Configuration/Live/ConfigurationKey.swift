import Yams

/// Finds the place in the file that a key stands for.
///
/// Keys are those of the file, joined by dots. An element of a list is named by what tells it from the others:
/// `providers.openai.base_url`, `local.models.qwen.path`; by its number where messages do so: `providers[0].base_url`.
struct ConfigurationKey {
    /// Where it is, or would be.
    var path: [YAMLStep]
    /// An element that the key stands for as a whole: the key that names it, and its name.
    var element: (identity: String, name: String)?
    /// Elements that have to be made first, the outer ones before the inner: the place of the key that names each, and
    /// its name.
    var made: [(path: [YAMLStep], name: String)] = []

    /// - Parameter root: the file as it is.
    /// - Returns: `nil` when there is no such key.
    init?(_ key: String, in root: Node?, _ settings: [SettingDescription] = ConfigurationRows.descriptions) {
        guard let found = Self.find(key[...], at: [], in: root, settings) else { return nil }
        self = found
    }

    private init(path: [YAMLStep]) {
        self.path = path
    }

    private static func find(
        _ key: Substring, at path: [YAMLStep], in root: Node?, _ settings: [SettingDescription]
    ) -> ConfigurationKey? {
        for setting in settings {
            let own = path + Self.steps(setting.key)
            if key == setting.key { return ConfigurationKey(path: own) }
            guard key.hasPrefix(setting.key) else { continue }
            let rest = key.dropFirst(setting.key.count)
            if setting.traits.contains(.named), rest.hasPrefix("."), rest.count > 1 {
                return ConfigurationKey(path: own + [.key(String(rest.dropFirst()))])
            }
            if !setting.elements.isEmpty, let found = Self.element(rest, of: setting, at: own, in: root) {
                return found
            }
        }
        return nil
    }

    static func steps(_ key: String) -> [YAMLStep] {
        key.split(separator: ".").map { .key(String($0)) }
    }

    /// - Parameter rest: `.openai.base_url` or `[0].base_url`.
    private static func element(
        _ rest: Substring, of setting: SettingDescription, at path: [YAMLStep], in root: Node?
    ) -> ConfigurationKey? {
        guard let identity = setting.identity else { return nil }
        let nodes = root?[path: path]?.sequence.map { Array($0) } ?? []
        if rest.hasPrefix("["), let end = rest.firstIndex(of: "]"), let index = Int(rest[..<end].dropFirst()),
            nodes.indices.contains(index)
        {
            let name = nodes[index][path: [.key(identity)]]?.scalar?.string ?? ""
            return Self.inner(rest[end...].dropFirst(), name, identity, at: path + [.index(index)], in: root, setting)
        }
        guard rest.hasPrefix("."), rest.count > 1 else { return nil }
        let rest = rest.dropFirst()
        let known = nodes.enumerated().compactMap { index, node in
            node[path: [.key(identity)]]?.scalar.map { (index, $0.string) }
        }
        // The longest name first: names may hold dots.
        for (index, name) in known.sorted(by: { $0.1.utf8.count > $1.1.utf8.count })
        where rest == name || rest.hasPrefix("\(name).") {
            let inner = rest.dropFirst(name.count)
            if let found = Self.inner(inner, name, identity, at: path + [.index(index)], in: root, setting) {
                return found
            }
        }
        // A new one: the shortest name behind which a key follows, else all of it.
        let new = path + [.index(nodes.count)]
        for dot in rest.indices where rest[dot] == "." && dot > rest.startIndex {
            let name = String(rest[..<dot])
            guard var found = Self.inner(rest[dot...], name, identity, at: new, in: root, setting) else { continue }
            let place = new + [.key(identity)]
            if found.path != place { found.made.insert((place, name), at: 0) }
            return found
        }
        return Self.inner("", String(rest), identity, at: new, in: root, setting)
    }

    private static func inner(
        _ rest: Substring, _ name: String, _ identity: String, at path: [YAMLStep], in root: Node?,
        _ setting: SettingDescription
    ) -> ConfigurationKey? {
        if rest.isEmpty {
            var key = ConfigurationKey(path: path)
            key.element = (identity, name)
            return key
        }
        guard rest.hasPrefix(".") else { return nil }
        return Self.find(rest.dropFirst(), at: path, in: root, setting.elements)
    }
}
