import FoundationEssentials
import Inference

/// Where engines live: one place for all data directories of a user, since an engine is large and the same for all.
package struct EngineDirectories: Sendable, Hashable {
    /// Absolute, may not exist yet.
    package let root: String

    package init(root: String) {
        self.root = root
    }

    /// `ROUNDHOUSE_ENGINES_DIR`, else `$XDG_DATA_HOME/roundhouse/engines`, else `~/.local/share/roundhouse/engines`,
    /// else, for a service without a home, `/var/lib/roundhouse/engines`.
    ///
    /// Relative paths in `XDG_DATA_HOME` are ignored, as the XDG Base Directory Specification asks.
    package init(environment: [String: String]) {
        if let chosen = environment["ROUNDHOUSE_ENGINES_DIR"], !chosen.isEmpty {
            let current = FileManager.default.currentDirectoryPath
            self.root = chosen.hasPrefix("/") ? chosen : "\(current)/\(chosen)"
        } else if let data = environment["XDG_DATA_HOME"], data.hasPrefix("/") {
            self.root = "\(data)/roundhouse/engines"
        } else if let home = environment["HOME"], home.hasPrefix("/") {
            self.root = "\(home)/.local/share/roundhouse/engines"
        } else {
            self.root = "/var/lib/roundhouse/engines"
        }
    }

    /// Where version `version` of llama.cpp is or would be installed.
    func llamaCpp(version: String) -> String { "\(self.root)/llama.cpp/\(version)" }

    var lockFile: String { "\(self.root)/.lock" }

    /// Writes the launcher script, if this version of it is not there, and returns its path.
    ///
    /// The name carries a hash of the content: servers of different versions may share the directory.
    func launcherScript() throws(RuntimeUnavailable) -> String {
        let content = PackageResources.launch_engine_py
        let path = "\(self.root)/launchers/launch_engine-\(Self.stamp(of: content)).py"
        let manager = FileManager.default
        if (try? manager.attributesOfItem(atPath: path))?[.size] as? Int == content.count { return path }
        do {
            try manager.createDirectory(atPath: "\(self.root)/launchers", withIntermediateDirectories: true)
            try Data(content).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw RuntimeUnavailable(
                "\(self.root) cannot be written (\(error)): set ROUNDHOUSE_ENGINES_DIR to a directory that can"
            )
        }
        return path
    }

    /// FNV-1a in 64 bits, in hexadecimal: tells versions apart, protects against nothing.
    static func stamp(of bytes: [UInt8]) -> String {
        let hash = bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }
}
