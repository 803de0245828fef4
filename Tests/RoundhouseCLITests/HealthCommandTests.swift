import ArgumentParser
import GRPCCore
import Roundhouse
import RoundhouseAPI
import SwiftProtobuf
import Synchronization
import Testing

@testable import RoundhouseCLI

@Suite("Command line: health and engines", .timeLimit(.minutes(1)))
struct HealthCommandTests {
    private typealias Request = Roundhouse_V1_CheckDependenciesRequest
    private typealias Answer = Roundhouse_V1_CheckDependenciesResponse

    private static func answer(_ state: Roundhouse_V1_SystemState = .degraded)
        -> Roundhouse_V1_CheckDependenciesResponse
    {
        .with {
            $0.overallStatus = state
            $0.checkTime = .with { $0.seconds = 1_795_766_400 }
            $0.dependencies = [
                .with {
                    $0.name = "grpc++"
                    $0.status = .ok
                    $0.version = "1.51.1"
                    $0.category = .core
                    $0.path = "/usr/lib/x86_64-linux-gnu/libgrpc++.so.1.51.1"
                },
                .with {
                    $0.name = "cloud"
                    $0.status = .unauthenticated
                    $0.category = .core
                    $0.kind = .service
                    $0.reachable = true
                    $0.error = "GET /v1/models: 401: the key is not valid any more, ask for another one"
                    $0.latency = .with { $0.nanos = 84_000_000 }
                },
                .with {
                    $0.name = "torch"
                    $0.status = .missing
                    $0.category = .optional
                },
            ]
            $0.inferenceEngines = [
                .with {
                    $0.name = "llama.cpp"
                    $0.installed = true
                    $0.running = true
                    $0.version = "2026.10.11549"
                    $0.path = "/home/somebody/.local/share/roundhouse/engines/llama.cpp/2026.10.11549"
                    $0.directory = "/home/somebody/.local/share/roundhouse/engines/llama.cpp/2026.10.11549"
                    $0.installable = true
                },
                .with {
                    $0.name = "Ollama"
                    $0.advice = "see ollama.com/download"
                },
            ]
            $0.aiModels = [
                .with {
                    $0.category = .text
                    $0.loaded = 1
                    $0.total = 3
                    $0.available = 2
                    $0.status = .ready
                },
                .with {
                    $0.category = .image
                    $0.status = .noModels
                },
            ]
            guard state != .healthy else { return }
            $0.issues = ["provider 'cloud' refuses our key: put a valid key into the environment variable CLOUD_KEY"]
            $0.warnings = ["the disk of /data is nearly full"]
            $0.findings = [
                .with {
                    $0.subject = "cloud"
                    $0.message = "provider 'cloud' refuses our key"
                    $0.fix = "put a valid key into the environment variable CLOUD_KEY"
                    $0.severity = .issue
                },
                .with {
                    $0.subject = "/data"
                    $0.message = "the disk of /data is nearly full"
                    $0.command = "roundhouse models uninstall MODEL"
                    $0.severity = .warning
                },
            ]
        }
    }

    private func server(_ state: Roundhouse_V1_SystemState) -> ScriptedServer {
        ScriptedServer(scripts: [.answer(Request.self, with: Self.answer(state))])
    }

    // MARK: - health

    @Test("what the server stands on is a page for people")
    func page() async throws {
        let console = RecordingConsole()
        #expect(try await self.server(.degraded).run(["health"], console: console) == .failure)
        #expect(
            console.transcript.output == """
                degraded, as of 2026-11-27 08:00:00 UTC

                DEPENDENCY  STATUS       VERSION  FOR    TIME  REMARK
                grpc++      ok           1.51.1   core      -  /usr/lib/x86_64-linux-gnu/libgrpc++.so.1.51.1
                cloud       key refused  -        core  84 ms  GET /v1/models: 401: the key is not valid any more, ask \
                for another one
                not there, and not needed: torch

                ENGINE     STATE    VERSION        REMARK
                llama.cpp  running  2026.10.11549  /home/somebody/.local/share/roundhouse/engines/llama.cpp/2026.10.11549
                Ollama     missing  -              see ollama.com/download

                MODELS  STATE      LOADED  AVAILABLE  TOTAL
                text    ready           1          2      3
                image   no models       0          0      0

                Issues
                  - provider 'cloud' refuses our key: put a valid key into the environment variable CLOUD_KEY

                Warnings
                  - the disk of /data is nearly full

                'roundhouse doctor' shows what to do, step by step

                """
        )
    }

    @Test("every line fits 80 columns, and colours are words' ornament", arguments: [["health"], ["doctor"]])
    func width(arguments: [String]) async throws {
        let plain = RecordingConsole(traits: .init(isTerminal: true, columns: 80, isStyled: false))
        _ = try await self.server(.degraded).run(arguments, console: plain)
        for line in plain.transcript.output.split(separator: "\n") {
            #expect(TerminalText.width(String(line)) <= 80, "\(line)")
        }
        let coloured = RecordingConsole(traits: .init(isTerminal: true, columns: 80, isStyled: true))
        _ = try await self.server(.degraded).run(arguments, console: coloured)
        let text = coloured.transcript.output
        #expect(text.contains("\u{1B}[33mdegraded\u{1B}[0m"))
        if arguments == ["health"] { #expect(text.contains("\u{1B}[31mkey refused\u{1B}[0m")) }
        let stripped = text.replacing(try Regex("\u{1B}\\[[0-9]+m"), with: "")
        #expect(stripped == plain.transcript.output)
    }

    @Test(
        "the exit status is 0, 1 or 2, of doctor as well",
        arguments: [
            (Roundhouse_V1_SystemState.healthy, RoundhouseCLI.ExitStatus.success), (.degraded, .failure),
            (.unhealthy, .unhealthy), (.unspecified, .unhealthy),
        ])
    func exitStatus(state: Roundhouse_V1_SystemState, expected: RoundhouseCLI.ExitStatus) async throws {
        #expect(RoundhouseCLI.ExitStatus.unhealthy.rawValue == 2 && RoundhouseCLI.ExitStatus.failure.rawValue == 1)
        for command in ["health", "doctor"] {
            let server = self.server(state)
            #expect(try await server.run([command], console: RecordingConsole()) == expected)
            #expect(server.requests(Request.self).map(\.refresh) == [command == "doctor"])
        }
        let server = self.server(state)
        #expect(try await server.run(["health", "--refresh"], console: RecordingConsole()) == expected)
        #expect(server.requests(Request.self).map(\.refresh) == [true])
    }

    @Test("a server that is not there is 2, and says how to start one; in JSON too")
    func unreachable() async throws {
        let server = ScriptedServer(scripts: [
            .answer { (_: Request) -> Answer in throw RPCError(code: .unavailable, message: "connection refused") }
        ])
        let console = RecordingConsole()
        #expect(try await server.run(["health"], console: console) == .unhealthy)
        #expect(console.transcript.errors.contains("start it with 'roundhouse serve'"))
        let json = RecordingConsole()
        #expect(try await server.run(["doctor", "--json"], console: json) == .unhealthy)
        #expect(json.transcript.errors.contains(#""exitStatus":2"#) && json.transcript.output.isEmpty)
    }

    @Test("with --json everything is there, and the exit status is the same", arguments: ["health", "doctor"])
    func json(command: String) async throws {
        let console = RecordingConsole()
        #expect(try await self.server(.degraded).run([command, "--json"], console: console) == .failure)
        #expect(try Answer(jsonString: console.transcript.output) == Self.answer())
    }

    @Test("doctor tells one thing after another, with what to do and the command whole")
    func doctor() async throws {
        let console = RecordingConsole()
        #expect(try await self.server(.degraded).run(["doctor"], console: console) == .failure)
        #expect(
            console.transcript.output == """
                degraded, as of 2026-11-27 08:00:00 UTC

                1. Issue
                   provider 'cloud' refuses our key
                   To do: put a valid key into the environment variable CLOUD_KEY

                2. Warning
                   the disk of /data is nearly full
                     $ roundhouse models uninstall MODEL

                """
        )
        let fine = RecordingConsole()
        #expect(try await self.server(.healthy).run(["doctor"], console: fine) == .success)
        #expect(fine.transcript.output.hasSuffix("\nThere is nothing to do.\n"))
    }

    // MARK: - doctor's fixes

    private typealias Install = Roundhouse_V1_InstallEngineRequest

    private static func finding(_ command: String) -> Roundhouse_V1_HealthFinding {
        .with {
            $0.message = "something is wrong"
            $0.command = command
            $0.severity = .issue
        }
    }

    /// Ill with two things, and well once an engine was installed.
    private func patient() -> ScriptedServer {
        let installs = Mutex(0)
        return ScriptedServer(scripts: [
            .answer { (_: Request) -> Answer in
                guard installs.withLock({ $0 }) == 0 else { return Self.answer(.healthy) }
                return .with {
                    $0.overallStatus = .degraded
                    $0.findings = [
                        Self.finding("roundhouse engines install llama.cpp"), Self.finding("rm -rf /"),
                        Self.finding("roundhouse providers update lab --set enabled=false"),
                    ]
                }
            },
            .stream { (_: Install, writer: RPCWriter<Roundhouse_V1_InstallEngineResponse>, _) in
                installs.withLock { $0 += 1 }
                try await writer.write(
                    .with {
                        $0.phase = .ready
                        $0.release = "xllamacpp 1"
                    })
            },
            .answer { (request: Roundhouse_V1_UpdateProviderRequest) -> Roundhouse_V1_UpdateProviderResponse in
                .with { $0.provider = request.provider }
            },
        ])
    }

    @Test("doctor asks for each fix that the server can carry out, and looks again")
    func offers() async throws {
        let server = self.patient()
        let console = RecordingConsole(input: ["y", "n"], isInputTerminal: true)
        #expect(try await server.run(["doctor"], console: console) == .success)
        #expect(server.requests(Install.self).map(\.engine) == ["llama.cpp"])
        #expect(server.requests(Roundhouse_V1_UpdateProviderRequest.self).isEmpty)
        #expect(console.transcript.errors.contains("install llama.cpp on the server's machine? [y/N] "))
        #expect(console.transcript.errors.contains("switch provider lab off, so that its models are not asked? [y/N] "))
        #expect(console.transcript.output.contains("llama.cpp is installed: xllamacpp 1\n\nhealthy"))
        let off = self.patient()
        let other = RecordingConsole(input: ["", "yes"], isInputTerminal: true)
        #expect(try await off.run(["doctor"], console: other) == .failure)
        let asked = off.requests(Roundhouse_V1_UpdateProviderRequest.self)
        #expect(asked.map(\.provider.id) == ["lab"] && asked.map(\.updateMask.paths) == [["enabled"]])
        #expect(off.requests(Install.self).isEmpty)
        let neither = self.patient()
        #expect(try await neither.run(["doctor"], console: RecordingConsole(isInputTerminal: true)) == .failure)
        #expect(neither.requests(Install.self).isEmpty && neither.requests(Request.self).count == 1)
    }

    @Test("unattended it does what takes nothing away, with --yes only", arguments: [true, false])
    func unattended(json: Bool) async throws {
        let more = json ? ["--json"] : []
        let looking = self.patient()
        let console = RecordingConsole()
        #expect(try await looking.run(["doctor"] + more, console: console) == .failure)
        #expect(looking.requests(Install.self).isEmpty)
        #expect(console.transcript.errors == (json ? "" : "'roundhouse doctor --yes' does what takes nothing away\n"))
        let server = self.patient()
        let done = RecordingConsole()
        #expect(try await server.run(["doctor", "--yes"] + more, console: done) == .success)
        #expect(server.requests(Install.self).count == 1)
        #expect(server.requests(Roundhouse_V1_UpdateProviderRequest.self).isEmpty)
        guard json else { return }
        let lines = done.transcript.output.split(separator: "\n").map(String.init)
        #expect(lines.first?.contains(#""event":"ready""#) == true)
        #expect(try Answer(jsonString: lines.last ?? "") == Self.answer(.healthy))
    }

    @Test("a fix that fails is shown, and the exit status tells how it is")
    func failedFix() async throws {
        let server = ScriptedServer(scripts: [
            .answer { (_: Request) -> Answer in
                .with {
                    $0.overallStatus = .unhealthy
                    $0.findings = [Self.finding("roundhouse engines install llama.cpp")]
                }
            }
        ])
        let console = RecordingConsole()
        #expect(try await server.run(["doctor", "--yes"], console: console) == .unhealthy)
        #expect(console.transcript.errors.contains("is not scripted"))
    }

    // MARK: - engines

    /// Runs an `engines` command where a server may or may not be.
    private func engines(
        _ arguments: [String],
        _ environment: [String: String] = [:],
        server: ScriptedServer?,
        console: RecordingConsole
    ) async throws -> RoundhouseCLI.ExitStatus {
        let command = try #require(try RoundhouseCommand.parseAsRoot(["engines"] + arguments) as? any EngineCommand)
        return await CommandRun.status(json: command.connection.json, address: "here:1", console: console) {
            try await command.execute(in: environment, console) { execute in
                guard let server else { throw RPCError(code: .unavailable, message: "connection refused") }
                try await server.withGateway(execute)
            }
        }
    }

    private static let folder = ["XDG_DATA_HOME": "/nonexistent", "PATH": "/nonexistent"]

    @Test("engines are listed by the server, by all their names")
    func serverList() async throws {
        let server = ScriptedServer(scripts: [
            .answer(
                Roundhouse_V1_ListEnginesRequest.self,
                with: Roundhouse_V1_ListEnginesResponse.with { $0.engines = Self.answer().inferenceEngines })
        ])
        let console = RecordingConsole()
        #expect(try await self.engines(["list"], Self.folder, server: server, console: console) == .success)
        #expect(console.transcript.output.contains("llama.cpp  running  2026.10.11549 /home/somebody"))
        #expect(console.transcript.output.contains("Ollama     missing  -"))
        let json = RecordingConsole()
        #expect(try await self.engines(["list", "--json"], Self.folder, server: server, console: json) == .success)
        #expect(json.transcript.output.hasPrefix(#"{"engines":[{"directory":"/home/somebody"#))
    }

    @Test("without a server, or where it is asked for, this machine is looked at")
    func localList() async throws {
        let old = ScriptedServer()
        let cases: [([String], [String: String], ScriptedServer?)] = [
            (["list"], Self.folder, nil), (["list"], Self.folder, old), (["list", "--local"], Self.folder, old),
            (["list"], ["ROUNDHOUSE_ENGINES_DIR": "/nonexistent", "PATH": "/nonexistent"], nil),
        ]
        for (arguments, environment, server) in cases {
            let console = RecordingConsole()
            #expect(try await self.engines(arguments, environment, server: server, console: console) == .success)
            #expect(console.transcript.output.contains("llama.cpp  missing  -"), "\(console.transcript.errors)")
        }
    }

    @Test("a server that was named and is not there is an error")
    func namedServer() async throws {
        for (arguments, environment) in [
            (["list", "--address", "far:1"], Self.folder), (["list"], ["ROUNDHOUSE_ADDRESS": "far:1"]),
        ] {
            let console = RecordingConsole()
            #expect(try await self.engines(arguments, environment, server: nil, console: console) == .unavailable)
            #expect(console.transcript.output.isEmpty)
        }
    }

    @Test("an installation on the server is shown as one on this machine")
    func serverInstallation() async throws {
        let messages: [Roundhouse_V1_InstallEngineResponse] = [
            .with { $0.phase = .checking },
            .with {
                $0.phase = .downloading
                $0.receivedBytes = 55
                $0.totalBytes = 100
            },
            .with { $0.phase = .verifying },
            .with {
                $0.phase = .ready
                $0.release = "xllamacpp 1"
            },
        ]
        let server = ScriptedServer(scripts: [.stream(Roundhouse_V1_InstallEngineRequest.self, of: messages)])
        let console = RecordingConsole()
        #expect(try await self.engines(["install", "llama.cpp"], server: server, console: console) == .success)
        #expect(console.transcript.output == "llama.cpp is installed: xllamacpp 1\n")
        #expect(console.transcript.errors.contains("downloading llama.cpp: 55 %, 55 B of 100 B"))
        #expect(server.requests(Roundhouse_V1_InstallEngineRequest.self).map(\.engine) == ["llama.cpp"])
        let cut = ScriptedServer(scripts: [
            .stream(Roundhouse_V1_InstallEngineRequest.self, of: Array(messages.dropLast()))
        ])
        let other = RecordingConsole()
        #expect(try await self.engines(["install", "llama.cpp"], server: cut, console: other) == .failure)
        #expect(other.transcript.errors.contains("without 'ready'"))
    }
}
