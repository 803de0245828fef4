/// One thing that is wrong with a configuration, and where.
///
/// Printed as `FILE:LINE:COLUMN: key 'providers[0].base_url': found '…', expected …`. Never holds a secret.
package struct ConfigurationProblem: Error, Sendable, Hashable, CustomStringConvertible {
    package var location: ConfigurationLocation
    /// The key's full path; `nil` when the trouble is with the file as a whole.
    package var key: String?
    /// What is wrong: `found 'x', expected y`, `missing, expected y`, `unknown; did you mean 'z'?`.
    package var detail: String

    package var description: String {
        switch (self.location, self.key) {
        case (.file, let key?), (.defaults, let key?): "\(self.location): key '\(key)': \(self.detail)"
        case (_, _): "\(self.location): \(self.detail)"
        }
    }
}

/// Where a value came from.
package enum ConfigurationLocation: Sendable, Hashable, CustomStringConvertible {
    /// Nobody set it.
    case defaults
    /// Line and column count from 1; both 0 mean the file as a whole.
    case file(path: String, line: Int, column: Int)
    /// The variable's name.
    case environment(String)
    /// The flag as it is typed: `--grpc`.
    case flag(String)

    package var description: String {
        switch self {
        case .defaults: "configuration"
        case .file(let path, 0, _): path
        case .file(let path, let line, let column): "\(path):\(line):\(column)"
        case .environment(let name): name
        case .flag(let name): name
        }
    }

    /// Files first, from top to bottom; then variables, then flags.
    var order: (Int, Int, Int, String) {
        switch self {
        case .file(_, let line, let column): (0, line, column, "")
        case .defaults: (1, 0, 0, "")
        case .environment(let name): (2, 0, 0, name)
        case .flag(let name): (3, 0, 0, name)
        }
    }
}

/// Everything that is wrong with a configuration, in the order of the file; never empty.
package struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    package var problems: [ConfigurationProblem]

    package init(problems: [ConfigurationProblem]) {
        var seen: Set<ConfigurationProblem> = []
        self.problems = problems.filter { seen.insert($0).inserted }
            .sorted { $0.location.order < $1.location.order }
    }

    /// A line for each problem.
    package var description: String {
        self.problems.map(\.description).joined(separator: "\n")
    }
}

/// How values are shown in messages.
enum Quoting {
    /// `text` in quotes, on one line, shortened to 80 characters.
    static func quote(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars.prefix(80) {
            if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) {
                shown += scalar == "\n" ? "\\n" : scalar == "\t" ? "\\t" : "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                shown.unicodeScalars.append(scalar)
            }
        }
        return "'\(shown)\(text.unicodeScalars.count > 80 ? "…" : "")'"
    }

    /// `a, b or c`.
    static func alternatives(_ names: [String]) -> String {
        guard let last = names.last, names.count > 1 else { return names.first ?? "" }
        return names.dropLast().joined(separator: ", ") + " or " + last
    }

    /// The candidate that `text` was probably meant to be: the nearest one, if no more than a third of it differs.
    static func nearest(to text: String, among candidates: [String]) -> String? {
        let normal = text.lowercased().split(separator: "-", omittingEmptySubsequences: false).joined(separator: "_")
        let ranked = candidates.map { (distance: Self.distance(normal, $0.lowercased()), name: $0) }
        guard let best = ranked.min(by: { $0.distance < $1.distance }),
            best.distance <= max(1, min(text.count, best.name.count) / 3)
        else { return nil }
        return best.name
    }

    /// Edits (insert, delete, replace, swap neighbours) that make one text of the other.
    private static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.unicodeScalars.prefix(64))
        let right = Array(right.unicodeScalars.prefix(64))
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var beforeLast = [Int](repeating: 0, count: right.count + 1)
        var last = Array(0...right.count)
        for row in 1...left.count {
            var current = [row] + [Int](repeating: 0, count: right.count)
            for column in 1...right.count {
                let replace = last[column - 1] + (left[row - 1] == right[column - 1] ? 0 : 1)
                current[column] = min(last[column] + 1, current[column - 1] + 1, replace)
                if row > 1, column > 1, left[row - 1] == right[column - 2], left[row - 2] == right[column - 1] {
                    current[column] = min(current[column], beforeLast[column - 2] + 1)
                }
            }
            (beforeLast, last) = (last, current)
        }
        return last[right.count]
    }
}
