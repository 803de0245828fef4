import FoundationEssentials
import Glibc
import Testing

/// A folder for `ROUNDHOUSE_ENGINES_DIR` with a llama.cpp that does harm when it is told to, and is the real one else.
final class EngineFolder: Sendable {
    /// What a process of the engine does instead of loading its model.
    enum Harm: String, CaseIterable {
        /// Writes a line and is killed.
        case dies
        /// Neither loads nor ends, and heeds neither the end of its input nor the death of its parent.
        case stays
    }

    private let directory: TemporaryDirectory
    /// Where the real one is.
    private let real: String

    /// Nothing is installed in it yet.
    init() throws {
        self.directory = try TemporaryDirectory()
        let environment = ProcessInfo.processInfo.environment
        let data = environment["XDG_DATA_HOME"] ?? "\(environment["HOME"] ?? "")/.local/share"
        self.real = environment["ROUNDHOUSE_ENGINES_DIR"] ?? "\(data)/roundhouse/engines"
    }

    var environment: [String: String] { ["ROUNDHOUSE_ENGINES_DIR": self.directory.path] }

    /// Puts llama.cpp there.
    func install() throws {
        let manager = FileManager.default
        let source = "\(self.real)/llama.cpp"
        let version = try #require(try manager.contentsOfDirectory(atPath: source).max())
        let target = "\(self.directory.path)/llama.cpp/\(version)"
        try manager.createDirectory(atPath: "\(target)/bin", withIntermediateDirectories: true)
        let script = """
            #!/bin/sh
            if [ -e '\(self.flag(.dies))' ]; then echo 'the boiler has burst' >&2; kill -9 $$; fi
            while [ -e '\(self.flag(.stays))' ]; do sleep 0.1; done
            exec '\(source)/\(version)/bin/python' "$@"

            """
        try self.directory.write(script, to: "llama.cpp/\(version)/bin/python")
        try #require(unsafe chmod("\(target)/bin/python", 0o755) == 0)
        let manifest = "roundhouse-engine.json"
        try manager.copyItem(atPath: "\(source)/\(version)/\(manifest)", toPath: "\(target)/\(manifest)")
    }

    /// Engines that start from now on do harm.
    func begin(_ harm: Harm) throws { try self.directory.write("", to: harm.rawValue) }

    func end(_ harm: Harm) throws { try FileManager.default.removeItem(atPath: self.flag(harm)) }

    private func flag(_ harm: Harm) -> String { "\(self.directory.path)/\(harm.rawValue)" }
}
