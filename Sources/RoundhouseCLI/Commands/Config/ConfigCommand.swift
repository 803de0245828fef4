internal import ArgumentParser
internal import FoundationEssentials
internal import Roundhouse
internal import RoundhouseAPI
internal import SwiftProtobuf

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check, show and change the configuration.",
        discussion: """
            'validate', 'show' and 'template' work on this machine, without a server; 'get', 'set' and 'replace' ask a \
            running one, and so do 'validate' and 'template' with --server.
            """,
        subcommands: [Validate.self, Show.self, Template.self, Get.self, Set.self, Replace.self]
    )

    struct Validate: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say everything that is wrong with the configuration; 78 if anything is.",
            discussion: """
                Reads the file and the ROUNDHOUSE_* variables as 'roundhouse serve' would. With --server a running server \
                checks the file by itself: with the variables of its process that ${NAME} refers to, and the files of its \
                machine.
                """
        )

        @Argument(help: ArgumentHelp("The configuration file, as --config.", valueName: "file"))
        var file: String?

        @OptionGroup
        var location: ConfigurationLocationOptions

        @Flag(help: "Let the running server check it.")
        var server = false

        @OptionGroup(title: "Connection, with --server")
        var connection: ConnectionOptions

        func validate() throws {
            if self.file != nil, self.location.config != nil {
                throw ValidationError("the file is given twice, as an argument and by --config")
            }
        }

        private var loader: ConfigurationLoader {
            var loader = self.location.loader(environment: ProcessInfo.processInfo.environment)
            loader.file = self.file ?? loader.file
            return loader
        }

        func run() async throws {
            guard self.server else {
                return try await CommandRun.perform(json: self.connection.json) { console in
                    let loaded = try ConfigurationTexts.load(self.loader)
                    try await console.write(
                        self.connection.json ? ConfigurationTexts.json(loaded) : ConfigurationTexts.verdict(loaded))
                    if !self.connection.json { await console.note(ConfigurationTexts.warnings(loaded)) }
                }
            }
            try await self.ask()
        }

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            guard let file = self.file ?? self.location.config else {
                throw CommandFailure.usage("--server checks a file: name it")
            }
            let yaml = try await ConfigurationInput.text(of: file, console)
            let answer = try await gateway.admin.validateConfig(
                .with { $0.yaml = yaml }, options: gateway.queryOptions)
            if self.connection.json {
                try await console.write(json: answer)
                guard !answer.valid else { return }
                throw QuietEnding(status: .configuration)
            }
            guard answer.valid else { throw CommandFailure.configuration(ConfigurationTexts.lines(answer, in: file)) }
            try await console.write(line: "\(file): the configuration is valid")
        }
    }

    struct Show: AsyncParsableCommand, Sendable {
        static let configuration = CommandConfiguration(
            abstract: "Print the configuration in force as YAML: every key, secrets redacted."
        )

        @OptionGroup
        var location: ConfigurationLocationOptions

        func run() async throws {
            let loader = self.location.loader(environment: ProcessInfo.processInfo.environment)
            try await CommandRun.perform(json: false) { console in
                let loaded = try ConfigurationTexts.load(loader)
                try await console.write(loaded.render())
                await console.note(ConfigurationTexts.warnings(loaded))
            }
        }
    }

    struct Template: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a configuration file to start from, with every key explained."
        )

        @Flag(help: "Take it from the running server, whose version may be another one.")
        var server = false

        @OptionGroup(title: "Connection, with --server")
        var connection: ConnectionOptions

        func run() async throws {
            guard self.server else {
                return try await CommandRun.perform(json: false) { console in
                    try await console.write(ConfigurationReference.template())
                }
            }
            try await self.ask()
        }

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            let answer = try await gateway.admin.getConfigTemplate(.init(), options: gateway.queryOptions)
            guard !self.connection.json else { return try await console.write(json: answer) }
            try await console.write(answer.yaml)
        }
    }
}

/// Where the configuration is.
struct ConfigurationLocationOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "The configuration file.",
            discussion: "Default: $ROUNDHOUSE_CONFIG, or roundhouse.yaml in the data directory if there is one.",
            valueName: "file"
        )
    )
    var config: String?

    @Option(
        name: .customLong("data-dir"),
        help: ArgumentHelp(
            "The data directory.",
            discussion: "Default: $ROUNDHOUSE_DATA_DIR, or $XDG_DATA_HOME/roundhouse.",
            valueName: "directory"
        )
    )
    var dataDirectory: String?

    func loader(environment: [String: String]) -> ConfigurationLoader {
        ConfigurationLoader(file: self.config, dataDirectory: self.dataDirectory, environment: environment)
    }
}

/// A configuration and what is wrong with it, as people and programs read it.
enum ConfigurationTexts {
    /// - Throws: ``CommandFailure/configuration(_:)`` with every problem.
    static func load(_ loader: ConfigurationLoader) throws -> LoadedConfiguration {
        do {
            return try loader.load()
        } catch {
            throw CommandFailure.configuration(error.problems.map(\.description))
        }
    }

    static func verdict(_ loaded: LoadedConfiguration) -> String {
        guard let file = loaded.file else { return "there is no configuration file; the defaults hold\n" }
        return "\(file): the configuration is valid\n"
    }

    /// What a server found wrong, as `roundhouse serve` says it.
    static func lines(_ answer: Roundhouse_V1_ValidateConfigResponse, in file: String) -> [String] {
        answer.problems.map { problem in
            let place = problem.line > 0 ? "\(file):\(problem.line):\(problem.column)" : file
            return problem.key.isEmpty
                ? "\(place): \(problem.message)" : "\(place): key '\(problem.key)': \(problem.message)"
        }
    }

    static func warnings(_ loaded: LoadedConfiguration) -> String {
        loaded.warnings.map { "warning: \($0)\n" }.joined()
    }

    private struct Verdict: Encodable {
        var isValid = true
        var file: String?
        var dataDirectory: String
        var warnings: [String]
    }

    static func json(_ loaded: LoadedConfiguration) -> String {
        let verdict = Verdict(
            file: loaded.file,
            dataDirectory: loaded.dataDirectory,
            warnings: loaded.warnings.map(\.description)
        )
        return (JSONLine.encoded(verdict) ?? "{}") + "\n"
    }
}
