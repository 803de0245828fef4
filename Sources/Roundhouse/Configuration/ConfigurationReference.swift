/// The configuration explained: a file to start from, and the tables of `docs/Configuration.md`.
package enum ConfigurationReference {
    private static var settings: [SettingDescription] {
        SettingTables.root.map { $0.described(defaults: RoundhouseConfiguration()) }
    }

    // MARK: - Template

    /// A configuration file in which every key is explained and commented out, so that what is not changed follows
    /// the defaults of later versions. A key is turned on by deleting the `#` directly in front of it.
    package static func template() -> String {
        let head = """
            # Roundhouse configuration. Every key has a default; delete the '#' in front of a key to change it.
            # Single values outside of lists can also be set by variables: ROUNDHOUSE_LOG_LEVEL sets log.level.
            # `roundhouse config validate` checks this file, `roundhouse config show` prints what is in force.

            """
        return head + Self.lines(Self.settings, indentation: 0, isOn: true).joined(separator: "\n") + "\n"
    }

    /// - Parameter isOn: Whether names of sections stand without `#`, which a section without any key allows.
    private static func lines(_ settings: [SettingDescription], indentation: Int, isOn: Bool) -> [String] {
        let space = String(repeating: " ", count: indentation)
        var lines: [String] = []
        var section: String?
        for setting in settings {
            let parts = setting.key.split(separator: ".", maxSplits: 1).map(String.init)
            if parts.count == 2 {
                if parts[0] != section {
                    section = parts[0]
                    if isOn { lines.append("") }
                    lines.append("\(space)\(isOn ? "" : "#")\(parts[0]):")
                    let inner = settings.filter { $0.key.hasPrefix(parts[0] + ".") }.map { setting in
                        var inner = setting
                        inner.key = String(setting.key.dropFirst(parts[0].count + 1))
                        return inner
                    }
                    lines += Self.lines(inner, indentation: indentation + 2, isOn: false)
                }
            } else {
                if isOn { lines.append("") }
                lines += Self.lines(setting, indentation: indentation, isOn: isOn)
            }
        }
        return lines
    }

    private static func lines(_ setting: SettingDescription, indentation: Int, isOn: Bool) -> [String] {
        let space = String(repeating: " ", count: indentation)
        let mark = isOn ? "" : "#"
        var prose = setting.summary
        if setting.isScalar { prose += " Takes \(setting.expectation)." }
        var lines = Self.wrap(prose, width: 100 - indentation).map { "\(space)# \($0)" }
        if !setting.elements.isEmpty {
            lines.append("\(space)\(mark)\(setting.key):")
            var element = Self.lines(setting.elements, indentation: indentation + 4, isOn: false)
            // The dash goes in front of the element's first key.
            if let first = element.firstIndex(where: { $0.drop { $0 == " " }.hasPrefix("#") && !Self.isProse($0) }) {
                element[first] = "\(space)  #- \(element[first].dropFirst(indentation + 5))"
                for index in element[..<first].indices { element[index].removeFirst(2) }
            }
            lines += element
        } else if setting.isAlternative {
            lines.append("\(space)# \(setting.key): \(setting.sample)")
        } else {
            lines.append("\(space)#\(setting.key): \(setting.sample)")
        }
        return lines
    }

    private static func isProse(_ line: String) -> Bool {
        line.drop { $0 == " " }.hasPrefix("# ")
    }

    private static func wrap(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }

    // MARK: - Tables for the docs

    /// Markdown: one table for the keys of the file, one for each list of mappings.
    package static func markdown() -> String {
        var text = Self.table(Self.settings, named: "Keys", withVariables: true)
        for setting in Self.settings where !setting.elements.isEmpty {
            text += "\n" + Self.table(setting.elements, named: "Keys of `\(setting.key)[]`", withVariables: false)
            for inner in setting.elements where !inner.elements.isEmpty {
                let name = "Keys of `\(setting.key)[].\(inner.key)[]`"
                text += "\n" + Self.table(inner.elements, named: name, withVariables: false)
            }
        }
        return text
    }

    private static func table(_ settings: [SettingDescription], named: String, withVariables: Bool) -> String {
        var lines = ["### \(named)", ""]
        lines.append("| key | default | takes | meaning |\(withVariables ? " variable |" : "")")
        lines.append("|---|---|---|---|\(withVariables ? "---|" : "")")
        for setting in settings {
            let standard = setting.isRequired ? "required" : setting.standard.map { "`\($0)`" } ?? ""
            var cells = ["`\(setting.key)`", standard, setting.expectation, setting.summary].map(Self.cell)
            if withVariables {
                cells.append(setting.isScalar ? "`\(ConfigurationDecoder.variable(for: setting.key))`" : "")
            }
            lines.append("| \(cells.joined(separator: " | ")) |")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A bar would end the cell.
    private static func cell(_ text: String) -> String {
        text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    }
}
