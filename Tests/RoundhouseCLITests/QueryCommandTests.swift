import GRPCCore
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import RoundhouseCLI

@Suite(.timeLimit(.minutes(1)))
struct QueryCommandTests {
    private let answering = ScriptedServer(
        onGenerate: { request in
            .with {
                $0.text = "re: \(request.messages.last?.parts.first?.text ?? "")"
                $0.model = "local/tiny"
                $0.requestID = "r1"
                $0.completed = .scripted()
            }
        }
    )

    @Test("generate prints the answer on standard output and the figures on standard error")
    func generate() async throws {
        let console = RecordingConsole()
        #expect(try await self.answering.run(["generate", "hi", "-m", "fast"], console: console) == .success)
        #expect(console.transcript.output == "re: hi\n")
        #expect(console.transcript.errors.hasPrefix("local/tiny · 11 tokens"))
        #expect(self.answering.generateRequests.map(\.model) == ["fast"])
    }

    @Test("generate --json prints the whole response as protobuf JSON")
    func generateJSON() async throws {
        let console = RecordingConsole()
        #expect(try await self.answering.run(["generate", "hi", "--json"], console: console) == .success)
        let response = try Roundhouse_V1_GenerateResponse(jsonString: console.transcript.output)
        #expect(response.completed == .scripted())
        #expect(console.transcript.output.contains(#""requestId":"r1""#))
        #expect(console.transcript.output.filter { $0 == "\n" }.count == 1)
        #expect(console.transcript.errors.isEmpty)
    }

    @Test("the prompt comes from standard input when it is absent or '-'", arguments: [[], ["-"]])
    func promptFromInput(arguments: [String]) async throws {
        let console = RecordingConsole(input: ["a", "", "b"])
        #expect(try await self.answering.run(["generate", "-q"] + arguments, console: console) == .success)
        #expect(console.transcript.output == "re: a\n\nb\n")
    }

    @Test(
        "an empty prompt is a usage error and asks nobody",
        arguments: [["generate", " "], ["generate"], ["tokens", "count"]])
    func emptyPrompt(arguments: [String]) async throws {
        let console = RecordingConsole()
        #expect(try await self.answering.run(arguments, console: console) == .usage)
        #expect(self.answering.generateRequests.isEmpty && self.answering.tokenRequests.isEmpty)
        #expect(console.transcript.errors.contains("the prompt is empty"))
    }

    @Test("models list asks for every page and shows them in one table")
    func modelPages() async throws {
        let server = ScriptedServer(
            scripts: [
                .answer { (request: Roundhouse_V1_ListModelsRequest) in
                    Roundhouse_V1_ListModelsResponse.with {
                        $0.models = [
                            .with {
                                $0.id = "\(request.provider)/m\(request.pageToken)"
                                $0.state = .ready
                                $0.enabled = true
                                $0.contextLength = 2048
                                $0.sizeBytes = 3 << 20
                                $0.aliases = ["default"]
                                $0.capabilities = [.chat, .streaming]
                            }
                        ]
                        $0.nextPageToken = request.pageToken.isEmpty ? "2" : ""
                    }
                }
            ]
        )
        let console = RecordingConsole()
        #expect(try await server.run(["models", "list", "--provider", "p"], console: console) == .success)
        #expect(
            console.transcript.output == """
                MODEL  STATE  CONTEXT     SIZE  ALIASES  CAPABILITIES
                p/m    ready     2048  3.0 MiB  default  chat, streaming
                p/m2   ready     2048  3.0 MiB  default  chat, streaming

                """
        )
        let json = RecordingConsole()
        _ = try await server.run(["models", "list", "--json"], console: json)
        let listed = try Roundhouse_V1_ListModelsResponse(jsonString: json.transcript.output)
        #expect(listed.models.map(\.id) == ["/m", "/m2"])
    }

    @Test("a server that repeats a page does not keep the command busy for ever")
    func endlessPages() async throws {
        let server = ScriptedServer(scripts: [
            .answer(
                Roundhouse_V1_ListModelsRequest.self,
                with: Roundhouse_V1_ListModelsResponse.with { $0.nextPageToken = "again" }
            )
        ])
        let console = RecordingConsole()
        #expect(try await server.run(["models", "list"], console: console) == .failure)
        #expect(server.requests(Roundhouse_V1_ListModelsRequest.self).count == 2)
        #expect(console.transcript.errors.contains("'again' twice"))
    }

    @Test("a model, the providers and a token count are shown")
    func smallQueries() async throws {
        let server = ScriptedServer(scripts: [Self.model, Self.providers])
        let model = RecordingConsole()
        #expect(try await server.run(["models", "get", "local/tiny"], console: model) == .success)
        #expect(model.transcript.output.contains("id        local/tiny\n"))
        #expect(model.transcript.output.contains("2048 tokens"))
        let providers = RecordingConsole()
        #expect(try await server.run(["providers", "list"], console: providers) == .success)
        #expect(
            providers.transcript.output == """
                PROVIDER  KIND    MODELS  CREDENTIALS  ADDRESS
                local     local        2  no
                openai    openai       0  yes          https://api.example

                """
        )
        let tokens = RecordingConsole()
        #expect(try await server.run(["tokens", "count", "hi", "-s", "sys"], console: tokens) == .success)
        #expect(tokens.transcript.output == "7\n")
        #expect(tokens.transcript.errors == "estimated for local/tiny\n")
        #expect(
            server.tokenRequests.first?.messages == [.saying("sys", as: .system), .saying("hi", as: .user)]
        )
    }

    private static let model = Script.answer { (request: Roundhouse_V1_GetModelRequest) in
        Roundhouse_V1_GetModelResponse.with {
            $0.model.id = request.model
            $0.model.state = .ready
            $0.model.enabled = true
            $0.model.contextLength = 2048
        }
    }

    private static let providers = Script.answer(
        Roundhouse_V1_ListProvidersRequest.self,
        with: Roundhouse_V1_ListProvidersResponse.with {
            $0.providers = [
                .with {
                    $0.id = "local"
                    $0.kind = "local"
                    $0.modelCount = 2
                    $0.enabled = true
                },
                .with {
                    $0.id = "openai"
                    $0.kind = "openai"
                    $0.baseURL = "https://api.example"
                    $0.hasCredentials_p = true
                    $0.enabled = true
                },
            ]
        }
    )

    private static let unhealthy = Roundhouse_V1_GetSystemStatusResponse.with {
        $0.state = .unhealthy
        $0.version = "1.2.3"
        $0.startTime = .with { $0.seconds = 1_700_000_000 }
        $0.uptime = .with { $0.seconds = 8040 }
        $0.grpcAddresses = ["127.0.0.1:50051", "unix:/run/x"]
        $0.modelCount = 2
        $0.readyModelCount = 1
        $0.providerCount = 1
        $0.engines = [
            .with {
                $0.model = "local/tiny"
                $0.engine = "llama.cpp"
                $0.state = .failed
                $0.stateReason = "not installed"
            }
        ]
        $0.storage = .with {
            $0.path = "/data/x.sqlite"
            $0.sizeBytes = 4096
            $0.pendingRecordCount = 1
            $0.droppedRecordCount = 2
        }
        $0.requests = .with { $0.succeeded = 12 }
        $0.issues = ["install an engine"]
    }

    @Test("status is a page for people")
    func status() async throws {
        let console = RecordingConsole()
        let server = ScriptedServer(status: Self.unhealthy)
        #expect(try await server.run(["status"], console: console) == .success)
        #expect(
            console.transcript.output == """
                Roundhouse 1.2.3: unhealthy, no request can be answered
                  up         2 h 14 min, since 2023-11-14 22:13:20 UTC
                  serves     127.0.0.1:50051, unix:/run/x
                  models     1 of 2 ready
                  providers  1
                  requests   0 active, 12 succeeded, 0 failed
                  storage    /data/x.sqlite, 4.0 KiB, 1 record waiting, 2 records lost

                MODEL       ENGINE     STATE   PID  RESTARTS  REMARK
                local/tiny  llama.cpp  failed    -         0  not installed

                What to do
                  - install an engine

                """
        )
    }

    @Test("status --check tells scripts whether a request can be answered")
    func check() async throws {
        let console = RecordingConsole()
        let bad = ScriptedServer(status: Self.unhealthy)
        #expect(try await bad.run(["status", "--check", "--json"], console: console) == .unavailable)
        #expect(try Roundhouse_V1_GetSystemStatusResponse(jsonString: console.transcript.output) == Self.unhealthy)
        #expect(console.transcript.errors.isEmpty)
        let degraded = ScriptedServer(status: .with { $0.state = .degraded })
        #expect(try await degraded.run(["status", "--check"], console: RecordingConsole()) == .success)
    }
}
