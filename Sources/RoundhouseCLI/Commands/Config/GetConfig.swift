internal import ArgumentParser
internal import RoundhouseAPI
internal import SwiftProtobuf

extension ConfigCommand {
    struct Get: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the configuration of a running server: every key, what holds, and what said so.",
            discussion: """
                With a key, its value alone, for scripts; with the name of a section, the keys in it. Secrets read \\
                <redacted>.
                """
        )

        @Argument(
            help: ArgumentHelp("A key, such as log.level, or a section, such as providers.openai.", valueName: "key"))
        var key: String?

        @Flag(help: "Only what somebody set.")
        var set = false

        @Flag(help: "Print the file itself.")
        var yaml = false

        @OptionGroup(title: "Connection")
        var connection: ConnectionOptions

        func validate() throws {
            if self.yaml, self.key != nil || self.set {
                throw ValidationError("--yaml prints the whole file, without a key and --set")
            }
        }

        func execute(_ gateway: Gateway, _ console: any Console) async throws {
            var answer = try await gateway.admin.getConfig(.init(), options: gateway.queryOptions)
            if let key = self.key {
                let exact = answer.settings.filter { $0.key == key }
                answer.settings = exact.isEmpty ? answer.settings.filter { $0.key.hasPrefix("\(key).") } : exact
                guard !answer.settings.isEmpty else {
                    throw CommandFailure.notFound(
                        "there is no key '\(key)'", hint: "'roundhouse config get' lists them")
                }
            }
            if self.set { answer.settings.removeAll { $0.source == "default" } }
            guard !self.connection.json else { return try await console.write(json: answer) }
            if self.yaml {
                guard answer.fileExists else {
                    return await console.note(line: "there is no configuration file; it would be \(answer.path)")
                }
                return try await console.write(answer.yaml)
            }
            if let only = answer.settings.first, only.key == self.key {
                return try await console.write(line: only.value)
            }
            try await console.write(Self.table(answer.settings))
            if !answer.pendingKeys.isEmpty {
                await console.note(
                    line: "in the file and not in force before a restart: \(answer.pendingKeys.joined(separator: ", "))"
                )
            }
        }

        private static func table(_ settings: [Roundhouse_V1_ConfigSetting]) -> Table {
            var table = Table([
                .init(title: "KEY"), .init(title: "VALUE", canShrink: true), .init(title: "SET BY"),
                .init(title: "CHANGES HOLD", canBeSpared: true),
            ])
            for setting in settings {
                table.add([
                    setting.key, setting.value, Self.words(setting.source),
                    setting.needsRestart ? "after a restart" : "at once",
                ])
            }
            return table
        }

        private static func words(_ source: String) -> String {
            switch source {
            case "default": ""
            case "command_line": "command line"
            default: source
            }
        }
    }
}
