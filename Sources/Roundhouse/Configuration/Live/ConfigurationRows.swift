/// One key of a configuration with its value: a row of what `GetConfig` tells.
struct ConfigurationRow: Sendable {
    /// As in the file, elements by their names: `providers.openai.base_url`.
    var key: String
    /// As in messages, elements by their numbers: `providers[0].base_url`.
    var path: String
    /// `nil` when nothing is set and there is no default.
    var value: YAMLValue?
    var setting: SettingDescription
    /// The place of the key that it is of in the reference.
    var rank: Int
    /// Whether a change counts only after the next start.
    var needsRestart: Bool
    /// `nil` when nobody set it.
    var origin: ConfigurationLocation?

    /// What stands for a secret.
    static let redacted = "<redacted>"

    /// YAML of one line; empty when nothing is set.
    var shown: String { self.value?.flow(secrets: Self.redacted) ?? "" }

    /// `default`, `file`, `environment` or `command_line`.
    var source: String {
        switch self.origin {
        case .file: "file"
        case .environment: "environment"
        case .flag: "command_line"
        case .defaults, nil: "default"
        }
    }
}

/// A configuration, key by key, in the order of the reference.
enum ConfigurationRows {
    static let descriptions = SettingTables.root.map { $0.described(defaults: RoundhouseConfiguration()) }

    static func all(of loaded: LoadedConfiguration) -> [ConfigurationRow] {
        var configuration = loaded.configuration
        for index in configuration.providers.indices where configuration.providers[index].apiKeyFile != nil {
            // The file says where the key is.
            configuration.providers[index].apiKey = nil
        }
        var rows: [ConfigurationRow] = []
        for (rank, (setting, description)) in zip(SettingTables.root, Self.descriptions).enumerated() {
            let row = ConfigurationRow(
                key: description.key, path: description.key, value: setting.render(configuration),
                setting: description, rank: rank, needsRestart: !description.traits.contains(.live))
            Self.add(row, to: &rows)
        }
        for index in rows.indices { rows[index].origin = loaded.origins[rows[index].path] }
        return rows
    }

    /// Adds the row, or those of what it holds.
    private static func add(_ row: ConfigurationRow, to rows: inout [ConfigurationRow]) {
        let setting = row.setting
        if case .list(let elements)? = row.value, !elements.isEmpty, let identity = setting.identity {
            let names = elements.map { $0[identity] }
            for (index, element) in elements.enumerated() {
                var name = "[\(index)]"
                // By its name where no other has it.
                if case .text(let text)? = names[index], names.count(where: { $0?.text == text }) == 1 {
                    name = ".\(text)"
                }
                for inner in setting.elements {
                    var next = row
                    next.key = "\(row.key)\(name).\(inner.key)"
                    next.path = "\(row.path)[\(index)].\(inner.key)"
                    next.value = element[inner.key]
                    next.setting = inner
                    next.needsRestart = row.needsRestart || inner.traits.contains(.start)
                    Self.add(next, to: &rows)
                }
            }
        } else if setting.traits.contains(.named), case .map(let pairs)? = row.value, !pairs.isEmpty {
            for (name, value) in pairs {
                var next = row
                next.key = "\(row.key).\(name)"
                next.path = "\(row.path).\(name)"
                next.value = value
                rows.append(next)
            }
        } else {
            var row = row
            if setting.traits.contains(.command), case .text(let command)? = row.value {
                row.value = .secret(SecretString(command))
            }
            rows.append(row)
        }
    }

    /// The keys whose values are not the same, in the order of the reference.
    ///
    /// A key that only one side has counts when somebody set it there: a new provider is told by what was said of it.
    static func changes(from old: [ConfigurationRow], to new: [ConfigurationRow]) -> [ConfigurationRow] {
        let before = Dictionary(old.map { ($0.key, $0) }) { first, _ in first }
        let after = Set(new.map(\.key))
        let changed = new.filter { row in
            guard let other = before[row.key] else { return row.origin != nil && !row.isEmptyList }
            return !Self.isSame(row.value, other.value)
        }
        let gone = old.filter { !after.contains($0.key) && $0.origin != nil && !$0.isEmptyList }
        return (changed + gone).enumerated()
            .sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }
            .map(\.element)
    }

    private static func isSame(_ left: YAMLValue?, _ right: YAMLValue?) -> Bool {
        switch (left, right) {
        case (nil, nil): true
        case (let left?, let right?): left.isSame(as: right)
        case (_, _): false
        }
    }
}

extension ConfigurationRow {
    /// A list or mapping with nothing in it, whose rows would be those of its elements.
    fileprivate var isEmptyList: Bool {
        guard !self.setting.elements.isEmpty || self.setting.traits.contains(.named) else { return false }
        switch self.value {
        case .list(let values)?: return values.isEmpty
        case .map(let pairs)?: return pairs.isEmpty
        case nil: return true
        // What one alias or one header says.
        case .text?, .secret?: return false
        }
    }
}

extension YAMLValue {
    fileprivate var text: String? {
        if case .text(let text) = self { text } else { nil }
    }

    /// The value of a key with dots in a mapping of mappings.
    fileprivate subscript(key: String) -> YAMLValue? {
        key.split(separator: ".").reduce(self as YAMLValue?) { value, name in
            guard case .map(let pairs)? = value else { return nil }
            return pairs.first { $0.0 == name }?.1
        }
    }
}
