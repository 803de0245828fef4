internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ConfigCommand {
    struct Set: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change keys of the running server's configuration file.",
            discussion: """
                Takes keys and values in turns: 'config set log.level debug routing.strategy weighted'. A value is YAML of \\
                one line; an empty one ('') takes the key out of the file. Elements of lists are named: \\
                providers.openai.base_url. Everything is checked before anything is written.
                """
        )

        @Argument(help: ArgumentHelp("A key and its value, and so on.", valueName: "key value"))
        var pairs: [String] = []

        @OptionGroup
        var change: ConfigurationChangeOptions

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func validate() throws {
            guard !self.pairs.isEmpty, self.pairs.count.isMultiple(of: 2) else {
                throw ValidationError("expected keys and values in turns, such as: log.level debug")
            }
            let keys = self.keys
            guard Swift.Set(keys).count == keys.count else { throw ValidationError("a key is given twice") }
        }

        private var keys: [String] { stride(from: 0, to: self.pairs.count, by: 2).map { self.pairs[$0] } }

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            var request = Roundhouse_V1_UpdateConfigRequest()
            for index in stride(from: 0, to: self.pairs.count - 1, by: 2) {
                request.changes.settings[self.pairs[index]] = self.pairs[index + 1]
            }
            try await self.change.send(request, gateway, console, json: self.connection.json)
        }
    }

    struct Replace: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a whole file in the place of the running server's configuration file.",
            discussion: """
                Where the file says <redacted>, as 'config get --yaml' does, the secret that is there stays. Everything is \\
                checked before anything is written.
                """
        )

        @Argument(help: ArgumentHelp("The file; '-' for standard input.", valueName: "file"))
        var file: String

        @OptionGroup
        var change: ConfigurationChangeOptions

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let yaml = try await ConfigurationInput.text(of: self.file, console)
            try await self.change.send(.with { $0.yaml = yaml }, gateway, console, json: self.connection.json)
        }
    }
}

/// How a change of the configuration is made.
struct ConfigurationChangeOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "Only if the file is as it was then: the etag that 'config get --json' gave.", valueName: "etag"))
    var etag: String?

    @Flag(help: "Check everything and say what would change; write nothing.")
    var dryRun = false

    func send(
        _ request: Roundhouse_V1_UpdateConfigRequest, _ gateway: Gateway, _ console: any Console, json: Bool
    ) async throws {
        var request = request
        request.etag = self.etag ?? ""
        request.validateOnly = self.dryRun
        let answer = try await gateway.admin.updateConfig(request, options: gateway.queryOptions)
        guard !json else { return try await console.write(json: answer) }
        for line in Self.lines(answer, isDryRun: self.dryRun) { try await console.write(line: line) }
        for warning in answer.warnings { await console.note(line: "warning: \(warning)") }
    }

    private static func lines(_ answer: Roundhouse_V1_UpdateConfigResponse, isDryRun: Bool) -> [String] {
        guard !answer.changedKeys.isEmpty else { return ["\(answer.path): nothing changes"] }
        var lines = [isDryRun ? "\(answer.path) would be written" : "\(answer.path) is written"]
        let (now, later) =
            isDryRun ? ("would hold at once", "would hold after a restart") : ("holds now", "waits for a restart")
        let applied = Swift.Set(answer.appliedKeys)
        let pending = Swift.Set(answer.pendingKeys)
        for key in answer.changedKeys {
            let state = applied.contains(key) ? now : pending.contains(key) ? later : "is overridden"
            lines.append("  \(key) \(state)")
        }
        return lines
    }
}

/// A configuration file that is sent to the server.
enum ConfigurationInput {
    /// What a server takes.
    private static let limit = 4 << 20

    /// - Parameter file: `-` for standard input.
    static func text(of file: String, _ console: any Console) async throws -> String {
        if file == "-" { return try await console.remainingInput(limit: Self.limit) + "\n" }
        return String(decoding: try InputFile.contents(of: file, for: file, limit: Self.limit), as: UTF8.self)
    }
}
