import ArgumentParser
import GRPCCore
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import RoundhouseCLI

@Suite(.timeLimit(.minutes(1)))
struct ModelCommandTests {
    private typealias Model = Roundhouse_V1_Model

    private static let model = Model.with {
        $0.id = "local/small"
        $0.provider = "local"
        $0.name = "small"
        $0.enabled = true
        $0.state = .unloaded
        $0.etag = "e7"
    }

    @Test("models alone lists, with filter and order sent as they are")
    func list() async throws {
        let server = ScriptedServer(scripts: [
            .answer { (_: Roundhouse_V1_ListModelsRequest) in
                Roundhouse_V1_ListModelsResponse.with {
                    $0.models = [
                        .with {
                            $0.id = "openai/gpt"
                            $0.state = .ready
                            $0.enabled = true
                            $0.prices.inputNanoUsdPerMillionTokens = 150_000_000
                            $0.prices.outputNanoUsdPerMillionTokens = 600_000_000
                        },
                        .with {
                            $0.id = "local/small"
                            $0.state = .failed
                            $0.stateReason = "its engine crashed"
                            $0.lazy = true
                            $0.sizeBytes = 1 << 20
                        },
                    ]
                    $0.totalSize = 2
                }
            }
        ])
        let console = RecordingConsole()
        let arguments = ["models", "--filter", "a = 1", "--order-by", "price_output desc", "--provider", "p"]
        let status = try await server.run(arguments, console: console)
        #expect(status == .success)
        #expect(
            console.transcript.output == """
                MODEL        STATE   CONTEXT     SIZE  USD/M IN  USD/M OUT  ALIASES  CAPABILITIES  REMARK
                openai/gpt   ready         -        -      0.15       0.60
                local/small  failed        -  1.0 MiB         -          -                         disabled; lazy; its engine crashed

                """
        )
        #expect(
            server.requests(Roundhouse_V1_ListModelsRequest.self) == [
                .with {
                    $0.pageSize = 1000
                    $0.filter = "a = 1"
                    $0.orderBy = "price_output desc"
                    $0.provider = "p"
                }
            ]
        )
        let json = RecordingConsole()
        _ = try await server.run(["models", "list", "--json"], console: json)
        let answer = try Roundhouse_V1_ListModelsResponse(jsonString: json.transcript.output)
        #expect(answer.totalSize == 2 && answer.models.count == 2)
    }

    @Test("a model is shown with its versions and its profile", arguments: ["show", "get"])
    func show(command: String) async throws {
        let server = ScriptedServer(scripts: [
            .answer(
                Roundhouse_V1_GetModelRequest.self,
                with: Roundhouse_V1_GetModelResponse.with {
                    $0.model = Self.model
                    $0.model.prices.inputNanoUsdPerMillionTokens = 1_000_000_000
                    $0.model.idleTtl = .init()
                    $0.model.pinned = true
                    $0.model.activeVersion = "v2"
                    $0.model.versions = [
                        .with {
                            $0.version = "v2"
                            $0.path = "/models/small.gguf"
                            $0.sizeBytes = 2048
                        }
                    ]
                    $0.model.profile = .with {
                        $0.runCount = 9
                        $0.failedRunCount = 1
                        $0.latencyP50 = .with { $0.nanos = 85_000_000 }
                        $0.tokensPerSecond = 40.25
                    }
                }
            )
        ])
        let console = RecordingConsole()
        #expect(try await server.run(["models", command, "small"], console: console) == .success)
        let shown = console.transcript.output
        #expect(shown.contains("marks            enabled, pinned\n"))
        #expect(shown.contains("price            1.00 in, 0.00 out USD for a million tokens\n"))
        #expect(shown.contains("idle             never unloaded\n"))
        #expect(shown.contains("\nVERSION  ACTIVE     SIZE  ADDED  SHA-256  FILE\nv2       yes     2.0 KiB"))
        #expect(shown.contains("Last profile\n  runs      9, 1 more failed\n  latency   p50 85 ms\n"))
        #expect(server.requests(Roundhouse_V1_GetModelRequest.self).map(\.model) == ["small"])
    }

    private static let discovery = Roundhouse_V1_DiscoverModelsResponse.with {
        $0.providers = [
            .with {
                $0.provider = "local"
                $0.added = ["local/a", "local/b"]
                $0.gone = ["local/c"]
                $0.unchangedCount = 3
                $0.skipped = ["bad.gguf: is no GGUF file"]
            },
            .with {
                $0.provider = "ollama"
                $0.error = "connection refused"
            },
        ]
    }

    @Test("discovery says what changed, and a provider that could not be asked is a failure")
    func discover() async throws {
        let server = ScriptedServer(scripts: [
            .answer(Roundhouse_V1_DiscoverModelsRequest.self, with: Self.discovery)
        ])
        let console = RecordingConsole()
        let arguments = ["models", "discover", "--provider", "local", "--provider", "ollama", "--dry-run"]
        #expect(try await server.run(arguments, console: console) == .failure)
        #expect(
            console.transcript.output == """
                local: 2 new, 0 changed, 1 gone, 3 as known
                  + local/a
                  + local/b
                  - local/c
                  ! bad.gguf: is no GGUF file
                ollama: could not be asked: connection refused

                """
        )
        #expect(console.transcript.errors == "nothing was registered\n")
        #expect(
            server.requests(Roundhouse_V1_DiscoverModelsRequest.self) == [
                .with {
                    $0.providers = ["local", "ollama"]
                    $0.validateOnly = true
                }
            ]
        )
    }

    @Test("detection shows each capability with its evidence")
    func detect() async throws {
        let server = ScriptedServer(scripts: [
            .answer(
                Roundhouse_V1_DetectCapabilitiesRequest.self,
                with: Roundhouse_V1_DetectCapabilitiesResponse.with {
                    $0.architecture = "llama"
                    $0.contextLength = 2048
                    $0.model = Self.model
                    $0.capabilities = [
                        .with {
                            $0.capability = .tools
                            $0.evidence = "the chat template does not mention tools"
                        }
                    ]
                }
            )
        ])
        let console = RecordingConsole()
        let arguments = ["models", "detect", "local/small", "--probe", "--update"]
        #expect(try await server.run(arguments, console: console) == .success)
        #expect(
            console.transcript.output == """
                  architecture   llama
                  context        2048 tokens
                  chat template  no

                CAPABILITY  SUPPORTED  EVIDENCE
                tools       no         the chat template does not mention tools

                """
        )
        #expect(console.transcript.errors == "local/small was updated (etag e7)\n")
        let asked = server.requests(Roundhouse_V1_DetectCapabilitiesRequest.self)
        #expect(asked.allSatisfy { $0.probe && $0.update && $0.model == "local/small" } && asked.count == 1)
    }

    @Test("create sends an enabled model with the file and the fields")
    func create() async throws {
        let server = ScriptedServer(scripts: [
            .answer { (request: Roundhouse_V1_CreateModelRequest) in
                Roundhouse_V1_CreateModelResponse.with {
                    $0.model = request.model
                    $0.model.etag = "e1"
                }
            }
        ])
        let console = RecordingConsole()
        let arguments = [
            "models", "create", "local/small", "--path", "/m/s.gguf", "--version", "v1", "--set", "lazy=true", "--set",
            "tags=a,b",
        ]
        #expect(try await server.run(arguments, console: console) == .success)
        #expect(console.transcript.output == "local/small is registered (etag e1)\n")
        _ = try await server.run(["models", "create", "openai/x", "--dry-run"], console: console)
        #expect(console.transcript.output.hasSuffix("openai/x can be registered\n"))
        #expect(
            server.requests(Roundhouse_V1_CreateModelRequest.self) == [
                .with {
                    $0.model.id = "local/small"
                    $0.model.enabled = true
                    $0.model.lazy = true
                    $0.model.tags = ["a", "b"]
                    $0.model.activeVersion = "v1"
                    $0.model.versions = [
                        .with {
                            $0.version = "v1"
                            $0.path = "/m/s.gguf"
                        }
                    ]
                },
                .with {
                    $0.model.id = "openai/x"
                    $0.model.enabled = true
                    $0.validateOnly = true
                },
            ]
        )
    }

    @Test("update sends the mask, the values and the etag")
    func update() async throws {
        let server = ScriptedServer(scripts: [
            .answer { (request: Roundhouse_V1_UpdateModelRequest) in
                Roundhouse_V1_UpdateModelResponse.with {
                    $0.model = request.model
                    $0.model.etag = "e8"
                }
            }
        ])
        let console = RecordingConsole()
        let arguments = [
            "models", "update", "local/small", "--set", "pinned=false", "--set", "price_output=0.6", "--etag", "e7",
        ]
        #expect(try await server.run(arguments, console: console) == .success)
        #expect(console.transcript.output == "local/small was changed (etag e8)\n")
        #expect(
            server.requests(Roundhouse_V1_UpdateModelRequest.self) == [
                .with {
                    $0.model.id = "local/small"
                    $0.model.etag = "e7"
                    $0.model.prices.outputNanoUsdPerMillionTokens = 600_000_000
                    $0.updateMask.paths = ["pinned", "prices.output_nano_usd_per_million_tokens"]
                }
            ]
        )
    }

    @Test("delete, uninstall, enable and disable name the model and say what became of it")
    func smallChanges() async throws {
        let server = ScriptedServer(scripts: [
            .answer(Roundhouse_V1_DeleteModelRequest.self, with: Roundhouse_V1_DeleteModelResponse()),
            .answer(
                Roundhouse_V1_UninstallModelRequest.self,
                with: Roundhouse_V1_UninstallModelResponse.with {
                    $0.deletedPaths = ["/m/a.gguf"]
                    $0.freedBytes = 2048
                }
            ),
            .answer(
                Roundhouse_V1_EnableModelRequest.self,
                with: Roundhouse_V1_EnableModelResponse.with { $0.model = Self.model }
            ),
            .answer(
                Roundhouse_V1_DisableModelRequest.self,
                with: Roundhouse_V1_DisableModelResponse.with {
                    $0.model = Self.model
                    $0.model.state = .draining
                    $0.model.stateReason = "2 requests are under way"
                }
            ),
        ])
        let console = RecordingConsole()
        for arguments in [
            ["delete", "local/small", "--etag", "e7"], ["uninstall", "local/small", "--version", "v1"],
            ["enable", "local/small"], ["disable", "local/small"],
        ] {
            #expect(try await server.run(["models"] + arguments, console: console) == .success)
        }
        #expect(
            console.transcript.output == """
                local/small is forgotten
                version v1 of local/small is gone: 1 file deleted, 2.0 KiB freed
                  /m/a.gguf
                local/small is enabled; it is unloaded
                local/small is disabled; it is draining: 2 requests are under way

                """
        )
        #expect(server.requests(Roundhouse_V1_DeleteModelRequest.self).map(\.etag) == ["e7"])
        #expect(server.requests(Roundhouse_V1_UninstallModelRequest.self).map(\.version) == ["v1"])
    }

    @Test(
        "a models command that cannot be meant is refused with 64",
        arguments: [
            ["update", "m"], ["update", "m", "--set", "x=1"], ["create", "m", "--sha256", "a"], ["install", "m"],
            ["install", "m", "--path", "a", "--url", "b"], ["install", "m", "--path", "a", "--sha256", "xyz"],
            ["unload", "m", "--grace", "5s"], ["unload", "m", "--force", "--grace", "2h"],
            ["unload", "m", "--force", "--grace", "soon"], ["profile", "m", "--runs", "0"],
            ["profile", "m", "--max-output-tokens", "5000"], ["plan", "m", "--context-length", "0"],
            ["warm-up", "m", "--include-lazy"], ["switch", "default"], ["nonsense"],
        ]
    )
    func usage(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try RoundhouseCommand.parseAsRoot(["models"] + arguments) }
        guard let error else { return }
        #expect(RoundhouseCommand.exitCode(for: error).rawValue == ExitStatus.usage.rawValue)
    }
}
