import Yams

/// Changes single keys of a configuration file.
enum SettingEdits {
    /// - Parameter settings: values as YAML of one line by keys; an empty value takes the key out.
    /// - Returns: the file, and whether its comments were lost on the way.
    static func apply(
        _ settings: [String: String], to text: String, file: String
    ) throws(ConfigurationError) -> (text: String, hasLostComments: Bool) {
        var editor = try YAMLEditor(text, file: file)
        var problems: [ConfigurationProblem] = []
        // What is taken away last in a list first, so that numbers go on to mean what they meant.
        let removed = settings.filter { $0.value.isEmpty }.keys.sorted(by: >)
        for key in settings.filter({ !$0.value.isEmpty }).keys.sorted() + removed {
            guard let place = ConfigurationKey(key, in: editor.root) else {
                problems.append(Self.problem(key, "unknown" + Self.hint(key)))
                continue
            }
            let value = settings[key] ?? ""
            if value.isEmpty {
                try editor.remove(place.path)
                continue
            }
            switch Self.parsed(value, of: place, in: editor.root) {
            case .failure(let problem): problems.append(Self.problem(key, problem.text))
            case .success(nil): continue
            case .success(let parsed?):
                for (path, name) in place.made { try editor.set(path, to: .text(name)) }
                try editor.set(place.path, to: parsed)
            }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return (editor.text, editor.hasLostComments)
    }

    private struct Mismatch: Error {
        var text: String
    }

    /// - Returns: `nil` for a secret that shall stay as it is.
    private static func parsed(
        _ text: String, of place: ConfigurationKey, in root: Node?
    ) -> Result<YAMLValue?, Mismatch> {
        guard !text.unicodeScalars.contains(where: YAMLText.isBreak) else {
            return .failure(Mismatch(text: "found several lines, expected a value as YAML of one line"))
        }
        if let problem = YAMLGuard.problem(of: text) { return .failure(Mismatch(text: problem)) }
        let node = try? YAMLDocument.parse(text, file: "").root
        if text.contains(ConfigurationRow.redacted) {
            guard let own = root?[path: place.path].flatMap(YAMLValue.init) else {
                return .failure(
                    Mismatch(text: "found '\(text)', expected a value: the file has none that could be kept"))
            }
            // As it was told.
            if let given = node.flatMap(YAMLValue.init), given.isSame(as: own.hidden) { return .success(nil) }
            // Not quoted: there may be secrets beside it.
            return .failure(
                Mismatch(text: "found '\(ConfigurationRow.redacted)' among other values, expected all values in full"))
        }
        guard let node, var value = YAMLValue(node) else {
            return .failure(Mismatch(text: "found no value in YAML, expected one; an empty text takes the key out"))
        }
        if let (identity, name) = place.element {
            guard case .map(var pairs) = value else {
                return .failure(Mismatch(text: "found \(node.kind), expected a mapping"))
            }
            if !pairs.contains(where: { $0.0 == identity }) { pairs.insert((identity, .text(name)), at: 0) }
            value = .map(pairs)
        }
        return .success(value)
    }

    private static func problem(_ key: String, _ detail: String) -> ConfigurationProblem {
        ConfigurationProblem(location: .defaults, key: key, detail: detail)
    }

    private static func hint(_ key: String) -> String {
        let names = ConfigurationRows.descriptions.map(\.key)
        return Quoting.nearest(to: key, among: names).map { "; did you mean '\($0)'?" }
            ?? ", expected a key as GetConfig lists them"
    }
}

extension YAMLValue {
    /// With `<redacted>` in the place of each text.
    fileprivate var hidden: YAMLValue {
        switch self {
        case .text, .secret: .text(ConfigurationRow.redacted)
        case .list(let values): .list(values.map(\.hidden))
        case .map(let pairs): .map(pairs.map { ($0.0, $0.1.hidden) })
        }
    }
}
