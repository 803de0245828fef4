import ArgumentParser
import GRPCCore
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import RoundhouseCLI

@Suite("Command line: routes and vectors", .timeLimit(.minutes(1)))
struct RouteCommandTests {
    private static let decision = Roundhouse_V1_ExplainRouteResponse.with {
        $0.route.requested = "auto"
        $0.route.strategy = "cost_optimized"
        $0.route.rule = "cheap-batches"
        $0.route.estimatedInputTokens = 12
        $0.route.candidates = [
            .with {
                $0.model = "local/small"
                $0.rank = 1
                $0.availability = "available"
                $0.breaker = "closed"
                $0.inFlight = 2
                $0.expectedLatency = .with { $0.nanos = 85_000_000 }
                $0.successRate = 0.985
                $0.estimatedCostNanoUsd = 0
                $0.affinity = true
            },
            .with {
                $0.model = "openrouter/meta-llama/llama-3.3-70b-instruct"
                $0.rank = 2
                $0.score = 12.25
                $0.availability = "available"
                $0.breaker = "half_open"
                $0.estimatedCostNanoUsd = 123_000
            },
        ]
        $0.route.rejected = [
            .with {
                $0.model = "openai/gpt-x"
                $0.reasons = [
                    "it lacks the capability vision",
                    "it costs 10 USD for a million tokens, and the request allows 0.15 USD for a million tokens at most",
                ]
            }
        ]
        $0.route.omittedRejected = 3
    }

    private func server(_ decision: Roundhouse_V1_ExplainRouteResponse = Self.decision) -> ScriptedServer {
        ScriptedServer(scripts: [.answer(Roundhouse_V1_ExplainRouteRequest.self, with: decision)])
    }

    @Test("candidates are a table in their order, and below it stands who is not asked and why")
    func explain() async throws {
        let console = RecordingConsole()
        #expect(try await self.server().run(["route", "explain"], console: console) == .success)
        #expect(
            console.transcript.output == """
                  asked for  auto
                  strategy   cost_optimized
                  rule       cheap-batches
                  prompt     about 12 tokens

                #  MODEL                                         SCORE  STATE      BREAKER    BUSY  LATENCY  SUCCESS       COST
                1  local/small                                       0  available  closed        2    85 ms   98.5 %      $0.00
                2  openrouter/meta-llama/llama-3.3-70b-instruct   12.3  available  half_open     0        -        -  $0.000123
                local/small is likely to know the prompt's beginning

                Not asked
                  openai/gpt-x
                    - it lacks the capability vision
                    - it costs 10 USD for a million tokens, and the request allows 0.15 USD for a million tokens at most
                  and 3 more

                """
        )
    }

    @Test("on a terminal nothing is wider than its 80 columns, and no reason is cut")
    func width() async throws {
        let console = RecordingConsole(traits: .init(isTerminal: true, columns: 80, isStyled: false))
        _ = try await self.server().run(["route", "explain"], console: console)
        let lines = console.transcript.output.split(separator: "\n")
        #expect(lines.allSatisfy { TerminalText.width(String($0)) <= 80 }, "\(console.transcript.output)")
        #expect(lines.contains { $0.hasSuffix("COST") })
        let words = console.transcript.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        #expect(words.contains("and the request allows 0.15 USD for a million tokens at most"))
    }

    @Test("without candidates that is said")
    func nobody() async throws {
        let console = RecordingConsole()
        _ = try await self.server(.with { $0.route.requested = "auto" }).run(["route", "explain"], console: console)
        #expect(console.transcript.output.contains("nobody would be asked\n"))
    }

    @Test("the question reaches the server, and --json gives everything")
    func question() async throws {
        let console = RecordingConsole()
        let server = self.server()
        let arguments = [
            "route", "explain", "-m", "fast", "two", "words", "--require", "tools", "--strategy", "weighted", "--tag",
            "t",
            "--priority", "low", "--max-output-tokens", "9", "--json",
        ]
        #expect(try await server.run(arguments, console: console) == .success)
        #expect(try Roundhouse_V1_ExplainRouteResponse(jsonString: console.transcript.output) == Self.decision)
        _ = try await server.run(["route", "explain"], console: RecordingConsole())
        #expect(
            server.requests(Roundhouse_V1_ExplainRouteRequest.self) == [
                .with {
                    $0.model = "fast"
                    $0.messages = [.saying("two words", as: .user)]
                    $0.maxOutputTokens = 9
                    $0.requirements.capabilities = ["tools"]
                    $0.strategy = "weighted"
                    $0.priority = .low
                    $0.tags = ["t"]
                },
                .init(),
            ]
        )
    }

    /// Vectors of three numbers, the first text's along an axis and the second's between two.
    private static let vectors = Roundhouse_V1_EmbedResponse.with {
        $0.embeddings = [
            .with { $0.values = [2, 0, 0, 0, 0] },
            .with { $0.values = [0.5, -0.5, 0, 0, 0] },
        ]
        $0.model = "local/minilm"
        $0.usage.inputTokens = 8
        $0.latency = .with { $0.nanos = 12_000_000 }
        $0.cost.nanoUsd = 160
    }

    @Test("embed shows how vectors begin, and the cosine of two")
    func embed() async throws {
        let console = RecordingConsole()
        let server = ScriptedServer(scripts: [.answer(Roundhouse_V1_EmbedRequest.self, with: Self.vectors)])
        let arguments = ["embed", "one", "two", "-m", "minilm", "--dimensions", "5", "--normalize"]
        #expect(try await server.run(arguments, console: console) == .success)
        #expect(
            console.transcript.output == """
                NUMBERS  LENGTH  BEGINS WITH                 TEXT
                      5   2.000  2.000 0.000 0.000 0.000 …   one
                      5   0.707  0.500 -0.500 0.000 0.000 …  two
                cosine 0.707

                """
        )
        #expect(console.transcript.errors == "local/minilm · 8 tokens · total 12 ms · $0.00000016\n")
        #expect(
            server.requests(Roundhouse_V1_EmbedRequest.self) == [
                .with {
                    $0.model = "minilm"
                    $0.inputs = ["one", "two"]
                    $0.dimensions = 5
                    $0.normalize = true
                }
            ]
        )
    }

    @Test("embed takes one text from standard input, --json gives every number, and a missing vector is an error")
    func embedInput() async throws {
        let server = ScriptedServer(scripts: [
            .answer { (request: Roundhouse_V1_EmbedRequest) in
                Roundhouse_V1_EmbedResponse.with {
                    $0.embeddings = request.inputs == ["lost"] ? [] : [.with { $0.values = [0, 0] }]
                }
            }
        ])
        let console = RecordingConsole(input: ["a", "b"])
        #expect(try await server.run(["embed", "--json"], console: console) == .success)
        #expect(try Roundhouse_V1_EmbedResponse(jsonString: console.transcript.output).embeddings.count == 1)
        #expect(server.requests(Roundhouse_V1_EmbedRequest.self).map(\.inputs) == [["a\nb"]])
        let missing = RecordingConsole()
        #expect(try await server.run(["embed", "lost"], console: missing) == .failure)
        #expect(missing.transcript.errors.contains("0 vectors for 1 text"))
    }

    @Test("vectors without an angle have no cosine")
    func noAngle() {
        #expect(EmbeddingTexts.cosineLine([.with { $0.values = [1] }]) == nil)
        #expect(EmbeddingTexts.cosineLine([.with { $0.values = [1] }, .with { $0.values = [0] }]) == nil)
        #expect(EmbeddingTexts.cosineLine([.with { $0.values = [1] }, .with { $0.values = [1, 0] }]) == nil)
    }

    @Test("the filter for OpenRouter is shown, and options change what they name and nothing else")
    func filter() async throws {
        let server = ScriptedServer(scripts: [
            .answer(
                Roundhouse_V1_GetOpenRouterFilterRequest.self,
                with: Roundhouse_V1_GetOpenRouterFilterResponse.with {
                    $0.filter.preferFreeModels = true
                    $0.filter.maxPriceNanoUsd = 150_000_000
                }
            ),
            .answer { (request: Roundhouse_V1_UpdateOpenRouterFilterRequest) in
                Roundhouse_V1_UpdateOpenRouterFilterResponse.with { $0.filter = request.filter }
            },
        ])
        let shown = RecordingConsole()
        #expect(try await server.run(["providers", "openrouter-filter"], console: shown) == .success)
        #expect(
            shown.transcript.output == """
                  free models only   no
                  free models first  yes
                  highest price      0.15 USD for a million tokens

                """
        )
        #expect(server.requests(Roundhouse_V1_UpdateOpenRouterFilterRequest.self).isEmpty)
        for options in [["--show-free-only", "true", "--max-price", "none"], ["--max-price", "2.5"]] {
            _ = try await server.run(["providers", "openrouter-filter"] + options, console: RecordingConsole())
        }
        #expect(
            server.requests(Roundhouse_V1_UpdateOpenRouterFilterRequest.self).map(\.filter) == [
                .with {
                    $0.showFreeOnly = true
                    $0.preferFreeModels = true
                },
                .with {
                    $0.preferFreeModels = true
                    $0.maxPriceNanoUsd = 2_500_000_000
                },
            ]
        )
    }

    @Test(
        "what cannot be meant is refused before anything is sent",
        arguments: [
            ["providers", "openrouter-filter", "--max-price", "cheap"],
            ["providers", "openrouter-filter", "--prefer-free", "maybe"], ["route", "explain", "--priority", "urgent"],
            ["chat", "hi", "--recovery", "never"], ["chat", "hi", "--reasoning", "deep"],
        ]
    )
    func refused(arguments: [String]) {
        #expect(throws: (any Error).self) { try RoundhouseCommand.parseAsRoot(arguments) }
    }
}
