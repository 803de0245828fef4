internal import LocalEngines
internal import Providers

/// Runs the command of `api_key_command`.
enum KeyCommand {
    /// - Returns: what it wrote to its standard output.
    /// - Throws: ``KeySource/Unusable``, without anything that the command wrote: it may hold a key.
    static func run(_ command: String) async throws -> String {
        let outcome = try await ShellCommand.run(command, outputLimit: 64 * 1024)
        guard outcome.status == 0 else {
            throw KeySource.Unusable("ended with status \(outcome.status)")
        }
        return outcome.output
    }
}
