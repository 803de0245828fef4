import FoundationEssentials
import Glibc

/// What we need to know about the machine.
package enum Machine {
    /// Cores that this process may run on, as affinity and cgroup cpusets leave them.
    package static let cores = max(1, ProcessInfo.processInfo.activeProcessorCount)

    #if arch(x86_64)
    package static let architecture = "x86_64"
    #elseif arch(arm64)
    package static let architecture = "aarch64"
    #else
    package static let architecture = "unknown"
    #endif

    /// Instructions that the published builds of llama.cpp for x86-64 use without asking.
    package static let requiredFeatures = ["avx2", "fma", "f16c", "bmi2"]

    /// The instructions that `cpuinfo` (the text of `/proc/cpuinfo`) lacks. Empty for other architectures.
    package static func missingFeatures(cpuinfo: String, architecture: String = Machine.architecture) -> [String] {
        guard architecture == "x86_64" else { return [] }
        let flags = cpuinfo.split(separator: "\n").first { $0.hasPrefix("flags") }.map { line in
            Set(line.drop { $0 != ":" }.dropFirst().split(separator: " "))
        }
        // No flags line at all: a masked /proc. The import of the engine will tell.
        guard let flags else { return [] }
        return Self.requiredFeatures.filter { !flags.contains(Substring($0)) }
    }

    /// `nil` when the processor can run the engine, or a sentence on what it lacks.
    package static func processorProblem() -> String? {
        let cpuinfo = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let missing = Self.missingFeatures(cpuinfo: cpuinfo)
        guard !missing.isEmpty else { return nil }
        return """
            this processor lacks \(missing.map { $0.uppercased() }.joined(separator: ", ")), which the published builds of \
            llama.cpp need; build llama.cpp for this machine and put its llama-server on the PATH
            """
    }

    /// The full path of the program `name` in the directories of `path` (default: the environment's `PATH`).
    package static func findProgram(
        _ name: String,
        path: String? = ProcessInfo.processInfo.environment["PATH"]
    ) -> String? {
        let directories = (path ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").filter { $0.hasPrefix("/") }
        return directories.lazy.map { "\($0)/\(name)" }.first { Self.isProgram($0) }
    }

    /// Whether `path` is a file that we may run.
    package static func isProgram(_ path: String) -> Bool {
        var isDirectory = false
        let manager = FileManager.default
        return manager.fileExists(atPath: path, isDirectory: &isDirectory) && !isDirectory
            && manager.isExecutableFile(atPath: path)
    }
}
