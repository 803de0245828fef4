import Subprocess
import SystemPackage

/// A line for `/bin/sh`, run to its end.
package enum ShellCommand {
    package struct Outcome: Sendable {
        /// The exit status; 128 and the signal's number when one ended it.
        package var status: Int
        package var output: String
    }

    /// Runs a command without input. Cancelling the task ends it.
    ///
    /// - Parameter outputLimit: in bytes; a longer output is an error.
    package static func run(_ command: String, outputLimit: Int) async throws -> Outcome {
        let result = try await Subprocess.run(
            .path(FilePath("/bin/sh")),
            arguments: ["-c", command],
            output: .string(limit: outputLimit),
            error: .discarded
        )
        let status =
            switch result.terminationStatus {
            case .exited(let code): Int(code)
            case .signaled(let signal): 128 + Int(signal)
            }
        return Outcome(status: status, output: result.standardOutput)
    }
}
