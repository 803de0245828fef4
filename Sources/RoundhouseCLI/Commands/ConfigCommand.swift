internal import ArgumentParser
internal import FoundationEssentials
internal import Roundhouse

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check, show and begin a configuration, without a server.",
        subcommands: [Validate.self, Show.self, Template.self]
    )

    struct Validate: AsyncParsableCommand, Sendable {
        static let configuration = CommandConfiguration(
            abstract: "Say everything that is wrong with the configuration; 78 if anything is.",
            discussion: "Reads the file and the ROUNDHOUSE_* variables as 'roundhouse serve' would."
        )

        @OptionGroup
        var location: ConfigurationLocationOptions

        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            let loader = self.location.loader(environment: ProcessInfo.processInfo.environment)
            try await CommandRun.perform(json: self.json) { console in
                let loaded = try ConfigurationTexts.load(loader)
                try await console.write(
                    self.json ? ConfigurationTexts.json(loaded) : ConfigurationTexts.verdict(loaded))
                if !self.json { await console.note(ConfigurationTexts.warnings(loaded)) }
            }
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

    struct Template: AsyncParsableCommand, Sendable {
        static let configuration = CommandConfiguration(
            abstract: "Print a configuration file to start from, with every key explained."
        )

        func run() async throws {
            try await CommandRun.perform(json: false) { console in
                try await console.write(ConfigurationReference.template())
            }
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
