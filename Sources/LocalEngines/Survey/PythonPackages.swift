import FoundationEssentials

/// A Python package that lies in a folder of packages.
package struct PythonPackage: Sendable, Hashable {
    /// As package indexes write it: small letters, `-` for every run of `-`, `_` and `.`.
    package var name: String
    package var version: String
    /// The folder that tells of it, `…/torch-2.5.1.dist-info`.
    package var path: String

    package init(name: String, version: String, path: String) {
        self.name = name
        self.version = version
        self.path = path
    }
}

/// Finds Python packages by the names of folders: importing one such as torch takes seconds and a gigabyte.
package enum PythonPackages {
    /// Those of `names` that lie in `folders`, in the order of `names`. Of several the first folder's, as Python takes it.
    package static func find(_ names: [String], in folders: [String]) -> [PythonPackage] {
        let manager = FileManager.default
        var found: [String: PythonPackage] = [:]
        let wanted = Set(names)
        for folder in folders {
            for entry in ((try? manager.contentsOfDirectory(atPath: folder)) ?? []).sorted() {
                guard let (name, version) = Self.parse(entry), wanted.contains(name), found[name] == nil else {
                    continue
                }
                found[name] = PythonPackage(name: name, version: version, path: "\(folder)/\(entry)")
            }
        }
        return names.compactMap { found[$0] }
    }

    /// `llama_cpp_python-0.3.2.dist-info` and `torch-1.13.1-py3.11.egg-info`, the older form.
    ///
    /// - Returns: `nil` for the name of anything else.
    static func parse(_ entry: String) -> (name: String, version: String)? {
        for suffix in [".dist-info", ".egg-info"] where entry.hasSuffix(suffix) {
            // A name holds no `-` there: the first one ends it.
            let parts = entry.dropLast(suffix.count).split(separator: "-", maxSplits: 2)
            guard parts.count >= 2 else { return nil }
            return (Self.normalized(parts[0]), String(parts[1]))
        }
        return nil
    }

    static func normalized(_ name: some StringProtocol) -> String {
        name.lowercased().split(whereSeparator: { "-_.".contains($0) }).joined(separator: "-")
    }
}
