import FoundationEssentials

/// The Python of this machine.
package struct PythonInstallation: Sendable, Hashable {
    /// Absolute.
    package var path: String
    /// `3.11.2`; empty when it does not work.
    package var version: String
    /// Where it looks for packages, the first one first.
    package var packageFolders: [String]
    /// What it said instead of its version; `nil` when it works.
    package var problem: String?

    package init(path: String, version: String = "", packageFolders: [String] = [], problem: String? = nil) {
        self.path = path
        self.version = version
        self.packageFolders = packageFolders
        self.problem = problem
    }
}

/// Finds the Python of this machine and asks it for its version and its folders.
package struct PythonSurvey: Sendable {
    /// The least version that engines can be installed with.
    package static let minimumVersion = "3.10"

    private let tools: PythonTools

    /// - Parameter environment: `PATH` says where to look.
    package init(environment: [String: String], clock: EngineClock = .system) {
        self.tools = PythonTools(environment: environment, clock: clock)
    }

    /// Runs `python3` once, for some 20 ms; cancelling the task ends it.
    ///
    /// - Returns: `nil` when none is on the `PATH`.
    package func find() async -> PythonInstallation? {
        guard let path = Machine.findProgram("python3", path: self.tools.environment["PATH"]) else { return nil }
        do throws(EngineInstallError) {
            let result = try await self.tools.run(path, ["-c", Self.script])
            let lines = result.output.split(separator: "\n").map(String.init)
            guard result.isSuccess, let version = lines.first, version.first?.isNumber == true else {
                return PythonInstallation(path: path, problem: EngineInstallError.lastLines(result.output))
            }
            return PythonInstallation(path: path, version: version, packageFolders: Array(lines.dropFirst()))
        } catch {
            return PythonInstallation(path: path, problem: error.message)
        }
    }

    private static let script = """
        import os, sys
        print("%d.%d.%d" % sys.version_info[:3])
        for folder in sys.path:
            if os.path.isdir(folder) and folder.endswith("-packages"):
                print(folder)
        """
}
