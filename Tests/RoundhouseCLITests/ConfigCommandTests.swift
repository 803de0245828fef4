import ArgumentParser
import GRPCCore
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import RoundhouseCLI

@Suite(.timeLimit(.minutes(1)))
struct ConfigCommandTests {
    private static func setting(
        _ key: String, _ value: String, _ source: String, restart: Bool = false
    ) -> Roundhouse_V1_ConfigSetting {
        .with {
            $0.key = key
            $0.value = value
            $0.source = source
            $0.needsRestart = restart
        }
    }

    private let server = ScriptedServer(scripts: [
        .answer(
            Roundhouse_V1_GetConfigRequest.self,
            with: Roundhouse_V1_GetConfigResponse.with {
                $0.settings = [
                    Self.setting("grpc.address", "127.0.0.1:50051", "default", restart: true),
                    Self.setting("log.level", "debug", "file"),
                    Self.setting("log.format", "text", "command_line", restart: true),
                ]
                $0.path = "/data/roundhouse.yaml"
                $0.fileExists = true
                $0.yaml = "log: { level: debug } # why\n"
                $0.pendingKeys = ["grpc.max_connections"]
            }),
        .answer { (request: Roundhouse_V1_UpdateConfigRequest) in
            Roundhouse_V1_UpdateConfigResponse.with {
                $0.path = "/data/roundhouse.yaml"
                $0.changedKeys = request.yaml.isEmpty ? request.changes.settings.keys.sorted() : []
                $0.appliedKeys = ["log.level"]
                $0.pendingKeys = ["grpc.address"]
                $0.warnings = ["mind the gap"]
            }
        },
        .answer(
            Roundhouse_V1_ValidateConfigRequest.self,
            with: Roundhouse_V1_ValidateConfigResponse.with {
                $0.problems = [
                    .with {
                        $0.key = "log.level"
                        $0.line = 2
                        $0.column = 5
                        $0.message = "found 'x'"
                    }
                ]
            }),
        .answer(
            Roundhouse_V1_GetConfigTemplateRequest.self,
            with: Roundhouse_V1_GetConfigTemplateResponse.with { $0.yaml = "# a template\n" }),
    ])

    @Test("keys stand in a table, one of them alone for scripts, and what waits is said beside")
    func get() async throws {
        let console = RecordingConsole()
        #expect(try await self.server.run(["config", "get"], console: console) == .success)
        #expect(
            console.transcript.output == """
                KEY           VALUE            SET BY        CHANGES HOLD
                grpc.address  127.0.0.1:50051                after a restart
                log.level     debug            file          at once
                log.format    text             command line  after a restart

                """)
        #expect(
            console.transcript.errors == "in the file and not in force before a restart: grpc.max_connections\n")
        let one = RecordingConsole()
        #expect(try await self.server.run(["config", "get", "log.level"], console: one) == .success)
        #expect(one.transcript.output == "debug\n" && one.transcript.errors.isEmpty)
        let section = RecordingConsole()
        #expect(try await self.server.run(["config", "get", "log", "--set"], console: section) == .success)
        #expect(section.transcript.output.split(separator: "\n").count == 3)
        let file = RecordingConsole()
        #expect(try await self.server.run(["config", "get", "--yaml"], console: file) == .success)
        #expect(file.transcript.output == "log: { level: debug } # why\n")
        let none = RecordingConsole()
        #expect(try await self.server.run(["config", "get", "lag"], console: none) == .notFound)
    }

    @Test("keys are set in turns with their values, and each is told whether it holds")
    func set() async throws {
        let console = RecordingConsole()
        let arguments = [
            "config", "set", "log.level", "debug", "grpc.address", "", "log.format", "json", "--etag", "e",
        ]
        #expect(try await self.server.run(arguments, console: console) == .success)
        #expect(
            console.transcript.output == """
                /data/roundhouse.yaml is written
                  grpc.address waits for a restart
                  log.format is overridden
                  log.level holds now

                """)
        #expect(console.transcript.errors == "warning: mind the gap\n")
        let request = try #require(self.server.requests(Roundhouse_V1_UpdateConfigRequest.self).last)
        #expect(request.changes.settings == ["log.level": "debug", "grpc.address": "", "log.format": "json"])
        #expect(request.etag == "e" && !request.validateOnly)
        let dry = RecordingConsole()
        #expect(
            try await self.server.run(["config", "set", "log.level", "debug", "--dry-run"], console: dry) == .success)
        #expect(
            dry.transcript.output.hasPrefix("/data/roundhouse.yaml would be written\n  log.level would hold at once\n"))
        #expect(self.server.requests(Roundhouse_V1_UpdateConfigRequest.self).last?.validateOnly == true)
    }

    @Test("keys and values that do not pair up are refused", arguments: [[], ["log.level"], ["a", "1", "a", "2"]])
    func unpaired(pairs: [String]) {
        #expect(throws: (any Error).self) { try RoundhouseCommand.parseAsRoot(["config", "set"] + pairs) }
    }

    @Test("what a server finds wrong looks as what this program finds wrong")
    func validate() throws {
        let answer = Roundhouse_V1_ValidateConfigResponse.with {
            $0.problems = [
                .with {
                    $0.key = "log.level"
                    $0.line = 2
                    $0.column = 5
                    $0.message = "found 'x'"
                },
                .with { $0.message = "not valid YAML" },
            ]
        }
        #expect(
            ConfigurationTexts.lines(answer, in: "a.yaml") == [
                "a.yaml:2:5: key 'log.level': found 'x'", "a.yaml: not valid YAML",
            ])
    }

    @Test("the template of a server is printed as it is")
    func template() async throws {
        let console = RecordingConsole()
        #expect(try await self.server.run(["config", "template", "--server"], console: console) == .success)
        #expect(console.transcript.output == "# a template\n")
    }
}
