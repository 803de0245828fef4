import FoundationEssentials
import Subprocess
import SystemPackage
import Testing

/// The `roundhouse` executable that was built with these tests.
enum Program {
    /// Beside the test binary, where SwiftPM puts every product of a build.
    static let path: String = {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return tests.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
            + "/roundhouse"
    }()

    /// What a command said and how it ended.
    struct Outcome: Sendable {
        var status: TerminationStatus
        var output: String
        var errors: String

        /// For messages of failed expectations.
        var text: String { "\(self.status)\n\(self.output)\n\(self.errors)" }
    }

    /// Runs `roundhouse` to its end.
    static func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> Outcome {
        try await self.run(self.path, arguments, environment: environment)
    }

    /// Runs any program to its end.
    static func run(
        _ executable: String,
        _ arguments: [String],
        environment: [String: String] = [:]
    ) async throws -> Outcome {
        let result = try await Subprocess.run(
            executable.contains("/") ? .path(FilePath(executable)) : .name(executable),
            arguments: Arguments(arguments),
            environment: self.environment(environment),
            output: .string(limit: 1 << 20),
            error: .string(limit: 1 << 20)
        )
        return Outcome(
            status: result.terminationStatus, output: result.standardOutput, errors: result.standardError)
    }

    /// The environment of a child: ours, without settings that someone has in the shell, and `changes`.
    static func environment(_ changes: [String: String] = [:]) -> Environment {
        let inherited = ProcessInfo.processInfo.environment.filter { name, _ in
            !name.hasPrefix("ROUNDHOUSE_") || name == "ROUNDHOUSE_ENGINES_DIR"
        }
        let all = inherited.merging(changes) { _, new in new }
        return .custom(
            Dictionary(
                uniqueKeysWithValues: all.compactMap { name, value in
                    Environment.Key(rawValue: name).map { ($0, value) }
                }
            )
        )
    }

    /// Has the real engine installed; at once when it is there.
    static func installEngine() async throws {
        let outcome = try await self.run(["engines", "install", "llama.cpp"])
        try #require(outcome.status.isSuccess, "\(outcome.text)")
    }
}
