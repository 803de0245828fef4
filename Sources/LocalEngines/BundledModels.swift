import FoundationEssentials

/// The two chat models that come with Roundhouse.
///
/// They know templates, not language: proof that the whole path is real on a machine without keys or network.
package enum BundledModels {
    /// The files, by model name, best first.
    package static let files = [(name: "small", file: "small-q8_0.gguf"), (name: "tiny", file: "tiny-q8_0.gguf")]

    /// The models that can be found, with default settings. Empty when a binary was copied without its resources.
    package static func find(
        environment: [String: String] = ProcessInfo.processInfo.environment,
        executable: String? = BundledModels.executablePath
    ) -> [LocalModel] {
        guard let directory = Self.directory(environment: environment, executable: executable) else { return [] }
        return Self.files.map { LocalModel(name: $0.name, path: "\(directory)/\($0.file)") }
            .filter { FileManager.default.fileExists(atPath: $0.path) }
    }

    /// The first of these directories that holds a bundled model: `ROUNDHOUSE_MODELS_DIR`, SwiftPM's resources next to
    /// the executable, `../share/roundhouse/models` of an installation.
    ///
    /// Not `Bundle.module`: it has the path of the build directory compiled in and traps where neither is found.
    package static func directory(environment: [String: String], executable: String?) -> String? {
        var candidates: [String] = []
        if let chosen = environment["ROUNDHOUSE_MODELS_DIR"], !chosen.isEmpty { candidates.append(chosen) }
        if let executable, let slash = executable.lastIndex(of: "/") {
            let folder = executable[..<slash]
            candidates.append("\(folder)/roundhouse_LocalEngines.resources")
            if let parent = folder.lastIndex(of: "/") {
                candidates.append("\(folder[..<parent])/share/roundhouse/models")
            }
        }
        return candidates.first { directory in
            Self.files.contains { FileManager.default.fileExists(atPath: "\(directory)/\($0.file)") }
        }
    }

    /// The file that this process runs, links resolved, so that a link in `/usr/local/bin` finds its resources too.
    package static var executablePath: String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    }
}
