import Yams

/// A parsed file, in which keys that were given twice are marked instead of ending the parse.
struct YAMLDocument {
    /// `nil` for a file with nothing but comments.
    var root: Node?
    /// By the text that stands where the second key stood.
    var duplicates: [String: Duplicate] = [:]

    /// A key that was given twice in one mapping.
    struct Duplicate {
        var name: String
        var firstLine: Int
    }

    /// Parses `text`.
    ///
    /// The parser refuses a repeated key and says where the first one stands. To report it among all other problems,
    /// the second one is found, overwritten by characters that nobody uses, and the text parsed again.
    static func parse(_ text: String, file: String) throws(ConfigurationError) -> YAMLDocument {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { Array($0.unicodeScalars) }
        var duplicates: [String: Duplicate] = [:]
        while true {
            do {
                // The basic resolver leaves values as texts, so no regular expression runs.
                let root = try Yams.compose(yaml: Self.join(lines), .basic, .default, .utf8)
                return YAMLDocument(root: root, duplicates: duplicates)
            } catch YamlError.duplicatedKeysInMapping(let names, let context) {
                guard let name = names.first, duplicates.count < 100,
                    let place = Self.second(name, after: context.mark, in: lines),
                    let mark = Unicode.Scalar(0xE000 + UInt32(duplicates.count))
                else {
                    let key = names.first ?? ""
                    throw Self.error(
                        "given twice, expected once", key: key, line: context.mark.line, context.mark.column, file: file
                    )
                }
                let stand = [Unicode.Scalar](repeating: mark, count: place.length)
                lines[place.line].replaceSubrange(place.column..<place.column + place.length, with: stand)
                let text = String(String.UnicodeScalarView(stand))
                duplicates[text] = Duplicate(name: name, firstLine: context.mark.line)
            } catch {
                throw Self.syntaxError(error, lines: lines, file: file)
            }
        }
    }

    /// Finds the later line of a block mapping that gives `name` again.
    private static func second(
        _ name: String,
        after mark: Mark,
        in lines: [[Unicode.Scalar]]
    ) -> (line: Int, column: Int, length: Int)? {
        let column = mark.column - 1
        for index in lines.indices where index >= mark.line {
            let line = lines[index]
            let indentation = line.prefix { $0 == " " }.count
            guard indentation < line.count, line[indentation] != "#", line[indentation] != "\r" else { continue }
            guard indentation >= column else { return nil }
            guard indentation == column else { continue }
            for written in [name, "\"\(name)\"", "'\(name)'"] {
                let scalars = Array(written.unicodeScalars)
                guard line[column...].starts(with: scalars) else { continue }
                let rest = line[(column + scalars.count)...].drop { $0 == " " }
                if rest.first == ":" { return (index, column, scalars.count) }
            }
        }
        return nil
    }

    private static func join(_ lines: [[Unicode.Scalar]]) -> String {
        var text = String.UnicodeScalarView()
        for (index, line) in lines.enumerated() {
            if index > 0 { text.append("\n") }
            text.append(contentsOf: line)
        }
        return String(text)
    }

    /// The parser's own description quotes the line, which may hold a secret: only its fixed texts are used.
    private static func syntaxError(_ error: any Error, lines: [[Unicode.Scalar]], file: String) -> ConfigurationError {
        switch error {
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _):
            let line = lines.indices.contains(mark.line - 1) ? lines[mark.line - 1] : []
            let hint = line.prefix(mark.column).contains("\t") ? " (a tab: indent with spaces)" : ""
            return Self.error("not valid YAML: \(problem)\(hint)", key: nil, line: mark.line, mark.column, file: file)
        case YamlError.reader(let problem, _, _, _):
            return Self.error("not valid YAML: \(problem)", key: nil, line: 0, 0, file: file)
        default:
            return Self.error("not valid YAML", key: nil, line: 0, 0, file: file)
        }
    }

    private static func error(
        _ detail: String,
        key: String?,
        line: Int,
        _ column: Int,
        file: String
    ) -> ConfigurationError {
        let location = ConfigurationLocation.file(path: file, line: line, column: column)
        return ConfigurationError(problems: [ConfigurationProblem(location: location, key: key, detail: detail)])
    }
}
