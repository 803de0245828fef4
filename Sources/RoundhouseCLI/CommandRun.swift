internal import ArgumentParser
internal import FoundationEssentials
internal import Glibc

/// What surrounds every command: Ctrl-C, a closed output, the error's words and the exit status.
enum CommandRun {
    /// Runs `body` for this process.
    ///
    /// - Throws: `ExitCode`, which ends the process without another word.
    static func perform(
        json: Bool,
        address: String? = nil,
        _ body: @escaping @Sendable (any Console) async throws -> Void
    ) async throws {
        // A closed pipe must be an error of the write, which ends the command in order, not the death of the process.
        _ = signal(SIGPIPE, SIG_IGN)
        // gRPC's own log lines on standard error would stand between the answer and the error, or in its JSON.
        _ = unsafe setenv("GRPC_VERBOSITY", "NONE", 0)
        let console = StandardConsole(environment: ProcessInfo.processInfo.environment)
        let status = await Self.status(json: json, address: address, console: console) {
            try await Interruption.guarding { try await body(console) }
        }
        if status != .success { throw ExitCode(status.rawValue) }
    }

    /// Runs `body`, shows its error on standard error and says how the process should end.
    static func status(
        json: Bool,
        address: String?,
        console: any Console,
        _ body: () async throws -> Void
    ) async -> ExitStatus {
        do {
            try await body()
            return .success
        } catch is OutputClosed {
            return .success
        } catch is Interrupted {
            return .interrupted
        } catch let ending as QuietEnding {
            return ending.status
        } catch {
            let report = FailureReport(error, address: address)
            await console.show(report, json: json)
            return report.status
        }
    }
}

/// The command has said everything itself and ends with this status.
struct QuietEnding: Error {
    var status: ExitStatus
}

extension Console {
    /// Shows an error on standard error.
    func show(_ report: FailureReport, json: Bool) async {
        await self.note(json ? report.json + "\n" : "roundhouse: \(report.text)")
    }
}

/// A command that asks a running server.
protocol ClientCommand: AsyncParsableCommand, Sendable {
    var connection: ConnectionOptions { get }

    func execute(_ gateway: Gateway, _ console: any Console) async throws
}

extension ClientCommand {
    func run() async throws {
        try await self.ask()
    }

    /// Asks the server.
    func ask() async throws {
        let settings = self.connection.settings(environment: ProcessInfo.processInfo.environment)
        try await CommandRun.perform(json: self.connection.json, address: settings.address) { console in
            try await ClientConnection(settings: settings).withGateway { gateway in
                try await self.execute(gateway, console)
            }
        }
    }
}
