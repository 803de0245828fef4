import GRPCCore
import GRPCProtobuf
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import RoundhouseCLI

@Suite(.timeLimit(.minutes(1)))
struct JobCommandTests {
    private static let installation: [Roundhouse_V1_InstallModelResponse] = [
        .with { $0.phase = .checking },
        .with {
            $0.phase = .transferring
            $0.receivedBytes = 500
            $0.totalBytes = 1000
            $0.resumedBytes = 500
        },
        .with {
            $0.phase = .transferring
            $0.receivedBytes = 1000
            $0.totalBytes = 1000
            $0.resumedBytes = 500
        },
        .with { $0.phase = .verifying },
        .with { $0.phase = .registering },
        .with {
            $0.phase = .completed
            $0.version = "1a2b3c"
            $0.model = .with {
                $0.id = "local/new"
                $0.state = .unloaded
                $0.activeVersion = "1a2b3c"
                $0.versions = [
                    .with {
                        $0.version = "1a2b3c"
                        $0.sizeBytes = 1000
                    }
                ]
            }
        },
    ]

    private static let digest = String(repeating: "aB", count: 32)

    @Test("an installation sends what was asked for and tells its steps")
    func install() async throws {
        let server = ScriptedServer(scripts: [.stream(Roundhouse_V1_InstallModelRequest.self, of: Self.installation)])
        let console = RecordingConsole()
        let arguments = [
            "models", "install", "new", "--url", "https://example/x.gguf", "--sha256", Self.digest, "--version", "v1",
            "--activate", "--lazy", "--context-length", "4096", "--gpu-layers", "99", "--display-name", "New", "--tag",
            "a", "--tag", "b",
        ]
        #expect(try await server.run(arguments, console: console) == .success)
        #expect(
            console.transcript.errors == """
                checking the source and the disk
                downloading: 50 %, 500 B of 1000 B, 500 B from before
                downloading: 100 %, 1000 B of 1000 B, 500 B from before
                verifying the file
                registering it

                """
        )
        #expect(console.transcript.output == "local/new is installed as version 1a2b3c: 1000 B; it is unloaded\n")
        #expect(
            server.requests(Roundhouse_V1_InstallModelRequest.self) == [
                .with {
                    $0.name = "new"
                    $0.url = "https://example/x.gguf"
                    $0.sha256 = Self.digest.lowercased()
                    $0.version = "v1"
                    $0.activate = true
                    $0.lazy = true
                    $0.displayName = "New"
                    $0.tags = ["a", "b"]
                    $0.engineSettings = .with {
                        $0.contextLength = 4096
                        $0.gpuLayers = 99
                    }
                }
            ]
        )
    }

    @Test("a path means what it means here, not where the server was started")
    func paths() async throws {
        let server = ScriptedServer(scripts: [.stream(Roundhouse_V1_InstallModelRequest.self, of: Self.installation)])
        for path in ["/m/a.gguf", "m/a.gguf"] {
            _ = try await server.run(["models", "install", "new", "--path", path], console: RecordingConsole())
        }
        let paths = server.requests(Roundhouse_V1_InstallModelRequest.self).map(\.path)
        #expect(paths.first == "/m/a.gguf")
        #expect(paths.last?.hasPrefix("/") == true && paths.last?.hasSuffix("/m/a.gguf") == true)
    }

    @Test("of a model that the server makes the name is enough, and it may get another one")
    func installByName() async throws {
        let server = ScriptedServer(scripts: [.stream(Roundhouse_V1_InstallModelRequest.self, of: Self.installation)])
        for arguments in [["minilm"], ["other", "--url", "recipe:minilm"], ["minilm", "--path", "/m/own.gguf"]] {
            _ = try await server.run(["models", "install"] + arguments, console: RecordingConsole())
        }
        let requests = server.requests(Roundhouse_V1_InstallModelRequest.self)
        #expect(requests.map(\.name) == ["minilm", "other", "minilm"])
        #expect(requests.map(\.url) == ["recipe:minilm", "recipe:minilm", ""])
        #expect(requests.map(\.path) == ["", "", "/m/own.gguf"])
    }

    @Test("a model that is made here is shown being made")
    func conversion() async throws {
        let made: [Roundhouse_V1_InstallModelResponse] =
            Array(Self.installation.prefix(3)) + [
                .with {
                    $0.phase = .converting
                    $0.receivedBytes = 250
                    $0.totalBytes = 500
                }
            ] + Array(Self.installation.suffix(3))
        let server = ScriptedServer(scripts: [.stream(Roundhouse_V1_InstallModelRequest.self, of: made)])
        let console = RecordingConsole()
        #expect(try await server.run(["models", "install", "minilm"], console: console) == .success)
        #expect(console.transcript.errors.contains("\nconverting: 50 %, 250 B of 500 B\nverifying the file\n"))
    }

    @Test("an installation that fails says why, shows both checksums, and leaves no half line")
    func failedInstallation() async throws {
        let server = ScriptedServer(scripts: [
            .stream {
                (_: Roundhouse_V1_InstallModelRequest, writer: RPCWriter<Roundhouse_V1_InstallModelResponse>, _) in
                try await writer.write(Self.installation[1])
                throw GoogleRPCStatus(
                    code: .failedPrecondition,
                    message: "the checksum differs",
                    details: [
                        .errorInfo(
                            reason: "CHECKSUM_MISMATCH",
                            domain: "roundhouse",
                            metadata: ["expected": "aa", "actual": "bb"]
                        )
                    ]
                )
            }
        ])
        let console = RecordingConsole(traits: .init(isTerminal: true, columns: 80, isStyled: false))
        let status = try await server.run(["models", "install", "new", "--path", "/m/a.gguf"], console: console)
        #expect(status == .failure)
        #expect(
            console.transcript.errors.hasSuffix(
                """
                \r\u{1B}[Kroundhouse: the checksum differs (FAILED_PRECONDITION, CHECKSUM_MISMATCH)
                  expected aa
                  found bb
                  it is another file than --sha256 tells of: get it again, or correct the digest

                """
            )
        )
    }

    private static func warmUp(_ status: String) -> [Roundhouse_V1_WarmUpResponse] {
        let results: [Roundhouse_V1_WarmUpResult] = [
            .with {
                $0.model = "local/a"
                $0.outcome = .warmed
                $0.elapsed = .with { $0.nanos = 900_000_000 }
            },
            .with {
                $0.model = "local/b"
                $0.outcome = status == "partial" ? .failed : .alreadyWarm
                $0.reason = status == "partial" ? "its engine crashed" : ""
            },
        ]
        let progress = Roundhouse_V1_WarmUpResponse.with {
            $0.progress = .with {
                $0.model = "local/a"
                $0.phase = .warming
            }
        }
        return [progress] + results.map { result in .with { $0.result = result } }
            + [
                .with {
                    $0.summary = .with {
                        $0.status = status
                        $0.message = "1 model was loaded"
                        $0.elapsed = .with { $0.seconds = 1 }
                        $0.loadedCounts = ["text": 2, "embedding": 1, "image": 0]
                        $0.totalLoaded = 3
                    }
                }
            ]
    }

    @Test("a warm-up tells each model's fate; one that fails makes the status", arguments: ["success", "partial"])
    func warmUp(status: String) async throws {
        let server = ScriptedServer(scripts: [
            .stream(Roundhouse_V1_WarmUpRequest.self, of: Self.warmUp(status))
        ])
        let console = RecordingConsole()
        let ended = try await server.run(["models", "warm-up", "a", "b"], console: console)
        #expect(ended == (status == "success" ? .success : .failure))
        let second = status == "success" ? "was warm already" : "failed: its engine crashed"
        #expect(
            console.transcript.errors
                == "warming up local/a\nlocal/a: warmed up in 900 ms\nlocal/b: \(second)\n"
        )
        #expect(
            console.transcript.output
                == "\(status): 1 model was loaded (1.00 s; in memory: 3 models, 1 embedding, 2 text)\n"
        )
        _ = try await server.run(["models", "warm-up", "--include-lazy", "--json"], console: RecordingConsole())
        let asked = server.requests(Roundhouse_V1_WarmUpRequest.self)
        #expect(asked.map(\.models) == [["a", "b"], []])
        #expect(asked.map(\.includeLazy) == [false, true])
    }

    private static let runs: [Roundhouse_V1_ProfileModelResponse] = [
        .with {
            $0.progress = .with {
                $0.model = "local/a"
                $0.phase = .starting
            }
        },
        .with {
            $0.run = .with {
                $0.run = 1
                $0.runCount = 2
            }
        },
        .with {
            $0.run = .with {
                $0.run = 2
                $0.runCount = 2
                $0.error = "timed out"
            }
        },
        .with {
            $0.profile = .with {
                $0.runCount = 1
                $0.failedRunCount = 1
                $0.latencyP50 = .with { $0.nanos = 120_000_000 }
                $0.latencyP99 = .with { $0.nanos = 140_000_000 }
                $0.firstTokenP50 = .with { $0.nanos = 20_000_000 }
                $0.tokensPerSecond = 123.44
                $0.inputTokens = 12
                $0.outputTokens = 32
            }
        },
    ]

    @Test("a profile counts its runs, says which failed, and ends with the figures")
    func profile() async throws {
        let server = ScriptedServer(scripts: [.stream(Roundhouse_V1_ProfileModelRequest.self, of: Self.runs)])
        let console = RecordingConsole()
        let arguments = ["models", "profile", "a", "--runs", "2", "-p", "hi", "--max-output-tokens", "16"]
        #expect(try await server.run(arguments, console: console) == .success)
        #expect(
            console.transcript.errors == """
                starting local/a
                measuring a: 50 %, 1 of 2
                run 2 of 2 failed: timed out
                measuring a: 100 %, 2 of 2

                """
        )
        #expect(
            console.transcript.output == """
                  runs         1, 1 more failed
                  latency      p50 120 ms, p99 140 ms
                  first token  p50 20 ms
                  tokens/s     123.4
                  memory       not known
                  prompt       12 tokens
                  answers      32 tokens

                """
        )
        #expect(
            server.requests(Roundhouse_V1_ProfileModelRequest.self) == [
                .with {
                    $0.model = "a"
                    $0.runCount = 2
                    $0.prompt = "hi"
                    $0.maxOutputTokens = 16
                }
            ]
        )
        let json = RecordingConsole()
        _ = try await server.run(["models", "profile", "a", "--json"], console: json)
        let lines = try json.transcript.output.split(separator: "\n")
            .map { try Roundhouse_V1_ProfileModelResponse(jsonString: String($0)) }
        #expect(lines == Self.runs && json.transcript.errors.isEmpty)
    }

    @Test("a profile of an embedding model tells texts for each second, and nothing of answers")
    func embeddingProfile() async throws {
        let messages: [Roundhouse_V1_ProfileModelResponse] = [
            .with {
                $0.profile = .with {
                    $0.runCount = 10
                    $0.latencyP50 = .with { $0.nanos = 20_000_000 }
                    $0.tokensPerSecond = 400
                    $0.inputTokens = 8
                }
            }
        ]
        let server = ScriptedServer(scripts: [.stream(Roundhouse_V1_ProfileModelRequest.self, of: messages)])
        let console = RecordingConsole()
        #expect(try await server.run(["models", "profile", "minilm"], console: console) == .success)
        #expect(
            console.transcript.output == """
                  runs      10
                  latency   p50 20 ms
                  tokens/s  400.0
                  texts/s   50.0
                  memory    not known
                  text      8 tokens

                """
        )
    }

    @Test(
        "jobs whose stream ends with OK too early are the server's fault", arguments: ["install", "warm-up", "profile"])
    func brokenPromises(command: String) async throws {
        let server = ScriptedServer(scripts: [
            .stream(Roundhouse_V1_InstallModelRequest.self, of: Array(Self.installation.dropLast())),
            .stream(Roundhouse_V1_WarmUpRequest.self, of: Array(Self.warmUp("success").dropLast())),
            .stream(Roundhouse_V1_ProfileModelRequest.self, of: Array(Self.runs.dropLast())),
        ])
        let console = RecordingConsole()
        let arguments = ["models", command, "a"] + (command == "install" ? ["--path", "/a"] : [])
        #expect(try await server.run(arguments, console: console) == .failure)
        #expect(console.transcript.errors.contains("ended the stream with OK but without"))
    }

    @Test("statistics: a table for all, the hours of the week for one")
    func statistics() async throws {
        let server = ScriptedServer(scripts: [
            .answer { (request: Roundhouse_V1_GetStatisticsRequest) in
                Roundhouse_V1_GetStatisticsResponse.with {
                    $0.models = [
                        .with {
                            $0.model = "local/a"
                            $0.useCount = 40
                            $0.failureCount = 1
                            $0.successRate = 0.975
                            $0.averageLatency = .with { $0.nanos = 240_000_000 }
                            $0.inputTokens = 400
                            $0.outputTokens = 1200
                            $0.breaker = "closed"
                            $0.inFlight = 2
                            $0.hourlyUse = (0..<168).map { $0 == 9 ? 8 : $0 == 25 ? 0.1 : 0 }
                        }
                    ]
                    $0.registry = .with {
                        $0.modelCount = 3
                        $0.enabledModelCount = 2
                        $0.categoryCounts = ["text": 3]
                        $0.useCount = 40
                    }
                }
            }
        ])
        let console = RecordingConsole()
        #expect(try await server.run(["models", "statistics"], console: console) == .success)
        #expect(
            console.transcript.output == """
                MODEL    REQUESTS  FAILED  SUCCESS  LATENCY  FIRST TOKEN  TOKENS/S  TOKENS IN  TOKENS OUT  BUSY  LAST ASKED
                local/a        40       1   97.5 %   240 ms            -         -        400        1200     2  never

                  models     3, 2 enabled, 0 loaded (3 text)
                  providers  0
                  aliases    0
                  requests   40, 0 failed

                """
        )
        let one = RecordingConsole()
        #expect(try await server.run(["models", "stats", "local/a"], console: one) == .success)
        let lines = one.transcript.output.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.contains("  Mon  |         @              |"))
        #expect(lines.contains("  Tue  | .                      |"))
        #expect(!one.transcript.output.contains("providers"))
        #expect(server.requests(Roundhouse_V1_GetStatisticsRequest.self).map(\.models) == [[], ["local/a"]])
    }

    @Test("statistics: a breaker that lets nobody through is shown with the time at which it does again")
    func openBreaker() async throws {
        let server = ScriptedServer(scripts: [
            .answer(
                Roundhouse_V1_GetStatisticsRequest.self,
                with: Roundhouse_V1_GetStatisticsResponse.with {
                    $0.models = [
                        .with {
                            $0.model = "a/m"
                            $0.breaker = "open"
                            $0.breakerRetryTime = .with { $0.seconds = 1_700_000_000 }
                        },
                        .with {
                            $0.model = "b/m"
                            $0.breaker = "closed"
                        },
                    ]
                }
            )
        ])
        let console = RecordingConsole()
        #expect(try await server.run(["models", "statistics", "a/m", "b/m"], console: console) == .success)
        let lines = console.transcript.output.split(separator: "\n")
        #expect(lines.first?.contains("BUSY  BREAKER") == true)
        #expect(lines.dropFirst().first?.contains("open until 2023-11-14 22:13:20 UTC  never") == true, "\(lines)")
        #expect(lines.last?.contains("closed") == true)
    }

    @Test("state save tells what is on disk")
    func state() async throws {
        let server = ScriptedServer(scripts: [
            .answer(
                Roundhouse_V1_SaveStateRequest.self,
                with: Roundhouse_V1_SaveStateResponse.with {
                    $0.path = "/data/roundhouse.sqlite"
                    $0.sizeBytes = 4096
                    $0.modelCount = 2
                    $0.eventSequence = 17
                    $0.requestRecordCount = 1
                    $0.elapsed = .with { $0.nanos = 12_000_000 }
                }
            )
        ])
        let console = RecordingConsole()
        #expect(try await server.run(["state", "save"], console: console) == .success)
        #expect(
            console.transcript.output == """
                  database   /data/roundhouse.sqlite, 4.0 KiB
                  models     2, 0 with statistics
                  providers  0
                  aliases    0
                  events     up to 17
                  requests   1 record written now
                  took       12 ms

                """
        )
    }
}
